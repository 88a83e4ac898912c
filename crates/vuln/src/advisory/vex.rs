//! How do OpenVEX and CycloneDX documents become advisories of the packages that they name?

use std::collections::BTreeMap;
use std::io::BufRead;

use tripoint_model::FindingState;

use super::document::{self, is_json};
use super::{AdvisoryFormat, Affected, Authority, Sink, Statement};
use crate::naming;
use crate::subject::NameKind;
use crate::version::{Scheme, VERSION_BYTES_MAX};
use crate::vex::{Kind, Vex, VexStatement};

/// OpenVEX, as Ubuntu publishes it. A record is a vulnerability of a document.
pub(super) struct OpenVex;
/// CycloneDX with analysed vulnerabilities.
pub(super) struct CycloneDx;

impl AdvisoryFormat for OpenVex {
    fn name(&self) -> &'static str {
        "openvex"
    }

    fn recognises(&self, _file: &str, head: &[u8]) -> bool {
        is_json(head) && Kind::of(head) == Some(Kind::OpenVex)
    }

    fn read(&self, file: &str, input: &mut dyn BufRead, out: &mut dyn Sink) {
        read(file, input, out);
    }
}

impl AdvisoryFormat for CycloneDx {
    fn name(&self) -> &'static str {
        "cyclonedx-vex"
    }

    fn recognises(&self, _file: &str, head: &[u8]) -> bool {
        is_json(head) && Kind::of(head) == Some(Kind::CycloneDx)
    }

    fn read(&self, file: &str, input: &mut dyn BufRead, out: &mut dyn Sink) {
        read(file, input, out);
    }
}

/// Ecosystem, release, name, kind.
type Key = (tripoint_model::Ecosystem, String, String, NameKind);

fn read(file: &str, input: &mut dyn BufRead, out: &mut dyn Sink) {
    let Some(bytes) = document::whole(file, input, FILE_BYTES_MAX, out) else { return };
    let vex = Vex::read(file, &bytes);
    let mut by_id: BTreeMap<&str, Vec<&VexStatement>> = BTreeMap::new();
    for statement in &vex.statements {
        by_id.entry(&statement.id).or_default().push(statement);
    }
    for (id, statements) in by_id {
        let own = match document::id(id) {
            Ok(own) => own,
            Err(reason) => {
                out.refuse(file, 1, reason.to_owned());
                continue;
            }
        };
        let affected = affected(&statements);
        if affected.is_empty() {
            out.refuse(file, 1, format!("{own}: no product is a package"));
            continue;
        }
        let aliases = statements.iter().flat_map(|one| &one.aliases).map(String::as_str);
        let is_kept = affected.iter().any(|one| one.ecosystem.is_distribution());
        let authority = if is_kept { Authority::Keeper } else { Authority::Upstream };
        let mut advisory = document::advisory(own, aliases, "", authority);
        advisory.affected = affected;
        out.accept(Statement::Advisory(Box::new(advisory)));
    }
    for rejected in vex.rejected {
        out.refuse(file, rejected.line, rejected.reason);
    }
}

/// A distribution's package is named with its newest version: what is said of it holds for older
/// ones, up to the fix. Elsewhere only the version named is meant.
fn affected(statements: &[&VexStatement]) -> Vec<Affected> {
    let mut said: BTreeMap<Key, BTreeMap<FindingState, Vec<String>>> = BTreeMap::new();
    for statement in statements {
        for product in &statement.products {
            let Some(named) = naming::purl(product) else { continue };
            if document::word(&named.name, "").is_err() || named.version.len() > VERSION_BYTES_MAX {
                continue;
            }
            let kind = match naming::qualifier(product, "arch").as_deref() {
                Some("source" | "src") => NameKind::Source,
                Some(_) if named.ecosystem.is_distribution() => NameKind::Binary,
                _ => NameKind::Any,
            };
            let release = naming::release(named.ecosystem, &named.release);
            let entry = said.entry((named.ecosystem, release, named.name, kind)).or_default();
            entry.entry(statement.status).or_default().push(named.version);
        }
    }
    said.into_iter().flat_map(|(key, states)| entries(&key, states)).collect()
}

fn entries((ecosystem, release, name, kind): &Key, states: BTreeMap<FindingState, Vec<String>>) -> Vec<Affected> {
    let start = || {
        let mut out = Affected::new(*ecosystem, release, name).named(*kind);
        out.release.clone_from(release);
        out
    };
    let scheme = Scheme::of(*ecosystem);
    let fixes = states.get(&FindingState::Fixed).into_iter().flatten().filter(|version| !version.is_empty());
    if let Some(fix) = fixes.min_by(|a, b| scheme.order(a, b)).filter(|_| ecosystem.is_distribution()) {
        return vec![start().below(fix)];
    }
    let spoken = states.into_iter().filter(|(state, _)| *state != FindingState::Fixed);
    let entry = |(state, versions): (FindingState, Vec<String>)| {
        let all = ecosystem.is_distribution() || versions.iter().any(String::is_empty);
        let mut out = start();
        if all {
            return out.always(state);
        }
        (out.state, out.versions) = (state, versions);
        out.versions.sort();
        out.versions.dedup();
        out
    };
    let mut all: Vec<Affected> = spoken.map(entry).collect();
    // Of contrary words on all versions of a distribution's package the gravest stands.
    if ecosystem.is_distribution() && all.len() > 1 {
        all.sort_by_key(|one| std::cmp::Reverse(crate::subject::weight(one.state)));
        all.truncate(1);
    }
    all
}

/// Ubuntu's documents on the kernel have some 20 MB.
const FILE_BYTES_MAX: u64 = 128 << 20;
