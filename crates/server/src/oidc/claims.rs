//! Does a signed token say that this person signs in here, now, as we asked?

use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;

use tripoint_model::Timestamp;

/// What is taken from a token (OpenID Connect Core section 2).
#[derive(Debug, Deserialize)]
pub(crate) struct Claims {
    iss: String,
    pub(crate) sub: String,
    aud: OneOrMany,
    azp: Option<String>,
    exp: f64,
    iat: f64,
    nbf: Option<f64>,
    nonce: Option<String>,
    auth_time: Option<f64>,
    pub(crate) preferred_username: Option<String>,
    pub(crate) email: Option<String>,
}

/// A text, or several.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(untagged)]
pub(crate) enum OneOrMany {
    #[default]
    None,
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    pub(crate) fn all(&self) -> &[String] {
        match self {
            Self::None => &[],
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}

/// What a token has to say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) client_id: &'a str,
    pub(crate) nonce: &'a str,
    /// The person has to have proven who it is since then.
    pub(crate) proven_since: Option<Timestamp>,
}

/// Reads what was signed.
pub(crate) fn read(body: &[u8]) -> Result<Claims, &'static str> {
    serde_json::from_slice(body).map_err(|_| "its content is unreadable")
}

/// The groups of a person, in the claim of this name; a claim of another shape has none.
pub(crate) fn groups(body: &[u8], claim: &str) -> Vec<String> {
    let all: std::collections::HashMap<String, &RawValue> = serde_json::from_slice(body).unwrap_or_default();
    let said = all.get(claim).and_then(|raw| serde_json::from_str::<OneOrMany>(raw.get()).ok()).unwrap_or_default();
    said.all().to_vec()
}

impl Claims {
    /// Or why it is not good.
    pub(crate) fn check(&self, expected: &Expected<'_>, now: Timestamp) -> Result<(), &'static str> {
        let now = now.0 as f64 / 1e6;
        let skew = SKEW.as_secs_f64();
        let said = self.aud.all();
        let is_ours = |name: &String| name == expected.client_id;
        let proven = expected.proven_since.map(|since| since.0 as f64 / 1e6 - skew);
        let rules = [
            (self.iss == expected.issuer, "its issuer is another"),
            (said.iter().any(is_ours), "it is for somebody else"),
            (
                said.iter().all(is_ours) || self.azp.is_some(),
                "it is for several, and does not say for whom it was made",
            ),
            (self.azp.as_ref().is_none_or(is_ours), "it was made for somebody else"),
            (self.nonce.as_deref() == Some(expected.nonce), "it is not the answer to this sign-in"),
            (self.exp > now - skew, "it has expired"),
            (self.exp < now + LONGEST.as_secs_f64(), "it holds too long"),
            (self.iat < now + skew, "it is from the future"),
            (self.iat > now - OLDEST.as_secs_f64(), "it is too old"),
            (self.nbf.is_none_or(|nbf| nbf < now + skew), "it does not hold yet"),
            ((1..=SUBJECT_MAX).contains(&self.sub.len()) && !self.sub.contains(char::is_control), "it names nobody"),
            (
                proven.is_none_or(|since| self.auth_time.is_some_and(|at| at >= since && at < now + skew)),
                "the person has not proven again who it is",
            ),
        ];
        rules.iter().find(|(holds, _)| !holds).map_or(Ok(()), |(_, why)| Err(*why))
    }
}

/// By which clocks may differ.
const SKEW: Duration = Duration::from_secs(60);
/// A token comes right after the person has been asked.
const OLDEST: Duration = Duration::from_secs(600);
const LONGEST: Duration = Duration::from_secs(48 * 3600);
/// OpenID Connect Core section 2.
const SUBJECT_MAX: usize = 255;
