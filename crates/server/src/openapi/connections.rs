//! What do kept connections, and what is told of them, look like to programs that are not ours?

use tripoint_api::path;

use super::{Route, Schema, get};

pub(super) const ROUTES: &[Route] = &[get(
    path::CONNECTIONS,
    "A page of the connections of the last hours, counted by application, peer and hour; the last begun first.",
    &["application", "peer", "direction", "host", "since", "until", "limit", "after"],
    "ConnectionList",
)];

pub(super) const SCHEMAS: &[Schema] = &[
    ("ConnectionList", "A page of contacts.", &["connections! []Contact", "next string", "kept! Kept"]),
    (
        "Contact",
        "The connections of one application with one peer in one hour: same port, protocol and direction.",
        &[
            "host! string",
            "hour! time",
            "application Application",
            "direction! string",
            "protocol! string",
            "peer! string",
            "port! integer",
            "name string",
            "count! integer",
            "carried! integer",
            "bytes_in! integer",
            "bytes_out! integer",
            "first_seen! time",
            "last_seen! time",
        ],
    ),
    ("Kept", "How much is kept, and what is not.", &["rows! integer", "kept_for_s! integer", "dropped! integer"]),
    (
        "Past",
        "Whom a planned action would have cut off, had it been in force.",
        &[
            "host! string",
            "id! string",
            "target! string",
            "scope! any",
            "since! time",
            "connections! integer",
            "applications! []PastApplication",
            "applications_total! integer",
        ],
    ),
    (
        "PastApplication",
        "An application that would have been cut off.",
        &["application! string", "name! string", "connections! integer", "last_seen! time"],
    ),
    (
        "NotifyHealth",
        "How telling the webhook goes.",
        &["waiting! integer", "delivered! integer", "undelivered! integer", "trouble string"],
    ),
];
