//! Which sign-in does an answer belong to, and is it the same browser that began it?
//!
//! What was begun lies sealed in a cookie of the browser, so that strangers who begin many fill nothing here. A sign-in
//! is answered once: what was answered is remembered for as long as its cookie would hold.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use tripoint_model::Timestamp;

use crate::auth::seal::Sealer;
use crate::auth::secret::{self, NoRandom};

/// A sign-in that waits for its answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Begun {
    pub(super) state: String,
    pub(super) nonce: String,
    /// Of PKCE (RFC 7636).
    pub(super) verifier: String,
    /// Microseconds since the epoch.
    at: i64,
    /// The session that proves again who is there: its hash and its person.
    pub(super) confirms: Option<(String, String)>,
    /// The page to go to afterwards.
    pub(super) then: String,
}

impl Begun {
    pub(super) fn new(confirms: Option<(String, String)>, then: String, now: Timestamp) -> Result<Self, NoRandom> {
        let (state, nonce, verifier) = (secret::long()?, secret::long()?, secret::long()?);
        Ok(Self { state, nonce, verifier, at: now.0, confirms, then })
    }

    pub(super) fn at(&self) -> Timestamp {
        Timestamp(self.at)
    }

    /// What the provider is told of the verifier (S256).
    pub(super) fn challenge(&self) -> String {
        BASE64.encode(digest(&SHA256, self.verifier.as_bytes()))
    }

    pub(super) fn sealed(&self, sealer: &Sealer) -> Result<String, NoRandom> {
        sealer.seal(PURPOSE, &serde_json::to_vec(self).unwrap_or_default())
    }

    /// Of a cookie, while it holds.
    pub(super) fn open(sealer: &Sealer, sealed: &str, now: Timestamp) -> Option<Self> {
        let begun: Self = serde_json::from_slice(&sealer.open(PURPOSE, sealed).ok()?).ok()?;
        (now.since(begun.at()) < HOLDS && begun.at <= now.0).then_some(begun)
    }
}

/// Sign-ins that were answered.
#[derive(Debug, Default)]
pub(super) struct Answered(Mutex<HashMap<String, Timestamp>>);

impl Answered {
    /// Whether this is the first answer.
    pub(super) fn take(&self, begun: &Begun, now: Timestamp) -> bool {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if table.len() >= ANSWERED_MAX {
            table.retain(|_, at| now.since(*at) < HOLDS);
        }
        // Full of what may still be answered again: nobody signs in rather than somebody twice.
        table.len() < ANSWERED_MAX && table.insert(secret::hash(&begun.state), begun.at()).is_none()
    }
}

/// A person types a password and looks for a telephone meanwhile.
pub(super) const HOLDS: Duration = Duration::from_secs(600);
const PURPOSE: &str = "oidc sign-in";
/// Some 10 MB; an address answers at most as often as strangers may ask.
const ANSWERED_MAX: usize = 100_000;
