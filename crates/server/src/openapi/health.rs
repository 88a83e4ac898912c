//! What do agents, feeds and the server itself look like, as they are doing?

use super::Schema;

pub(super) const SCHEMAS: &[Schema] = &[
    ("AgentIdentity", "Which agent.", &["host! string", "boot_id! string", "version! string", "started! time"]),
    (
        "AgentStatus",
        "An agent as last heard of.",
        &["agent! AgentIdentity", "last_seen! time", "connected! boolean", "health AgentHealth"],
    ),
    (
        "AgentHealth",
        "What its kernel offers, what it lost, how old its data is.",
        &[
            "kernel string",
            "sensor! string",
            "firewall string",
            "mode string",
            "capabilities []object",
            "data []object",
            "losses {}",
            "counters {}",
        ],
    ),
    (
        "FeedHealth",
        "How a feed is, and what is wrong with it.",
        &[
            "feed! string",
            "state! string",
            "count! integer",
            "last_success string",
            "last_change string",
            "trouble string",
        ],
    ),
    (
        "ServerHealth",
        "How the server is.",
        &[
            "status! string",
            "version! string",
            "agents! integer",
            "alerts_open! integer",
            "crowdsec CrowdsecHealth",
            "notify NotifyHealth",
        ],
    ),
];
