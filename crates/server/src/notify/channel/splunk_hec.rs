//! How does Splunk take a message?
//!
//! HTTP Event Collector, `POST /services/collector/event`; the event is the message as it is.

use serde_json::json;

use super::{Channel, Told};
use crate::notify::spec::Spec;
use crate::notify::wire::{Http, Wire};

pub(super) struct SplunkHec;

impl Channel for SplunkHec {
    fn name(&self) -> &'static str {
        "splunk-hec"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["url", "token"]
    }

    fn takes(&self) -> &'static [&'static str] {
        &["index"]
    }

    fn template(&self) -> Option<&'static str> {
        None
    }

    fn takes_audit(&self, _spec: &Spec) -> bool {
        true
    }

    fn requests(&self, spec: &Spec, told: &Told<'_>) -> Vec<Wire> {
        let at = told.news.at.0;
        let mut body = json!({
            "time": format!("{}.{:06}", at.div_euclid(1_000_000), at.rem_euclid(1_000_000)),
            "host": told.news.host(),
            "source": "tripoint",
            "sourcetype": "tripoint:message",
            "event": told.news.value,
        });
        if !spec.index.is_empty() {
            body["index"] = json!(spec.index);
        }
        let headers = spec.authorization("Splunk").into_iter().collect();
        vec![Wire::Http(Http { path: "/services/collector/event", headers, ..Http::json(&body) })]
    }
}
