//! How is a message a record of syslog?
//!
//! RFC 5424 with structured data; over TCP each record is preceded by its length (RFC 6587 section 3.4.1). With
//! `format = "cef"` what is said is a line of the Common Event Format.

use tripoint_api::AuditRow;
use tripoint_model::Level;
use tripoint_model::text::truncate;

use super::{Channel, Told};
use crate::notify::format::cef;
use crate::notify::news::News;
use crate::notify::spec::Spec;
use crate::notify::template;
use crate::notify::wire::Wire;

pub(super) struct Syslog;

impl Channel for Syslog {
    fn name(&self) -> &'static str {
        "syslog"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["server"]
    }

    fn takes(&self) -> &'static [&'static str] {
        &["transport", "format", "facility"]
    }

    fn template(&self) -> Option<&'static str> {
        Some(template::LINE)
    }

    fn check(&self, spec: &Spec) -> Result<(), String> {
        spec.format_is(&["plain", "cef"])?;
        if !["", "udp", "tcp", "tls"].contains(&spec.transport.as_str()) {
            return Err(format!("transport {:?} is none of udp, tcp and tls", spec.transport));
        }
        let by = if spec.transport.is_empty() { "udp" } else { &spec.transport };
        if by != "tls" && !spec.is_here() {
            spec.clear(by)?;
        }
        if spec.facility.is_some_and(|facility| facility > 23) {
            return Err("facility is a number from 0 to 23 (RFC 5424 section 6.2.1)".into());
        }
        Ok(())
    }

    /// Datagrams are not heard of again.
    fn takes_audit(&self, spec: &Spec) -> bool {
        ["tcp", "tls"].contains(&spec.transport.as_str())
    }

    fn requests(&self, spec: &Spec, told: &Told<'_>) -> Vec<Wire> {
        let news = told.news;
        let said = match spec.format.as_str() {
            "cef" => cef::line(news),
            // One record is one line.
            _ => told.text.trim().replace('\n', " | "),
        };
        let priority = u16::from(spec.facility.unwrap_or(LOCAL0)) * 8 + u16::from(severity(news.level()));
        let head =
            format!("<{priority}>1 {} {} tripoint - {}", news.at, name(news.host(), 255), name(&news.kind.word(), 32));
        let record = format!("{head} {} {said}", data(news));
        vec![Wire::Record(truncate(&record, RECORD_MAX).0.as_bytes().to_vec())]
    }
}

/// A name of printable ASCII (RFC 5424 section 6), `-` where nothing is left.
fn name(text: &str, bytes: usize) -> String {
    let plain: String = text.chars().filter(char::is_ascii_graphic).take(bytes).collect();
    if plain.is_empty() { "-".into() } else { plain }
}

/// Structured data, with the private number that examples have (RFC 5612).
fn data(news: &News) -> String {
    if let Some(row) = &news.audit {
        return structured(&of_audit(row));
    }
    let Some(alert) = &news.alert else { return "-".into() };
    let fields = [
        ("alert", alert.id.clone()),
        ("rule", alert.rule.clone()),
        ("level", alert.severity.level.to_string()),
        ("score", alert.severity.score.to_string()),
        ("application", alert.application.name.clone()),
        ("peer", alert.indicator.clone()),
        ("cve", alert.cves.join(",")),
    ];
    structured(&fields)
}

fn structured(fields: &[(&str, String)]) -> String {
    let fields = fields.iter().filter(|(_, value)| !value.is_empty());
    let fields: String = fields.map(|(name, value)| format!(" {name}=\"{}\"", escape(value))).collect();
    format!("[tripoint@32473{fields}]")
}

/// Number and hash first: by them a row is found again, and known to be the same.
fn of_audit(row: &AuditRow) -> [(&'static str, String); 9] {
    let entry = &row.entry;
    [
        ("number", row.number.to_string()),
        ("hash", row.hash.clone()),
        ("who", entry.who.clone()),
        ("by", entry.by.clone()),
        ("from", entry.from.clone()),
        ("what", entry.what.clone()),
        ("target", entry.target.clone()),
        ("result", entry.result.clone()),
        ("reason", entry.reason.clone()),
    ]
}

/// RFC 5424 section 6.3.3.
fn escape(text: &str) -> String {
    let short = truncate(text, VALUE_MAX).0;
    short.replace('\\', "\\\\").replace('"', "\\\"").replace(']', "\\]")
}

fn severity(level: Level) -> u8 {
    match level {
        Level::Critical => 2,
        Level::High => 3,
        Level::Medium => 4,
        Level::Low => 5,
        Level::Informational => 6,
    }
}

/// `local0`.
const LOCAL0: u8 = 16;
/// What receivers should take (RFC 5424 section 6.1).
const RECORD_MAX: usize = 2048;
const VALUE_MAX: usize = 256;
