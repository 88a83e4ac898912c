//! How is retire.js's list of JavaScript libraries read?

use std::io::BufRead;

use serde::Deserialize;
use serde_json::value::RawValue;
use tripoint_model::Ecosystem;

use super::document::{self, has, is_json};
use super::intervals::Interval;
use super::listed::{Items, Text};
use super::{Advisory, AdvisoryFormat, Affected, Authority, Sink, Statement};

/// `jsrepository.json`. A record is a vulnerability of a library.
pub(super) struct Retire;

#[derive(Deserialize)]
struct Library<'d> {
    #[serde(default)]
    npmname: Option<String>,
    #[serde(borrow, default)]
    vulnerabilities: Items<'d>,
}

#[derive(Deserialize)]
struct Vulnerability<'d> {
    #[serde(default)]
    below: Option<String>,
    #[serde(default, rename = "atOrAbove")]
    from: Option<String>,
    #[serde(default)]
    severity: Option<String>,
    #[serde(borrow, default)]
    identifiers: Identifiers<'d>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Identifiers<'d> {
    summary: Option<String>,
    #[serde(borrow, rename = "CVE")]
    cves: Items<'d>,
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
            let found: Library<'_> = match serde_json::from_str(value.get()) {
                Ok(found) => found,
                Err(error) => return out.refuse(file, 1, format!("{library:.64}: {error}")),
            };
            let name = found.npmname.unwrap_or_else(|| library.clone());
            let walked = found.vulnerabilities.each(|at, entry: &RawValue| match advisory(&name, at, entry) {
                Ok(advisory) => out.accept(Statement::Advisory(Box::new(advisory))),
                Err(reason) => out.refuse(file, 1, format!("{library:.64}: vulnerabilities[{at}]: {reason}")),
            });
            if let Err(error) = walked {
                out.refuse(file, 1, format!("{library:.64}: vulnerabilities: {error}"));
            }
        });
    }
}

fn advisory(name: &str, at: usize, entry: &RawValue) -> Result<Advisory, String> {
    let raw: Vulnerability<'_> = serde_json::from_str(entry.get()).map_err(|error| error.to_string())?;
    let name = document::word(name, "the library's name")?;
    let ids = &raw.identifiers;
    let mut cves = Vec::new();
    ids.cves
        .each(|_, Text(id)| {
            if cves.len() < CVES_MAX {
                cves.push(id);
            }
        })
        .map_err(|error| format!("CVE: {error}"))?;
    let own = ids.github.as_deref().or(cves.first().map(AsRef::as_ref)).map(str::to_owned);
    let id = document::id(&own.unwrap_or_else(|| format!("retire-{name}-{at}")))?;
    let cves = cves.iter().map(AsRef::as_ref);
    let summary = ids.summary.as_deref().unwrap_or_default();
    let mut advisory = document::advisory(id, cves, summary, Authority::Upstream);
    document::rate(&mut advisory, "retire", raw.severity.as_deref().unwrap_or_default());
    let below = document::word(raw.below.as_deref().unwrap_or_default(), "`below`")?;
    let mut affected = Affected::new(Ecosystem::Npm, "", &name);
    affected.ranges = vec![Interval::between(raw.from.as_deref(), Some(&below)).events()];
    advisory.affected.push(affected);
    Ok(advisory)
}

/// Of one vulnerability; published ones have up to five.
const CVES_MAX: usize = 1000;
