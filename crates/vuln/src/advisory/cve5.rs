//! What does a CVE record (5.x) say of severity and exploitation, by its author and by CISA?

use std::io::BufRead;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::document::{self, has, is_json};
use super::{AdvisoryFormat, Severity, Sink, Statement, is_cve};

/// One record a file. Its products are vendors' words, not packages, and are not matched.
pub(super) struct Cve5;

#[derive(Deserialize)]
struct Record {
    #[serde(rename = "cveMetadata")]
    metadata: Metadata,
    #[serde(default)]
    containers: Containers,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(rename = "cveId")]
    id: String,
    #[serde(default)]
    state: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Containers {
    cna: Option<Container>,
    adp: Vec<Box<RawValue>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Container {
    #[serde(rename = "providerMetadata")]
    provider: Provider,
    metrics: Vec<Box<RawValue>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Provider {
    #[serde(rename = "shortName")]
    name: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Metric {
    #[serde(rename = "cvssV4_0")]
    v4: Option<Vector>,
    #[serde(rename = "cvssV3_1", alias = "cvssV3_0")]
    v3: Option<Vector>,
    other: Option<Other>,
}

#[derive(Deserialize)]
struct Vector {
    #[serde(rename = "vectorString")]
    vector: String,
}

#[derive(Deserialize)]
struct Other {
    #[serde(rename = "type")]
    kind: String,
    content: Box<RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Content {
    #[serde(rename = "dateAdded")]
    added: String,
    options: Vec<Choice>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Choice {
    #[serde(rename = "Exploitation")]
    exploitation: Option<String>,
    #[serde(rename = "Automatable")]
    automatable: Option<String>,
    #[serde(rename = "Technical Impact")]
    impact: Option<String>,
}

impl AdvisoryFormat for Cve5 {
    fn name(&self) -> &'static str {
        "cve"
    }

    fn recognises(&self, _file: &str, head: &[u8]) -> bool {
        is_json(head) && has(head, "\"CVE_RECORD\"")
    }

    fn read(&self, file: &str, input: &mut dyn BufRead, out: &mut dyn Sink) {
        let Some(bytes) = document::whole(file, input, FILE_BYTES_MAX, out) else { return };
        let Some(record) = document::parse::<Record>(file, &bytes, "a CVE record", out) else { return };
        let id = record.metadata.id;
        if !is_cve(&id) {
            return out.refuse(file, 1, "cveId is not a CVE id".to_owned());
        }
        if record.metadata.state == "REJECTED" {
            return out.refuse(file, 1, format!("{id}: rejected"));
        }
        let mut statements = Vec::new();
        for metric in record.containers.cna.iter().flat_map(|container| &container.metrics) {
            metric_of(&id, "cna", metric, &mut statements);
        }
        for container in &record.containers.adp {
            let container: Container = document::lenient(Some(container));
            let source = if container.provider.name == "CISA-ADP" { "cisa" } else { "adp" };
            for metric in &container.metrics {
                metric_of(&id, source, metric, &mut statements);
            }
        }
        let mut statements = statements.into_iter();
        match statements.next() {
            Some(first) => out.accept(first),
            None => out.refuse(file, 1, format!("{id}: it names neither severity nor exploitation")),
        }
        statements.for_each(|statement| out.add(statement));
    }
}

fn metric_of(cve: &str, source: &str, metric: &RawValue, out: &mut Vec<Statement>) {
    let metric: Metric = document::lenient(Some(metric));
    let mut rate = |source: String, value: String, tenths: Option<u8>| {
        out.push(Statement::Severity(Box::new(Severity { cve: cve.to_owned(), source, value, tenths })));
    };
    for (suffix, vector) in [("", metric.v3), ("_cvss_v4", metric.v4)] {
        let Some(Vector { vector }) = vector else { continue };
        if let Some(tenths) = document::tenths(&vector).filter(|_| vector.len() <= 256) {
            rate(format!("{source}{suffix}"), vector, Some(tenths));
        }
    }
    let Some(other) = metric.other else { return };
    let content: Content = document::lenient(Some(&other.content));
    match other.kind.as_str() {
        "ssvc" => {
            let mut words = Vec::new();
            for choice in content.options {
                for (key, value) in [
                    ("exploitation", choice.exploitation),
                    ("automatable", choice.automatable),
                    ("impact", choice.impact),
                ] {
                    words.extend(value.filter(|value| value.len() <= 16).map(|value| format!("{key}:{value}")));
                }
            }
            if !words.is_empty() && words.len() <= 3 {
                rate("ssvc".to_owned(), words.join(" "), None);
            }
        }
        "kev" if content.added.len() <= 32 => out.push(Statement::Exploited(cve.to_owned(), content.added)),
        _ => {}
    }
}

const FILE_BYTES_MAX: u64 = 16 << 20;
