//! Who signed this, and may they? Keys and signatures as `minisign` writes them.
//!
//! Verifying is `minisign-verify`; signing is Ed25519 of `ring` over BLAKE2b-512, unencrypted keys of
//! `minisign -W`. So `minisign -V` proves a bundle's manifest, and `minisign -G -W` makes keys for it.

use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use blake2::{Blake2b512, Digest as _};
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{Ed25519KeyPair, KeyPair as _};

use super::{BundleError, io};

/// Algorithm of keys.
const ED25519: &[u8; 2] = b"Ed";
/// Algorithm of signatures over a hash.
const HASHED: &[u8; 2] = b"ED";
/// How a secret key without a password begins.
const OPEN_KEY: &[u8; 6] = b"Ed\0\0B2";
const SECRET_BYTES: usize = 158;
const COMMENT: &str = "untrusted comment: signature of a tripoint bundle";
/// Key files are two lines.
const KEY_BYTES_MAX: u64 = 16 << 10;

/// A key that bundles are believed by.
pub struct PublicKey {
    /// As `minisign` prints it.
    pub id: String,
    inner: minisign_verify::PublicKey,
}

impl PublicKey {
    /// Reads `FILE.pub` of minisign: a comment and a line, or the line alone.
    pub fn read(path: &Path) -> Result<Self, BundleError> {
        let text = small(path)?;
        let line = text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
        let bad =
            || BundleError::Unusable { path: path.to_owned(), reason: "it is no public key of minisign".to_owned() };
        let bytes = STANDARD.decode(line).map_err(|_| bad())?;
        let inner = minisign_verify::PublicKey::from_base64(line).map_err(|_| bad())?;
        Ok(Self { id: id_of(bytes.get(2..10).unwrap_or_default()), inner })
    }
}

/// The trusted key that signed `message`. The signature is the text of a `.minisig` file, and not one byte
/// of it may differ from what `SecretKey::sign` writes.
pub fn verify<'k>(keys: &'k [PublicKey], message: &[u8], signature: &str) -> Result<&'k PublicKey, String> {
    let decoded = minisign_verify::Signature::decode(signature).map_err(|error| format!("its signature: {error}"))?;
    let mut lines = signature.lines();
    let line = lines.nth(1).unwrap_or_default();
    let raw = STANDARD.decode(line).map_err(|_| "its signature is no base64".to_owned())?;
    let global = STANDARD.decode(lines.nth(1).unwrap_or_default()).map_err(|_| "its signature is no base64")?;
    if text_of(&raw, decoded.trusted_comment(), &global) != signature || !raw.starts_with(HASHED) {
        return Err("its signature is not written as this program writes it".to_owned());
    }
    let id = id_of(raw.get(2..10).unwrap_or_default());
    let Some(key) = keys.iter().find(|key| key.id == id) else {
        let trusted: Vec<&str> = keys.iter().map(|key| key.id.as_str()).collect();
        return Err(format!("it is signed with the key {id}, trusted here: {}", trusted.join(", ")));
    };
    key.inner
        .verify(message, &decoded, false)
        .map(|()| key)
        .map_err(|_| format!("its signature with the key {id} does not hold"))
}

/// A key that bundles are signed with.
pub struct SecretKey {
    /// As `minisign` prints it.
    pub id: String,
    number: [u8; 8],
    pair: Ed25519KeyPair,
}

impl SecretKey {
    /// Reads a secret key without a password, as `minisign -G -W` and `keygen` write it.
    pub fn read(path: &Path) -> Result<Self, BundleError> {
        let text = small(path)?;
        Self::parse(&text).map_err(|reason| BundleError::Unusable { path: path.to_owned(), reason })
    }

    fn parse(text: &str) -> Result<Self, String> {
        let line = text.lines().nth(1).unwrap_or_default().trim();
        let bytes = STANDARD.decode(line).unwrap_or_default();
        if bytes.len() != SECRET_BYTES || !bytes.starts_with(ED25519) {
            return Err("it is no secret key of minisign".to_owned());
        }
        if !bytes.starts_with(OPEN_KEY) {
            return Err("it has a password: only keys without one are read (minisign -G -W)".to_owned());
        }
        // After the algorithms: salt and limits (48), number (8), seed and public half (64), room for a checksum (32).
        let part = |from: usize, to: usize| bytes.get(from..to).unwrap_or_default();
        let pair = Ed25519KeyPair::from_seed_and_public_key(part(62, 94), part(94, 126))
            .map_err(|_| "its halves do not belong together".to_owned())?;
        let number: [u8; 8] = part(54, 62).try_into().map_err(|_| "it is cut".to_owned())?;
        Ok(Self { id: id_of(&number), number, pair })
    }

    /// The text of a `.minisig` file.
    pub fn sign(&self, message: &[u8], trusted_comment: &str) -> String {
        let signature = self.pair.sign(&Blake2b512::digest(message));
        let mut raw = HASHED.to_vec();
        raw.extend_from_slice(&self.number);
        raw.extend_from_slice(signature.as_ref());
        let mut all = signature.as_ref().to_vec();
        all.extend_from_slice(trusted_comment.as_bytes());
        text_of(&raw, trusted_comment, self.pair.sign(&all).as_ref())
    }
}

/// Makes a pair of key files; neither may be there. The secret one is for its owner alone.
pub fn keygen(secret: &Path, public: &Path) -> Result<String, BundleError> {
    let mut random = [0; 40];
    let bad = |reason: &str| BundleError::Unusable { path: secret.to_owned(), reason: reason.to_owned() };
    SystemRandom::new().fill(&mut random).map_err(|_| bad("the system gives no randomness"))?;
    let (seed, number) = random.split_at(32);
    let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| bad("no key can be made"))?;
    let id = id_of(number);
    let half = pair.public_key().as_ref();
    let mut bytes = OPEN_KEY.to_vec();
    bytes.extend_from_slice(&[0; 48]);
    bytes.extend_from_slice(number);
    let both = [seed, half].concat();
    bytes.extend_from_slice(&both);
    // A key without a password carries no checksum.
    bytes.extend_from_slice(&[0; 32]);
    let line = STANDARD.encode(&bytes);
    write_new(secret, 0o600, &format!("untrusted comment: tripoint bundle secret key {id}\n{line}\n"))?;
    let line = STANDARD.encode([ED25519.as_slice(), number, half].concat());
    write_new(public, 0o644, &format!("untrusted comment: tripoint bundle public key {id}\n{line}\n"))?;
    Ok(id)
}

fn write_new(path: &Path, mode: u32, text: &str) -> Result<(), BundleError> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).map_err(io(folder))?;
    }
    let file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    let mut file = file.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => BundleError::Unusable {
            path: path.to_owned(),
            reason: "it exists already, and a key is never overwritten: give another FILE, or move it away".to_owned(),
        },
        _ => io(path)(error),
    })?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(io(path))
}

fn text_of(raw: &[u8], trusted_comment: &str, global: &[u8]) -> String {
    let (raw, global) = (STANDARD.encode(raw), STANDARD.encode(global));
    format!("{COMMENT}\n{raw}\ntrusted comment: {trusted_comment}\n{global}\n")
}

/// Little-endian, as `minisign` prints it.
fn id_of(number: &[u8]) -> String {
    number.iter().rev().map(|byte| format!("{byte:02X}")).collect()
}

fn small(path: &Path) -> Result<String, BundleError> {
    let mut text = String::new();
    let file = fs::File::open(path).map_err(io(path))?;
    file.take(KEY_BYTES_MAX).read_to_string(&mut text).map_err(io(path))?;
    Ok(text)
}
