//! How are secrets kept that have to be read again?
//!
//! Each has a key of its own (AES-256-GCM), which is sealed with the key of this server; what a secret is for is bound
//! to both, so that a sealed seed cannot be put where a channel's password is expected. Whoever has the database alone
//! has nothing.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::digest::{SHA256, digest};

use super::secret::{NoRandom, random};

/// Why the server's key cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file.
    #[error("key file {0}")]
    File(PathBuf, #[source] io::Error),
    /// It is not 32 bytes.
    #[error("key file {0} does not hold {KEY_BYTES} bytes; what was sealed with it cannot be read without it")]
    Length(PathBuf),
    /// No random bytes.
    #[error(transparent)]
    Random(#[from] NoRandom),
}

/// Why something sealed does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// It was sealed with another key.
    #[error("sealed with another key than this server has")]
    OtherKey,
    /// It was changed, or is for something else.
    #[error("it was changed, or sealed for something else")]
    Changed,
}

/// The key that all others are sealed with.
pub struct Sealer {
    key: Key,
    /// The one that takes its place, while everything is sealed anew: opens too.
    next: Option<Key>,
}

struct Key {
    key: LessSafeKey,
    /// The first bytes of its hash: tells a wrong key from a changed secret.
    id: [u8; ID_BYTES],
}

impl Key {
    fn new(key: &[u8; KEY_BYTES]) -> Self {
        let mut id = [0; ID_BYTES];
        id.copy_from_slice(&digest(&SHA256, &[b"tripoint key id".as_slice(), key].concat()).as_ref()[..ID_BYTES]);
        Self { key: aead(key), id }
    }
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealer").finish_non_exhaustive()
    }
}

impl Sealer {
    /// With this key.
    pub fn new(key: &[u8; KEY_BYTES]) -> Self {
        Self { key: Key::new(key), next: None }
    }

    /// The same, and what was sealed with this one opens too.
    #[must_use]
    pub fn or(self, next: &[u8; KEY_BYTES]) -> Self {
        Self { next: Some(Key::new(next)), ..self }
    }

    /// With the key of a file that only this user can read, made where there is none; and, where sealing anew was broken
    /// off, the one that lies beside it.
    pub fn load(path: &Path) -> Result<Self, KeyError> {
        let own = Self::load_alone(path)?;
        Ok(match read_key(&path.with_file_name(NEXT))? {
            Some(next) => own.or(&next),
            None => own,
        })
    }

    /// With the key of this file alone, made where there is none.
    pub(crate) fn load_alone(path: &Path) -> Result<Self, KeyError> {
        if let Some(key) = read_key(path)? {
            return Ok(Self::new(&key));
        }
        let key = random::<KEY_BYTES>()?;
        write_private(path, &key).map_err(|error| KeyError::File(path.to_owned(), error))?;
        Ok(Self::new(&key))
    }

    /// Seals `secret` for a purpose; the same may be sealed often and looks different each time.
    pub fn seal(&self, purpose: &str, secret: &[u8]) -> Result<String, NoRandom> {
        let own = random::<KEY_BYTES>()?;
        let mut sealed = vec![VERSION];
        sealed.extend(self.key.id);
        lock(&self.key.key, purpose, &own, &mut sealed)?;
        lock(&aead(&own), purpose, secret, &mut sealed)?;
        Ok(BASE64.encode(sealed))
    }

    /// What was sealed for this purpose.
    pub fn open(&self, purpose: &str, sealed: &str) -> Result<Vec<u8>, OpenError> {
        let sealed = BASE64.decode(sealed).map_err(|_| OpenError::Changed)?;
        let (head, rest) = sealed.split_at_checked(1 + ID_BYTES).ok_or(OpenError::Changed)?;
        if head[0] != VERSION {
            return Err(OpenError::Changed);
        }
        let keys = std::iter::once(&self.key).chain(&self.next);
        let key = keys.into_iter().find(|key| head[1..] == key.id).ok_or(OpenError::OtherKey)?;
        let (wrapped, body) = rest.split_at_checked(NONCE_LEN + KEY_BYTES + TAG_BYTES).ok_or(OpenError::Changed)?;
        let own = unlock(&key.key, purpose, wrapped)?;
        let own: &[u8; KEY_BYTES] = own.as_slice().try_into().map_err(|_| OpenError::Changed)?;
        unlock(&aead(own), purpose, body)
    }
}

