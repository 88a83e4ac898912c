//! How does an OVAL file become advisories, as far as its criteria say "this package below that version"?

use std::collections::{BTreeSet, HashMap};
use std::io::BufRead;

use tripoint_model::{Ecosystem, FindingState};

use super::document::{self, has};
use super::{Advisory, AdvisoryFormat, Affected, Authority, Sink, Statement};
use crate::oval::{Criteria, Definition, Oval, architecture, distribution};
use crate::subject::NameKind;
use crate::version::{Scheme, VERSION_BYTES_MAX};

/// Open Vulnerability and Assessment Language. A record is a definition.
pub(super) struct OvalFile;

impl AdvisoryFormat for OvalFile {
    fn name(&self) -> &'static str {
        "oval"
    }

    fn recognises(&self, _file: &str, head: &[u8]) -> bool {
        has(head, "<oval_definitions") || has(head, ":oval_definitions")
    }

    fn read(&self, file: &str, input: &mut dyn BufRead, out: &mut dyn Sink) {
        let oval = crate::oval::read(input, &mut |line, reason| out.refuse(file, line, reason));
        for definition in &oval.definitions {
            match advisory(&oval, definition) {
                Ok((advisory, left_out)) => {
                    out.accept(Statement::Advisory(Box::new(advisory)));
                    left_out.into_iter().for_each(|reason| out.refuse_part(file, definition.line, reason));
                }
                Err(reason) => out.refuse(file, definition.line, reason),
            }
        }
    }
}

/// Where the criteria being read apply.
#[derive(Clone, Default)]
struct Place<'o> {
    releases: Vec<(Ecosystem, String)>,
    module: String,
    /// Of packages; empty for all.
    arches: BTreeSet<&'o str>,
}

/// The advisory, and what of its definition is not in it.
fn advisory(oval: &Oval, definition: &Definition) -> Result<(Advisory, Vec<String>), String> {
    let id = definition.references.iter().find(|id| is_notice(id)).or(definition.references.first());
    let id = document::id(id.unwrap_or(&definition.id))?;
    let cves = definition.references.iter().map(String::as_str);
    // Titles begin with the id where the references do not give it.
    let titled = definition.title.split([' ', ':']).next().unwrap_or_default();
    let mut advisory = document::advisory(id, cves.chain([titled]), &definition.title, Authority::Keeper);
    let place = Place { releases: oval.releases(definition), ..Place::default() };
    let criteria = definition.criteria.as_ref().ok_or_else(|| format!("{}: no criteria", definition.id))?;
    let mut machines = BTreeSet::new();
    architecture::named(criteria, &mut machines);
    let mut affected = Vec::new();
    flatten(oval, criteria, &machines, &place, &mut affected);
    let source = affected.first().map_or("oval", |one| slug(one.ecosystem));
    document::rate(&mut advisory, source, &definition.severity);
    for vector in &definition.vectors {
        document::rate(&mut advisory, &format!("{source}_cvss"), vector);
    }
    let mut left_out = Vec::new();
    match negated(criteria) {
        0 => {}
        count => left_out.push(format!("{}: {count} negated criteria are not read", definition.id)),
    }
    let dropped;
    (advisory.affected, dropped) = merged(affected);
    if dropped > 0 {
        left_out.push(format!("{}: {dropped} packages left out: more than {AFFECTED_MAX}", definition.id));
    }
    if advisory.affected.is_empty() {
        let reason =
            if place.releases.is_empty() { "no known platform" } else { "no criterion names a package's version" };
        return Err(format!("{}: {reason}", definition.id));
    }
    Ok((advisory, left_out))
}

/// How many criteria say what must not be so.
fn negated(criteria: &Criteria) -> usize {
    match criteria {
        Criteria::Any(_, true) | Criteria::All(_, true) | Criteria::Test { negate: true, .. } => 1,
        Criteria::Any(parts, _) | Criteria::All(parts, _) => parts.iter().map(negated).sum(),
        _ => 0,
    }
}

