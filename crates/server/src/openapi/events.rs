//! Which events do streams send, and what does each carry?
//!
//! A type for each stream: a field for each kind of event, by its name, as the data of the event is.

#![expect(dead_code, reason = "only their shapes are asked for")]

use schemars::JsonSchema;

use tripoint_api::HostContact;
use tripoint_api::queue::AlertSummary;
use tripoint_model::{Alert, AlertId};

/// Events of `/v1/alerts/watch`.
#[derive(JsonSchema)]
pub(super) struct AlertEvents {
    /// New or changed.
    alert: Alert,
    /// How many were left out at most: whoever watches was too slow.
    missed: u64,
}

/// Events of `/v1/queue/watch`. The id of an event says since when to watch after a break.
#[derive(JsonSchema)]
pub(super) struct QueueEvents {
    /// A line that is new or changed.
    alert: AlertSummary,
    /// What the filter does not take any more: the id as it is, without quotes.
    gone: AlertId,
    /// Too much was missed; ask for the page again.
    reset: Nothing,
    /// Nothing has happened for nine seconds.
    alive: Nothing,
}

/// Events of `/v1/connections/watch`.
#[derive(JsonSchema)]
pub(super) struct ConnectionEvents {
    /// Rows that are new or changed, each once.
    connections: Vec<HostContact>,
    /// That was too much to tell; ask for the page again.
    reset: Nothing,
    /// Nothing has happened for nine seconds.
    alive: Nothing,
}

/// Nothing more.
#[derive(JsonSchema)]
pub(super) struct Nothing {}
