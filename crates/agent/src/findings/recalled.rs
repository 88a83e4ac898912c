//! What became of the software of alerts of which nothing but the alert is left: after a start, and after long?
//!
//! The server says which alerts of this host are not closed. Their applications are looked for among what lives, and
//! their packages among what is installed: now, and whenever one of them changes.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::time::{Duration, Instant};

use tripoint_model::judgement::{OpenAlert, OpenPackage, PackageNow, Software};
use tripoint_model::{AlertId, Finding, Package, PackageState, Process, ProcessKey};
use tripoint_sensor::procfs;
use tripoint_vuln::Database;

use super::{Findings, GLANCE, young};
use crate::detect::Wake;

/// A program that is begun anew is gone for a moment.
const SETTLE: Duration = Duration::from_millis(1000);

/// How long alerts wait at most for what else is asked.
const AGAIN: Duration = Duration::from_secs(2);
/// How the key of a container begins.
const CONTAINER: &str = "container:";

/// Alerts that are looked after, and which are to be looked at when.
#[derive(Default)]
pub(super) struct Recalled {
    alerts: HashMap<AlertId, OpenAlert>,
    due: BTreeMap<AlertId, Instant>,
    /// When it was last looked at what lives.
    looked: Option<Instant>,
}

/// What a process runs, and what of it is vulnerable.
pub(super) struct Runs {
    pub(super) packages: Vec<Package>,
    pub(super) findings: Vec<Finding>,
}

/// What lies on disk of a package that nothing runs.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Installed {
    /// As it was, as far as anybody knows.
    Same,
    /// Another version, which is not vulnerable.
    Other(String),
    /// None.
    Gone,
}

impl Recalled {
    /// What the server knows replaces what was looked after.
    pub(super) fn take(&mut self, alerts: Vec<OpenAlert>, now: Instant) {
        self.alerts = alerts.into_iter().map(|alert| (alert.alert.clone(), alert)).collect();
        self.all_due(now);
    }

    pub(super) fn all_due(&mut self, now: Instant) {
        self.due = self.alerts.keys().map(|id| (id.clone(), now)).collect();
    }

    /// A process of an application began or ended.
    pub(super) fn touch(&mut self, process: &Process, now: Instant) {
        if self.alerts.is_empty() {
            return;
        }
        let application = process.application().key();
        let of = self.alerts.values().filter(|alert| alert.application == application);
        self.due.extend(of.map(|alert| (alert.alert.clone(), now + SETTLE)));
    }
}

impl Findings {
    /// Looks at alerts whose turn it is, all with one look at what lives.
    pub(super) fn look_after(&mut self) {
        let now = Instant::now();
        let is_due = self.recalled.due.values().any(|at| *at <= now);
        // Whatever else is asked goes first, but not for ever: a look costs some milliseconds.
        let is_early = self.recalled.looked.is_some_and(|at| now.saturating_duration_since(at) < AGAIN);
        let is_busy = self.due.values().any(|at| *at <= now);
        if !is_due || (is_early && is_busy) {
            return;
        }
        let Some((database, _)) = self.database.clone() else { return };
        self.recalled.looked = Some(now);
        let living = living();
        let mut runs: HashMap<String, Vec<Runs>> = HashMap::new();
        let due: Vec<AlertId> =
            self.recalled.due.iter().filter(|(_, at)| **at <= now).map(|(id, _)| id.clone()).collect();
        for id in due {
            let Some(alert) = self.recalled.alerts.get(&id).cloned() else { continue };
            let own = living.get(&alert.application).map(Vec::as_slice).unwrap_or_default();
            // What is due to be looked at, or never was, is looked at first.
            let is_first = |key: &ProcessKey| {
                let is_due = self.due.get(key).is_some_and(|at| *at <= now || !self.told.contains_key(key));
                is_due || young::age(*key) < SETTLE
            };
            if own.iter().any(is_first) {
                self.recalled.due.insert(id, now + GLANCE);
                continue;
            }
            self.recalled.due.remove(&id);
            let runs = runs
                .entry(alert.application.clone())
                .or_insert_with(|| own.iter().map(|key| self.runs(*key, &database)).collect());
            let is_vulnerable = |one: &Package| {
                tripoint_vuln::match_package(&database, one).iter().any(|finding| finding.state.is_vulnerable())
            };
            let installed = |package: &OpenPackage| self.installed(&alert, package, is_vulnerable);
            let Some(software) = software(&alert, runs, installed).filter(|software| !alert.says(software)) else {
                continue;
            };
            if let Some(known) = self.recalled.alerts.get_mut(&id) {
                known.take(&software);
            }
            let _ = self.detector.send(Wake::Software { alert: id, software });
        }
    }

