//! What does the API look like to programs that are not ours?

mod accounts;
mod actions;
mod bouncers;
mod channels;
mod connections;
mod exceptions;
mod health;
mod queue;
mod shape;

use serde_json::{Map, Value, json};

use tripoint_api::path;

use shape::{kind_of, schema};

/// One request.
pub struct Route {
    /// HTTP method, lower case.
    pub method: &'static str,
    /// Path, with `{names}`.
    pub path: &'static str,
    /// What it does.
    pub summary: &'static str,
    /// Query parameters.
    pub query: &'static [&'static str],
    /// Schema of the body.
    pub request: Option<&'static str>,
    /// Schema of the answer; `None` = no content. A leading `[]` means a list.
    pub answer: Option<&'static str>,
    /// Whether it is for agents only.
    pub agents_only: bool,
}

const fn get(path: &'static str, summary: &'static str, query: &'static [&'static str], answer: &'static str) -> Route {
    Route { method: "get", path, summary, query, request: None, answer: Some(answer), agents_only: false }
}

const fn post(path: &'static str, summary: &'static str, request: &'static str, answer: &'static str) -> Route {
    Route {
        method: "post",
        path,
        summary,
        query: &[],
        request: Some(request),
        answer: Some(answer),
        agents_only: false,
    }
}

/// Every request that is served, but those of TAXII, which has a standard of its own.
pub fn routes() -> impl Iterator<Item = &'static Route> {
    let more = connections::ROUTES
        .iter()
        .chain(queue::ROUTES)
        .chain(bouncers::PEOPLE)
        .chain(bouncers::KEYED)
        .chain(channels::ROUTES);
    ROUTES.iter().chain(actions::PEOPLE).chain(accounts::PEOPLE).chain(more)
}

/// What people and agents ask.
const ROUTES: &[Route] = &[
    get(
        path::ALERTS,
        "A page of alerts, newest first.",
        &["status", "rule", "host", "suppressed", "suppressed_only", "limit", "after"],
        "AlertList",
    ),
    get(path::ALERTS_WATCH, "Every new or changed alert as a server-sent event.", &[], "text/event-stream"),
    get("/v1/alerts/{id}", "One alert.", &[], "Alert"),
    post("/v1/alerts/{id}/resolve", "Closes an alert.", "ResolveRequest", "Resolved"),
    post("/v1/alerts/{id}/reopen", "Opens an alert again.", "ReopenRequest", "Alert"),
    post("/v1/alerts/{id}/comment", "Says something about an alert.", "CommentRequest", "Alert"),
    post("/v1/alerts/{id}/assign", "Gives an alert to somebody.", "AssignRequest", "Alert"),
    Route { request: None, ..post("/v1/alerts/{id}/investigate", "Has its host look into it now.", "", "Alert") },
    get(path::ACTIONS, "What is in force, by the agents' ledgers and their kernels.", &[], "StandingList"),
    post(path::ACTIONS, "Asks the agents to act; waits up to ten seconds.", "ActionRequest", "ActionAnswer"),
    Route { request: None, ..post(path::RELEASE_ALL, "Lifts every block now.", "", "ActionAnswer") },
    get(path::EXCEPTIONS, "Exceptions that have not expired.", &[], "ExceptionList"),
    post(path::EXCEPTIONS, "Makes an exception.", "ExceptionRequest", "Exception"),
    post(
        path::EXCEPTIONS_PREVIEW,
        "Says what an exception would cover; nothing is kept.",
        "ExceptionRequest",
        "ExceptionPreview",
    ),
    Route {
        method: "delete",
        path: "/v1/exceptions/{id}",
        summary: "Withdraws an exception.",
        query: &[],
        request: None,
        answer: None,
        agents_only: false,
    },
    get(path::AGENTS, "Every agent as last heard of.", &[], "[]AgentStatus"),
    get(path::FEEDS, "How the feeds on this host are.", &[], "[]FeedHealth"),
    get(path::HEALTH, "How the server is.", &[], "ServerHealth"),
    get(path::ALIVE, "Whether the server is alive; anybody may ask.", &[], "text/plain"),
    get(path::READY, "Whether its store answers too; anybody may ask.", &[], "text/plain"),
    get(path::METRICS, "The same for Prometheus.", &[], "text/plain"),
    Route {
        agents_only: true,
        ..post(path::AGENT_BATCH, "Reports; durable before the answer.", "Batch", "BatchAnswer")
    },
    Route {
        agents_only: true,
        ..get(
            path::AGENT_INTEL,
            "The newest image of indicators, its SHA-256 as ETag. Of If-None-Match: 304 while it is the newest, and with A-IM 226 and a delta against it (RFC 3229).",
            &["host", "wait_s"],
            "application/octet-stream",
        )
    },
    Route { agents_only: true, ..get(path::AGENT_ORDERS, "Waits for orders.", &["host", "after", "wait_s"], "Orders") },
    Route {
        answer: None,
        agents_only: true,
        ..post("/v1/agent/orders/{number}/answer", "Answers an order.", "Answer", "")
    },
];

