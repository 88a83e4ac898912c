//! Which certificate did an administrator put there, and has it been changed?

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::{TlsError, certified};

/// Two files in PEM form: the certificate with those that vouch for it, and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnFiles {
    /// The server's certificate first, then those between it and an authority.
    pub certificate: PathBuf,
    /// PKCS #8, PKCS #1 or SEC1, without a password.
    pub key: PathBuf,
}

/// When the two were written, and how long they are: what tells a change.
pub(super) type Stamp = [Option<(SystemTime, u64)>; 2];

impl OwnFiles {
    pub(super) fn stamp(&self) -> Stamp {
        [&self.certificate, &self.key].map(|path| {
            let found = fs::metadata(path).ok()?;
            Some((found.modified().ok()?, found.len()))
        })
    }

    /// Reads both, and whether they belong together.
    pub(super) fn read(&self) -> Result<Arc<CertifiedKey>, TlsError> {
        let text = bounded(&self.certificate)?;
        let unusable = |path: &Path, why: String| TlsError::Unusable(format!("{}: {why}", path.display()));
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
        let chain = chain.map_err(|error| unusable(&self.certificate, error.to_string()))?;
        if chain.is_empty() {
            return Err(unusable(&self.certificate, "it holds no certificate in PEM form".to_owned()));
        }
        let key = PrivateKeyDer::from_pem_slice(&bounded(&self.key)?)
            .map_err(|error| unusable(&self.key, format!("it holds no private key in PEM form ({error})")))?;
        certified(chain, key).map_err(|error| unusable(&self.key, error.to_string()))
    }
}

fn bounded(path: &Path) -> Result<Vec<u8>, TlsError> {
    let failed = |error| TlsError::File(path.to_owned(), error);
    let length = fs::metadata(path).map_err(failed)?.len();
    if length > BYTES_MAX {
        return Err(TlsError::Unusable(format!("{}: longer than {BYTES_MAX} bytes", path.display())));
    }
    fs::read(path).map_err(failed)
}

/// A long chain has some ten kilobytes.
const BYTES_MAX: u64 = 1 << 20;