/// An update notice's id rather than a CVE's.
fn is_notice(id: &str) -> bool {
    ["RHSA-", "ELSA-", "ALSA-", "SUSE-", "openSUSE-", "USN-", "DSA-", "DLA-", "PHSA-", "OVMSA-"]
        .iter()
        .any(|start| id.starts_with(start))
}

/// Each entry once; what is the same on several architectures is one entry of them all. Also how
/// many there was no room for.
fn merged(entries: Vec<Affected>) -> (Vec<Affected>, usize) {
    let mut out: Vec<Affected> = Vec::new();
    let mut dropped = 0;
    let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
    for mut entry in entries {
        let arch = std::mem::take(&mut entry.arch);
        let known = by_name.entry(entry.name.clone()).or_default();
        let same = known.iter().copied().find(|at| {
            out.get_mut(*at).is_some_and(|other| {
                let own = std::mem::take(&mut other.arch);
                let is_same = *other == entry;
                other.arch = own;
                is_same
            })
        });
        let full = out.len() >= AFFECTED_MAX;
        let next = out.len();
        match same.and_then(|at| out.get_mut(at)) {
            // One that holds everywhere covers it.
            Some(other) if other.arch.is_empty() || arch.is_empty() => other.arch.clear(),
            Some(other) => {
                let both: BTreeSet<&str> = other.arch.split(',').chain(arch.split(',')).collect();
                other.arch = joined(&both);
            }
            None if full => dropped += 1,
            None => {
                known.push(next);
                out.push(Affected { arch, ..entry });
            }
        }
    }
    (out, dropped)
}

fn joined(arches: &BTreeSet<&str>) -> String {
    arches.iter().copied().collect::<Vec<_>>().join(",")
}

fn flatten<'o>(
    oval: &'o Oval,
    criteria: &'o Criteria,
    machines: &BTreeSet<&'o str>,
    place: &Place<'o>,
    out: &mut Vec<Affected>,
) {
    match criteria {
        Criteria::Any(parts, false) => parts.iter().for_each(|part| flatten(oval, part, machines, place, out)),
        Criteria::All(parts, false) => {
            let mut inner = place.clone();
            let (mut releases, mut own) = (Vec::new(), BTreeSet::new());
            for part in parts {
                installed(part, &mut releases);
                architecture::machines(part, &mut own);
                if let Criteria::Test { comment, negate: false, .. } = part
                    && let Some(stream) =
                        comment.strip_prefix("Module ").and_then(|rest| rest.strip_suffix(" is enabled"))
                {
                    inner.module = stream.to_owned();
                }
            }
            if !releases.is_empty() {
                inner.releases = releases;
            }
            if !own.is_empty() {
                inner.arches = architecture::of_packages(&own, machines);
            }
            parts.iter().for_each(|part| flatten(oval, part, machines, &inner, out));
        }
        Criteria::Test { id, comment, negate: false } => {
            let Some((names, kind, bound)) = leaf(oval, id, comment) else { return };
            let own = oval.tests.get(id).map(|test| oval.of_test(test)).unwrap_or_default();
            let arch = joined(if own.is_empty() { &place.arches } else { &own });
            for name in names {
                for (ecosystem, release) in &place.releases {
                    let mut affected = Affected::new(*ecosystem, release, &name).named(kind);
                    affected.release.clone_from(release);
                    affected.module.clone_from(&place.module);
                    affected.arch.clone_from(&arch);
                    bound.put(&mut affected);
                    out.push(affected);
                }
            }
        }
        _ => {}
    }
}

/// The releases that `X is installed` asks for, also where several are joined by OR.
fn installed(part: &Criteria, out: &mut Vec<(Ecosystem, String)>) {
    match part {
        Criteria::Any(parts, false) => parts.iter().for_each(|part| installed(part, out)),
        Criteria::Test { comment, negate: false, .. } => {
            let named = comment.strip_suffix(" is installed").or_else(|| comment.strip_suffix(" must be installed"));
            out.extend(named.and_then(distribution));
        }
        _ => {}
    }
}

