//! How does falcosidekick take a message, as if Falco had written it?
//!
//! The shape of <https://falco.org/docs/outputs/channels/> with `json_output`, which falcosidekick forwards to
//! wherever it is told.

use serde_json::{Map, Value, json};
use tripoint_model::Level;

use super::{Channel, Told};
use crate::notify::spec::Spec;
use crate::notify::template;
use crate::notify::wire::{Http, Wire};

pub(super) struct Falcosidekick;

impl Channel for Falcosidekick {
    fn name(&self) -> &'static str {
        "falcosidekick"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["url"]
    }

    fn template(&self) -> Option<&'static str> {
        Some(template::LINE)
    }

    fn requests(&self, _: &Spec, told: &Told<'_>) -> Vec<Wire> {
        let news = told.news;
        let mut fields = Map::new();
        let mut tags = vec![json!("tripoint"), json!(news.kind.word())];
        if let Some(alert) = &news.alert {
            fields.insert("tripoint.alert.id".into(), json!(alert.id));
            fields.insert("tripoint.application".into(), json!(alert.application.name));
            fields.insert("tripoint.peer".into(), json!(alert.indicator));
            fields.insert("tripoint.score".into(), json!(alert.severity.score));
            fields.insert("tripoint.cves".into(), json!(alert.cves.join(",")));
            if let Some(peer) = &alert.peer {
                fields.insert("fd.rip".into(), json!(peer.address));
                fields.insert("fd.rport".into(), json!(peer.port));
            }
            if let Some(process) = &alert.process {
                fields.insert("proc.pid".into(), json!(process.pid));
                fields.insert("proc.exepath".into(), json!(process.exe));
                fields.insert("user.uid".into(), json!(process.uid));
            }
            tags.extend(alert.techniques.iter().map(|technique| json!(technique)));
        }
        let body = json!({
            "uuid": uuid(told.number, news.at.0),
            "output": told.text.trim(),
            "priority": priority(news.level()),
            "rule": news.alert.as_ref().map_or_else(|| news.kind.word(), |alert| alert.rule.clone()),
            "time": news.at,
            "source": "tripoint",
            "hostname": news.host(),
            "tags": tags,
            "output_fields": Value::Object(fields),
        });
        vec![Wire::Http(Http::json(&body))]
    }
}

/// The same for each attempt; of the form of version 8 (RFC 9562), whose bits are ours.
fn uuid(number: u64, at: i64) -> String {
    let at = at.cast_unsigned();
    format!("{:08x}-{:04x}-8{:03x}-8{:03x}-{number:012x}", at >> 32, at >> 16 & 0xffff, at >> 4 & 0xfff, at & 0xfff)
}

fn priority(level: Level) -> &'static str {
    match level {
        Level::Critical => "Critical",
        Level::High => "Error",
        Level::Medium => "Warning",
        Level::Low => "Notice",
        Level::Informational => "Informational",
    }
}
