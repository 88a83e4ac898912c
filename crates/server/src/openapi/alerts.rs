//! What is asked about alerts one by one, and what do agents ask?

use tripoint_api::agent::{Answer, OpenAlerts, Orders};
use tripoint_api::context::AlertContext;
use tripoint_api::work::Work;
use tripoint_api::{
    AlertList, AssignRequest, Batch, BatchAnswer, CommentRequest, ReopenRequest, ResolveRequest, Resolved, path,
};
use tripoint_model::{Alert, AlertStatus};

use crate::route::StixBundle;

use super::events::AlertEvents;
use super::{Route, get, of, post};

pub(super) const ROUTES: &[Route] = &[
    get(path::ALERTS, "A page of alerts, newest first.").gives::<AlertList>().asking(&[
        ("status", of::<AlertStatus>),
        ("rule", of::<String>),
        ("host", of::<String>),
        ("suppressed", of::<bool>),
        ("suppressed_only", of::<bool>),
        ("limit", of::<u32>),
        ("after", of::<String>),
    ]),
    get(path::ALERTS_WATCH, "Every new or changed alert as a server-sent event `alert`; `missed` with how many were left out at most.").gives_events::<AlertEvents>(),
    get("/v1/alerts/{id}", "One alert.").gives::<Alert>(),
    post("/v1/alerts/{id}/resolve", "Closes an alert; with If-Match, only on the alert as it was seen.").with::<ResolveRequest>().gives::<Resolved>(),
    post("/v1/alerts/{id}/reopen", "Opens an alert again, and tells of it; with If-Match, only on the alert as it was seen.").with::<ReopenRequest>().gives::<Alert>(),
    post("/v1/alerts/{id}/comment", "Says something about an alert; with If-Match, only on the alert as it was seen.").with::<CommentRequest>().gives::<Alert>(),
    post("/v1/alerts/{id}/assign", "Gives an alert to somebody; with If-Match, only on the alert as it was seen.").with::<AssignRequest>().gives::<Alert>(),
    post("/v1/alerts/{id}/work", "Any work on an alert; with If-Match, only on the alert as it was seen.")
        .with::<Work>()
        .gives::<Alert>(),
    post("/v1/alerts/{id}/investigate", "Has its host look into it now.").gives::<Alert>(),
    get(
        "/v1/alerts/{id}/context",
        "What surrounds an alert: the next step, related alerts with reasons, its parts.",
    )
    .gives::<AlertContext>(),
    get("/v1/alerts/{id}/stix", "An alert as a bundle of STIX 2.1.").gives::<StixBundle>(),
    post(path::AGENT_BATCH, "Reports; durable before the answer.").with::<Batch>().gives::<BatchAnswer>().for_agents(),
    get(
        path::AGENT_INTEL,
        "The newest image of indicators, its SHA-256 as ETag. Of If-None-Match: 304 while it is the newest, and with A-IM 226 and a delta against it (RFC 3229).",
    )
    .asking(&[("host", of::<String>), ("wait_s", of::<u64>)])
    .gives_bytes("application/octet-stream")
    .for_agents(),
    get(path::AGENT_ORDERS, "Waits for orders.")
        .asking(&[("host", of::<String>), ("after", of::<u64>), ("wait_s", of::<u64>)])
        .gives::<Orders>()
        .for_agents(),
    get(path::AGENT_ALERTS, "Alerts of a host that are not closed, with the software that they rest on.")
        .asking(&[("host", of::<String>)])
        .gives::<OpenAlerts>()
        .for_agents(),
    post("/v1/agent/orders/{number}/answer", "Answers an order.").with::<Answer>().for_agents(),
];
