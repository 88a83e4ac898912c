//! How does Elasticsearch take a message?
//!
//! Bulk API (`POST /_bulk`) with one document of the Elastic Common Schema, created under the message's own number: what
//! is sent again is there already.

use serde::Deserialize;
use serde_json::json;

use super::{Channel, Told};
use crate::notify::format::ecs;
use crate::notify::spec::Spec;
use crate::notify::wire::{Attempt, Http, Wire, judge};

pub(super) struct Elastic;

impl Channel for Elastic {
    fn name(&self) -> &'static str {
        "elastic"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["url", "index"]
    }

    fn takes(&self) -> &'static [&'static str] {
        &["user", "password", "token"]
    }

    fn takes_audit(&self, _spec: &Spec) -> bool {
        true
    }

    fn requests(&self, spec: &Spec, told: &Told<'_>) -> Vec<Wire> {
        let document = ecs::document(told.news, told.text);
        let id = format!("{}-{}", told.number, told.news.at.0);
        let order = json!({ "create": { "_index": spec.index, "_id": id } });
        let body = format!("{order}\n{document}\n").into_bytes();
        let headers = spec.authorization("ApiKey").into_iter().collect();
        vec![Wire::Http(Http { path: "/_bulk", headers, content: "application/x-ndjson", body })]
    }

    /// The status is that of the whole request; how the document fared stands in the body.
    fn judge(&self, status: u16, body: &[u8]) -> Attempt {
        let whole = judge(status);
        if whole != Attempt::Taken {
            return whole;
        }
        let Ok(answer) = serde_json::from_slice::<Answer>(body) else { return Attempt::Taken };
        let Some(one) = answer.items.first().filter(|_| answer.errors) else { return Attempt::Taken };
        match one.create.status {
            // It is there already.
            409 => Attempt::Taken,
            status => judge(status),
        }
    }
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    errors: bool,
    #[serde(default)]
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    create: Created,
}

#[derive(Deserialize)]
struct Created {
    status: u16,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_body_says_of_the_document_counts() {
        let answer = |status: u16| {
            Elastic.judge(200, format!(r#"{{"errors":true,"items":[{{"create":{{"status":{status}}}}}]}}"#).as_bytes())
        };
        assert_eq!(Elastic.judge(200, br#"{"errors":false,"items":[]}"#), Attempt::Taken);
        assert_eq!(answer(409), Attempt::Taken);
        assert!(matches!(answer(400), Attempt::Unwanted(_)));
        assert!(matches!(answer(429), Attempt::Failed(_)));
        assert!(matches!(Elastic.judge(503, b""), Attempt::Failed(_)));
    }
}
