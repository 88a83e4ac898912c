//! How is a bouncer's key made, and how is it known again without being kept?

use std::io;

use base64::Engine as _;
use sha2::{Digest, Sha256};

use crate::access::random_hex;

/// A new key: 256 random bits as hex.
pub(crate) fn make() -> io::Result<String> {
    random_hex()
}

/// What is kept of a key. It is random and long: a plain hash cannot be turned back, and looking a hash up tells
/// nothing by its time.
pub(crate) fn hash(key: &str) -> String {
    Sha256::digest(key.trim()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The password of a value of `Authorization: Basic`.
pub(crate) fn basic_password(authorization: &str) -> Option<String> {
    let packed = authorization.strip_prefix("Basic ")?;
    let plain = base64::engine::general_purpose::STANDARD.decode(packed.trim()).ok()?;
    Some(String::from_utf8(plain).ok()?.split_once(':')?.1.to_owned())
}
