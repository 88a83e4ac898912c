//! Which packages does a process run, and is what it runs still what lies on disk?

mod dotnet;
mod found;
mod idle;
mod interpreter;
mod php;
mod place;
mod proc;
mod ruby;

pub mod kernel;

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tripoint_model::{Package, Parsed};
use tripoint_unpack::Limits;

use crate::elf::Elf;
use crate::owner::PathIndex;
use crate::package::{self, CATALOGERS, dpkg, java};
use crate::purl;
use crate::root::{FileMark, Root, mark_of};
use crate::scan::{Inventory, ScanOptions, catalog, executable};

use found::Found;
use interpreter::{Invocation, Places};

/// The host's packages and who owns which file; finds the packages of a process.
#[derive(Debug)]
pub struct HostInventory {
    host: Arc<Catalog>,
    cache: Mutex<Cache>,
}

/// A root filesystem with its packages.
#[derive(Debug)]
struct Catalog {
    root: Root,
    inventory: Inventory,
    index: PathIndex,
    marks: Vec<Option<FileMark>>,
    /// Packages as they were before the last change, by name: what a stale process still runs.
    before: HashMap<String, Package>,
    /// What package managers' logs say was replaced; read when first asked for.
    log: OnceLock<HashMap<String, (String, String)>>,
}

#[derive(Debug, Default)]
struct Cache {
    /// Containers by device and inode of their root.
    roots: HashMap<(u64, u64), Container>,
    /// Packages of archives and folders by what identifies their content.
    places: HashMap<(&'static str, FileMark), Arc<Parsed<Package>>>,
}

/// A container's catalog, and whether it was asked for since the last refresh.
#[derive(Debug)]
struct Container {
    catalog: Arc<Catalog>,
    used: bool,
}

impl Catalog {
    fn open(path: &Path) -> std::io::Result<Self> {
        let root = Root::open(path)?;
        let marks = package::marks(&root);
        let options = ScanOptions { walk: false, ..ScanOptions::default() };
        let (inventory, index) = catalog(&root, &options, &mut |_| {});
        Ok(Self { root, inventory, index, marks, before: HashMap::new(), log: OnceLock::new() })
    }

    fn has_changed(&self) -> bool {
        package::marks(&self.root) != self.marks
    }

    /// Reads anew and keeps what was replaced.
    fn renewed(&self, path: &Path) -> std::io::Result<Self> {
        let mut new = Self::open(path)?;
        new.before.clone_from(&self.before);
        // By purl: several versions of one name may be installed beside each other.
        let now: HashSet<&str> = new.inventory.packages.iter().map(|package| package.purl.as_str()).collect();
        let replaced = self.inventory.packages.iter().filter(|package| !now.contains(package.purl.as_str()));
        let replaced: Vec<Package> = replaced.cloned().collect();
        new.before.extend(replaced.into_iter().map(|package| (package.name.clone(), package)));
        Ok(new)
    }

    /// The package as it was before its last change: seen by us, or told by a log.
    fn replaced(&self, package: &Package) -> Package {
        if let Some(before) = self.before.get(&package.name) {
            return before.clone();
        }
        let log = self.log.get_or_init(|| package::replacements(&self.root));
        match log.get(&package.name) {
            Some((old, new)) if *new == package.version => with_version(package, old),
            _ => package.clone(),
        }
    }

    fn owner(&self, path: &str) -> Option<&Package> {
        self.inventory.packages.get(self.index.owner(path)? as usize)
    }
}

impl HostInventory {
    /// Catalogs the host whose root is `root` (`/`).
    pub fn open(root: &Path) -> std::io::Result<Self> {
        Ok(Self { host: Arc::new(Catalog::open(root)?), cache: Mutex::default() })
    }

    /// Whether the host's package database on disk is no longer the one that was read. Some twenty
    /// `stat`s: cheap enough to ask several times a second.
    pub fn has_changed(&self) -> bool {
        self.host.has_changed()
    }

    /// Reads the package database again when it changed; says whether it or a container's did. Call it every few
    /// seconds: it also lets go of containers that nobody asked for since the last call, because
    /// an open root keeps a stopped container's filesystem busy.
    pub fn refresh_if_changed(&mut self) -> std::io::Result<bool> {
        let contained = self.cached(|cache| {
            cache.roots.retain(|_, container| std::mem::take(&mut container.used));
            cache.roots.values().any(|container| container.catalog.has_changed())
        });
        if !self.host.has_changed() {
            return Ok(contained);
        }
        let path = self.host.root.shown().to_owned();
        self.host = Arc::new(self.host.renewed(&path)?);
        Ok(true)
    }

    /// The packages of the host's own package database.
    pub fn inventory(&self) -> &Inventory {
        &self.host.inventory
    }