/// Name, meaning, and fields as `name kind`, required ones first marked with `!`. A kind is a JSON
/// type, `time` (RFC 3339), a schema's name, `[]` of one, or `{}` for a map.
type Schema = (&'static str, &'static str, &'static [&'static str]);

const SCHEMAS: &[Schema] = &[
    (
        "Problem",
        "A refusal (RFC 9457).",
        &["type! string", "title! string", "status! integer", "detail! string", "at integer", "end integer"],
    ),
    (
        "Alert",
        "A rule's judgement and the facts it rests on.",
        &[
            "schema! integer",
            "id! string",
            "rule! string",
            "title! string",
            "host! string",
            "application! Application",
            "indicator! string",
            "direction! string",
            "severity! Severity",
            "confidence! integer",
            "confidence_why []object",
            "first_seen! time",
            "last_seen! time",
            "count! integer",
            "bytes_in! integer",
            "bytes_out! integer",
            "still_open! boolean",
            "beacon_score integer",
            "process object",
            "connections! []object",
            "claims! []object",
            "guard []object",
            "findings! []object",
            "techniques []string",
            "outcomes []Outcome",
            "refusals []Refusal",
            "investigation object",
            "call_back object",
            "suggested []string",
            "suppressed_by string",
            "missing []object",
            "latency_ms number",
            "work WorkDone",
        ],
    ),
    ("Application", "What an administrator would call it.", &["kind! string", "id! string", "name! string"]),
    ("Severity", "A score with its arithmetic.", &["score! integer", "level! string", "factors! []object"]),
    (
        "WorkDone",
        "People's work on an alert, as it stands.",
        &[
            "status! string",
            "resolution string",
            "assignee string",
            "comments []object",
            "history []object",
            "tags {}",
            "severity object",
            "merged_into string",
            "attachments []object",
        ],
    ),
    ("AlertList", "A page of alerts.", &["alerts! []Alert", "next string"]),
    ("ResolveRequest", "Why an alert is closed.", &["resolution! string", "comment string"]),
    (
        "Resolved",
        "The alert with all its fields; a false positive with the narrowest exception that would keep it quiet.",
        &["id! string", "work! WorkDone", "exception ProposedException"],
    ),
    ("ProposedException", "An exception that nobody has made yet.", &["request! ExceptionRequest", "command! string"]),
    ("ReopenRequest", "Why an alert is opened again.", &["comment string"]),
    ("CommentRequest", "What is said.", &["text! string"]),
    ("AssignRequest", "To whom; null takes it back.", &["assignee string"]),
    (
        "ActionRequest",
        "What shall be done.",
        &[
            "kind! string",
            "target string",
            "targets []string",
            "confirmed boolean",
            "for_seconds integer",
            "reason string",
            "dry_run boolean",
            "scope any",
            "host string",
            "cause string",
            "consent string",
        ],
    ),
    (
        "StandingList",
        "What is in force, and what waits.",
        &["actions! []HostAction", "proposed []HostProposal", "hosts! []string", "errors []string"],
    ),
    (
        "HostAction",
        "A block in force on a host: the ledger's word beside the kernel's.",
        &[
            "host! string",
            "id! string",
            "target! string",
            "scope! any",
            "since string",
            "expires! string",
            "requester! string",
            "reason! string",
            "cause string",
            "terms Terms",
            "mechanism! string",
            "kernel! string",
        ],
    ),
    (
        "ActionAnswer",
        "What will happen, what will not, what the kernel said.",
        &[
            "plan! []PlannedAction",
            "refused! []Refusal",
            "outcomes! []Outcome",
            "past []Past",
            "notes []string",
            "proposed []HostProposal",
            "hosts []string",
            "errors []string",
        ],
    ),
    (
        "PlannedAction",
        "An action that the guard let pass.",
        &[
            "id! string",
            "action! string",
            "target! string",
            "scope! any",
            "expires! time",
            "reason! string",
            "requester! string",
            "cause string",
            "terms Terms",
            "cuts! []object",
        ],
    ),
    (
        "Refusal",
        "What the guard did not let pass.",
        &["action! string", "target! string", "rule! string", "reason! string"],
    ),
    (
        "Outcome",
        "What the kernel said.",
        &[
            "id! string",
            "action! string",
            "target! string",
            "scope any",
            "mechanism! string",
            "state! string",
            "verified! boolean",
            "detail string",
            "at! time",
            "expires time",
        ],
    ),
    ("Batch", "What an agent reports.", &["agent! AgentIdentity", "sequence! integer", "items! []object"]),
    ("BatchAnswer", "The highest durable sequence number.", &["acknowledged! integer"]),
    ("Orders", "Unanswered orders, oldest first.", &["orders! []object"]),
    (
        "Answer",
        "An agent's answer to an order.",
        &["plan []PlannedAction", "refused []Refusal", "outcomes []Outcome", "proposed []object", "error string"],
    ),
];

