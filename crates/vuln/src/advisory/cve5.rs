//! What does a CVE record (5.x) say of severity and exploitation, by its author and by CISA?

use std::io::BufRead;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::document::{self, has, is_json};
use super::listed::{Few, Items};
use super::{AdvisoryFormat, Severity, Sink, Statement, is_cve};

/// One record a file. Its products are vendors' words, not packages, and are not matched.
pub(super) struct Cve5;

#[derive(Deserialize)]
struct Record<'d> {
    #[serde(rename = "cveMetadata")]
    metadata: Metadata,
    #[serde(borrow, default)]
    containers: Containers<'d>,
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
struct Containers<'d> {
    #[serde(borrow)]
    cna: Option<Container<'d>>,
    #[serde(borrow)]
    adp: Items<'d>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Container<'d> {
    #[serde(rename = "providerMetadata")]
    provider: Provider,
    #[serde(borrow)]
    metrics: Items<'d>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Provider {
    #[serde(rename = "shortName")]
    name: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Metric<'d> {
    #[serde(rename = "cvssV4_0")]
    v4: Option<Vector>,
    #[serde(rename = "cvssV3_1", alias = "cvssV3_0")]
    v3: Option<Vector>,
    #[serde(borrow)]
    other: Option<Other<'d>>,
}

#[derive(Deserialize)]
struct Vector {
    #[serde(rename = "vectorString")]
    vector: String,
}

#[derive(Deserialize)]
struct Other<'d> {
    #[serde(rename = "type")]
    kind: String,
    #[serde(borrow)]
    content: &'d RawValue,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Content {
    #[serde(rename = "dateAdded")]
    added: String,
    options: Few<Choice, 64>,
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
        let Some(record) = document::parse::<Record<'_>>(file, &bytes, "a CVE record", out) else { return };
        let id = record.metadata.id;
        if !is_cve(&id) {
            return out.refuse(file, 1, "cveId is not a CVE id".to_owned());
        }
        if record.metadata.state == "REJECTED" {
            return out.refuse(file, 1, format!("{id}: rejected"));
        }
        let mut said = Said { out, cve: &id, any: false };
        let mut walked = Ok(());
        if let Some(container) = &record.containers.cna {
            walked = said.container("cna", container);
        }
        let mut unread = None;
        let others = record.containers.adp.each(|at, container: &RawValue| {
            let read = serde_json::from_str::<Container<'_>>(container.get()).and_then(|container| {
                let source = if container.provider.name == "CISA-ADP" { "cisa" } else { "adp" };
                said.container(source, &container)
            });
            if let Err(error) = read {
                unread.get_or_insert((at, error));
            }
        });
        // What one of them writes wrongly is not the author's.
        if let Some((at, error)) = unread {
            said.out.refuse_part(file, 1, format!("{id}: adp[{at}]: {error}"));
        }
        match (walked.and(others), said.any) {
            (Ok(()), true) => {}
            (Ok(()), false) => out.refuse(file, 1, format!("{id}: it names neither severity nor exploitation")),
            (Err(error), true) => out.refuse_part(file, 1, format!("{id}: {error}")),
            (Err(error), false) => out.refuse(file, 1, format!("not a CVE record: {error}")),
        }
    }
}

/// What a record has said so far: its first statement is the record, the others belong to it.
struct Said<'s> {
    out: &'s mut dyn Sink,
    cve: &'s str,
    any: bool,
}

impl Said<'_> {
    fn say(&mut self, statement: Statement) {
        if std::mem::replace(&mut self.any, true) { self.out.add(statement) } else { self.out.accept(statement) }
    }

    fn rate(&mut self, source: String, value: String, tenths: Option<u8>) {
        self.say(Statement::Severity(Box::new(Severity { cve: self.cve.to_owned(), source, value, tenths })));
    }

    fn container(&mut self, source: &str, container: &Container<'_>) -> Result<(), serde_json::Error> {
        container.metrics.each(|_, metric: &RawValue| {
            if let Ok(metric) = serde_json::from_str(metric.get()) {
                self.metric(source, metric);
            }
        })
    }

    fn metric(&mut self, source: &str, metric: Metric<'_>) {
        for (suffix, vector) in [("", metric.v3), ("_cvss_v4", metric.v4)] {
            let Some(Vector { vector }) = vector else { continue };
            if let Some(tenths) = document::tenths(&vector).filter(|_| vector.len() <= 256) {
                self.rate(format!("{source}{suffix}"), vector, Some(tenths));
            }
        }
        let Some(other) = metric.other else { return };
        let content: Content = document::lenient(Some(other.content));
        match other.kind.as_str() {
            "ssvc" => self.ssvc(content.options.0),
            "kev" if content.added.len() <= 32 => self.say(Statement::Exploited(self.cve.to_owned(), content.added)),
            _ => {}
        }
    }

    fn ssvc(&mut self, options: Vec<Choice>) {
        let mut words = Vec::new();
        for choice in options {
            for (key, value) in
                [("exploitation", choice.exploitation), ("automatable", choice.automatable), ("impact", choice.impact)]
            {
                words.extend(value.filter(|value| value.len() <= 16).map(|value| format!("{key}:{value}")));
            }
        }
        if !words.is_empty() && words.len() <= 3 {
            self.rate("ssvc".to_owned(), words.join(" "), None);
        }
    }
}

const FILE_BYTES_MAX: u64 = 16 << 20;
