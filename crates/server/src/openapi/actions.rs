//! What is asked about blocks and whatever else is done on hosts?

use tripoint_api::people::{Ruling, StandingList};
use tripoint_api::{ActionAnswer, ActionRequest, path};

use super::{Route, get, post};

pub(super) const ROUTES: &[Route] = &[
    get(path::ACTIONS, "What is in force, by the agents' ledgers and their kernels.").gives::<StandingList>(),
    post(path::ACTIONS, "Asks the agents to act; waits up to ten seconds.")
        .with::<ActionRequest>()
        .gives::<ActionAnswer>(),
    post(path::RELEASE_ALL, "Lifts every block now.").gives::<ActionAnswer>(),
    post(
        "/v1/actions/{id}/approve",
        "Agrees to what waits for a second person, who is not the one that asked. Through the Unix socket only.",
    )
    .gives::<ActionAnswer>(),
    post("/v1/actions/{id}/reject", "Rejects what waits for a second person. Through the Unix socket only.")
        .with::<Ruling>()
        .gives::<ActionAnswer>(),
    post(
        "/v1/actions/{id}/confirm",
        "Lets a block that sets rules of the guard aside hold until its time. For root, through the Unix socket.",
    )
    .with::<Ruling>()
    .gives::<ActionAnswer>(),
];
