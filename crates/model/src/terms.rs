//! On which terms does an action stand, beside its target and its time?

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// What makes an action another one than its target and time say. Plain for nearly all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Terms {
    /// The blocked name that led to the address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<Via>,
    /// Who agreed to it besides the requester.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approver: Option<String>,
    /// Rules of the guard in spite of which it is done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<String>,
    /// Within so many seconds of its beginning somebody has to confirm it, else it ends then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm_within_s: Option<u64>,
    /// It waits to be confirmed: until when it holds then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed_until: Option<Timestamp>,
}

impl Terms {
    /// Whether there is nothing to say.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }

    /// Those of an address that a blocked name led to.
    pub fn through(name: &str, needed_until: Timestamp) -> Self {
        Self { via: Some(Via { name: name.to_owned(), needed_until }), ..Self::default() }
    }
}

/// How an address came to be blocked without anybody naming it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Via {
    /// The name as it was blocked: `bad.example` or `*.bad.example`.
    pub name: String,
    /// Whoever got the answer may use the address at least until then (its time to live).
    pub needed_until: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_terms_take_no_room_and_all_read_back() {
        assert_eq!(serde_json::to_string(&Terms::default()).unwrap(), "{}");
        let terms = Terms {
            approver: Some("bob".into()),
            overrides: vec!["gateway".into()],
            confirm_within_s: Some(120),
            confirmed_until: Some(Timestamp::from_seconds(7)),
            ..Terms::through("*.bad.example", Timestamp::from_seconds(5))
        };
        assert_eq!(serde_json::from_str::<Terms>(&serde_json::to_string(&terms).unwrap()).unwrap(), terms);
        assert!(Terms::default().is_plain() && !terms.is_plain());
    }
}
