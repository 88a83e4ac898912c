//! What does the queue of alerts look like to programs that are not ours?

use tripoint_api::path;

use super::{Route, Schema, get, post};

pub(super) const ROUTES: &[Route] = &[
    get(
        path::QUEUE,
        "A page of the queue: one line for each alert, searched by the filter language.",
        &["filter", "sort", "limit", "after"],
        "QueuePage",
    ),
    get(path::QUEUE_FACETS, "How many alerts the filter takes, and by what.", &["filter"], "Facets"),
    get(
        path::QUEUE_WATCH,
        "Every line that is new or changed as a server-sent event `alert`; `gone` with the id of what the filter does not take, `reset` where too much was missed.",
        &["filter", "since"],
        "text/event-stream",
    ),
    post(path::QUEUE_WORK, "The same work on many alerts.", "BulkRequest", "BulkAnswer"),
    post(
        "/v1/alerts/{id}/work",
        "Any work on an alert; with If-Match, only on the alert as it was seen.",
        "Work",
        "Alert",
    ),
    get(
        "/v1/alerts/{id}/context",
        "What surrounds an alert: the next step, related alerts with reasons, its parts.",
        &[],
        "AlertContext",
    ),
    get(path::VIEWS, "Kept searches: the caller's own, then those that others share.", &[], "ViewList"),
    post(path::VIEWS, "Keeps a search, or changes it.", "View", "OwnedView"),
    Route {
        method: "delete",
        answer: None,
        request: None,
        ..post("/v1/views/{name}", "Drops a search of one's own.", "", "")
    },
];

pub(super) const SCHEMAS: &[Schema] = &[
    ("QueuePage", "A page of the queue.", &["rows! []AlertSummary", "next string"]),
    (
        "AlertSummary",
        "One line of the queue.",
        &[
            "id! string",
            "title! string",
            "rule! string",
            "host! string",
            "application! Application",
            "indicator! string",
            "direction! string",
            "score! integer",
            "level! string",
            "confidence! integer",
            "status! string",
            "resolution string",
            "assignee string",
            "first_seen! time",
            "last_seen! time",
            "changed! time",
            "count! integer",
            "bytes_in! integer",
            "bytes_out! integer",
            "still_open! boolean",
            "suppressed_by string",
            "blocked_until time",
            "known_exploited! boolean",
            "comments! integer",
            "values! {}",
        ],
    ),
    ("Facets", "How many alerts there are, and by what.", &["total! integer", "fields! []Facet"]),
    ("Facet", "The values of one field.", &["field! string", "values! []FacetValue", "more! integer"]),
    ("FacetValue", "A value and how many alerts have it.", &["value! string", "count! integer"]),
    (
        "Work",
        "A person's work on an alert; `do` is resolve, reopen, comment, assign, status, severity, tag, untag, attach, detach, merge or split, and says which of the others are read.",
        &[
            "do! string",
            "resolution string",
            "comment string",
            "text string",
            "assignee string",
            "status string",
            "level string",
            "reason string",
            "name string",
            "value string",
            "url string",
            "sha256 string",
            "into string",
        ],
    ),
    ("AlertContext", "What surrounds an alert.", &["next NextStep", "related! []Related", "parts! []AlertSummary"]),
    (
        "NextStep",
        "What a person would do next; `step` is investigate, isolate, block, patch, restart, change or resolve.",
        &["step! string", "why! string", "command string"],
    ),
    (
        "Related",
        "An alert that has something in common with another.",
        &["alert! AlertSummary", "weight! integer", "reasons! []string"],
    ),
    ("View", "A kept search.", &["name! string", "filter string", "sort string", "shared boolean"]),
    (
        "OwnedView",
        "A kept search and whose it is.",
        &["owner! string", "name! string", "filter string", "sort string", "shared boolean"],
    ),
    ("ViewList", "Kept searches.", &["views! []OwnedView"]),
    ("BulkRequest", "The same work on many alerts.", &["ids! []string", "work! Work"]),
    ("BulkAnswer", "What became of each.", &["done! []string", "refused! []BulkRefusal"]),
    ("BulkRefusal", "An alert that was left as it was.", &["id! string", "reason! string"]),
];
