//! Who vouches for this server's own certificate?
//!
//! An authority of this data folder alone: made at first start, kept, so that whoever trusts it once trusts every later
//! certificate. Its key never leaves the server and lies sealed on the disk.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use serde::{Deserialize, Serialize};

use tripoint_model::Timestamp;

use super::TlsError;
use super::span::set_span;
use crate::auth::seal::{Sealer, write_private};

/// Its certificate and its key.
pub(super) struct Authority {
    pub(super) certificate: CertificateDer<'static>,
    pub(super) issuer: Issuer<'static, KeyPair>,
}

/// Whether an authority may be made. A running server's is known to others: another one would be nobody's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Made {
    WhereNone,
    Never,
}

/// How it lies on the disk, sealed; bytes as Base64.
#[derive(Serialize, Deserialize)]
struct Kept {
    name: String,
    certificate: String,
    key: String,
}

impl Authority {
    /// The one of this folder, `made` where there is none. Its certificate lies beside it in the open (PEM).
    pub(super) fn load(folder: &Path, sealer: &Sealer, made: Made, now: Timestamp) -> Result<Self, TlsError> {
        let path = folder.join(KEY_FILE);
        let failed = |error| TlsError::File(path.clone(), error);
        let kept = match fs::read_to_string(&path) {
            Ok(sealed) => unsealed(&path, sealer, sealed.trim())?,
            Err(error) if error.kind() == io::ErrorKind::NotFound && made == Made::WhereNone => {
                let made = make(now)?;
                let text = serde_json::to_vec(&made).map_err(|error| failed(error.into()))?;
                write_private(&path, sealer.seal(PURPOSE, &text)?.as_bytes()).map_err(failed)?;
                made
            }
            Err(error) => return Err(failed(error)),
        };
        let damaged = || TlsError::Sealed(path.clone(), "what is in it is damaged".to_owned());
        let bytes = |text: &str| BASE64.decode(text).map_err(|_| damaged());
        let certificate = CertificateDer::from(bytes(&kept.certificate)?);
        let key = KeyPair::try_from(&PrivatePkcs8KeyDer::from(bytes(&kept.key)?)).map_err(|_| damaged())?;
        let shown = folder.join(CERTIFICATE_FILE);
        let text = pem(&certificate);
        if fs::read_to_string(&shown).ok().as_deref() != Some(text.as_str()) {
            let new = shown.with_extension("new");
            let written = fs::write(&new, text).and_then(|()| fs::rename(&new, &shown));
            written.map_err(|error| TlsError::File(shown, error))?;
        }
        Ok(Self { certificate, issuer: Issuer::new(params(&kept.name, now)?, key) })
    }
}

/// Seals its key with another, where there is one: at every moment the file is whole, with one or the other.
pub(super) fn reseal(folder: &Path, both: &Sealer, next: &Sealer) -> Result<bool, TlsError> {
    let path = folder.join(KEY_FILE);
    let failed = |error| TlsError::File(path.clone(), error);
    let sealed = match fs::read_to_string(&path) {
        Ok(sealed) => sealed,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(failed(error)),
    };
    let open = both.open(PURPOSE, sealed.trim());
    let open = open.map_err(|error| TlsError::Sealed(path.clone(), error.to_string()))?;
    let owner = fs::metadata(&path).map_err(failed)?;
    write_private(&path, next.seal(PURPOSE, &open)?.as_bytes()).map_err(failed)?;
    // Root may do it for a server without privileges.
    let _ = std::os::unix::fs::chown(&path, Some(owner.uid()), Some(owner.gid()));
    Ok(true)
}

fn unsealed(path: &Path, sealer: &Sealer, sealed: &str) -> Result<Kept, TlsError> {
    let no = |reason: String| TlsError::Sealed(path.to_owned(), reason);
    let text = sealer.open(PURPOSE, sealed).map_err(|error| no(error.to_string()))?;
    serde_json::from_slice(&text).map_err(|error| no(error.to_string()))
}

fn make(now: Timestamp) -> Result<Kept, TlsError> {
    let id = crate::auth::secret::long()?;
    let name = format!("Tripoint CA {}", id.get(..8).unwrap_or_default());
    let key = KeyPair::generate()?;
    let certificate = params(&name, now)?.self_signed(&key)?;
    Ok(Kept { name, certificate: BASE64.encode(certificate.der()), key: BASE64.encode(key.serialize_der()) })
}

fn params(name: &str, now: Timestamp) -> Result<CertificateParams, TlsError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    // It vouches for servers, not for other authorities.
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    set_span(&mut params, now, LASTS_DAYS)?;
    Ok(params)
}

/// A certificate as text (RFC 7468).
pub(super) fn pem(certificate: &CertificateDer<'_>) -> String {
    let text = BASE64.encode(certificate);
    let mut lines = String::from("-----BEGIN CERTIFICATE-----\n");
    for line in text.as_bytes().chunks(64) {
        lines.push_str(&String::from_utf8_lossy(line));
        lines.push('\n');
    }
    lines + "-----END CERTIFICATE-----\n"
}

/// Where the certificate of an authority lies, below the folder of the server.
pub(super) fn certificate_file(folder: &Path) -> PathBuf {
    folder.join(CERTIFICATE_FILE)
}

const CERTIFICATE_FILE: &str = "ca.pem";
const KEY_FILE: &str = "ca.key";
const PURPOSE: &str = "tls authority";
/// Ten years: to change it, everybody who trusts it has to be told.
const LASTS_DAYS: i64 = 3652;
