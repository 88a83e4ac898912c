//! Did a provider sign this, with a key of its own and in a way that is good enough?
//!
//! What a token says of itself (its algorithm, its key) is only ever used to choose among keys that the provider told
//! by another way; a key is used for its own kind of signature alone (RFC 8725).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512,
    RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
};
use serde::{Deserialize, de::IgnoredAny};

/// Why a token is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotSigned {
    /// No token in compact form.
    #[error("it is no signed token: {0}")]
    Form(&'static str),
    /// An algorithm that is not taken.
    #[error("algorithm {0:?} is not taken")]
    Algorithm(String),
    /// The provider has no such key.
    #[error("the provider has no key {0:?} for this algorithm")]
    Key(String),
    /// The signature is somebody else's.
    #[error("the signature is wrong")]
    Signature,
}

/// A provider's public key (RFC 7517), as far as it is looked at.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Key {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

/// What a token says of itself.
#[derive(Deserialize)]
struct Head {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<IgnoredAny>,
    b64: Option<IgnoredAny>,
}

/// What stands in a token that one of these keys signed; nothing of it is believed yet but that.
pub(crate) fn opened(token: &str, keys: &[Key]) -> Result<Vec<u8>, NotSigned> {
    if token.len() > TOKEN_MAX {
        return Err(NotSigned::Form("too long"));
    }
    let parts: Vec<&str> = token.split('.').collect();
    let &[head, body, signature] = parts.as_slice() else { return Err(NotSigned::Form("not of three parts")) };
    let bytes = |text: &str| BASE64.decode(text).map_err(|_| NotSigned::Form("not Base64"));
    let said: Head = serde_json::from_slice(&bytes(head)?).map_err(|_| NotSigned::Form("its head is unreadable"))?;
    if said.crit.is_some() || said.b64.is_some() {
        return Err(NotSigned::Form("it wants what is not known here"));
    }
    // A token for something else is none that says who somebody is.
    if said.typ.as_ref().is_some_and(|typ| !typ.eq_ignore_ascii_case("jwt")) {
        return Err(NotSigned::Form("its type is another"));
    }
    let way = Way::of(&said.alg).ok_or_else(|| NotSigned::Algorithm(said.alg.chars().take(16).collect()))?;
    let fitting: Vec<&Key> = keys.iter().filter(|key| key.is_for(&said, way)).collect();
    // Without a name there must be no choice.
    let &[key] = fitting.as_slice() else {
        return Err(NotSigned::Key(said.kid.unwrap_or_default().chars().take(64).collect()));
    };
    let signed = &token.as_bytes()[..head.len() + 1 + body.len()];
    let is_good = key.signed(way, signed, &bytes(signature)?);
    if is_good { bytes(body) } else { Err(NotSigned::Signature) }
}

/// The kinds of signature that are taken.
#[derive(Clone, Copy)]
enum Way {
    Rsa(&'static RsaParameters),
    Ec(&'static str, &'static dyn VerificationAlgorithm),
    Ed25519,
}

impl Way {
    /// No `none`, and no HMAC: whoever knows a public key could make one.
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "RS256" => Self::Rsa(&RSA_PKCS1_2048_8192_SHA256),
            "RS384" => Self::Rsa(&RSA_PKCS1_2048_8192_SHA384),
            "RS512" => Self::Rsa(&RSA_PKCS1_2048_8192_SHA512),
            "PS256" => Self::Rsa(&RSA_PSS_2048_8192_SHA256),
            "PS384" => Self::Rsa(&RSA_PSS_2048_8192_SHA384),
            "PS512" => Self::Rsa(&RSA_PSS_2048_8192_SHA512),
            "ES256" => Self::Ec("P-256", &ECDSA_P256_SHA256_FIXED),
            "ES384" => Self::Ec("P-384", &ECDSA_P384_SHA384_FIXED),
            "EdDSA" => Self::Ed25519,
            _ => return None,
        })
    }
}

impl Key {
    /// Whether it may have signed a token that says this of itself.
    fn is_for(&self, head: &Head, way: Way) -> bool {
        let is_kind = match way {
            Way::Rsa(_) => self.kty == "RSA",
            Way::Ec(curve, _) => self.kty == "EC" && self.crv.as_deref() == Some(curve),
            Way::Ed25519 => self.kty == "OKP" && self.crv.as_deref() == Some("Ed25519"),
        };
        let is_named = head.kid.is_none() || head.kid == self.kid;
        let is_for_signing = self.usage.as_ref().is_none_or(|usage| usage == "sig");
        is_kind && is_named && is_for_signing && self.alg.as_ref().is_none_or(|alg| *alg == head.alg)
    }

    fn signed(&self, way: Way, message: &[u8], signature: &[u8]) -> bool {
        let bytes = |text: &Option<String>| text.as_ref().and_then(|text| BASE64.decode(text).ok()).unwrap_or_default();
        match way {
            Way::Rsa(parameters) => {
                let key = RsaPublicKeyComponents { n: bytes(&self.n), e: bytes(&self.e) };
                key.verify(parameters, message, signature).is_ok()
            }
            Way::Ec(_, algorithm) => {
                let point = [vec![UNCOMPRESSED], bytes(&self.x), bytes(&self.y)].concat();
                UnparsedPublicKey::new(algorithm, point).verify(message, signature).is_ok()
            }
            Way::Ed25519 => UnparsedPublicKey::new(&ED25519, bytes(&self.x)).verify(message, signature).is_ok(),
        }
    }

    /// The name by which tokens name it.
    pub(crate) fn name(&self) -> Option<&str> {
        self.kid.as_deref()
    }
}

/// The name of the key that a token says it was signed with: a hint for whoever fetches keys.
pub(crate) fn key_named(token: &str) -> Option<String> {
    let head = BASE64.decode(token.get(..token.find('.')?.min(TOKEN_MAX))?).ok()?;
    serde_json::from_slice::<Head>(&head).ok()?.kid
}

/// Ours are some kilobytes; groups make them longer.
const TOKEN_MAX: usize = 32 << 10;
/// A point that is written with both coordinates (SEC 1 section 2.3.3).
const UNCOMPRESSED: u8 = 4;
