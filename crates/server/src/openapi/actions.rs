//! What is asked about actions beside their making?

use super::{Route, Schema, post};

pub(super) const PEOPLE: &[Route] = &[
    Route {
        request: None,
        ..post(
            "/v1/actions/{id}/approve",
            "Agrees to what waits for a second person, who is not the one that asked. Through the Unix socket only.",
            "",
            "ActionAnswer",
        )
    },
    post(
        "/v1/actions/{id}/reject",
        "Rejects what waits for a second person. Through the Unix socket only.",
        "Ruling",
        "ActionAnswer",
    ),
    post(
        "/v1/actions/{id}/confirm",
        "Lets a block that sets rules of the guard aside hold until its time. For root, through the Unix socket.",
        "Ruling",
        "ActionAnswer",
    ),
];

pub(super) const SCHEMAS: &[Schema] = &[
    (
        "Terms",
        "On which terms an action stands, where they are not plain: through which name it came, who agreed, in spite of which rules.",
        &["via object", "approver string", "overrides []string", "confirm_within_s integer", "confirmed_until time"],
    ),
    (
        "HostProposal",
        "Actions on a host that wait for a second person, or did lately.",
        &[
            "host! string",
            "id! string",
            "state! string",
            "proposed! time",
            "until! time",
            "requester! string",
            "why! string",
            "plan! []PlannedAction",
            "refused []Refusal",
            "by string",
            "decided time",
            "reason string",
        ],
    ),
    ("Ruling", "A word about what waits.", &["reason string", "consent string"]),
];