    /// The package that owns a file of the host.
    pub fn owner(&self, path: &str) -> Option<&Package> {
        self.host.owner(path)
    }

    /// The packages whose code a process runs, sorted: loaded, or stale where the file it mapped
    /// was replaced or deleted; and what of its places could not be read. Empty when the process is gone or runs
    /// nothing that is known.
    pub fn packages_of(&self, pid: u32) -> Parsed<Package> {
        let Some(catalog) = self.catalog_of(pid) else { return Parsed::default() };
        let mut found = Found::default();
        let Ok((exe, exe_deleted)) = proc::exe(pid) else { return Parsed::default() };
        let mapped = proc::maps(pid).unwrap_or_default();
        let mut exe_seen = false;
        for file in mapped.iter().filter(|file| file.executable) {
            exe_seen |= file.path == exe;
            let Some(package) = catalog.owner(&file.path) else {
                if !file.deleted {
                    found.language(&catalog, &self.unpackaged(&catalog.root, &file.path));
                }
                continue;
            };
            found.owned(&catalog, package, file.deleted || is_replaced(&catalog.root, &file.path, file.inode));
        }
        if let Some(package) = catalog.owner(&exe).filter(|_| !exe_seen) {
            found.owned(&catalog, package, exe_deleted);
        } else if exe_deleted && catalog.owner(&exe).is_none() {
            found.gone(&deleted(pid, &exe));
        }
        let mut files: Vec<String> = mapped.into_iter().filter(|file| !file.deleted).map(|file| file.path).collect();
        let open = proc::open_files(pid);
        files.extend(open.iter().filter(|file| !file.deleted).map(|file| file.path.clone()));
        let invocation = Invocation {
            exe,
            arguments: proc::arguments(pid),
            cwd: proc::cwd(pid).unwrap_or_default(),
            virtual_env: proc::environment(pid, "VIRTUAL_ENV"),
            python_path: proc::environment(pid, "PYTHONPATH"),
            class_path: proc::environment(pid, "CLASSPATH"),
            variables: interpreter::VARIABLES
                .iter()
                .filter_map(|name| Some((*name, proc::environment(pid, name)?)))
                .collect(),
            files,
        };
        let places = interpreter::places(&catalog.root, &invocation);
        self.take_places(&catalog, &places, &mut found);
        for replaced in open.iter().filter(|file| file.deleted && java::is_archive(&file.path)) {
            found.gone(&self.replaced_archive(replaced));
        }
        found.finish()
    }

    /// The catalog of the root that the process sees.
    fn catalog_of(&self, pid: u32) -> Option<Arc<Catalog>> {
        let path = format!("/proc/{pid}/root");
        let own = Root::open(Path::new(&path)).ok()?.identity().ok()?;
        if self.host.root.identity().ok() == Some(own) {
            return Some(Arc::clone(&self.host));
        }
        let known = self.cached(|cache| {
            let container = cache.roots.get_mut(&own)?;
            container.used = true;
            Some(Arc::clone(&container.catalog))
        });
        let catalog = match known {
            Some(known) if !known.has_changed() => return Some(known),
            Some(known) => known.renewed(Path::new(&path)).ok()?,
            None => Catalog::open(Path::new(&path)).ok()?,
        };
        let catalog = Arc::new(catalog);
        self.cached(|cache| {
            if cache.roots.len() >= ROOTS_MAX {
                cache.roots.clear();
            }
            cache.roots.insert(own, Container { catalog: Arc::clone(&catalog), used: true });
        });
        Some(catalog)
    }

