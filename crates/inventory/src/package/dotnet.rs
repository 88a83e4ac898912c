//! Which .NET packages does a program bring along (`*.deps.json`) or lock (packages.lock.json)?

use std::collections::BTreeMap;

use serde::Deserialize;
use tripoint_model::{Ecosystem, Package, Parsed};

use super::{Cataloger, entry};
use crate::root::Root;

/// .NET.
pub struct Dotnet;

impl Cataloger for Dotnet {
    fn name(&self) -> &'static str {
        "dotnet"
    }

    fn wants(&self, path: &str) -> bool {
        path.ends_with(".deps.json") || path == "packages.lock.json" || path.ends_with("/packages.lock.json")
    }

    fn read(&self, root: &Root, path: &str, out: &mut Parsed<Package>) {
        let Some(bytes) = super::read(root, path, FILE_BYTES_MAX, out) else { return };
        if path.ends_with(".deps.json") { read_deps(&bytes, path, out) } else { read_lock(&bytes, path, out) }
    }
}

/// Libraries by `name/version`; `project` is the program itself, `runtimepack` the framework.
#[derive(Deserialize)]
struct Deps {
    libraries: BTreeMap<String, Library>,
}

#[derive(Deserialize)]
struct Library {
    #[serde(default, rename = "type")]
    kind: entry::Loose,
}

fn read_deps(bytes: &[u8], path: &str, out: &mut Parsed<Package>) {
    match serde_json::from_slice::<Deps>(bytes) {
        Err(error) => out.refuse(path, error.line() as u64, format!("not a deps.json: {error}")),
        Ok(deps) => {
            for (place, (key, _)) in
                (1..).zip(deps.libraries.iter().filter(|(_, library)| library.kind.text() == "package"))
            {
                let (name, version) = key.rsplit_once('/').unwrap_or((key, ""));
                entry::take(Ecosystem::NuGet, name, version, path, place, out);
            }
        }
    }
}

/// Packages by target framework.
#[derive(Deserialize)]
struct Lock {
    #[serde(default)]
    dependencies: BTreeMap<String, BTreeMap<String, Locked>>,
}

#[derive(Deserialize)]
struct Locked {
    #[serde(default, rename = "type")]
    kind: entry::Loose,
    #[serde(default)]
    resolved: entry::Loose,
}

fn read_lock(bytes: &[u8], path: &str, out: &mut Parsed<Package>) {
    match serde_json::from_slice::<Lock>(bytes) {
        Err(error) => out.refuse(path, error.line() as u64, format!("not a packages.lock.json: {error}")),
        Ok(lock) => {
            for (name, locked) in lock.dependencies.values().flatten() {
                if locked.kind.text() != "Project" {
                    entry::take(Ecosystem::NuGet, name, locked.resolved.text(), path, 0, out);
                }
            }
        }
    }
}

const FILE_BYTES_MAX: u64 = 16 << 20;
