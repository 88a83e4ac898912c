//! How does an alert become an incident of PagerDuty, and end as one?
//!
//! Events API v2 (<https://developer.pagerduty.com/docs/events-api-v2-overview>): `trigger`, `acknowledge` and
//! `resolve`, tied together by the alert's id as `dedup_key`.

use serde_json::json;
use tripoint_model::Level;
use tripoint_model::text::truncate;

use super::{Channel, Told};
use crate::notify::news::Kind;
use crate::notify::spec::Spec;
use crate::notify::template;
use crate::notify::wire::{Http, Wire};

pub(super) struct PagerDuty;

impl Channel for PagerDuty {
    fn name(&self) -> &'static str {
        "pagerduty"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["token"]
    }

    fn takes(&self) -> &'static [&'static str] {
        &["url"]
    }

    fn template(&self) -> Option<&'static str> {
        Some(template::LINE)
    }

    fn follows(&self) -> bool {
        true
    }

    fn requests(&self, spec: &Spec, told: &Told<'_>) -> Vec<Wire> {
        let news = told.news;
        let action = match news.kind {
            Kind::AlertAcknowledged => "acknowledge",
            Kind::AlertResolved | Kind::FeedRecovered => "resolve",
            _ => "trigger",
        };
        let mut body = json!({
            "routing_key": spec.token.text(),
            "event_action": action,
            "dedup_key": format!("tripoint/{}", news.subject()),
        });
        if action == "trigger" {
            body["client"] = json!("tripoint");
            body["payload"] = json!({
                "summary": truncate(told.text.trim(), SUMMARY_MAX).0,
                "source": news.host(),
                "severity": severity(news.level()),
                "timestamp": news.at,
                "component": news.alert.as_ref().map(|alert| &alert.application.name),
                "group": news.host(),
                "class": news.alert.as_ref().map_or_else(|| news.kind.word(), |alert| alert.rule.clone()),
                "custom_details": news.value,
            });
        }
        let path = if spec.url.is_empty() { DEFAULT } else { "" };
        vec![Wire::Http(Http { path, ..Http::json(&body) })]
    }
}

fn severity(level: Level) -> &'static str {
    match level {
        Level::Critical => "critical",
        Level::High => "error",
        Level::Medium => "warning",
        Level::Low | Level::Informational => "info",
    }
}

/// Where PagerDuty itself takes events.
const DEFAULT: &str = "https://events.pagerduty.com/v2/enqueue";
const SUMMARY_MAX: usize = 1024;
