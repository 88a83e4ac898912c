//! How are the secdb files of Alpine, Wolfi and Chainguard read (JSON or YAML)?

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::BufRead;
use std::rc::Rc;

use serde::Deserialize;
use serde_json::value::RawValue;
use tripoint_model::{Ecosystem, FindingState};

use super::document::{self, has};
use super::listed::{Items, Members, Required, Text};
use super::{AdvisoryFormat, Affected, Authority, Sink, Statement, yaml};
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
    packages: Required<'a>,
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
    secfixes: Members<'a>,
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
        let walked = list.packages.0.each(|at, entry: &RawValue| {
            let line = at as u64 + 1;
            match serde_json::from_str::<Entry<'_>>(entry.get()) {
                Ok(entry) => read_package(file, line, ecosystem, &release, &entry.pkg, out),
                Err(error) => out.refuse(file, line, format!("packages[{at}]: {error}")),
            }
        });
        if let Err(error) = walked {
            out.refuse(file, 1, format!("not a list of secfixes: {error}"));
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
    let mut of_ids: BTreeMap<Cow<'_, str>, Option<Rc<str>>> = BTreeMap::new();
    let mut over = 0_usize;
    let walked = package.secfixes.each(|version, ids: Items<'_>| {
        if version != "0" && Scheme::Apk.check(&version).is_err() {
            return out.refuse(file, line, format!("{name}: {version:.64} is no version"));
        }
        let fix = Some(Rc::from(version.as_ref())).filter(|_| version != "0");
        let listed = ids.each(|_, Text(text)| {
            each_id(text, &mut |id| {
                let full = of_ids.len() >= IDS_MAX;
                match of_ids.get_mut(&id) {
                    Some(known) => later(known, fix.as_ref()),
                    None if full => over += 1,
                    None => drop(of_ids.insert(id, fix.clone())),
                }
            });
        });
        if let Err(error) = listed {
            out.refuse(file, line, format!("{name}: {version:.64}: {error}"));
        }
    });
    if let Err(error) = walked {
        out.refuse(file, line, format!("{name}: secfixes: {error}"));
    }
    if over > 0 {
        out.refuse(file, line, format!("{name}: {over} ids more than {IDS_MAX}"));
    }
    for (id, fix) in of_ids {
        let own = Affected::new(ecosystem, release, &name).named(NameKind::Source);
        let own = match fix {
            Some(fix) => own.below(&fix),
            // Version 0: the fault never was in this package.
            None => own.always(FindingState::NotAffected),
        };
        let mut advisory = document::advisory(id.into_owned(), [], "", Authority::Keeper);
        advisory.affected.push(own);
        out.accept(Statement::Advisory(Box::new(advisory)));
    }
}

/// Named twice: the later fix counts, the earlier did not suffice.
fn later(known: &mut Option<Rc<str>>, fix: Option<&Rc<str>>) {
    let Some(fix) = fix else { return };
    if known.as_ref().is_none_or(|known| Scheme::Apk.order(known, fix).is_lt()) {
        *known = Some(fix.clone());
    }
}

/// Some lists put several ids into one text.
fn each_id<'d>(text: Cow<'d, str>, show: &mut dyn FnMut(Cow<'d, str>)) {
    match text {
        Cow::Borrowed(text) => text.split_whitespace().filter(|id| is_id(id)).for_each(|id| show(Cow::Borrowed(id))),
        Cow::Owned(text) => {
            text.split_whitespace().filter(|id| is_id(id)).for_each(|id| show(Cow::Owned(id.to_owned())));
        }
    }
}

fn is_id(id: &str) -> bool {
    id.contains('-') && id.len() <= 64 && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_:.".contains(&byte))
}

/// Wolfi's list of all has 12 MB.
const FILE_BYTES_MAX: u64 = 64 << 20;
/// Of one package; a kernel has thousands.
const IDS_MAX: usize = 50_000;
