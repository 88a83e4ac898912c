//! What do exceptions look like to programs that are not ours?

use super::Schema;

pub(super) const SCHEMAS: &[Schema] = &[
    (
        "Exception",
        "A scoped, expiring suppression.",
        &[
            "id! string",
            "target string",
            "networks []string",
            "application string",
            "hosts string",
            "direction string",
            "rule string",
            "indicator string",
            "cves []string",
            "reason! string",
            "ticket string",
            "owner! string",
            "created! time",
            "expires! time",
        ],
    ),
    ("ExceptionList", "Soonest end first.", &["exceptions! []KeptException"]),
    (
        "KeptException",
        "An exception with all its fields, and what agents reported of it.",
        &["id! string", "expires! time", "used! Used"],
    ),
    ("Used", "What an exception kept quiet.", &["hits! integer", "alerts! integer", "last_used time"]),
    (
        "ExceptionPreview",
        "What an exception would cover, had somebody made it now.",
        &[
            "exception! Exception",
            "alerts! []CoveredAlert",
            "alerts_total! integer",
            "partly! []CoveredAlert",
            "partly_total! integer",
            "read! integer",
            "blocks! []HostAction",
            "hosts! []string",
            "errors []string",
        ],
    ),
    (
        "CoveredAlert",
        "An alert that an exception would cover.",
        &[
            "id! string",
            "host! string",
            "title! string",
            "status! string",
            "last_seen! time",
            "covered! integer",
            "carried! integer",
            "count! integer",
            "suppressed_by string",
        ],
    ),
    (
        "ExceptionRequest",
        "At least target, application or indicator, and a reason.",
        &[
            "target string",
            "application string",
            "hosts string",
            "direction string",
            "rule string",
            "indicator string",
            "cves []string",
            "reason! string",
            "ticket string",
            "for_seconds integer",
        ],
    ),
];
