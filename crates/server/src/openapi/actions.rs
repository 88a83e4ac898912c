//! What is asked about actions beside their making?

use super::{Route, Schema, post};

pub(super) const PEOPLE: &[Route] = &[post(
    "/v1/actions/{id}/confirm",
    "Lets a block that sets rules of the guard aside hold until its time. For root, through the Unix socket.",
    "Ruling",
    "ActionAnswer",
)];

pub(super) const SCHEMAS: &[Schema] = &[
    (
        "Terms",
        "On which terms an action stands, where they are not plain: through which name it came, who agreed, in spite of which rules.",
        &["via object", "approver string", "overrides []string", "confirm_within_s integer", "confirmed_until time"],
    ),
    ("Ruling", "A word about what waits.", &["reason string", "consent string"]),
];
