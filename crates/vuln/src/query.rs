//! Which advisories affect this package at this version, and what is known of this CVE?

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use tripoint_model::{Ecosystem, FindingState};

use crate::image::Database;
use crate::naming;
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

/// The line of `vulns query --json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct QueryAnswer {
    /// As asked.
    pub ecosystem: String,
    /// As asked.
    pub name: String,
    /// As asked.
    pub version: String,
    /// CVE ids of the findings that are affected; sorted.
    pub cves: Vec<String>,
    /// The findings, by id.
    pub findings: Vec<QueryFinding>,
    /// Why there is no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// One advisory that speaks of the version.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QueryFinding {
    /// The advisory's id.
    pub id: String,
    /// Its CVE ids, sorted.
    pub cves: Vec<String>,
    /// What it says of the version.
    pub state: FindingState,
    /// The version that carries the fix.
    pub fixed: Option<String>,
    /// Severity by source.
    pub severity: BTreeMap<String, String>,
    /// The data source.
    pub source: String,
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
pub fn query(database: &Database, ecosystem: &str, name: &str, version: &str) -> QueryAnswer {
    let answer = QueryAnswer {
        ecosystem: ecosystem.to_owned(),
        name: name.to_owned(),
        version: version.to_owned(),
        ..QueryAnswer::default()
    };
    if name.starts_with("pkg:") {
        return query_purl(database, name);
    }
    match naming::ecosystem(ecosystem) {
        Some((found, release)) => ask(database, found, &release, name, "", answer),
        None => failed(answer, &QueryError::UnknownEcosystem(ecosystem.chars().take(64).collect())),
    }
}

/// Asks for a package URL with a version.
pub fn query_purl(database: &Database, purl: &str) -> QueryAnswer {
    let Some(named) = naming::purl(purl) else {
        let error = QueryError::BadPurl(purl.chars().take(200).collect());
        return failed(QueryAnswer { name: purl.to_owned(), ..QueryAnswer::default() }, &error);
    };
    let name = named.ecosystem.osv_name();
    let shown = if named.release.is_empty() { name.to_owned() } else { format!("{name}:{}", named.release) };
    let release = naming::release(named.ecosystem, &named.release);
    let answer = QueryAnswer {
        ecosystem: shown,
        name: named.name.clone(),
        version: named.version.clone(),
        ..QueryAnswer::default()
    };
    // A source package is built for every architecture.
    let arch = naming::qualifier(purl, "arch").filter(|arch| !matches!(arch.as_str(), "src" | "source"));
    ask(database, named.ecosystem, &release, &named.name, &arch.unwrap_or_default(), answer)
}

fn failed(mut answer: QueryAnswer, error: &QueryError) -> QueryAnswer {
    answer.error = Some(error.to_string());
    answer
}

fn ask(
    database: &Database,
    ecosystem: Ecosystem,
    release: &str,
    name: &str,
    arch: &str,
    mut answer: QueryAnswer,
) -> QueryAnswer {
    let version = answer.version.trim().to_owned();
    if let Err(error) = Scheme::of(ecosystem).check(&version) {
        return failed(answer, &error.into());
    }
    let name = naming::package(ecosystem, name);
    let asked = Asked { ecosystem, release, name: &name, version: &version, kind: NameKind::Any, module: None, arch };
    let found = said(database, &[asked]);
    let cves: BTreeSet<&str> = found
        .iter()
        .filter(|said| said.state == FindingState::Affected)
        .flat_map(|said| said.cves.iter().copied())
        .collect();
    answer.cves = cves.into_iter().map(str::to_owned).collect();
    answer.findings = found.into_iter().map(finding).collect();
    answer
}

fn finding(said: Said<'_>) -> QueryFinding {
    QueryFinding {
        id: said.id.to_owned(),
        cves: said.cves.iter().map(|cve| (*cve).to_owned()).collect(),
        state: said.state,
        fixed: said.fixed.map(str::to_owned),
        severity: said.severity,
        source: said.source.to_owned(),
    }
}

/// What is known of a CVE; `None` when nothing is.
pub fn lookup_cve(database: &Database, id: &str) -> Option<CveAnswer> {
    let id = id.trim().to_ascii_uppercase();
    let found = database.cve(&id)?;
    let advisories = found.advisories.iter().filter_map(|at| database.advisory(*at)).map(|advisory| CveAdvisory {
        id: advisory.id.to_owned(),
        source: advisory.source.to_owned(),
        summary: advisory.summary.to_owned(),
        cvss_tenths: advisory.cvss_tenths,
        severity: advisory.severity,
        packages: advisory
            .packages
            .iter()
            .map(|[ecosystem, release, name, fixed]| CvePackage {
                ecosystem: if release.is_empty() { (*ecosystem).to_owned() } else { format!("{ecosystem}:{release}") },
                name: (*name).to_owned(),
                fixed: (!fixed.is_empty()).then(|| (*fixed).to_owned()),
            })
            .collect(),
    });
    Some(CveAnswer {
        cve: id,
        known_exploited: found.known_exploited,
        epss_bp: found.epss_bp,
        severity: database
            .cve_severities(&found)
            .map(|(source, value, _)| (source.to_owned(), value.to_owned()))
            .collect(),
        advisories: advisories.collect(),
    })
}
