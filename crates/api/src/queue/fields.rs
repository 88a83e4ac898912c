//! What can be asked about alerts?

use crate::filter::{Field, Kind};

/// The words of `Level`, the least first.
const LEVELS: &[&str] = &["informational", "low", "medium", "high", "critical"];

/// Every field of an alert that a filter may name. One line each; `AlertSummary::values` has the other end.
pub const ALERT_FIELDS: &[Field] = &[
    Field::new("id", Kind::Text, "the alert's id"),
    Field::new("rule", Kind::Text, "the rule that raised it"),
    Field::new("title", Kind::Text, "its one line"),
    Field::new("host", Kind::Text, "where it happened"),
    Field::new("application", Kind::Text, "who talked: name, unit, container or executable").also(&["app"]),
    Field::new("peer", Kind::Text, "with whom: address, port, network or name, as it is listed").also(&["indicator"]),
    Field::new("address", Kind::Address, "with which address").also(&["ip"]),
    Field::new("name", Kind::Text, "a name of the peer that was asked for or spoken").also(&["domain"]),
    Field::new("port", Kind::Number, "the peer's port (outbound) or ours (inbound)"),
    Field::new("direction", Kind::Word(&["inbound", "outbound"]), "who began"),
    Field::new("status", Kind::Word(&["open", "investigating", "contained", "resolved"]), "how it stands"),
    Field::new(
        "resolution",
        Kind::Word(&[
            "true-positive-remediated",
            "false-positive",
            "expected",
            "testing",
            "not-enough-information",
            "other",
        ]),
        "why it was closed",
    ),
    Field::new("severity", Kind::Level(LEVELS), "how bad").also(&["level"]),
    Field::new("score", Kind::Number, "how bad, 0 to 100"),
    Field::new("confidence", Kind::Number, "how sure, 0 to 100"),
    Field::new("count", Kind::Number, "connections"),
    Field::new("bytes_in", Kind::Number, "bytes that came"),
    Field::new("bytes_out", Kind::Number, "bytes that went"),
    Field::new("first_seen", Kind::Time, "when it began"),
    Field::new("last_seen", Kind::Time, "when it was last seen"),
    Field::new("changed", Kind::Time, "when anything about it last changed"),
    Field::new("age", Kind::Age, "how long ago it began"),
    Field::new("quiet", Kind::Age, "how long ago it was last seen"),
    Field::new("due", Kind::Time, "until when somebody has to take it up or close it"),
    Field::new("overdue", Kind::Age, "how long ago that was"),
    Field::new("open", Kind::Flag, "whether a connection is still open"),
    Field::new("suppressed", Kind::Flag, "whether an exception covers it"),
    Field::new("merged", Kind::Flag, "whether it is part of another alert"),
    Field::new("blocked", Kind::Flag, "whether a verified block is in force"),
    Field::new("kev", Kind::Flag, "whether a vulnerability is known to be exploited").also(&["exploited"]),
    Field::new("assignee", Kind::Text, "who works on it; none has no assignee").also(&["owner"]),
    Field::new("tag", Kind::Text, "a tag, as NAME or NAME=VALUE"),
    Field::new("cve", Kind::Text, "a vulnerability"),
    Field::new("package", Kind::Text, "a vulnerable package: name or purl"),
    Field::new("feed", Kind::Text, "who calls the peer bad"),
    Field::new("category", Kind::Text, "what it is called: c2, scanner, …"),
    Field::new("technique", Kind::Text, "an ATT&CK technique").also(&["attack"]),
    Field::new("process", Kind::Text, "the executable: path or name").also(&["exe"]),
    Field::new("user", Kind::Number, "the process's user id"),
    Field::new("container", Kind::Text, "its container: id, name or image"),
    Field::new(
        "evidence",
        Kind::Word(&["none", "probed", "attempted", "likely_succeeded"]),
        "what the application's logs say",
    ),
    Field::new(
        "judged",
        Kind::Word(&["same", "milder", "worse"]),
        "how lists, advisories and software speak against when it was raised",
    ),
    Field::new("cause", Kind::Text, "why it was connected"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_in_the_reference() {
        let page = include_str!("../../../../docs/reference/filter.md");
        let mut names: Vec<&str> = Vec::new();
        for field in ALERT_FIELDS {
            names.extend(field.also.iter().chain([&field.name]));
            assert!(page.contains(&format!("| `{}` |", field.name)), "{} is not on the page", field.name);
            assert!(page.contains(field.about), "{}: its words are not on the page", field.name);
        }
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