/// The key in a file; nothing where there is none.
fn read_key(path: &Path) -> Result<Option<[u8; KEY_BYTES]>, KeyError> {
    match fs::read(path) {
        Ok(bytes) => bytes.try_into().map(Some).map_err(|_| KeyError::Length(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(KeyError::File(path.to_owned(), error)),
    }
}

fn aead(key: &[u8; KEY_BYTES]) -> LessSafeKey {
    // Fails for a key of another length only.
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("a key of 32 bytes"))
}

fn lock(key: &LessSafeKey, purpose: &str, plain: &[u8], out: &mut Vec<u8>) -> Result<(), NoRandom> {
    let nonce = random::<NONCE_LEN>()?;
    let mut body = plain.to_vec();
    let aad = Aad::from(purpose.as_bytes());
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut body).map_err(|_| NoRandom)?;
    out.extend(nonce);
    out.extend(body);
    Ok(())
}

fn unlock(key: &LessSafeKey, purpose: &str, sealed: &[u8]) -> Result<Vec<u8>, OpenError> {
    let (nonce, body) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(OpenError::Changed)?;
    let mut body = body.to_vec();
    let aad = Aad::from(purpose.as_bytes());
    let plain = key.open_in_place(Nonce::assume_unique_for_key(*nonce), aad, &mut body);
    let length = plain.map_err(|_| OpenError::Changed)?.len();
    body.truncate(length);
    Ok(body)
}

/// Written beside and renamed, so that nobody ever reads half of it; readable for this user only.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    let _ = fs::remove_file(&new);
    let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&new)?;
    file.write_all(bytes).and_then(|()| file.sync_all())?;
    fs::rename(&new, path)
}

/// Where the key lies, below the folder of the server.
pub(crate) const FILE: &str = "secret.key";
/// Where the next one lies while everything is sealed anew.
pub(crate) const NEXT: &str = "secret.next";
/// Bytes of a key.
pub const KEY_BYTES: usize = 32;
const ID_BYTES: usize = 8;
const TAG_BYTES: usize = 16;
const VERSION: u8 = 1;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_was_sealed_opens_for_its_purpose_with_its_key_unchanged_only() {
        let sealer = Sealer::new(&[7; KEY_BYTES]);
        let sealed = sealer.seal("totp ada", b"seed").unwrap();
        assert_eq!(sealer.open("totp ada", &sealed).unwrap(), b"seed");
        assert_ne!(sealer.seal("totp ada", b"seed").unwrap(), sealed);
        assert_eq!(sealer.open("totp bob", &sealed), Err(OpenError::Changed));
        assert_eq!(Sealer::new(&[8; KEY_BYTES]).open("totp ada", &sealed), Err(OpenError::OtherKey));
        let bytes = BASE64.decode(&sealed).unwrap();
        for at in 0..bytes.len() {
            let mut other = bytes.clone();
            other[at] ^= 1;
            assert!(sealer.open("totp ada", &BASE64.encode(&other)).is_err(), "byte {at}");
            assert!(sealer.open("totp ada", &BASE64.encode(&bytes[..at])).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn the_key_is_made_once_and_is_nobody_elses() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let sealed = Sealer::load(&path).unwrap().seal("x", b"y").unwrap();
        assert_eq!(Sealer::load(&path).unwrap().open("x", &sealed).unwrap(), b"y");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::write(&path, "short").unwrap();
        assert!(matches!(Sealer::load(&path), Err(KeyError::Length(_))));
    }
}
