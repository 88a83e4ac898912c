//! What software does a root filesystem hold, and what could not be looked at?

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use tripoint_model::{Package, Parsed, Rejected};

use crate::distro::Distro;
use crate::owner::PathIndex;
use crate::package::{CATALOGERS, dpkg};
use crate::root::Root;
use crate::walk::{Unseen, WalkLimits, walk};

/// Why a scan could not begin.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// The root cannot be opened.
    #[error("cannot open the root filesystem {root}: {source}")]
    Open {
        /// The path.
        root: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// What to scan.
#[derive(Clone, Debug)]
pub struct ScanOptions {
    /// Walk the whole root for language packages; without, only package databases are read.
    pub walk: bool,
    /// Entries of the walk.
    pub entries_max: usize,
}

impl Default for ScanOptions {
    fn default() -> Self {
        Self { walk: true, entries_max: 5_000_000 }
    }
}

/// How well a cataloger could look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CoverageStatus {
    /// Everything it looks for was read.
    Complete,
    /// Something was skipped.
    Partial,
    /// What it looks for is not here.
    Absent,
}

/// One line of the coverage report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// The cataloger.
    pub cataloger: String,
    /// How well it could look.
    pub status: CoverageStatus,
    /// What was skipped and why; empty when nothing was.
    pub reason: String,
}

/// What a scan found.
#[derive(Clone, Debug, Serialize)]
pub struct Inventory {
    /// The root that was scanned.
    pub root: String,
    /// Its distribution.
    pub distro: Option<Distro>,
    /// What is installed, sorted by purl; each once.
    pub packages: Vec<Package>,
    /// What was looked at, and how well.
    pub coverage: Vec<Coverage>,
    /// What could not be read, file by file; the first thousand of each cataloger.
    #[serde(skip)]
    pub rejected: Vec<Rejected>,
}

impl Inventory {
    /// Whether any package database was there.
    pub fn has_database(&self) -> bool {
        self.coverage.iter().any(|line| line.status != CoverageStatus::Absent)
    }

    /// Whether something was skipped.
    pub fn is_partial(&self) -> bool {
        self.coverage.iter().any(|line| line.status == CoverageStatus::Partial)
    }
}

/// Catalogs a root filesystem. `progress` is told how many files were looked at.
pub fn scan(root: &Path, options: &ScanOptions, progress: &mut dyn FnMut(usize)) -> Result<Inventory, ScanError> {
    let opened = Root::open(root).map_err(|source| ScanError::Open { root: root.to_owned(), source })?;
    Ok(scan_root(&opened, options, progress))
}

/// Catalogs an opened root.
pub(crate) fn scan_root(root: &Root, options: &ScanOptions, progress: &mut dyn FnMut(usize)) -> Inventory {
    let mut found: Vec<(bool, Parsed<Package>)> = CATALOGERS.iter().map(|_| (false, Parsed::default())).collect();
    for (cataloger, (present, out)) in CATALOGERS.iter().zip(&mut found) {
        *present = cataloger.database(root, out);
    }
    let mut unseen = None;
    if options.walk {
        let mut looked = 0;
        let limits = WalkLimits { entries_max: options.entries_max, depth_max: DEPTH_MAX };
        (_, unseen) = walk(root, "", limits, &mut |path| {
            looked += 1;
            if looked % 4096 == 0 {
                progress(looked);
            }
            for (cataloger, (present, out)) in CATALOGERS.iter().zip(&mut found) {
                if cataloger.wants(path) && out.accepted.len() < PACKAGES_MAX {
                    *present = true;
                    cataloger.read(root, path, out);
                }
            }
        });
        progress(looked);
    }
    let distro = Distro::of(root);
    let mut coverage = Vec::new();
    let mut rejected = Vec::new();
    for (cataloger, (present, out)) in CATALOGERS.iter().zip(&mut found) {
        coverage.push(cover(
            cataloger.name(),
            *present,
            out,
            cataloger.name() != "dpkg" && options.walk,
            unseen,
            distro.as_ref(),
        ));
        rejected.append(&mut out.rejected);
    }
    let mut found = found.into_iter().map(|(_, out)| out.accepted);
    let installed = found.next().unwrap_or_default();
    let languages: Vec<Package> = found.flatten().collect();
    let packages = merge(root, installed, languages);
    Inventory { root: root.shown().to_string_lossy().into_owned(), distro, packages, coverage, rejected }
}

fn cover(
    name: &str,
    present: bool,
    out: &Parsed<Package>,
    walked: bool,
    unseen: Option<Unseen>,
    distro: Option<&Distro>,
) -> Coverage {
    let mut reasons = Vec::new();
    if out.refused > 0 {
        let first = out
            .rejected
            .first()
            .map_or(String::new(), |first| format!(", first {}:{}: {}", first.file, first.line, first.reason));
        reasons.push(format!("{} entries refused{first}", out.refused));
    }
    if walked {
        match unseen {
            Some(Unseen::Entries) => reasons.push("the walk ended at its entry budget".to_owned()),
            Some(Unseen::Depth) => reasons.push(format!("folders deeper than {DEPTH_MAX} were left out")),
            Some(Unseen::Unreadable) => reasons.push("some folders could not be listed".to_owned()),
            None => {}
        }
    }
    if name == "dpkg" && present && distro.is_none() {
        reasons.push("no os-release: taken for Debian of unknown release".to_owned());
    }
    let status = match (present, reasons.is_empty()) {
        (_, false) if present || out.refused > 0 => CoverageStatus::Partial,
        (true, _) => CoverageStatus::Complete,
        (false, _) => CoverageStatus::Absent,
    };
    Coverage { cataloger: name.to_owned(), status, reason: reasons.join("; ") }
}

/// Joins language packages with the distribution's: what the distribution put there is its own
/// package, under whichever name; what is the same purl in several places is one package.
fn merge(root: &Root, mut installed: Vec<Package>, languages: Vec<Package>) -> Vec<Package> {
    let index =
        if languages.is_empty() || installed.is_empty() { PathIndex::default() } else { dpkg::index(root, &installed) };
    let mut by_purl: HashMap<String, usize> = HashMap::new();
    let mut kept: Vec<Package> = Vec::new();
    for package in languages {
        let outermost = package.paths.first().map_or("", |path| path.split("!/").next().unwrap_or(path));
        if index.owner(outermost).is_some() {
            continue;
        }
        match by_purl.get(&package.purl) {
            Some(at) if kept[*at].paths.len() < PATHS_MAX => kept[*at].paths.extend(package.paths),
            Some(_) => {}
            None => {
                by_purl.insert(package.purl.clone(), kept.len());
                kept.push(package);
            }
        }
    }
    installed.append(&mut kept);
    for package in &mut installed {
        for path in &mut package.paths {
            if !path.starts_with('/') {
                path.insert(0, '/');
            }
        }
        package.paths.dedup();
    }
    installed.sort();
    installed.dedup_by(|a, b| a.purl == b.purl);
    installed
}

const DEPTH_MAX: usize = 48;
/// Of one cataloger; a full Debian archive mirror on disk has fewer.
const PACKAGES_MAX: usize = 500_000;
/// Places kept for one package.
const PATHS_MAX: usize = 64;

#[cfg(test)]
mod tests;
