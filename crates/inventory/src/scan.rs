//! What software does a root filesystem hold, and what could not be looked at?

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use tripoint_model::{Package, Parsed, Rejected};

use crate::distro::Distro;
use crate::elf::Elf;
use crate::image::Image;
use crate::owner::{Owners, PathIndex};
use crate::package::{CATALOGERS, Cataloger, Reach};
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
    /// The image cannot be read.
    #[error("cannot read the image {file}: {reason}")]
    Image {
        /// The file or folder.
        file: PathBuf,
        /// Why.
        reason: String,
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
        self.coverage.iter().any(|line| line.status != CoverageStatus::Absent && line.cataloger != IMAGE)
    }

    /// Whether something was skipped.
    pub fn is_partial(&self) -> bool {
        self.coverage.iter().any(|line| line.status == CoverageStatus::Partial)
    }
}

/// Catalogs a root filesystem. `progress` is told how many files were looked at.
pub fn scan(root: &Path, options: &ScanOptions, progress: &mut dyn FnMut(usize)) -> Result<Inventory, ScanError> {
    let opened = Root::open(root).map_err(|source| ScanError::Open { root: root.to_owned(), source })?;
    Ok(catalog(&opened, options, progress).0)
}

/// Catalogs a container image: a Docker archive, an OCI layout as archive or folder, or the tar of a
/// root filesystem. Nothing of it is unpacked to disk.
pub fn scan_image(file: &Path, options: &ScanOptions, progress: &mut dyn FnMut(usize)) -> Result<Inventory, ScanError> {
    let mut image = Image::open(file).map_err(|reason| ScanError::Image { file: file.to_owned(), reason })?;
    let mut rejected = std::mem::take(&mut image.rejected);
    let mut inventory = catalog(&Root::of_image(file, image), options, progress).0;
    if let Some(first) = rejected.first() {
        let reason = format!("{} refused, first {}: {}", rejected.len(), first.file, first.reason);
        let status = CoverageStatus::Partial;
        inventory.coverage.insert(0, Coverage { cataloger: IMAGE.to_owned(), status, reason });
    }
    inventory.rejected.append(&mut rejected);
    Ok(inventory)
}

/// Catalogs an opened root, and who owns which file: numbers of the index are places in `packages`.
pub(crate) fn catalog(root: &Root, options: &ScanOptions, progress: &mut dyn FnMut(usize)) -> (Inventory, PathIndex) {
    let mut index = PathIndex::new(root);
    let mut found: Vec<Found> = CATALOGERS.iter().map(|_| Found::default()).collect();
    let mut base = 0;
    for (cataloger, found) in CATALOGERS.iter().zip(&mut found) {
        found.present = cataloger.database(root, &mut found.out, &mut Owners::new(&mut index, base));
        found.out.expect_any();
        base += found.out.accepted.len();
    }
    let unseen = if options.walk { look(root, options, &index, &mut found, progress) } else { None };
    let distro = Distro::of(root);
    let mut coverage = Vec::new();
    let mut rejected = Vec::new();
    let (mut installed, mut languages) = (Vec::new(), Vec::new());
    for (cataloger, mut found) in CATALOGERS.iter().zip(found) {
        coverage.push(cover(*cataloger, &found, options.walk, unseen, distro.as_ref()));
        rejected.append(&mut found.out.rejected);
        let of_kind = if cataloger.reach() == Reach::Database { &mut installed } else { &mut languages };
        of_kind.append(&mut found.out.accepted);
    }
    let packages = merge(&mut index, installed, languages);
    (Inventory { root: root.shown().to_string_lossy().into_owned(), distro, packages, coverage, rejected }, index)
}

/// What one cataloger has found.
#[derive(Default)]
struct Found {
    present: bool,
    out: Parsed<Package>,
}

/// Walks the root and shows every file to the catalogers that want it.
fn look(
    root: &Root,
    options: &ScanOptions,
    index: &PathIndex,
    found: &mut [Found],
    progress: &mut dyn FnMut(usize),
) -> Option<Unseen> {
    let mut looked = 0;
    let limits = WalkLimits { entries_max: options.entries_max, depth_max: DEPTH_MAX };
    let (_, unseen) = walk(root, "", limits, &mut |path| {
        looked += 1;
        if looked % 4096 == 0 {
            progress(looked);
        }
        for (cataloger, found) in CATALOGERS.iter().zip(&mut *found) {
            if cataloger.wants(path) && found.out.accepted.len() < PACKAGES_MAX {
                found.present = true;
                cataloger.read(root, path, &mut found.out);
                found.out.expect_any();
            }
        }
        // What the distribution built is the distribution's package, whatever went into it.
        if index.owner(path).is_none()
            && let Some(elf) = executable(root, path)
        {
            for (cataloger, found) in CATALOGERS.iter().zip(&mut *found) {
                found.present |= cataloger.executable(&elf, path, &mut found.out);
            }
        }
    });
    progress(looked);
    unseen
}

