//! How is a message a line of the Common Event Format?
//!
//! CEF version 0 (ArcSight, "Common Event Format", revision 25): a head of seven fields between pipes, then
//! `key=value` pairs.

use tripoint_model::Level;

use crate::notify::news::News;

/// One line.
pub(crate) fn line(news: &News) -> String {
    let class = news.alert.as_ref().map_or_else(|| news.kind.word(), |alert| alert.rule.clone());
    let version = env!("CARGO_PKG_VERSION");
    let name = head(&news.headline());
    let mut line = format!("CEF:0|Tripoint|Tripoint|{version}|{}|{name}|{}|", head(&class), severity(news.level()));
    let mut pairs: Vec<(&str, String)> = vec![
        ("rt", news.at.0.div_euclid(1000).to_string()),
        ("dvchost", news.host().to_owned()),
        ("externalId", news.subject()),
        ("cat", news.kind.word()),
    ];
    if let Some(alert) = &news.alert {
        pairs.push(("deviceDirection", if alert.direction == "inbound" { "0" } else { "1" }.to_owned()));
        pairs.push(("cnt", alert.count.to_string()));
        pairs.push(("start", alert.first_seen.0.div_euclid(1000).to_string()));
        pairs.push(("end", alert.last_seen.0.div_euclid(1000).to_string()));
        if let Some(peer) = &alert.peer {
            let (address, port) = if alert.direction == "inbound" { ("src", "spt") } else { ("dst", "dpt") };
            pairs.push((address, peer.address.clone()));
            pairs.push((port, peer.port.to_string()));
        }
        if let Some(process) = &alert.process {
            pairs.push(("sproc", process.exe.clone()));
            pairs.push(("spid", process.pid.to_string()));
        }
        let own = [("application", &alert.application.name), ("peer", &alert.indicator)];
        for (at, (label, value)) in own.into_iter().enumerate() {
            pairs.push((["cs1Label", "cs2Label"][at], label.to_owned()));
            pairs.push((["cs1", "cs2"][at], value.clone()));
        }
        if !alert.cves.is_empty() {
            pairs.push(("cs3Label", "cve".to_owned()));
            pairs.push(("cs3", alert.cves.join(",")));
        }
    }
    if let Some(row) = &news.audit {
        let entry = &row.entry;
        for (key, value) in [
            ("suser", entry.who.clone()),
            ("act", entry.what.clone()),
            ("outcome", entry.result.clone()),
            ("reason", entry.reason.clone()),
            ("cs1Label", "from".to_owned()),
            ("cs1", entry.from.clone()),
            ("cs2Label", "target".to_owned()),
            ("cs2", entry.target.clone()),
            ("cs3Label", "hash".to_owned()),
            ("cs3", row.hash.clone()),
        ] {
            pairs.push((key, value));
        }
    }
    let pairs: Vec<String> = pairs.iter().map(|(key, value)| format!("{key}={}", value_of(value))).collect();
    line.push_str(&pairs.join(" "));
    line
}

/// In the head a pipe ends a field.
fn head(text: &str) -> String {
    text.replace('\\', "\\\\").replace('|', "\\|").replace(['\r', '\n'], " ")
}

/// In a pair an equals sign would begin the next.
fn value_of(text: &str) -> String {
    text.replace('\\', "\\\\").replace('=', "\\=").replace('\n', "\\n").replace('\r', "\\r")
}

fn severity(level: Level) -> u8 {
    match level {
        Level::Informational => 1,
        Level::Low => 3,
        Level::Medium => 5,
        Level::High => 8,
        Level::Critical => 10,
    }
}
