//! How is a message a document of the Elastic Common Schema?
//!
//! Fields as of <https://www.elastic.co/guide/en/ecs/current/ecs-field-reference.html>; a test holds them to the
//! published table.

use serde_json::{Value, json};

use tripoint_api::AuditRow;

use crate::notify::news::{AlertNews, News};

/// One document.
pub(crate) fn document(news: &News, text: &str) -> Value {
    let mut document = json!({
        "@timestamp": news.at,
        "ecs": { "version": VERSION },
        "message": text.trim(),
        "tags": ["tripoint"],
        "host": { "name": news.host(), "hostname": news.host() },
        "observer": { "vendor": "Tripoint", "product": "Tripoint", "type": "ids" },
        "event": {
            "kind": if news.alert.is_some() { "alert" } else { "event" },
            "category": ["network"],
            "type": ["info"],
            "action": news.kind.word(),
            "id": news.subject(),
            "provider": "tripoint",
            "dataset": "tripoint.message",
            "reason": news.headline(),
            "severity": news.level() as i64,
        },
    });
    if let Some(alert) = &news.alert {
        of_alert(&mut document, alert);
    }
    if let Some(row) = &news.audit {
        of_audit(&mut document, row);
    }
    document
}

fn of_audit(document: &mut Value, row: &AuditRow) {
    let (event, entry) = (&mut document["event"], &row.entry);
    event["category"] = json!(["configuration"]);
    event["type"] = json!(["change"]);
    event["action"] = json!(entry.what);
    event["sequence"] = json!(row.number);
    event["hash"] = json!(row.hash);
    event["outcome"] = json!(if entry.result == "done" { "success" } else { "failure" });
    document["user"] = json!({ "name": entry.who });
    document["source"] = json!({ "address": entry.from });
    if let Ok(address) = entry.from.parse::<std::net::IpAddr>() {
        document["source"]["ip"] = json!(address);
    }
    document["labels"] = json!({
        "by": entry.by,
        "target": entry.target,
        "result": entry.result,
        "reason": entry.reason,
        "asked": entry.asked,
        "before": entry.before,
        "after": entry.after,
    });
}

fn of_alert(document: &mut Value, alert: &AlertNews) {
    let event = &mut document["event"];
    event["category"] = json!(["network", "intrusion_detection"]);
    event["risk_score"] = json!(f64::from(alert.severity.score));
    event["start"] = json!(alert.first_seen);
    event["end"] = json!(alert.last_seen);
    document["rule"] = json!({ "id": alert.rule, "name": alert.rule });
    document["service"] = json!({ "id": alert.application.id, "name": alert.application.name });
    document["network"] = json!({ "direction": alert.direction });
    document["related"] = json!({ "hosts": [alert.host] });
    document["threat"] = json!({ "indicator": {
        "type": kind_of(&alert.indicator),
        "name": alert.indicator,
        "provider": alert.feeds.join(", "),
        "description": alert.categories.join(", "),
    } });
    if !alert.techniques.is_empty() {
        document["threat"]["framework"] = json!("MITRE ATT&CK");
        document["threat"]["technique"] = json!({ "id": alert.techniques });
    }
    if !alert.cves.is_empty() {
        document["vulnerability"] = json!({ "id": alert.cves });
    }
    if let Some(peer) = &alert.peer {
        let side = if alert.direction == "inbound" { "source" } else { "destination" };
        document[side] = json!({ "address": peer.address, "ip": peer.address, "port": peer.port });
        if let Some(name) = &peer.name {
            document[side]["domain"] = json!(name);
        }
        document["threat"]["indicator"]["ip"] = json!(peer.address);
        document["related"]["ip"] = json!([peer.address]);
    }
    if let Some(process) = &alert.process {
        let name = process.exe.rsplit('/').next().unwrap_or_default();
        document["process"] = json!({ "pid": process.pid, "executable": process.exe, "name": name });
        document["user"] = json!({ "id": process.uid.to_string() });
    }
    if !alert.tags.is_empty() {
        let tags: Vec<&str> = std::iter::once("tripoint").chain(alert.tags.iter().map(String::as_str)).collect();
        document["tags"] = json!(tags);
    }
}

/// The words of STIX, as the schema wants them.
fn kind_of(indicator: &str) -> &'static str {
    match indicator {
        one if one.parse::<std::net::Ipv4Addr>().is_ok() => "ipv4-addr",
        one if one.parse::<std::net::Ipv6Addr>().is_ok() => "ipv6-addr",
        one if one.parse::<std::net::SocketAddrV4>().is_ok() => "ipv4-addr",
        one if one.parse::<ipnet::Ipv4Net>().is_ok() => "ipv4-addr",
        one if one.parse::<ipnet::Ipv6Net>().is_ok() || one.starts_with('[') => "ipv6-addr",
        one if one.starts_with("AS") && one.get(2..).is_some_and(|rest| rest.parse::<u32>().is_ok()) => {
            "autonomous-system"
        }
        _ => "domain-name",
    }
}

const VERSION: &str = "9.0.0";
