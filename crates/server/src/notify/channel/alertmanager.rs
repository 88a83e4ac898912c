//! How does Alertmanager take an alert, and learn of its end?
//!
//! API v2, `POST /api/v2/alerts` (<https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml>). What
//! tells alerts apart are their labels, so these do not change while the alert gets worse: its rule and severity do.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{Channel, Told};
use crate::notify::news::Kind;
use crate::notify::spec::Spec;
use crate::notify::wire::{Http, Wire};

pub(super) struct Alertmanager;

impl Channel for Alertmanager {
    fn name(&self) -> &'static str {
        "alertmanager"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["url"]
    }

    fn takes(&self) -> &'static [&'static str] {
        &["user", "password", "token"]
    }

    fn follows(&self) -> bool {
        true
    }

    fn repeats(&self) -> Option<Duration> {
        Some(HOLDS / 4)
    }

    fn requests(&self, spec: &Spec, told: &Told<'_>) -> Vec<Wire> {
        let news = told.news;
        let mut labels = Map::new();
        labels.insert("alertname".into(), "Tripoint".into());
        labels.insert("host".into(), news.host().into());
        labels.insert("tripoint".into(), news.subject().into());
        if let Some(alert) = &news.alert {
            labels.insert("application".into(), alert.application.name.clone().into());
            labels.insert("peer".into(), alert.indicator.clone().into());
        }
        let is_over = matches!(news.kind, Kind::AlertResolved | Kind::FeedRecovered);
        let begins = news.alert.as_ref().map_or(news.at, |alert| alert.first_seen);
        let ends = if is_over { news.at } else { news.at.plus(HOLDS) };
        let one = json!({
            "labels": Value::Object(labels),
            "annotations": {
                "summary": news.headline(),
                "description": told.text,
                "severity": news.level(),
                "rule": news.alert.as_ref().map_or("", |alert| alert.rule.as_str()),
            },
            "startsAt": begins.min(ends),
            "endsAt": ends,
        });
        let headers = spec.authorization("Bearer").into_iter().collect();
        vec![Wire::Http(Http { path: "/api/v2/alerts", headers, ..Http::json(&json!([one])) })]
    }
}

/// Alertmanager forgets what nobody repeats after minutes; we tell of ends ourselves, and what goes on four times in
/// this time.
const HOLDS: Duration = Duration::from_secs(24 * 3600);
