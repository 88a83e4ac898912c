//! How does an alert become an issue of Jira?
//!
//! `POST /rest/api/2/issue` (<https://developer.atlassian.com/server/jira/platform/rest/>), which Jira Cloud and Data
//! Center both have. Descriptions are wiki markup: the text stands in `{noformat}`, where nothing is read but its end.

use serde_json::json;
use tripoint_model::text::truncate;

use super::{Channel, Told};
use crate::notify::news::Kind;
use crate::notify::spec::Spec;
use crate::notify::wire::{Http, Wire};

pub(super) struct Jira;

impl Channel for Jira {
    fn name(&self) -> &'static str {
        "jira"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["url", "project", "token"]
    }

    fn takes(&self) -> &'static [&'static str] {
        &["user", "issue_type"]
    }

    fn is_for_people(&self) -> bool {
        true
    }

    fn requests(&self, spec: &Spec, told: &Told<'_>) -> Vec<Wire> {
        // What ends is closed there by whoever works on it.
        if matches!(told.news.kind, Kind::AlertAcknowledged | Kind::AlertResolved | Kind::FeedRecovered) {
            return Vec::new();
        }
        let mut labels = vec!["tripoint".to_owned(), told.news.level().to_string()];
        // A label has no blanks.
        labels.extend(told.news.alert.iter().map(|alert| format!("tripoint-{}", alert.id.replace(' ', "_"))));
        let issue_type = if spec.issue_type.is_empty() { "Task" } else { &spec.issue_type };
        let body = json!({
            "fields": {
                "project": { "key": spec.project },
                "issuetype": { "name": issue_type },
                "summary": truncate(&told.news.headline(), SUMMARY_MAX).0,
                "description": format!("{{noformat}}\n{}\n{{noformat}}", truncate(told.text, TEXT_MAX).0.replace("{noformat", "{ noformat")),
                "labels": labels,
            },
        });
        let headers = spec.authorization("Bearer").into_iter().collect();
        vec![Wire::Http(Http { path: "/rest/api/2/issue", headers, ..Http::json(&body) })]
    }
}

const SUMMARY_MAX: usize = 255;
/// A field has 32,767 characters.
const TEXT_MAX: usize = 16 << 10;
