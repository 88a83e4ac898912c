//! How is a message sent to a program of one's own: signed, and safe from being played again?
//!
//! `X-Tripoint-Signature: sha256=HEX` is the HMAC-SHA-256 (RFC 2104) over the header `X-Tripoint-Timestamp` (seconds
//! since 1970, of this attempt), a full stop and the body. Whoever receives it compares both and refuses times that are
//! minutes away. `X-Tripoint-Delivery` is the same for each attempt, so that what comes twice is known.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::{Channel, Told};
use crate::notify::format::ocsf;
use crate::notify::spec::Spec;
use crate::notify::wire::{Http, Wire};

pub(super) struct Webhook;

impl Channel for Webhook {
    fn name(&self) -> &'static str {
        "webhook"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["url", "secret"]
    }

    fn takes(&self) -> &'static [&'static str] {
        &["format"]
    }

    fn template(&self) -> Option<&'static str> {
        None
    }

    fn check(&self, spec: &Spec) -> Result<(), String> {
        spec.format_is(&["message", "ocsf"])
    }

    fn takes_audit(&self, spec: &Spec) -> bool {
        spec.format != "ocsf"
    }

    fn requests(&self, spec: &Spec, told: &Told<'_>) -> Vec<Wire> {
        let mut http = match spec.format.as_str() {
            "ocsf" => match ocsf::finding(told.news) {
                Some(finding) => Http::json(&finding),
                None => return Vec::new(),
            },
            _ => Http::json(&told.news.value),
        };
        let seconds = told.seconds.to_string();
        let signature = format!("sha256={}", sign(spec.secret.bytes(), &seconds, &http.body));
        http.headers = vec![
            ("x-tripoint-timestamp", seconds),
            ("x-tripoint-signature", signature),
            ("x-tripoint-delivery", told.number.to_string()),
        ];
        vec![Wire::Http(http)]
    }
}

fn sign(secret: &[u8], seconds: &str, body: &[u8]) -> String {
    // A key of any length is taken (RFC 2104 section 2).
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return String::new() };
    mac.update(seconds.as_bytes());
    mac.update(b".");
    mac.update(body);
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_the_standard() {
        // HMAC-SHA-256 of "1.x" with the key "k", by another program.
        assert_eq!(sign(b"k", "1", b"x"), "976cb87e4f568d1c0f03f32859e90af8597cf00b978ba37c229c97d3a15b8449");
    }
}
