//! What do bouncers ask, and what do people ask about them?

use schemars::JsonSchema;
use tripoint_api::bouncer::{BouncerKey, BouncerList, NewBouncer};
use tripoint_api::path;

use super::events::Nothing;
use super::{Route, delete, get, of, post};
use crate::lapi::Shown;
use crate::lapi::metrics::Usage;
use crate::lapi::stream::Changes;

/// How a bouncer is refused, as CrowdSec's Local API does it.
#[derive(JsonSchema)]
#[schemars(rename = "BouncerRefusal")]
pub(super) struct Refusal {
    /// Why.
    #[expect(dead_code, reason = "only its shape is asked for")]
    message: String,
}

/// For people.
pub(super) const PEOPLE: &[Route] = &[
    get(path::BOUNCERS, "Programs that enforce our blocks elsewhere.").gives::<BouncerList>(),
    post(path::BOUNCERS, "Makes a key for one, which is told this once.").with::<NewBouncer>().gives::<BouncerKey>(),
    delete("/v1/bouncers/{name}", "Drops one; its key opens nothing any more."),
];

/// For bouncers, with their key.
pub(super) const KEYED: &[Route] = &[
    get(path::DECISIONS_STREAM, "What changed since the bouncer last asked, as CrowdSec's Local API says it.")
        .asking(&[
            ("startup", of::<bool>),
            ("scopes", of::<String>),
            ("origins", of::<String>),
            ("scenarios_containing", of::<String>),
            ("scenarios_not_containing", of::<String>),
        ])
        .gives::<Changes>(),
    get(path::DECISIONS, "What is in force on an address or network; null where nothing is.")
        .asking(&[
            ("ip", of::<String>),
            ("range", of::<String>),
            ("scope", of::<String>),
            ("value", of::<String>),
            ("type", of::<String>),
            ("contains", of::<bool>),
        ])
        .gives::<Option<Vec<Shown>>>(),
    post(path::USAGE_METRICS, "What the bouncer did.").with::<Usage>().makes::<Nothing>(),
    get(path::BLOCKLIST, "What is blocked, one address or network a line, with an ETag.")
        .asking(&[("family", of::<String>), ("limit", of::<u32>)])
        .gives_text("text/plain"),
];
