//! How are GitHub's advisories read as its REST interface gives them?

use std::io::BufRead;

use serde::Deserialize;
use serde_json::value::RawValue;
use tripoint_model::Ecosystem;

use super::document::{self, has, is_json};
use super::intervals::{self, Interval};
use super::listed::{self, Items, Room};
use super::records::Records;
use super::{Advisory, AdvisoryFormat, Affected, Authority, Sink, Statement};
use crate::version::Scheme;

/// `GET /advisories`. A record is an advisory.
pub(super) struct Ghsa;

#[derive(Deserialize)]
struct Raw<'d> {
    ghsa_id: String,
    #[serde(default)]
    cve_id: Option<String>,
    #[serde(default)]
    summary: Option<String>,
    #[serde(default)]
    severity: Option<String>,
    #[serde(default)]
    withdrawn_at: Option<String>,
    #[serde(default)]
    cvss: Option<Vector>,
    #[serde(default)]
    cvss_severities: Option<Vectors>,
    #[serde(borrow, default)]
    vulnerabilities: Items<'d>,
}

#[derive(Deserialize)]
struct Vector {
    #[serde(default)]
    vector_string: Option<String>,
}

#[derive(Deserialize)]
struct Vectors {
    #[serde(default)]
    cvss_v4: Option<Vector>,
}

#[derive(Deserialize)]
struct Vulnerability {
    package: Package,
    #[serde(default)]
    vulnerable_version_range: Option<String>,
}

#[derive(Deserialize)]
struct Package {
    ecosystem: String,
    name: String,
}

impl AdvisoryFormat for Ghsa {
    fn name(&self) -> &'static str {
        "ghsa"
    }

    fn recognises(&self, _file: &str, head: &[u8]) -> bool {
        is_json(head) && has(head, "\"ghsa_id\"")
    }

    fn read(&self, file: &str, input: &mut dyn BufRead, out: &mut dyn Sink) {
        let mut records = Records::new(input, file, RECORD_BYTES_MAX);
        while let Some((line, record)) = records.next() {
            let read = match record {
                Ok(bytes) => listed::record::<Raw<'_>>(bytes)
                    .map_err(|error| format!("not an advisory: {error}"))
                    .map(|raw| (raw, bytes.len())),
                Err(reason) => Err(reason.to_owned()),
            };
            match read.and_then(|(raw, len)| advisory(file, line, raw, Room::of(len), out)) {
                Ok(advisory) => out.accept(Statement::Advisory(Box::new(advisory))),
                Err(reason) => out.refuse(file, line, reason),
            }
        }
    }
}

fn advisory(file: &str, line: u64, raw: Raw<'_>, mut room: Room, out: &mut dyn Sink) -> Result<Advisory, String> {
    let id = document::id(&raw.ghsa_id)?;
    let summary = raw.summary.unwrap_or_default();
    let mut advisory = document::advisory(id, raw.cve_id.as_deref(), &summary, Authority::Converted);
    if raw.withdrawn_at.is_some() {
        return Ok(advisory);
    }
    if let Some(vector) = raw.cvss.and_then(|cvss| cvss.vector_string) {
        document::rate(&mut advisory, "ghsa", &vector);
    }
    if let Some(vector) = raw.cvss_severities.and_then(|all| all.cvss_v4).and_then(|cvss| cvss.vector_string) {
        document::rate(&mut advisory, "ghsa_cvss_v4", &vector);
    }
    document::rate(&mut advisory, "ghsa", raw.severity.as_deref().unwrap_or_default());
    let walked = raw.vulnerabilities.each(|at, entry: &RawValue| match affected(entry, &mut room) {
        Ok(affected) => advisory.affected.push(affected),
        Err(reason) => out.refuse_part(file, line, format!("{}: vulnerabilities[{at}]: {reason}", advisory.id)),
    });
    walked.map_err(|error| format!("{}: vulnerabilities: {error}", advisory.id))?;
    if advisory.affected.is_empty() {
        Err(format!("{}: no package of it can be used", advisory.id))
    } else {
        Ok(advisory)
    }
}

fn affected(entry: &RawValue, room: &mut Room) -> Result<Affected, String> {
    let entry: Vulnerability = serde_json::from_str(entry.get()).map_err(|error| error.to_string())?;
    let kind = entry.package.ecosystem.to_ascii_lowercase();
    let (_, ecosystem) =
        ECOSYSTEMS.iter().find(|(name, _)| *name == kind).ok_or_else(|| format!("unknown ecosystem {kind:.32}"))?;
    let name = document::word(&entry.package.name, "the package's name")?;
    let range = entry.vulnerable_version_range.unwrap_or_default();
    // A range and two bounds cost the most beside the entry itself, and bounds are at least two letters apart.
    room.take(2 * size_of::<Affected>() + name.len() + 64 * range.len())?;
    let mut out = Affected::new(*ecosystem, "", &name);
    let range = if range.trim().is_empty() { ">= 0" } else { range.as_str() };
    out.ranges = intervals::parse(Scheme::of(*ecosystem), range)?.iter().map(Interval::events).collect();
    Ok(out)
}

/// GitHub's names of ecosystems; `other` has none.
const ECOSYSTEMS: &[(&str, Ecosystem)] = &[
    ("pip", Ecosystem::PyPI),
    ("npm", Ecosystem::Npm),
    ("maven", Ecosystem::Maven),
    ("go", Ecosystem::Go),
    ("rust", Ecosystem::CratesIo),
    ("rubygems", Ecosystem::RubyGems),
    ("nuget", Ecosystem::NuGet),
    ("composer", Ecosystem::Packagist),
    ("erlang", Ecosystem::Hex),
    ("pub", Ecosystem::Pub),
    ("swift", Ecosystem::Swift),
    ("actions", Ecosystem::GitHubActions),
];
const RECORD_BYTES_MAX: usize = 4 << 20;
