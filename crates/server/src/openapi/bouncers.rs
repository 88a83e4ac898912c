//! What do bouncers ask, and what do people ask about them?

use tripoint_api::path;

use super::{Route, Schema, get, post};

/// For people.
pub(super) const PEOPLE: &[Route] = &[
    get(path::BOUNCERS, "Programs that enforce our blocks elsewhere.", &[], "BouncerList"),
    post(path::BOUNCERS, "Makes a key for one, which is told this once.", "NewBouncer", "BouncerKey"),
    Route {
        method: "delete",
        request: None,
        answer: None,
        ..post("/v1/bouncers/{name}", "Drops one; its key opens nothing any more.", "", "")
    },
];

/// For bouncers, with their key.
pub(super) const KEYED: &[Route] = &[
    get(
        path::DECISIONS_STREAM,
        "What changed since the bouncer last asked, as CrowdSec's Local API says it.",
        &["startup", "scopes", "origins", "scenarios_containing", "scenarios_not_containing"],
        "DecisionChanges",
    ),
    get(
        path::DECISIONS,
        "What is in force on an address or network; null where nothing is.",
        &["ip", "range", "scope", "value", "type", "contains"],
        "[]Decision",
    ),
    post(path::USAGE_METRICS, "What the bouncer did.", "UsageMetrics", "object"),
    get(
        path::BLOCKLIST,
        "What is blocked, one address or network a line, with an ETag.",
        &["family", "limit"],
        "text/plain",
    ),
];

pub(super) const SCHEMAS: &[Schema] = &[
    ("NewBouncer", "What to call it.", &["name! string"]),
    ("BouncerKey", "For the header X-Api-Key; kept nowhere.", &["name! string", "key! string"]),
    ("BouncerList", "By name.", &["bouncers! []BouncerStatus", "decisions! integer"]),
    (
        "BouncerStatus",
        "A program that enforces our blocks elsewhere.",
        &[
            "name! string",
            "created! time",
            "kind! string",
            "version! string",
            "last_pull time",
            "sent! integer",
            "deleted! integer",
            "dropped_packets! integer",
            "dropped_bytes! integer",
            "processed! integer",
            "last_metrics time",
            "not_enforceable []string",
            "not_enforceable_count integer",
        ],
    ),
    (
        "CrowdsecHealth",
        "How handing our blocks to a CrowdSec goes.",
        &[
            "url! string",
            "state! string",
            "pushed! integer",
            "released! integer",
            "last_success time",
            "trouble string",
        ],
    ),
    ("DecisionChanges", "Lists, or null where they are empty.", &["new! []Decision", "deleted! []Decision"]),
    (
        "Decision",
        "An address or network that is blocked.",
        &[
            "id! integer",
            "origin! string",
            "type! string",
            "scope! string",
            "value! string",
            "duration! string",
            "scenario! string",
        ],
    ),
    ("UsageMetrics", "As CrowdSec's Local API takes it.", &["remediation_components []object"]),
];
