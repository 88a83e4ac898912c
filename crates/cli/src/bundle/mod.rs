//! How do intelligence, advisories and rules reach a host without a network, and stay what they were?
//!
//! A bundle is a tar in which every byte is accounted for: the manifest is signed as `minisign` signs,
//! the manifest holds size and SHA-256 of every other member, and what is left (tar's headers and
//! padding) has to be exactly what this program writes. Nothing is unpacked by the names in it.

mod content;
mod counter;
mod export;
mod import;
mod key;
mod layout;
mod manifest;
mod read;

pub use export::{Wish, export};
pub use import::{Consent, Imported, import, unfinished};
pub use key::{PublicKey, SecretKey, keygen};
pub use manifest::Manifest;
pub use read::read;

use std::path::{Path, PathBuf};

/// Why a bundle is not taken, in words.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The file cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is no bundle, or not the one that was signed.
    #[error("{path} is refused: {reason}")]
    Refused {
        /// Which file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A key, or what lies in the data folder, cannot be used.
    #[error("{path}: {reason}")]
    Unusable {
        /// Which file.
        path: PathBuf,
        /// Why, and what would be right.
        reason: String,
    },
}

fn io(path: &Path) -> impl Fn(std::io::Error) -> BundleError {
    |source| BundleError::Io { path: path.to_owned(), source }
}

/// Where an instance keeps what it knows of bundles.
fn folder(data_dir: &Path) -> PathBuf {
    data_dir.join("bundle")
}

#[cfg(test)]
mod c2;
#[cfg(test)]
mod tests;