enum Bound {
    Below(String),
    UpTo(String),
    Exactly(String),
    Always(FindingState),
}

impl Bound {
    fn put(&self, affected: &mut Affected) {
        match self {
            Self::Below(fix) => affected.ranges = vec![vec![(0, "0".to_owned()), (1, fix.clone())]],
            Self::UpTo(last) => affected.ranges = vec![vec![(0, "0".to_owned()), (2, last.clone())]],
            Self::Exactly(version) => affected.versions = vec![version.clone()],
            Self::Always(state) => {
                affected.state = *state;
                affected.ranges = vec![vec![(0, "0".to_owned())]];
            }
        }
    }
}

fn leaf(oval: &Oval, id: &str, comment: &str) -> Option<(Vec<String>, NameKind, Bound)> {
    let test = oval.tests.get(id)?;
    let states: Vec<_> = test.states.iter().filter_map(|state| oval.states.get(state)).collect();
    let (name, kind) = match test.kind.as_str() {
        // Ubuntu's tests of its list of packages name the source, or a variable names the binaries.
        "textfilecontent54_test" if test.comment.contains('\'') => {
            (test.comment.split('\'').nth(1)?.to_owned(), NameKind::Source)
        }
        "textfilecontent54_test" => (oval.objects.get(&test.object)?.clone(), NameKind::Binary),
        "rpminfo_test" => (oval.objects.get(&test.object)?.clone(), NameKind::Binary),
        "dpkginfo_test" => (oval.objects.get(&test.object)?.clone(), NameKind::Any),
        _ => return None,
    };
    let names = match oval.variables.get(&name) {
        Some(values) => values.iter().filter_map(|value| binary(value)).collect(),
        None => vec![document::word(&name, "a package's name").ok()?],
    };
    let field = |name: &str| states.iter().find_map(|state| state.field(name));
    let (operation, value) = field("evr").or_else(|| field("subexpression")).unwrap_or_default();
    let value = value.strip_prefix("0:").unwrap_or(value).to_owned();
    let scheme = if test.kind == "rpminfo_test" { Scheme::Rpm } else { Scheme::Dpkg };
    let is_version = value.len() <= VERSION_BYTES_MAX && scheme.check(&value).is_ok();
    let kind = if oval.objects.len() == 1 && kind == NameKind::Binary { NameKind::Any } else { kind };
    let bound = match operation {
        "less than" if is_version => Bound::Below(value),
        "less than or equal" if is_version => Bound::UpTo(value),
        "equals" if is_version => Bound::Exactly(value),
        "greater than" | "greater than or equal" if comment.ends_with("is not affected") => {
            Bound::Always(FindingState::NotAffected)
        }
        "greater than" | "greater than or equal" if comment.ends_with("is affected") => {
            Bound::Always(FindingState::Affected)
        }
        "" if states.is_empty() && comment.ends_with("is installed") && !name.contains("release") => {
            Bound::Always(FindingState::Affected)
        }
        _ => return None,
    };
    Some((names, kind, bound))
}

/// `^libdemo1(?::\w+|)\s+(.*)$` asks for the package libdemo1.
fn binary(pattern: &str) -> Option<String> {
    let name = pattern.strip_prefix('^')?.split(['(', '\\']).next()?;
    document::word(name, "a package's name").ok()
}

fn slug(ecosystem: Ecosystem) -> &'static str {
    match ecosystem {
        Ecosystem::Debian => "debian",
        Ecosystem::Ubuntu => "ubuntu",
        Ecosystem::RedHat => "redhat",
        Ecosystem::OracleLinux => "oracle",
        Ecosystem::AlmaLinux => "almalinux",
        Ecosystem::RockyLinux => "rocky",
        Ecosystem::Suse | Ecosystem::OpenSuse => "suse",
        Ecosystem::AzureLinux => "azure",
        Ecosystem::Photon => "photon",
        _ => "oval",
    }
}

/// A definition of a whole distribution's rebuild names some thousands.
const AFFECTED_MAX: usize = 20_000;
