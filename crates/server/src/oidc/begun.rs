//! Which sign-in does an answer belong to, and is it the same browser that began it?
//!
//! What was begun lies sealed in a cookie of the browser, so that strangers who begin many fill nothing here. A sign-in
//! is answered once: what was answered is remembered for as long as its cookie would hold.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
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

/// Sign-ins that were answered. Only those take room for as long as their cookies hold whose code the provider redeemed:
/// whoever just begins many keeps nobody out.
#[derive(Debug, Default)]
pub(super) struct Answered(Mutex<HashMap<String, Timestamp>>);

/// An answer that is being looked at; forgotten again unless it is `kept`.
#[derive(Debug)]
pub(super) struct Taken<'a> {
    answered: &'a Answered,
    hash: Option<String>,
}

impl Answered {
    /// `None` where it is not the first answer.
    pub(super) fn take(&self, begun: &Begun, now: Timestamp) -> Option<Taken<'_>> {
        let mut table = self.table();
        if table.len() >= ANSWERED_MAX {
            table.retain(|_, at| now.since(*at) < HOLDS);
        }
        let hash = secret::hash(&begun.state);
        // Full of what may still be answered again: nobody signs in rather than somebody twice.
        let is_first = table.len() < ANSWERED_MAX && table.insert(hash.clone(), begun.at()).is_none();
        is_first.then(|| Taken { answered: self, hash: Some(hash) })
    }

    fn table(&self) -> MutexGuard<'_, HashMap<String, Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken<'_> {
    /// The provider redeemed its code.
    pub(super) fn kept(mut self) {
        self.hash = None;
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if let Some(hash) = &self.hash {
            self.answered.table().remove(hash);
        }
    }
}

/// A person types a password and looks for a telephone meanwhile.
pub(super) const HOLDS: Duration = Duration::from_secs(600);
const PURPOSE: &str = "oidc sign-in";
/// Some 10 MB; so many people sign in within ten minutes nowhere.
const ANSWERED_MAX: usize = 100_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_counts_once_and_only_what_was_redeemed_takes_room() {
        let (answered, now) = (Answered::default(), Timestamp(1));
        let begun = || Begun::new(None, "/".into(), now).unwrap();
        for _ in 0..100 {
            assert!(answered.take(&begun(), now).is_some());
        }
        assert!(answered.table().is_empty(), "strangers' nonsense is not remembered");
        let one = begun();
        let taken = answered.take(&one, now).unwrap();
        assert!(answered.take(&one, now).is_none(), "while it is looked at");
        taken.kept();
        assert!(answered.take(&one, now).is_none() && answered.table().len() == 1, "and after it was taken");
    }
}
