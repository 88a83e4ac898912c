//! How is a bouncer's key made, and how is it known again without being kept?

use base64::Engine as _;

use crate::auth::secret::{self, NoRandom};

/// A new key: 256 random bits as hex.
pub(crate) fn make() -> Result<String, NoRandom> {
    secret::long()
}

/// What is kept of a key.
pub(crate) fn hash(key: &str) -> String {
    secret::hash(key.trim())
}

/// The password of a value of `Authorization: Basic`.
pub(crate) fn basic_password(authorization: &str) -> Option<String> {
    let packed = authorization.strip_prefix("Basic ")?;
    let plain = base64::engine::general_purpose::STANDARD.decode(packed.trim()).ok()?;
    Some(String::from_utf8(plain).ok()?.split_once(':')?.1.to_owned())
}
