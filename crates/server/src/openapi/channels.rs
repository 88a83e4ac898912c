//! What do people ask about the channels over which they are told?

use tripoint_api::path;

use super::{Route, Schema, get, post};

pub(super) const ROUTES: &[Route] = &[
    get(path::CHANNELS, "Every channel over which people are told, and how it fares.", &[], "ChannelList"),
    Route {
        request: None,
        ..post("/v1/channels/{name}/test", "Sends a message that says that it is a test, now.", "", "ChannelTest")
    },
    post(
        "/v1/channels/{name}/preview",
        "What would be sent of an alert, without secrets; nothing is sent.",
        "PreviewRequest",
        "ChannelPreview",
    ),
    get(
        "/v1/channels/{name}/dead",
        "Messages that were given up, the newest first.",
        &["limit", "after"],
        "DeadLetters",
    ),
    post("/v1/channels/{name}/dead/retry", "Tries them again: these, or all.", "RetryRequest", "Retried"),
];

pub(super) const SCHEMAS: &[Schema] = &[
    ("ChannelList", "As the configuration names them.", &["channels! []ChannelStatus"]),
    (
        "ChannelStatus",
        "A channel over which people are told.",
        &[
            "name! string",
            "kind! string",
            "waiting! integer",
            "held! integer",
            "delivered! integer",
            "dead! integer",
            "lost! integer",
            "breaker! string",
            "failures! integer",
            "trouble string",
            "last_delivered time",
            "next_attempt time",
        ],
    ),
    ("ChannelTest", "What became of a test.", &["delivered! boolean", "trouble string", "took_ms! integer"]),
    ("PreviewRequest", "Of which alert.", &["alert! string"]),
    ("ChannelPreview", "What would be sent.", &["text! string", "requests! []PreviewedRequest"]),
    ("PreviewedRequest", "One request, without secrets.", &["what! string", "body! string"]),
    ("DeadLetters", "The newest first.", &["letters! []DeadLetter", "next integer"]),
    (
        "DeadLetter",
        "A message that was given up.",
        &["number! integer", "queued! time", "tries! integer", "error! string", "headline! string"],
    ),
    ("RetryRequest", "Which; all, where nothing is said.", &["numbers []integer"]),
    ("Retried", "How many are tried again.", &["retried! integer"]),
];
