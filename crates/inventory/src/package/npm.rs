//! Which npm packages are installed (node_modules) or locked (package-lock.json v1 to v3)?

use std::collections::BTreeMap;

use serde::Deserialize;
use tripoint_model::{Ecosystem, Package, Parsed};

use super::{Cataloger, entry, is_plain};
use crate::root::Root;

/// npm.
pub struct Npm;

impl Cataloger for Npm {
    fn name(&self) -> &'static str {
        "npm"
    }

    fn wants(&self, path: &str) -> bool {
        is_module(path) || (path == LOCK || path.ends_with("/package-lock.json")) && !path.contains("node_modules/")
    }

    fn read(&self, root: &Root, path: &str, out: &mut Parsed<Package>) {
        let bytes = match root.read(path, FILE_BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(error) => return out.refuse(path, 1, format!("cannot be read: {error}")),
        };
        if is_module(path) { read_module(&bytes, path, out) } else { read_lock(&bytes, path, out) }
    }
}

/// `…/node_modules/NAME/package.json` or `…/node_modules/@SCOPE/NAME/package.json`.
fn is_module(path: &str) -> bool {
    let Some(folder) = path.strip_suffix("/package.json") else { return false };
    let mut parts = folder.rsplit('/');
    let (name, parent, above) = (parts.next(), parts.next(), parts.next());
    name.is_some()
        && (parent == Some("node_modules")
            || (parent.is_some_and(|parent| parent.starts_with('@')) && above == Some("node_modules")))
}

#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    version: Option<String>,
}

fn read_module(bytes: &[u8], path: &str, out: &mut Parsed<Package>) {
    match serde_json::from_slice::<Manifest>(bytes) {
        Err(error) => out.refuse(path, error.line() as u64, format!("not a package.json: {error}")),
        Ok(Manifest { name: Some(name), version: Some(version) }) if is_plain(&name) && is_plain(&version) => {
            out.accept(package(&name, &version, path));
        }
        Ok(_) => out.refuse(path, 1, "no usable name and version"),
    }
}

/// Version 1 has `dependencies` within each other, 2 and 3 have `packages` by folder.
#[derive(Deserialize)]
struct Lock {
    #[serde(default)]
    packages: Option<BTreeMap<String, Locked>>,
    #[serde(default)]
    dependencies: Option<BTreeMap<String, Locked>>,
}

#[derive(Deserialize)]
struct Locked {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    version: Option<String>,
    #[serde(default)]
    link: bool,
    #[serde(default)]
    dependencies: Option<Nested>,
}

/// In version 2 and 3 `dependencies` of an entry maps names to ranges, in version 1 to entries.
#[derive(Deserialize)]
#[serde(untagged)]
enum Nested {
    Entries(BTreeMap<String, Locked>),
    Other(serde::de::IgnoredAny),
}

fn read_lock(bytes: &[u8], path: &str, out: &mut Parsed<Package>) {
    let lock: Lock = match serde_json::from_slice(bytes) {
        Ok(lock) => lock,
        Err(error) => {
            return out.refuse(path, error.line() as u64, format!("not a package-lock.json: {error}"));
        }
    };
    if let Some(packages) = lock.packages {
        for (folder, locked) in packages {
            let Some((_, name)) = folder.rsplit_once("node_modules/") else { continue };
            if locked.link {
                continue;
            }
            take(locked.name.as_deref().unwrap_or(name), locked.version.as_deref(), path, out);
        }
    } else if let Some(dependencies) = lock.dependencies {
        take_tree(dependencies, path, out);
    }
}

fn take_tree(dependencies: BTreeMap<String, Locked>, path: &str, out: &mut Parsed<Package>) {
    for (name, locked) in dependencies {
        take(&name, locked.version.as_deref(), path, out);
        if let Some(Nested::Entries(inner)) = locked.dependencies {
            take_tree(inner, path, out);
        }
    }
}

fn take(name: &str, version: Option<&str>, path: &str, out: &mut Parsed<Package>) {
    match version {
        Some(version) if is_plain(name) && is_plain(version) => out.accept(package(name, version, path)),
        _ => out.refuse(path, 0, format!("{:?} has no usable version", tripoint_model::text::truncate(name, 100).0)),
    }
}

fn package(name: &str, version: &str, path: &str) -> Package {
    entry::package(Ecosystem::Npm, name, version, path)
}

const LOCK: &str = "package-lock.json";
const FILE_BYTES_MAX: u64 = 32 << 20;