fn all_schemas() -> impl Iterator<Item = &'static Schema> {
    let more = connections::SCHEMAS
        .iter()
        .chain(queue::SCHEMAS)
        .chain(bouncers::SCHEMAS)
        .chain(channels::SCHEMAS)
        .chain(exceptions::SCHEMAS)
        .chain(health::SCHEMAS);
    SCHEMAS.iter().chain(actions::SCHEMAS).chain(accounts::SCHEMAS).chain(more)
}

/// The OpenAPI 3.1 document.
pub fn document() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for route in routes() {
        let entry = paths.entry(route.path).or_insert_with(|| json!({}));
        entry[route.method] = operation(route);
        if let Some(ways) = accounts::ways(route) {
            entry[route.method]["security"] = ways;
        }
    }
    let schemas: Map<String, Value> =
        all_schemas().map(|(name, about, fields)| ((*name).to_owned(), schema(about, fields))).collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Tripoint",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Served on the Unix socket run/tripoint.sock of the data folder, where the kernel says who asks, and on loopback TCP with a token or the cookie of a session. A change that a session asks for needs an Origin of this server and a body of JSON; blocks, rights and the like a confirmation of the last five minutes (403 `tripoint:confirm-needed`). Below /taxii2/ it speaks TAXII 2.1, for reading.",
        },
        "security": [{ "token": [] }, { "session": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer" },
                "session": { "type": "apiKey", "in": "cookie", "name": "__Host-tripoint" },
                "bouncer": { "type": "apiKey", "in": "header", "name": "X-Api-Key" },
            },
            "schemas": schemas,
        },
    })
}

fn operation(route: &Route) -> Value {
    let of_path = route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let parameters: Vec<Value> = of_path
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
        .chain(route.query.iter().map(|name| json!({ "name": name, "in": "query", "schema": { "type": "string" } })))
        .collect();
    let good = match route.answer {
        None => json!({ "204": { "description": "Done." } }),
        Some(kind) if kind.starts_with("text/") => {
            json!({ "200": { "description": "Text.", "content": { kind: { "schema": { "type": "string" } } } } })
        }
        Some(kind) if kind.contains('/') => {
            json!({ "200": { "description": "Bytes.", "content": { kind: { "schema": { "type": "string", "format": "binary" } } } } })
        }
        Some(kind) => {
            json!({ "200": { "description": "Done.", "content": { "application/json": { "schema": kind_of(kind) } } } })
        }
    };
    let mut operation = json!({ "summary": route.summary, "responses": good });
    operation["responses"]["default"] = json!({
        "description": "Refused.",
        "content": { "application/problem+json": { "schema": kind_of("Problem") } },
    });
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    if let Some(request) = route.request {
        operation["requestBody"] =
            json!({ "required": true, "content": { "application/json": { "schema": kind_of(request) } } });
    }
    if route.agents_only {
        operation["description"] = "For agents only: root, through the Unix socket.".into();
    }
    operation
}

#[cfg(test)]
mod tests;
