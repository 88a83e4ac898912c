//! What goes over the wire for a message?

/// One request. A channel makes it from a message alone; who sends it knows the addresses and the secrets' places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    /// A `POST`.
    Http(Http),
    /// A mail, as SMTP transports it.
    Mail(Vec<u8>),
    /// A record of syslog, without framing.
    Record(Vec<u8>),
}

/// A `POST` to the channel's URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Http {
    /// Goes behind the channel's URL.
    pub(crate) path: &'static str,
    /// Beyond the type of the body; names in lower case.
    pub(crate) headers: Vec<(&'static str, String)>,
    /// The type of the body.
    pub(crate) content: &'static str,
    pub(crate) body: Vec<u8>,
}

impl Http {
    /// JSON to the channel's own URL.
    pub(crate) fn json(body: &serde_json::Value) -> Self {
        Self { path: "", headers: Vec::new(), content: JSON, body: body.to_string().into_bytes() }
    }
}

/// What an attempt came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Attempt {
    Taken,
    /// Taken for some; not now for these of its receivers.
    Partly(Vec<String>, String),
    /// Not taken now.
    Failed(String),
    /// This one will never be taken; the next may.
    Unwanted(String),
}

/// A receiver that says that this body is wrong will not change its mind (RFC 9110 section 15.5).
pub(crate) fn judge(status: u16) -> Attempt {
    let said = format!("the receiver answered with status {status}");
    match status {
        200..=299 => Attempt::Taken,
        400 | 413 | 415 | 422 => Attempt::Unwanted(said),
        _ => Attempt::Failed(said),
    }
}

pub(crate) const JSON: &str = "application/json";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_body_that_is_wrong_is_given_up_at_once() {
        for (status, taken, unwanted) in [
            (200, true, false),
            (204, true, false),
            (302, false, false),
            (401, false, false),
            (422, false, true),
            (503, false, false),
        ] {
            let attempt = judge(status);
            let is = (attempt == Attempt::Taken, matches!(attempt, Attempt::Unwanted(_)));
            assert_eq!(is, (taken, unwanted), "{status}");
        }
    }
}
