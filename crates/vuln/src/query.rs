//! Which advisories affect this package at this version, and what is known of this CVE?

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;
use smallvec::SmallVec;
use tripoint_model::{Ecosystem, FindingState};

use crate::image::Database;
use crate::naming;
use crate::ratings::Ratings;
use crate::said::{Said, said};
use crate::subject::{Asked, NameKind};
use crate::version::{Scheme, VersionError};

/// A question that cannot be answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// The ecosystem is not known.
    #[error("unknown ecosystem {0:?}")]
    UnknownEcosystem(String),
    /// The purl cannot be read or is of an unknown type.
    #[error("not a package URL of a known type: {0:?}")]
    BadPurl(String),
    /// The version is none.
    #[error(transparent)]
    Version(#[from] VersionError),
}

/// The line of `vulns query --json`, borrowed from the question and the database.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct QueryAnswer<'d> {
    /// As asked.
    pub ecosystem: Cow<'d, str>,
    /// As asked.
    pub name: Cow<'d, str>,
    /// As asked.
    pub version: Cow<'d, str>,
    /// CVE ids of the findings that are affected; sorted.
    pub cves: Vec<&'d str>,
    /// The findings, by id.
    pub findings: Vec<QueryFinding<'d>>,
    /// Why there is no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// One advisory that speaks of the version, borrowed from the database.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QueryFinding<'d> {
    /// The advisory's id.
    pub id: &'d str,
    /// Its CVE ids, sorted.
    pub cves: SmallVec<[&'d str; 1]>,
    /// What it says of the version.
    pub state: FindingState,
    /// The version that carries the fix.
    pub fixed: Option<&'d str>,
    /// Severity by source.
    pub severity: Ratings<'d>,
    /// The data source.
    pub source: &'d str,
}

/// What is known of a CVE.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CveAnswer {
    /// The id.
    pub cve: String,
    /// Listed in CISA's catalogue.
    pub known_exploited: bool,
    /// EPSS, parts per 10,000.
    pub epss_bp: Option<u16>,
    /// Severity by source, independent of any advisory.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub severity: BTreeMap<String, String>,
    /// The advisories that name it.
    pub advisories: Vec<CveAdvisory>,
}

/// An advisory that names a CVE.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CveAdvisory {
    /// Its id.
    pub id: String,
    /// The data source.
    pub source: String,
    /// One line for people.
    pub summary: String,
    /// Severity by source.
    pub severity: BTreeMap<String, String>,
    /// Highest CVSS base score in tenths.
    pub cvss_tenths: Option<u8>,
    /// The packages it speaks of.
    pub packages: Vec<CvePackage>,
}

/// A package that an advisory speaks of.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CvePackage {
    /// `Debian:12`, `PyPI`.
    pub ecosystem: String,
    /// Its name.
    pub name: String,
    /// The last version named as a fix.
    pub fixed: Option<String>,
}

/// Asks for an ecosystem (with or without release: `Debian:12`, `Debian`), the name as the
/// advisory spells it, and a version. What cannot be asked is answered with `error`.
pub fn query<'d>(database: &'d Database, ecosystem: &'d str, name: &'d str, version: &'d str) -> QueryAnswer<'d> {
    if name.starts_with("pkg:") {
        return query_purl(database, name);
    }
    let answer = QueryAnswer {
        ecosystem: ecosystem.into(),
        name: name.into(),
        version: version.into(),
        ..QueryAnswer::default()
    };
    match naming::ecosystem(ecosystem) {
        Some((found, release)) => ask(database, found, &release, name, "", answer),
        None => failed(answer, &QueryError::UnknownEcosystem(ecosystem.chars().take(64).collect())),
    }
}

/// Asks for a package URL with a version.
pub fn query_purl<'d>(database: &'d Database, purl: &'d str) -> QueryAnswer<'d> {
    let Some(named) = naming::purl(purl) else {
        let error = QueryError::BadPurl(purl.chars().take(200).collect());
        return failed(QueryAnswer { name: purl.into(), ..QueryAnswer::default() }, &error);
    };
    let ecosystem = match named.ecosystem.osv_name() {
        name if named.release.is_empty() => name.into(),
        name => format!("{name}:{}", named.release).into(),
    };
    let release = naming::release(named.ecosystem, &named.release);
    // A source package is built for every architecture.
    let arch = naming::qualifier(purl, "arch").filter(|arch| !matches!(arch.as_str(), "src" | "source"));
    let (name, version) = (named.name.clone().into(), named.version.into());
    let answer = QueryAnswer { ecosystem, name, version, ..QueryAnswer::default() };
    ask(database, named.ecosystem, &release, &named.name, &arch.unwrap_or_default(), answer)
}

fn failed<'d>(mut answer: QueryAnswer<'d>, error: &QueryError) -> QueryAnswer<'d> {
    answer.error = Some(error.to_string());
    answer
}

fn ask<'d>(
    database: &'d Database,
    ecosystem: Ecosystem,
    release: &str,
    name: &str,
    arch: &str,
    mut answer: QueryAnswer<'d>,
) -> QueryAnswer<'d> {
    let version = answer.version.trim();
    if let Err(error) = Scheme::of(ecosystem).check(version) {
        return failed(answer, &error.into());
    }
    let name = naming::package(ecosystem, name);
    let asked = Asked { ecosystem, release, name: &name, version, kind: NameKind::Any, module: None, arch };
    let found = said(database, &[asked]);
    let affected = found.iter().filter(|said| said.state == FindingState::Affected);
    answer.cves = affected.flat_map(|said| said.cves.iter().copied()).collect();
    answer.cves.sort_unstable();
    answer.cves.dedup();
    answer.findings = found.into_iter().map(finding).collect();
    answer
}

fn finding(said: Said<'_>) -> QueryFinding<'_> {
    let Said { id, cves, state, fixed, severity, source, .. } = said;
    QueryFinding { id, cves, state, fixed, severity, source }
}

/// What is known of a CVE; `None` when nothing is.
pub fn lookup_cve(database: &Database, id: &str) -> Option<CveAnswer> {
    let id = id.trim().to_ascii_uppercase();
    let found = database.cve(&id)?;
    let (known_exploited, epss_bp) = (found.known_exploited, found.epss_bp);
    let severity =
        found.severities.iter().map(|(source, value, _)| ((*source).to_owned(), (*value).to_owned())).collect();
    let advisories = found.advisories.iter().filter_map(|at| advisory(database, at)).collect();
    Some(CveAnswer { cve: id, known_exploited, epss_bp, severity, advisories })
}

fn advisory(database: &Database, at: u32) -> Option<CveAdvisory> {
    let advisory = database.advisory(at)?;
    let (summary, packages) = database.details(&advisory)?;
    let package = |[ecosystem, release, name, fixed]: [&str; 4]| CvePackage {
        ecosystem: if release.is_empty() { ecosystem.to_owned() } else { format!("{ecosystem}:{release}") },
        name: name.to_owned(),
        fixed: (!fixed.is_empty()).then(|| fixed.to_owned()),
    };
    Some(CveAdvisory {
        id: advisory.id.to_owned(),
        source: advisory.source.to_owned(),
        summary: summary.to_owned(),
        severity: advisory.severity.to_map(),
        cvss_tenths: advisory.cvss_tenths,
        packages: packages.into_iter().map(package).collect(),
    })
}
