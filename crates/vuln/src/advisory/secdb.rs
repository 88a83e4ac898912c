//! How are the secdb files of Alpine, Wolfi and Chainguard read (JSON or YAML)?

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::BufRead;

use serde::Deserialize;
use serde_json::value::RawValue;
use tripoint_model::{Ecosystem, FindingState};

use super::document::{self, has};
use super::{Advisory, AdvisoryFormat, Affected, Authority, Sink, Statement, yaml};
use crate::subject::NameKind;
use crate::version::Scheme;

/// `secfixes` by package and version. A record is a package's list of fixes in one version.
pub(super) struct SecDb;

#[derive(Deserialize)]
struct List<'a> {
    #[serde(borrow, default)]
    distroversion: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    reponame: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    urlprefix: Option<Cow<'a, str>>,
    #[serde(borrow)]
    packages: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow)]
    pkg: Package<'a>,
}

#[derive(Deserialize)]
struct Package<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    secfixes: Option<BTreeMap<Cow<'a, str>, &'a RawValue>>,
}

impl AdvisoryFormat for SecDb {
    fn name(&self) -> &'static str {
        "secdb"
    }

    fn recognises(&self, _file: &str, head: &[u8]) -> bool {
        has(head, "secfixes") && has(head, "packages") && (has(head, "pkg"))
    }

    fn read(&self, file: &str, input: &mut dyn BufRead, out: &mut dyn Sink) {
        let Some(mut bytes) = document::whole(file, input, FILE_BYTES_MAX, out) else { return };
        if !document::is_json(&bytes) {
            bytes = match yaml::to_json(&bytes) {
                Ok(json) => json,
                Err((line, reason)) => return out.refuse(file, line, reason),
            };
        }
        let Some(list) = document::parse::<List<'_>>(file, &bytes, "a list of secfixes", out) else { return };
        let Some((ecosystem, release)) = whose(&list) else {
            let (urls, repository) = (list.urlprefix.unwrap_or_default(), list.reponame.unwrap_or_default());
            return out.refuse(file, 1, format!("neither Alpine, Wolfi nor Chainguard: {urls:.64} {repository:.32}"));
        };
        for (at, entry) in (1_u64..).zip(&list.packages) {
            match serde_json::from_str::<Entry<'_>>(entry.get()) {
                Ok(entry) => read_package(file, at, ecosystem, &release, &entry.pkg, out),
                Err(error) => out.refuse(file, at, format!("packages[{}]: {error}", at - 1)),
            }
        }
    }
}

fn whose(list: &List<'_>) -> Option<(Ecosystem, String)> {
    let urls = list.urlprefix.as_deref().unwrap_or_default();
    let repository = list.reponame.as_deref().unwrap_or_default();
    let release = list.distroversion.as_deref().unwrap_or_default().to_owned();
    if urls.contains("alpinelinux.org") || !release.is_empty() {
        return Some((Ecosystem::Alpine, release));
    }
    match repository {
        _ if urls.contains("wolfi.dev") => Some((Ecosystem::Wolfi, String::new())),
        "wolfi" | "os" => Some((Ecosystem::Wolfi, String::new())),
        "chainguard" | "extra-packages" | "enterprise-packages" => Some((Ecosystem::Chainguard, String::new())),
        _ if urls.contains("cgr.dev") => Some((Ecosystem::Chainguard, String::new())),
        _ => None,
    }
}

fn read_package(file: &str, line: u64, ecosystem: Ecosystem, release: &str, package: &Package<'_>, out: &mut dyn Sink) {
    let name = match document::word(&package.name, "the package's name") {
        Ok(name) => name,
        Err(reason) => return out.refuse(file, line, reason),
    };
    let mut of_ids: BTreeMap<String, Affected> = BTreeMap::new();
    for (version, ids) in package.secfixes.iter().flatten() {
        let ids: Vec<String> = document::lenient(Some(ids));
        if version != "0" && Scheme::Apk.check(version).is_err() {
            out.refuse(file, line, format!("{name}: {version:.64} is no version"));
            continue;
        }
        for id in ids.iter().flat_map(|ids| ids.split_whitespace()).filter(|id| is_id(id)) {
            let own = of_ids
                .entry(id.to_owned())
                .or_insert_with(|| Affected::new(ecosystem, release, &name).named(NameKind::Source));
            // Version 0: the fault never was in this package.
            *own = match version.as_ref() {
                "0" => own.clone().always(FindingState::NotAffected),
                fix => own.clone().below(fix),
            };
        }
    }
    for (id, affected) in of_ids {
        out.accept(Statement::Advisory(Box::new(advisory(id, affected))));
    }
}

fn is_id(id: &str) -> bool {
    id.contains('-') && id.len() <= 64 && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_:.".contains(&byte))
}

fn advisory(id: String, mut affected: Affected) -> Advisory {
    // Named twice: the later fix counts, the earlier did not suffice.
    if affected.ranges.len() > 1 {
        let last = affected.ranges.iter().filter_map(|range| range.get(1).map(|(_, fix)| fix.clone()));
        let last = last.max_by(|a, b| Scheme::Apk.order(a, b));
        if let Some(fix) = last {
            affected.state = FindingState::Affected;
            affected.ranges.clear();
            affected = affected.below(&fix);
        }
    }
    let mut advisory = document::advisory(id, [], "", Authority::Keeper);
    advisory.affected.push(affected);
    advisory
}

/// Wolfi's list of all has 12 MB.
const FILE_BYTES_MAX: u64 = 64 << 20;