/// The file, when it is a program or a library.
pub(crate) fn executable(root: &Root, path: &str) -> Option<Elf> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let library = name.ends_with(".so") || name.contains(".so.");
    if !library && !root.is_executable(path) {
        return None;
    }
    // Before anything else of it is read: most executables of a container image are scripts.
    if root.head(path, 4).ok()? != b"\x7fELF" {
        return None;
    }
    Elf::open(root.file(path).ok()?)
}

fn cover(
    cataloger: &dyn Cataloger,
    found: &Found,
    walked: bool,
    unseen: Option<Unseen>,
    distro: Option<&Distro>,
) -> Coverage {
    let Found { present, out } = found;
    let mut reasons = Vec::new();
    if out.refused > 0 {
        let first = out
            .rejected
            .first()
            .map_or(String::new(), |first| format!(", first {}:{}: {}", first.file, first.line, first.reason));
        reasons.push(format!("{} entries refused{first}", out.refused));
    }
    let database = cataloger.reach() == Reach::Database;
    if walked && !database {
        reasons.extend(unseen.map(|unseen| unseen.reason(DEPTH_MAX)));
    }
    if let (true, true, None, Some(package)) = (database, *present, distro, out.accepted.first()) {
        reasons.push(format!("no os-release: taken for {} of unknown release", package.ecosystem));
    }
    let status = match (present, reasons.is_empty()) {
        (_, false) if *present || out.refused > 0 => CoverageStatus::Partial,
        (true, _) => CoverageStatus::Complete,
        (false, _) => CoverageStatus::Absent,
    };
    Coverage { cataloger: cataloger.name().to_owned(), status, reason: reasons.join("; ") }
}

/// Joins language packages with the distribution's: what the distribution put there is its own
/// package, under whichever name; what is the same purl in several places is one package. The
/// index's numbers then are places in what is returned.
fn merge(index: &mut PathIndex, installed: Vec<Package>, languages: Vec<Package>) -> Vec<Package> {
    let mut by_purl: HashMap<String, usize> = HashMap::new();
    let mut all: Vec<(Package, Option<usize>)> = Vec::new();
    for package in languages {
        let outermost = package.paths.first().map_or("", |path| path.split("!/").next().unwrap_or(path));
        if index.owner(outermost).is_some() {
            continue;
        }
        match by_purl.get(&package.purl).and_then(|at| all.get_mut(*at)) {
            Some((known, _)) if known.paths.len() < PATHS_MAX => known.paths.extend(package.paths),
            Some(_) => {}
            None => {
                by_purl.insert(package.purl.clone(), all.len());
                all.push((package, None));
            }
        }
    }
    let mut numbers = vec![None; installed.len()];
    all.extend(installed.into_iter().enumerate().map(|(number, package)| (package, Some(number))));
    for (package, _) in &mut all {
        for path in &mut package.paths {
            if !path.starts_with('/') {
                path.insert(0, '/');
            }
        }
        package.paths.dedup();
    }
    all.sort();
    let mut out: Vec<Package> = Vec::with_capacity(all.len());
    for (package, number) in all {
        if out.last().is_none_or(|last| last.purl != package.purl) {
            out.push(package);
        }
        if let Some(place) = number.and_then(|number| numbers.get_mut(number)) {
            *place = u32::try_from(out.len() - 1).ok();
        }
    }
    index.renumber(&numbers);
    out
}

/// The line of the coverage report that speaks of an image's layers.
const IMAGE: &str = "image";
const DEPTH_MAX: usize = 48;
/// Of one cataloger; a full Debian archive mirror on disk has fewer.
const PACKAGES_MAX: usize = 500_000;
/// Places kept for one package.
const PATHS_MAX: usize = 64;

#[cfg(test)]
mod public;
#[cfg(test)]
mod tests;