    fn cached<T>(&self, with: impl FnOnce(&mut Cache) -> T) -> T {
        with(&mut self.cache.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn take_places(&self, catalog: &Catalog, places: &Places, found: &mut Found) {
        let root = &catalog.root;
        for folder in &places.python {
            let packages = self.place(root, "python", folder, |out| place::python_folder(root, folder, out));
            found.language(catalog, &packages);
        }
        for folder in &places.node {
            let packages = self.place(root, "npm", folder, |out| place::node_folder(root, folder, out));
            found.language(catalog, &packages);
        }
        for wheel in &places.wheels {
            let packages = self.place(root, "wheel", wheel, |out| place::wheel(root, wheel, out));
            found.language(catalog, &packages);
        }
        for manifest in &places.modules {
            let packages = self.place(root, "module", manifest, |out| place::module(root, manifest, out));
            found.language(catalog, &packages);
        }
        for gems in &places.ruby {
            let packages = self.place(root, "ruby", gems, |out| place::gems(root, gems, out));
            found.language(catalog, &packages);
        }
        for list in places.php.iter().chain(&places.dotnet) {
            let packages = self.place(root, "list", list, |out| place::list(root, list, out));
            found.language(catalog, &packages);
        }
        for archive in &places.java {
            let packages = self.archive(root, archive);
            found.language(catalog, &packages);
        }
    }

    /// What a program or library that no package owns says about itself.
    fn unpackaged(&self, root: &Root, path: &str) -> Arc<Parsed<Package>> {
        self.place(root, "executable", path, |out| {
            if let Some(elf) = executable(root, path) {
                inside(&elf, path, out);
            }
        })
    }

    /// The packages of a place, read once as long as it does not change.
    fn place(
        &self,
        root: &Root,
        kind: &'static str,
        path: &str,
        read: impl FnOnce(&mut Parsed<Package>),
    ) -> Arc<Parsed<Package>> {
        let Some(mut mark) = root.mark(path) else { return Arc::default() };
        // npm writes this file with every change, also where the folder itself stays as it was.
        if let Some(lock) = root.mark(&format!("{path}/.package-lock.json")) {
            mark.modified_ns ^= lock.modified_ns;
        }
        if let Some(known) = self.cached(|cache| cache.places.get(&(kind, mark)).cloned()) {
            return known;
        }
        let mut out = Parsed::default();
        read(&mut out);
        self.keep(kind, mark, out)
    }

    fn archive(&self, root: &Root, path: &str) -> Arc<Parsed<Package>> {
        self.open_archive(root.file(path), path)
    }

    /// An archive that was replaced on disk while the process reads on in the old one.
    fn replaced_archive(&self, open: &proc::Open) -> Arc<Parsed<Package>> {
        self.open_archive(crate::root::regular_file(&open.through), &open.path)
    }

    fn open_archive(&self, file: std::io::Result<std::fs::File>, path: &str) -> Arc<Parsed<Package>> {
        let file = match file {
            Ok(file) => file,
            // A class path often names what is not there; a process ends while it is looked at.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Arc::default(),
            Err(error) => return Arc::new(unreadable(path, &error)),
        };
        let Some(mark) = mark_of(&file) else { return Arc::default() };
        if let Some(known) = self.cached(|cache| cache.places.get(&("java", mark)).cloned()) {
            return known;
        }
        let mut out = Parsed::default();
        java::read_file(&file, path, &ARCHIVE_LIMITS, &mut out);
        self.keep("java", mark, out)
    }

    fn keep(&self, kind: &'static str, mark: FileMark, mut out: Parsed<Package>) -> Arc<Parsed<Package>> {
        out.rejected.truncate(REFUSALS_OF_ONE_PLACE_MAX);
        let packages = Arc::new(out);
        self.cached(|cache| {
            if cache.places.len() >= PLACES_MAX {
                cache.places.clear();
            }
            cache.places.insert((kind, mark), Arc::clone(&packages));
        });
        packages
    }
}

/// What a program whose file is gone says about itself: the kernel still has it.
fn deleted(pid: u32, path: &str) -> Parsed<Package> {
    let mut out = Parsed::default();
    if let Some(elf) = std::fs::File::open(format!("/proc/{pid}/exe")).ok().and_then(Elf::open) {
        inside(&elf, path, &mut out);
    }
    out
}

/// A place that is there and cannot be read.
fn unreadable(path: &str, error: &std::io::Error) -> Parsed<Package> {
    let mut out = Parsed::default();
    out.refuse(path, 0, format!("cannot be read: {error}"));
    out
}

fn inside(elf: &Elf, path: &str, out: &mut Parsed<Package>) {
    for cataloger in CATALOGERS {
        cataloger.executable(elf, path, out);
    }
}

/// The same package at another version; its source's follows where the two were the same.
fn with_version(package: &Package, version: &str) -> Package {
    let mut out = package.clone();
    if dpkg::without_rebuild(&package.version) == package.source_version {
        dpkg::without_rebuild(version).clone_into(&mut out.source_version);
    }
    version.clone_into(&mut out.version);
    out.purl = purl::at_version(&out.purl, version, (&package.source_version, &out.source_version));
    out
}

/// A mapped file of which the path now leads to another inode. On an overlay the kernel may show
/// the inode of a layer, which proves nothing.
fn is_replaced(root: &Root, path: &str, inode: u64) -> bool {
    !root.is_overlay() && inode != 0 && root.mark(path).is_some_and(|mark| mark.inode != inode)
}

const ROOTS_MAX: usize = 256;
const PLACES_MAX: usize = 4096;
/// How many are kept with their reason; the rest are counted.
const REFUSALS_OF_ONE_PLACE_MAX: usize = 16;
/// Smaller than a scan's: this runs beside the workload, as root.
const ARCHIVE_LIMITS: Limits =
    Limits { out_bytes_max: 256 << 20, ratio_max: 200, entries_max: 100_000, entry_bytes_max: 64 << 20, nesting: 4 };

#[cfg(test)]
mod interpreter_tests;
#[cfg(test)]
mod tests;
