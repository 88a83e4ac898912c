//! How are our blocks told to programs that enforce for CrowdSec, and to a CrowdSec that enforces for us?
//!
//! `stream` makes an answer of the store's decisions, `filter` reads what was asked, `way` says what a bouncer can
//! make of a network, `push` hands decisions to another Local API (LAPI), `key` makes and hashes keys.

pub(crate) mod filter;
pub(crate) mod key;
pub(crate) mod list;
pub(crate) mod metrics;
pub(crate) mod push;
pub(crate) mod stream;
pub(crate) mod way;

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use ipnet::IpNet;
use serde::Serialize;
use serde_json::json;

use tripoint_model::{Observable, Timestamp};

pub use push::Push;

use crate::refuse::DISK_FULL;
use crate::store::{Decision, StoreError};

/// Where decisions of ours come from, in the words of the LAPI.
pub(crate) const ORIGIN: &str = "tripoint";
/// The only remedy that we know.
pub(crate) const BAN: &str = "ban";

/// A decision as bouncers read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "Decision"))]
pub(crate) struct Shown {
    pub(crate) id: u64,
    pub(crate) origin: &'static str,
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    pub(crate) scope: &'static str,
    pub(crate) value: String,
    /// As Go writes durations; negative for what is over.
    pub(crate) duration: String,
    pub(crate) scenario: String,
}

impl Shown {
    /// What is left of a decision at `now`, said of `net`, which is the decision's own or a part of it.
    pub(crate) fn new(decision: &Decision, net: IpNet, until: Timestamp, now: Timestamp) -> Self {
        let duration = if decision.in_force { duration(until.since(now)) } else { OVER.to_owned() };
        Self {
            id: decision.number,
            origin: ORIGIN,
            kind: BAN,
            scope: scope(net),
            value: Observable::from_net(net).to_string(),
            duration,
            scenario: scenario(decision),
        }
    }
}

/// What the LAPI calls the reason.
pub(crate) fn scenario(decision: &Decision) -> String {
    format!("{ORIGIN}/{}", decision.why)
}

/// How the LAPI calls an address and a network.
pub(crate) fn scope(net: IpNet) -> &'static str {
    if net.prefix_len() == net.max_prefix_len() { "Ip" } else { "Range" }
}

/// As Go writes it (`3h59m10.5s`), to the millisecond, rounded up: nothing in force has none left.
pub(crate) fn duration(left: Duration) -> String {
    let ms = left.as_micros().div_ceil(1000);
    let (hours, minutes, ms) = (ms / 3_600_000, ms / 60_000 % 60, ms % 60_000);
    let fraction = if ms % 1000 == 0 { String::new() } else { format!(".{:03}", ms % 1000) };
    let seconds = format!("{}{}s", ms / 1000, fraction.trim_end_matches('0'));
    match (hours, minutes) {
        (0, 0) => seconds,
        (0, _) => format!("{minutes}m{seconds}"),
        _ => format!("{hours}h{minutes}m{seconds}"),
    }
}

/// What is over has been so for a moment.
const OVER: &str = "-1s";

/// A refusal in the form of the LAPI.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refused(pub(crate) StatusCode, pub(crate) String);

pub(crate) fn refuse(status: StatusCode, message: impl Into<String>) -> Refused {
    Refused(status, message.into())
}

/// What a bouncer without a key of ours is told, in the LAPI's own words.
pub(crate) fn forbidden() -> Refused {
    refuse(StatusCode::FORBIDDEN, "access forbidden")
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Self(status, message) = self;
        let mut response = (status, axum::Json(json!({ "message": message }))).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
        response
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        if matches!(error, StoreError::Full) {
            return refuse(StatusCode::SERVICE_UNAVAILABLE, DISK_FULL);
        }
        tracing::error!(error = %error, "store failed");
        refuse(StatusCode::SERVICE_UNAVAILABLE, "the store does not work at the moment")
    }
}

#[cfg(test)]
mod tests;
