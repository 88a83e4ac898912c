//! Is a blob of an image what its digest and size say?

use std::fmt::Write as _;
use std::io::Read;

use sha2::{Digest, Sha256, Sha512};

use super::{Descriptor, Part};

/// Whether the bytes of a blob have the size and the digest of its descriptor. One pass over them;
/// a blob of another size is refused without it.
pub(super) fn check(part: &Part, by: &Descriptor) -> Result<(), String> {
    sized(part.size, by)?;
    let mut hash = Hash::of(&by.digest)?;
    let mut reader = part.reader();
    // Larger than the reader's own buffer, which then is passed by.
    let mut buffer = vec![0; 256 << 10];
    loop {
        match reader.read(&mut buffer).map_err(|error| error.to_string())? {
            0 => return hash.compared(&by.digest),
            count => hash.add(buffer.get(..count).unwrap_or_default()),
        }
    }
}

/// The same of a blob that was read already.
pub(super) fn check_bytes(bytes: &[u8], by: &Descriptor) -> Result<(), String> {
    sized(bytes.len() as u64, by)?;
    let mut hash = Hash::of(&by.digest)?;
    hash.add(bytes);
    hash.compared(&by.digest)
}

/// What a path of the form `blobs/KIND/HASH` says of the blob there; nothing for other paths.
pub(super) fn of_path(path: &str) -> Option<Descriptor> {
    let (kind, hash) = path.strip_prefix("blobs/")?.split_once('/')?;
    let digest = format!("{kind}:{hash}");
    Hash::of(&digest).ok()?;
    Some(Descriptor { digest, ..Descriptor::default() })
}

fn sized(size: u64, by: &Descriptor) -> Result<(), String> {
    match by.size {
        Some(told) if told != size => {
            Err(format!("the blob has {size} bytes, its descriptor says {told}: damaged, or not the one meant"))
        }
        _ => Ok(()),
    }
}

enum Hash {
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Hash {
    /// The kinds that the image specification registers.
    fn of(digest: &str) -> Result<Self, String> {
        match digest.split_once(':') {
            Some(("sha256", _)) => Ok(Self::Sha256(Sha256::new())),
            Some(("sha512", _)) => Ok(Self::Sha512(Sha512::new())),
            _ => Err(format!("its digest {:?} cannot be checked: neither sha256 nor sha512", shown(digest))),
        }
    }

    fn add(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hash) => hash.update(bytes),
            Self::Sha512(hash) => hash.update(bytes),
        }
    }

    fn compared(self, told: &str) -> Result<(), String> {
        let found = match self {
            Self::Sha256(hash) => format!("sha256:{}", hex(&hash.finalize())),
            Self::Sha512(hash) => format!("sha512:{}", hex(&hash.finalize())),
        };
        if found == told {
            return Ok(());
        }
        Err(format!("the blob is {found}, its descriptor says {}: damaged, or not the one meant", shown(told)))
    }
}

fn shown(digest: &str) -> &str {
    tripoint_model::text::truncate(digest, 200).0
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}
