//! Does any text of an alert, of what was found out about it or of why it was connected forge a line of a page?

use serde_json::{Value, json};
use tripoint_model::{Connection, Investigation};

use super::*;
use crate::command::why;

/// What would begin a line of its own, hide one and write backwards.
const HOSTILE: &str = "\nFORGED\r\u{2028}FORGED\u{202e}\u{1b}[8m";

fn alert() -> Value {
    let text = include_str!("../../../../../scenarios/exploited-then-called-back/alerts.json");
    let mut alerts: Vec<Value> = serde_json::from_str(text).unwrap();
    let mut alert = alerts.remove(0);
    alert["investigation"] = investigation(&alert["call_back"]["attempts"]);
    alert["work"]["comments"] = json!([{"at": "2026-11-20T04:00:00Z", "author": "an", "text": "seen"}]);
    alert["refusals"] = json!([{"action": "block", "target": "203.0.113.66", "rule": "guard", "reason": "ours"}]);
    alert
}

fn investigation(attempts: &Value) -> Value {
    json!({
        "at": "2026-11-20T04:00:00Z", "took_ms": 5,
        "logs": {
            "verdict": "attempted", "lines": 2, "attempts": attempts,
            "examples": [{"file": "/var/log/a", "line": 3, "raw": "a line"}],
            "read": [{"file": "/var/log/a", "found": "it is open", "lines": 9, "of_peer": 2}],
            "missing": ["/var/log/b: gone"]
        },
        "why": {
            "cause": "unknown", "confidence": 0, "reasons": ["nothing explains it"],
            "names": [{"name": "c2.example", "how": "dns", "asker": "java", "answers": ["203.0.113.66"]}],
            "mentions": [{"file": "/etc/a.conf", "line": 3, "place": "unit", "matched": "c2.example",
                "written": "base64", "text": "url=c2.example", "counts": true}],
            "started_by": [{"pid": 7, "exe": "/bin/sh", "command": "sh -c x", "role": "a shell"}],
            "exposure": {"listener": "0.0.0.0:80", "scope": "every address", "admitted_by": ["inet t c"],
                "from_internet": null, "rules": ["a rule"], "reasons": ["a reason"]},
            "changes": [{"what": "drop the line", "commands": ["sed -i 3d /etc/a.conf"]}],
            "missing": ["its files"]
        }
    })
}

/// The value with one text after the other made hostile; those that are no free texts are refused when they are read.
fn each_hostile(value: &Value) -> Vec<(String, Value)> {
    let mut places = Vec::new();
    strings(value, &mut String::new(), &mut places);
    let made = places.into_iter().map(|place| {
        let mut copy = value.clone();
        let text = copy.pointer_mut(&place).unwrap();
        *text = json!(format!("{}{HOSTILE}", text.as_str().unwrap()));
        (place, copy)
    });
    made.collect()
}

fn strings(value: &Value, place: &mut String, places: &mut Vec<String>) {
    let length = place.len();
    let parts: Vec<(String, &Value)> = match value {
        Value::String(_) => return places.push(place.clone()),
        Value::Array(all) => all.iter().enumerate().map(|(at, one)| (at.to_string(), one)).collect(),
        Value::Object(all) => all.iter().map(|(name, one)| (name.clone(), one)).collect(),
        _ => return,
    };
    for (name, part) in parts {
        place.push('/');
        place.push_str(&name);
        strings(part, place, places);
        place.truncate(length);
    }
}

fn check(place: &str, page: &str) -> bool {
    for line in page.lines() {
        assert!(!line.trim_start().starts_with("FORGED"), "{place} forges a line:\n{page}");
    }
    let steers = |c: char| (c.is_control() && c != '\n') || "\u{2028}\u{202e}".contains(c);
    assert!(!page.contains(steers), "{place} steers:\n{page}");
    page.contains("FORGED")
}

#[test]
fn no_text_of_an_alert_forges_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let networks = Networks::open(folder.path());
    let shown = each_hostile(&alert()).into_iter().filter(|(place, value)| {
        let Ok(alert) = serde_json::from_value::<Alert>(value.clone()) else { return false };
        check(place, &whole(&alert, &networks))
    });
    let shown: Vec<String> = shown.map(|(place, _)| place).collect();
    for place in ["/title", "/process/argv/1", "/call_back/reasons/0", "/investigation/logs/missing/0"] {
        assert!(shown.iter().any(|one| one == place), "{place} is not shown at all: {shown:?}");
    }
    assert!(shown.len() > 40, "{shown:?}");
}

#[test]
fn no_text_of_a_cause_forges_a_line() {
    let alert: Alert = serde_json::from_value(alert()).unwrap();
    let connection = Connection::clone(&alert.connections[0]);
    let value = investigation(&json!([]));
    let shown = each_hostile(&value).into_iter().filter(|(place, value)| {
        let Ok(found) = serde_json::from_value::<Investigation>(value.clone()) else { return false };
        check(place, &why::page(&connection, None, &found.why.unwrap()))
    });
    let shown: Vec<String> = shown.map(|(place, _)| place).collect();
    assert!(shown.len() >= 18, "{shown:?}");
    let names = each_hostile(&serde_json::to_value(&connection).unwrap());
    for (place, value) in names {
        if let Ok(connection) = serde_json::from_value::<Connection>(value) {
            check(&place, &why::page(&connection, None, &tripoint_model::Why::default()));
        }
    }
}
