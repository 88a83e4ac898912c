//! How does a program know that it speaks to the right server?

use std::fmt::Write as _;
use std::io;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme, version,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::ClientError;

/// Whose word is taken for a server.
#[derive(Clone, Debug)]
pub enum Trust {
    /// Authorities: certificates in PEM form.
    Authorities(Vec<u8>),
    /// The one certificate with this SHA-256: the server's own, or of the authority that the server shows behind it.
    Pinned([u8; 32]),
}

impl Trust {
    /// From `sha256=…`: hex digits, with colons or without.
    pub fn pinned(text: &str) -> Option<Self> {
        let digits: Vec<u8> = text.strip_prefix("sha256=")?.bytes().filter(|byte| *byte != b':').collect();
        let mut hash = [0; 32];
        if digits.len() != 2 * hash.len() {
            return None;
        }
        for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self::Pinned(hash))
    }

    pub(super) fn connector(&self) -> Result<TlsConnector, ClientError> {
        let provider = Arc::new(ring::default_provider());
        let unusable = |error: &dyn std::fmt::Display| ClientError::Trust(error.to_string());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&version::TLS13, &version::TLS12])
            .map_err(|error| unusable(&error))?;
        let config = match self {
            Self::Authorities(pem) => {
                let mut roots = RootCertStore::empty();
                let found = CertificateDer::pem_slice_iter(pem).filter_map(Result::ok);
                let (taken, _) = roots.add_parsable_certificates(found);
                if taken == 0 {
                    return Err(unusable(&"no certificate in PEM form is trusted: give --ca FILE"));
                }
                builder.with_root_certificates(roots).with_no_client_auth()
            }
            Self::Pinned(hash) => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Pin { hash: *hash, provider }))
                .with_no_client_auth(),
        };
        Ok(TlsConnector::from(Arc::new(config)))
    }
}

/// Shakes hands; a certificate that is not trusted says what would make it so.
pub(super) async fn handshake<S>(stream: S, host: &str, trust: &Trust) -> Result<TlsStream<S>, ClientError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let connector = trust.connector()?;
    let name = ServerName::try_from(host.to_owned()).map_err(|_| ClientError::Address(host.to_owned()))?;
    connector.connect(name, stream).await.map_err(|error| explain(host, error))
}

fn explain(host: &str, error: io::Error) -> ClientError {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    let why = match inner {
        Some(Error::InvalidCertificate(CertificateError::UnknownIssuer)) => format!(
            "nobody that is trusted here vouches for {host}: give --ca FILE (`tripoint server ca` prints it), or \
             https://…#sha256=FINGERPRINT (`tripoint server ca --fingerprint`)"
        ),
        // The library would print what is in it as a program sees it.
        Some(Error::InvalidCertificate(CertificateError::Other(OtherError(said)))) => {
            format!("the certificate of {host} is not good: {said}")
        }
        Some(Error::InvalidCertificate(error)) => format!("the certificate of {host} is not good: {error}"),
        Some(Error::InvalidMessage(_)) => {
            format!("{host} does not speak TLS there; http:// is for a server on this host")
        }
        _ => return ClientError::Unreachable(host.to_owned(), error),
    };
    ClientError::Trust(why)
}

/// Takes a server by a certificate that is known.
#[derive(Debug)]
struct Pin {
    hash: [u8; 32],
    provider: Arc<CryptoProvider>,
}

impl Pin {
    fn is(&self, certificate: &CertificateDer<'_>) -> bool {
        sha256(certificate) == self.hash
    }
}

impl ServerCertVerifier for Pin {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        above: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        // Exactly this one: whoever has its key is meant, whatever it is called.
        if self.is(own) {
            return Ok(ServerCertVerified::assertion());
        }
        let Some(authority) = above.iter().find(|certificate| self.is(certificate)) else {
            let shown: Vec<String> = std::iter::once(own).chain(above).map(|shown| hex(&sha256(shown))).collect();
            return Err(other(format!("none of its fingerprints is the one given; shown: {}", shown.join(", "))));
        };
        let mut roots = RootCertStore::empty();
        roots.add(authority.clone().into_owned())?;
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&self.provider));
        let verifier = verifier.build().map_err(|error| other(error.to_string()))?;
        verifier.verify_server_cert(own, above, name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Said(String);

fn other(why: String) -> Error {
    Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(Said(why)))))
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(::ring::digest::digest(&::ring::digest::SHA256, bytes).as_ref());
    hash
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_sixty_four_hex_digits() {
        let digits = "ab".repeat(32);
        let Some(Trust::Pinned(hash)) = Trust::pinned(&format!("sha256={digits}")) else { panic!() };
        assert_eq!(hex(&hash), digits);
        let colons = digits.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap().to_uppercase());
        assert!(Trust::pinned(&format!("sha256={}", colons.collect::<Vec<_>>().join(":"))).is_some());
        for wrong in ["", "sha256=", &digits, &format!("sha256={digits}0"), &format!("sha256={}zz", &digits[2..])] {
            assert!(Trust::pinned(wrong).is_none(), "{wrong}");
        }
        assert!(Trust::Authorities(b"nothing".to_vec()).connector().is_err());
    }
}
