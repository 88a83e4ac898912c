//! How is retire.js's list of JavaScript libraries read?

use std::io::BufRead;

use serde::Deserialize;
use serde_json::value::RawValue;
use tripoint_model::Ecosystem;

use super::document::{self, has, is_json};
use super::intervals::Interval;
use super::{Advisory, AdvisoryFormat, Affected, Authority, Sink, Statement};

/// `jsrepository.json`. A record is a vulnerability of a library.
pub(super) struct Retire;

#[derive(Deserialize)]
struct Library {
    #[serde(default)]
    npmname: Option<String>,
    #[serde(default)]
    vulnerabilities: Vec<Box<RawValue>>,
}

#[derive(Deserialize)]
struct Vulnerability {
    #[serde(default)]
    below: Option<String>,
    #[serde(default, rename = "atOrAbove")]
    from: Option<String>,
    #[serde(default)]
    severity: Option<String>,
    #[serde(default)]
    identifiers: Identifiers,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Identifiers {
    summary: Option<String>,
    #[serde(rename = "CVE")]
    cves: Vec<String>,
    #[serde(rename = "githubID")]
    github: Option<String>,
}

impl AdvisoryFormat for Retire {
    fn name(&self) -> &'static str {
        "retire"
    }

    fn recognises(&self, _file: &str, head: &[u8]) -> bool {
        is_json(head)
            && has(head, "\"vulnerabilities\"")
            && (has(head, "\"extractors\"") || has(head, "\"retire-example\""))
    }

    fn read(&self, file: &str, input: &mut dyn BufRead, out: &mut dyn Sink) {
        document::members(file, input, "a list of libraries", out, |library, value, out| {
            let found: Library = match serde_json::from_str(value.get()) {
                Ok(found) => found,
                Err(error) => return out.refuse(file, 1, format!("{library:.64}: {error}")),
            };
            let name = found.npmname.unwrap_or_else(|| library.clone());
            for (at, entry) in found.vulnerabilities.iter().enumerate() {
                match advisory(&name, at, entry) {
                    Ok(advisory) => out.accept(Statement::Advisory(Box::new(advisory))),
                    Err(reason) => out.refuse(file, 1, format!("{library:.64}: vulnerabilities[{at}]: {reason}")),
                }
            }
        });
    }
}

fn advisory(name: &str, at: usize, entry: &RawValue) -> Result<Advisory, String> {
    let raw: Vulnerability = serde_json::from_str(entry.get()).map_err(|error| error.to_string())?;
    let name = document::word(name, "the library's name")?;
    let ids = &raw.identifiers;
    let own = ids.github.as_deref().or(ids.cves.first().map(String::as_str)).map(str::to_owned);
    let id = document::id(&own.unwrap_or_else(|| format!("retire-{name}-{at}")))?;
    let cves = ids.cves.iter().map(String::as_str);
    let summary = ids.summary.as_deref().unwrap_or_default();
    let mut advisory = document::advisory(id, cves, summary, Authority::Upstream);
    document::rate(&mut advisory, "retire", raw.severity.as_deref().unwrap_or_default());
    let below = document::word(raw.below.as_deref().unwrap_or_default(), "`below`")?;
    let mut affected = Affected::new(Ecosystem::Npm, "", &name);
    affected.ranges = vec![Interval::between(raw.from.as_deref(), Some(&below)).events()];
    advisory.affected.push(affected);
    Ok(advisory)
}
