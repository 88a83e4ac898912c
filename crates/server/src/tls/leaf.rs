//! Which certificate of its own does the server answer with, and until when?

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use serde::{Deserialize, Serialize};

use tripoint_model::Timestamp;

use super::authority::Authority;
use super::span::set_span;
use super::{TlsError, certified};
use crate::auth::seal::{Sealer, write_private};

/// A certificate of ours with its key, as it lies sealed on the disk; bytes as Base64.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Leaf {
    /// Names and addresses that it is for.
    names: Vec<String>,
    /// Microseconds since the epoch.
    ends: i64,
    /// Of its authority: SHA-256 in hex.
    authority: String,
    certificate: String,
    key: String,
}

impl Leaf {
    /// The kept one while it is for these names and far from its end, else a new one, which is kept.
    pub(super) fn load(
        folder: &Path,
        (sealer, authority): (&Sealer, &Authority),
        names: &[String],
        now: Timestamp,
    ) -> Result<Self, TlsError> {
        let path = folder.join(FILE);
        let by = super::fingerprint(&authority.certificate);
        // One that cannot be read is no loss: the authority vouches for the next.
        let kept = fs::read_to_string(&path).ok().and_then(|text| sealer.open(PURPOSE, text.trim()).ok());
        let kept: Option<Self> = kept.and_then(|text| serde_json::from_slice(&text).ok());
        if let Some(kept) = kept
            && kept.names == names
            && kept.authority == by
            && !kept.is_due(now)
        {
            return Ok(kept);
        }
        let made = Self::make(authority, by, names, now)?;
        let failed = |error| TlsError::File(path.clone(), error);
        let text = serde_json::to_vec(&made).map_err(|error| failed(error.into()))?;
        write_private(&path, sealer.seal(PURPOSE, &text)?.as_bytes()).map_err(failed)?;
        Ok(made)
    }

    /// Whether it is time for the next.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        Timestamp(self.ends).since(now) < RENEWED_BEFORE
    }

    /// With its authority behind it, so that a client can know that one by its fingerprint.
    pub(super) fn certified(&self, authority: &Authority) -> Result<Arc<CertifiedKey>, TlsError> {
        let bytes = |text: &str| BASE64.decode(text).map_err(|error| TlsError::Unusable(error.to_string()));
        let chain = vec![CertificateDer::from(bytes(&self.certificate)?), authority.certificate.clone()];
        certified(chain, PrivateKeyDer::from(PrivatePkcs8KeyDer::from(bytes(&self.key)?)))
    }

    fn make(authority: &Authority, by: String, names: &[String], now: Timestamp) -> Result<Self, TlsError> {
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "Tripoint server");
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let ends = set_span(&mut params, now, LASTS_DAYS)?.0;
        let key = KeyPair::generate()?;
        let certificate = BASE64.encode(params.signed_by(&key, &authority.issuer)?.der());
        Ok(Self { names: names.to_vec(), ends, authority: by, certificate, key: BASE64.encode(key.serialize_der()) })
    }
}

const FILE: &str = "leaf.key";
const PURPOSE: &str = "tls leaf";
const LASTS_DAYS: i64 = 90;
/// A third of its life, as is usual.
const RENEWED_BEFORE: Duration = Duration::from_secs(30 * 24 * 3600);