    fn runs(&self, key: ProcessKey, database: &Database) -> Runs {
        match self.told.get(&key) {
            Some(told) => Runs { packages: told.packages.clone(), findings: told.findings.to_vec() },
            None => {
                let packages = self.packages(key);
                let mut findings: Vec<Finding> =
                    packages.iter().flat_map(|package| tripoint_vuln::match_package(database, package)).collect();
                self.add_restarts(key, database, &mut findings);
                Runs { packages, findings }
            }
        }
    }

    fn installed(
        &self,
        alert: &OpenAlert,
        package: &OpenPackage,
        is_vulnerable: impl Fn(&Package) -> bool,
    ) -> Installed {
        // What lies in a container that does not run, nobody can say.
        if alert.application.starts_with(CONTAINER) {
            return Installed::Same;
        }
        let all = &self.inventory.inventory().packages;
        let of_name: Vec<&Package> = all.iter().filter(|one| base(&one.purl) == base(&package.purl)).collect();
        if of_name.iter().any(|one| one.version == package.version) {
            return Installed::Same;
        }
        match of_name.first() {
            Some(one) if !of_name.iter().any(|one| is_vulnerable(one)) => Installed::Other(one.version.clone()),
            Some(_) => Installed::Same,
            None if is_of_system(&package.purl) => Installed::Gone,
            None if !package.paths.is_empty() && package.paths.iter().all(|path| is_gone(&self.root, path)) => {
                Installed::Gone
            }
            None => Installed::Same,
        }
    }
}

/// What became of the software of an alert, by what its application's processes run; nothing where nothing of it can be
/// said. That nothing of it lives is no reason by itself: what is installed is begun again.
fn software(alert: &OpenAlert, runs: &[Runs], installed: impl Fn(&OpenPackage) -> Installed) -> Option<Software> {
    if runs.is_empty() {
        let ended = alert.packages.iter().map(|package| {
            let on_disk = match installed(package) {
                Installed::Same => return None,
                Installed::Other(version) => Some(version),
                Installed::Gone => None,
            };
            let (purl, presence) = (package.purl.clone(), PackageState::Installed);
            Some(PackageNow { purl, presence, on_disk, fixed_on_disk: false })
        });
        return Some(Software { packages: ended.collect::<Option<_>>()?, mended: true });
    }
    let packages = alert.packages.iter().filter_map(|package| now(package, runs)).collect();
    let is_of_alert = |finding: &&Finding| alert.packages.iter().any(|known| base(&known.purl) == base(&finding.purl));
    let is_clean = |runs: &Runs| !runs.findings.iter().filter(is_of_alert).any(|finding| finding.state.is_vulnerable());
    // Of what could not be read nothing is said.
    let was_read = runs.iter().any(|runs| !runs.packages.is_empty());
    Some(Software { packages, mended: was_read && runs.iter().all(is_clean) })
}

/// How present a package is in the process that runs it most.
fn now(package: &OpenPackage, runs: &[Runs]) -> Option<PackageNow> {
    let found = runs.iter().flat_map(|runs| &runs.findings).filter(|finding| finding.purl == package.purl);
    let found = found.filter(|finding| finding.state.is_vulnerable());
    let most = found.max_by_key(|finding| match finding.presence {
        PackageState::Loaded => 2,
        PackageState::Stale => 1,
        PackageState::Installed => 0,
    })?;
    let fix = most.fix_command.as_deref().unwrap_or_default();
    Some(PackageNow {
        purl: package.purl.clone(),
        presence: most.presence,
        on_disk: most.on_disk.clone(),
        fixed_on_disk: most.presence == PackageState::Stale && fix.starts_with("systemctl "),
    })
}

/// Every process that lives, by its application.
fn living() -> HashMap<String, Vec<ProcessKey>> {
    let mut all: HashMap<String, Vec<ProcessKey>> = HashMap::new();
    for process in procfs::pids().into_iter().filter_map(|pid| procfs::read(pid, None)) {
        all.entry(process.application().key()).or_default().push(process.key);
    }
    all
}

/// A package URL without its version and what follows it.
fn base(purl: &str) -> &str {
    purl.split(['@', '?', '#']).next().unwrap_or(purl)
}

/// Whether a package manager's database holds all there is of it.
fn is_of_system(purl: &str) -> bool {
    ["pkg:deb/", "pkg:rpm/", "pkg:apk/", "pkg:alpm/"].iter().any(|kind| purl.starts_with(kind))
}

/// Whether the file of a path, of the outermost archive where it lies in some, is there no more.
fn is_gone(root: &Path, path: &str) -> bool {
    let outer = path.split("!/").next().unwrap_or(path);
    // A name that is not UTF-8 is shown with other characters than it has.
    let is_shown = outer.chars().any(|c| ('\u{f700}'..='\u{f7ff}').contains(&c));
    let is_absent = |error: std::io::Error| error.kind() == std::io::ErrorKind::NotFound;
    outer.starts_with('/') && !is_shown && root.join(outer.trim_start_matches('/')).metadata().is_err_and(is_absent)
}

#[cfg(test)]
mod tests;
