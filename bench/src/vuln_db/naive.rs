//! The plain walk: every record is looked at for every question, as the OSV schema's evaluation is written down.

use std::cmp::Ordering;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::Result;
use serde::Deserialize;
use tripoint_vuln::version::compare;

use super::corpus::Question;

#[derive(Deserialize)]
struct Record {
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(default)]
    upstream: Vec<String>,
    affected: Vec<Affected>,
}

#[derive(Deserialize)]
struct Affected {
    package: Package,
    #[serde(default)]
    ranges: Vec<Range>,
    #[serde(default)]
    versions: Vec<String>,
}

#[derive(Deserialize)]
struct Package {
    ecosystem: String,
    name: String,
}

#[derive(Deserialize)]
struct Range {
    events: Vec<Event>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Event {
    Introduced(String),
    Fixed(String),
    LastAffected(String),
    Limit(String),
}

pub struct Records(Vec<Record>);

impl Records {
    /// Reads OSV records, one a line.
    pub fn read(file: &Path) -> Result<Self> {
        let lines = BufReader::new(std::fs::File::open(file)?).lines();
        Ok(Self(lines.map(|line| Ok(serde_json::from_str(&line?)?)).collect::<Result<_>>()?))
    }

    /// The CVEs of every record that says that the version is affected, sorted.
    pub fn cves(&self, asked: &Question) -> Vec<String> {
        let hits = self.0.iter().filter(|record| record.affected.iter().any(|affected| affected.hits(asked)));
        let mut out: Vec<String> =
            hits.flat_map(|record| record.aliases.iter().chain(&record.upstream)).cloned().collect();
        out.sort();
        out.dedup();
        out
    }
}

impl Affected {
    fn hits(&self, asked: &Question) -> bool {
        self.package.ecosystem == asked.ecosystem
            && self.package.name == asked.name
            && (self.versions.contains(&asked.version) || self.ranges.iter().any(|range| range.holds(asked)))
    }
}

impl Range {
    /// Affected when it was introduced at or before the version and nothing ended it since.
    fn holds(&self, asked: &Question) -> bool {
        let to = |at: &str| match at {
            "0" => Ordering::Greater,
            at => compare(asked.ecosystem, &asked.version, at).unwrap_or(Ordering::Less),
        };
        let mut is_affected = false;
        for event in &self.events {
            match event {
                Event::Introduced(at) if to(at).is_ge() => is_affected = true,
                Event::Fixed(at) if to(at).is_ge() => is_affected = false,
                Event::LastAffected(at) if to(at).is_gt() => is_affected = false,
                Event::Limit(at) if at != "*" && to(at).is_ge() => is_affected = false,
                _ => {}
            }
        }
        is_affected
    }
}
