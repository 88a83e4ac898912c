//! How is a MISP event with an attribute for each verdict written?

use std::io::{self, Write};

use serde_json::{Value, json};
use tripoint_model::{AppliesTo, Observable, Timestamp};

use super::stix::uuid;
use super::{Entry, ExportFormat};

/// The format.
pub(super) struct Misp;

impl ExportFormat for Misp {
    fn name(&self) -> &'static str {
        "misp"
    }

    fn takes(&self, _: &Observable) -> bool {
        true
    }

    fn write(&self, entries: &[&Entry], made: Timestamp, out: &mut dyn Write) -> io::Result<()> {
        let (stamp, text) = (made.0.div_euclid(1_000_000).to_string(), made.to_string());
        let date = text.split('T').next().unwrap_or_default();
        let head = json!({"uuid": uuid(&text), "info": "Verdicts of Tripoint", "date": date, "timestamp": stamp,
            "threat_level_id": "4", "analysis": "2", "distribution": "0", "published": false});
        let head = head.to_string();
        write!(out, "{{\"Event\":{},\"Attribute\":[", head.trim_end_matches('}'))?;
        for (number, entry) in entries.iter().enumerate() {
            let comma = if number == 0 { "" } else { "," };
            write!(out, "{comma}\n{}", attribute(entry, &stamp))?;
        }
        writeln!(out, "\n]}}}}")
    }
}

fn attribute(entry: &Entry, stamp: &str) -> Value {
    let side = if entry.direction == AppliesTo::In { "ip-src" } else { "ip-dst" };
    let (kind, value) = match &entry.observable {
        Observable::AddressPort(address, port) => (format!("{side}|port"), format!("{address}|{port}")),
        Observable::Domain(name) => ("domain".to_owned(), name.clone()),
        other => (side.to_owned(), other.to_string()),
    };
    let comment = format!("{}, {} %, named by {}", entry.category.as_str(), entry.confidence, entry.feeds.join(", "));
    json!({"uuid": uuid(&entry.observable.to_string()), "type": kind, "category": "Network activity", "value": value,
        "to_ids": true, "timestamp": stamp, "comment": comment})
}
