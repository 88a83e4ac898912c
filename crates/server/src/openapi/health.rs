//! What is asked about how agents, feeds and the server itself are?

use tripoint_api::{AgentStatus, FeedHealth, ServerHealth, path};

use super::{Route, get};

pub(super) const ROUTES: &[Route] = &[
    get(path::AGENTS, "Every agent as last heard of.").gives::<Vec<AgentStatus>>(),
    get(path::FEEDS, "How the feeds on this host are.").gives::<Vec<FeedHealth>>(),
    get(path::HEALTH, "How the server is.").gives::<ServerHealth>(),
    get(path::ALIVE, "Whether the server is alive; anybody may ask.").gives_text("text/plain"),
    get(path::READY, "Whether its store answers too; anybody may ask.").gives_text("text/plain"),
    get(path::METRICS, "The same for Prometheus.").gives_text("text/plain"),
];
