//! How is a STIX 2.1 bundle of indicators written?

use std::io::{self, Write};
use std::net::IpAddr;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tripoint_model::{Observable, Timestamp};

use super::{Entry, ExportFormat};

/// The format. The same verdict has the same id in every export.
pub(super) struct Stix;

impl ExportFormat for Stix {
    fn name(&self) -> &'static str {
        "stix"
    }

    fn takes(&self, _: &Observable) -> bool {
        true
    }

    fn write(&self, entries: &[&Entry], made: Timestamp, out: &mut dyn Write) -> io::Result<()> {
        let now = moment(made);
        let author = identity(&now);
        write!(out, "{{\"type\":\"bundle\",\"id\":\"bundle--{}\",\"objects\":[\n{author}", uuid(&now))?;
        for entry in entries {
            write!(out, ",\n{}", indicator(entry, &now))?;
        }
        writeln!(out, "\n]}}")
    }
}

/// To the millisecond, as STIX writes it.
fn moment(time: Timestamp) -> String {
    let text = time.to_string();
    let whole = text.trim_end_matches('Z').split('.').next().unwrap_or_default().to_owned();
    whole + ".000Z"
}

fn identity(now: &str) -> Value {
    json!({"type": "identity", "spec_version": "2.1", "id": author(), "created": "2026-01-01T00:00:00.000Z",
        "modified": "2026-01-01T00:00:00.000Z", "name": "Tripoint", "identity_class": "system",
        "description": format!("verdicts of {now}")})
}

fn author() -> String {
    format!("identity--{}", uuid("tripoint"))
}

fn indicator(entry: &Entry, now: &str) -> Value {
    let created = entry.first_seen.map_or_else(|| now.to_owned(), moment);
    let mut out = json!({"type": "indicator", "spec_version": "2.1",
        "id": format!("indicator--{}", uuid(&entry.observable.to_string())),
        "created_by_ref": author(), "created": created, "modified": now.max(created.as_str()),
        "name": entry.observable.to_string(), "indicator_types": ["malicious-activity"],
        "pattern": pattern(&entry.observable), "pattern_type": "stix", "pattern_version": "2.1",
        "valid_from": created, "confidence": entry.confidence,
        "labels": [entry.category.as_str()],
        "description": format!("named by {}", entry.feeds.join(", "))});
    if let (Some(until), Some(fields)) = (entry.valid_until, out.as_object_mut()) {
        fields.insert("valid_until".to_owned(), moment(until).into());
    }
    out
}

fn pattern(observable: &Observable) -> String {
    let kind = |address: &IpAddr| if address.is_ipv4() { "ipv4-addr" } else { "ipv6-addr" };
    match observable {
        Observable::Address(address) => format!("[{}:value = '{address}']", kind(address)),
        Observable::Network(net) => format!("[{}:value = '{net}']", kind(&net.addr())),
        Observable::AddressPort(address, port) => format!(
            "[network-traffic:dst_ref.type = '{0}' AND network-traffic:dst_ref.value = '{address}' AND network-traffic:dst_port = {port}]",
            kind(address)
        ),
        Observable::Domain(name) => format!("[domain-name:value = '{name}']"),
        Observable::System(number) => format!("[autonomous-system:number = {number}]"),
    }
}

/// From a digest, marked as version 4, which is what validators expect of STIX objects.
pub(super) fn uuid(text: &str) -> String {
    let mut bytes: [u8; 32] = Sha256::digest(format!("tripoint export {text}")).into();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}
