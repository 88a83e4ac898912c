//! How is an alert a Detection Finding of the Open Cybersecurity Schema Framework?
//!
//! Class 2004 (<https://schema.ocsf.io/classes/detection_finding>); a test holds it to the published definitions.

use serde_json::{Map, Value, json};
use tripoint_model::{Level, Timestamp};

use crate::notify::news::{AlertNews, Kind, News};

/// The finding; nothing where no alert is told of.
pub(crate) fn finding(news: &News) -> Option<Value> {
    let alert = news.alert.as_ref()?;
    let activity = match news.kind {
        Kind::AlertNew | Kind::Test => 1,
        Kind::AlertResolved => 3,
        _ => 2,
    };
    let mut finding = json!({
        "activity_id": activity,
        "category_uid": 2,
        "class_uid": CLASS,
        "type_uid": CLASS * 100 + activity,
        "time": ms(news.at),
        "start_time": ms(alert.first_seen),
        "end_time": ms(alert.last_seen),
        "severity_id": severity(alert.severity.level),
        "severity": alert.severity.level,
        "status_id": status(&alert.status),
        "is_alert": news.kind != Kind::AlertResolved,
        "message": news.headline(),
        "risk_score": alert.severity.score,
        "confidence_score": alert.confidence,
        "count": alert.count.min(i32::MAX.cast_unsigned().into()),
        "metadata": {
            "version": VERSION,
            "log_name": "tripoint",
            "original_time": news.at,
            "product": { "name": "Tripoint", "vendor_name": "Tripoint", "version": env!("CARGO_PKG_VERSION") },
        },
        "finding_info": info(alert),
        "resources": [{ "name": alert.host, "hostname": alert.host, "type": "host" }],
        "evidences": [evidence(alert)],
    });
    if !alert.cves.is_empty() {
        let of = |cve: &String| json!({ "cve": { "uid": cve }, "is_exploit_available": alert.exploited.contains(cve) });
        finding["vulnerabilities"] = alert.cves.iter().map(of).collect();
    }
    if !alert.suggested.is_empty() {
        finding["remediation"] = json!({ "desc": alert.suggested.join("\n") });
    }
    Some(finding)
}

fn info(alert: &AlertNews) -> Value {
    let mut info = json!({
        "uid": alert.id,
        "title": alert.title,
        "first_seen_time": ms(alert.first_seen),
        "last_seen_time": ms(alert.last_seen),
        // A rule.
        "analytic": { "type_id": 1, "uid": alert.rule, "name": alert.rule },
        "data_sources": alert.feeds,
        "types": alert.categories,
    });
    if !alert.techniques.is_empty() {
        let one = |technique: &String| json!({ "technique": { "uid": technique } });
        info["attacks"] = alert.techniques.iter().map(one).collect();
    }
    info
}

fn evidence(alert: &AlertNews) -> Value {
    let mut evidence = Map::new();
    evidence.insert("data".into(), json!({ "indicator": alert.indicator, "application": alert.application.id }));
    if let Some(peer) = &alert.peer {
        let side = if alert.direction == "inbound" { "src_endpoint" } else { "dst_endpoint" };
        let mut endpoint = json!({ "ip": peer.address, "port": peer.port });
        if let Some(name) = &peer.name {
            endpoint["hostname"] = json!(name);
        }
        evidence.insert(side.into(), endpoint);
    }
    if let Some(process) = &alert.process {
        let name = process.exe.rsplit('/').next().unwrap_or_default();
        evidence.insert(
            "process".into(),
            json!({
                "pid": process.pid,
                "name": name,
                "file": { "name": name, "path": process.exe, "type_id": 1 },
                "user": { "uid": process.uid.to_string() },
            }),
        );
    }
    Value::Object(evidence)
}

fn ms(at: Timestamp) -> i64 {
    at.0.div_euclid(1000)
}

fn severity(level: Level) -> u8 {
    match level {
        Level::Informational => 1,
        Level::Low => 2,
        Level::Medium => 3,
        Level::High => 4,
        Level::Critical => 5,
    }
}

fn status(status: &str) -> u8 {
    match status {
        "open" => 1,
        "resolved" => 4,
        _ => 2,
    }
}

const CLASS: u32 = 2004;
/// The version of the schema that is written.
const VERSION: &str = "1.5.0";
