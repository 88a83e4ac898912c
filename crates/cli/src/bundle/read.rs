//! Is every byte of this bundle what the signer wrote?

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::key::{self, PublicKey};
use super::layout::{self, Block};
use super::manifest::{Manifest, Member};
use super::{BundleError, io as io_error};

/// The signed part's names.
pub const MANIFEST: &str = "manifest.json";
/// As `minisign` looks for it.
pub const SIGNATURE: &str = "manifest.json.minisig";
/// Some hundred bytes a member.
const MANIFEST_BYTES_MAX: u64 = 4 << 20;
const SIGNATURE_BYTES_MAX: u64 = 4 << 10;

/// A bundle whose every byte was looked at.
pub struct Seen {
    /// What is in it.
    pub manifest: Manifest,
    /// The key that it was signed with.
    pub key: String,
    /// Tells this bundle from every other.
    pub manifest_sha256: String,
}

/// Sees the manifest, its SHA-256 and the key, and says why the bundle is not wanted.
pub type Judge<'j> = dyn FnMut(&Manifest, &str, &str) -> Result<(), String> + 'j;

/// Told of each member: its number, what the manifest says of it, and a piece of it.
pub type Take<'t> = dyn FnMut(usize, &Member, &[u8]) -> io::Result<()> + 't;

/// Reads a bundle from its first byte to its last. `judge` sees the manifest as soon as its signature holds
/// and may still refuse it. What `take` is given counts only when this returns: a member's hash stands at its end.
pub fn read(path: &Path, keys: &[PublicKey], judge: &mut Judge<'_>, take: &mut Take<'_>) -> Result<Seen, BundleError> {
    let file = File::open(path).map_err(io_error(path))?;
    let mut input = BufReader::with_capacity(256 << 10, file);
    let refused = |reason: String| BundleError::Refused { path: path.to_owned(), reason };
    // Corrupt data is a refusal; a disk that fails is not.
    let told = |error: io::Error| match error.kind() {
        io::ErrorKind::InvalidData => refused(error.to_string()),
        _ => io_error(path)(error),
    };
    let text = first(&mut input, MANIFEST, MANIFEST_BYTES_MAX).map_err(told)?;
    let signature = first(&mut input, SIGNATURE, SIGNATURE_BYTES_MAX).map_err(told)?;
    let signature = String::from_utf8(signature).map_err(|_| refused("its signature is not text".to_owned()))?;
    let signer = key::verify(keys, &text, &signature).map_err(refused)?;
    let manifest = Manifest::parse(&text).map_err(refused)?;
    let manifest_sha256 = hex(&Sha256::digest(&text));
    judge(&manifest, &manifest_sha256, &signer.id).map_err(refused)?;
    for (number, member) in manifest.members.iter().enumerate() {
        let mut hash = Sha256::new();
        layout::read_member(&mut input, &member.name, member.bytes, &mut |piece| {
            hash.update(piece);
            take(number, member, piece)
        })
        .map_err(told)?;
        if hex(&hash.finalize()) != member.sha256 {
            return Err(refused(format!("{} is not what was signed", member.name)));
        }
    }
    layout::read_end(&mut input).map_err(told)?;
    Ok(Seen { manifest, key: signer.id.clone(), manifest_sha256 })
}

/// A member whose size only its own header says.
fn first(input: &mut dyn Read, name: &str, bytes_max: u64) -> io::Result<Vec<u8>> {
    let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let mut block: Block = [0; 512];
    input.read_exact(&mut block).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => wrong("it is cut before its signature, or no bundle"),
        _ => error,
    })?;
    let size = layout::peek_size(&block).filter(|size| *size <= bytes_max);
    let size = size.filter(|size| layout::header(name, *size) == Some(block));
    let size = size.ok_or_else(|| wrong(&format!("{name} does not stand where a bundle has it")))?;
    let mut content = Vec::new();
    let mut again = block.as_slice().chain(input);
    layout::read_member(&mut again, name, size, &mut |piece| {
        content.extend_from_slice(piece);
        Ok(())
    })?;
    Ok(content)
}

/// In hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
