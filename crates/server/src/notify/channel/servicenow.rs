//! How does an alert become an incident of ServiceNow?
//!
//! Table API, `POST /api/now/table/incident`. `correlation_id` is the alert's id, so that a rule there can join what
//! belongs together.

use serde_json::json;
use tripoint_model::Level;
use tripoint_model::text::truncate;

use super::{Channel, Told};
use crate::notify::news::Kind;
use crate::notify::spec::Spec;
use crate::notify::wire::{Http, Wire};

pub(super) struct ServiceNow;

impl Channel for ServiceNow {
    fn name(&self) -> &'static str {
        "servicenow"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["url", "user", "password"]
    }

    fn is_for_people(&self) -> bool {
        true
    }

    fn requests(&self, spec: &Spec, told: &Told<'_>) -> Vec<Wire> {
        if matches!(told.news.kind, Kind::AlertAcknowledged | Kind::AlertResolved | Kind::FeedRecovered) {
            return Vec::new();
        }
        let weight = match told.news.level() {
            Level::Critical => "1",
            Level::High | Level::Medium => "2",
            Level::Low | Level::Informational => "3",
        };
        let body = json!({
            "short_description": truncate(&told.news.headline(), SHORT_MAX).0,
            // Between these two, fields of a journal are read as HTML.
            "description": truncate(told.text, TEXT_MAX).0.replace("[code", "[ code").replace("[/code", "[ /code"),
            "urgency": weight,
            "impact": weight,
            "correlation_id": told.news.subject(),
            "correlation_display": "tripoint",
        });
        let headers = spec.authorization("Bearer").into_iter().collect();
        vec![Wire::Http(Http { path: "/api/now/table/incident", headers, ..Http::json(&body) })]
    }
}

const SHORT_MAX: usize = 160;
const TEXT_MAX: usize = 4000;
