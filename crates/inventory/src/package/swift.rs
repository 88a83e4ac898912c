//! Which Swift packages does a project resolve to (Package.resolved)?

use serde::Deserialize;
use tripoint_model::{Ecosystem, Package, Parsed};

use super::{Cataloger, entry};
use crate::root::Root;

/// Swift packages.
pub struct Swift;

impl Cataloger for Swift {
    fn name(&self) -> &'static str {
        "swift"
    }

    fn wants(&self, path: &str) -> bool {
        let file = path.rsplit('/').next().unwrap_or(path);
        file == "Package.resolved" && !entry::is_foreign_project(path)
    }

    fn read(&self, root: &Root, path: &str, out: &mut Parsed<Package>) {
        let Some(bytes) = super::read(root, path, FILE_BYTES_MAX, out) else { return };
        match serde_json::from_slice::<Resolved>(&bytes) {
            Err(error) => out.refuse(path, error.line() as u64, format!("not a Package.resolved: {error}")),
            Ok(resolved) => {
                let pins = resolved.pins.into_iter().chain(resolved.object.into_iter().flat_map(|object| object.pins));
                for (pin, place) in pins.zip(1..) {
                    take(&pin, path, place, out);
                }
            }
        }
    }
}

/// Version 1 has its pins within `object`.
#[derive(Deserialize)]
struct Resolved {
    #[serde(default)]
    pins: Vec<Pin>,
    #[serde(default)]
    object: Option<Object>,
}

#[derive(Deserialize)]
struct Object {
    #[serde(default)]
    pins: Vec<Pin>,
}

#[derive(Deserialize)]
struct Pin {
    #[serde(default, alias = "repositoryURL")]
    location: entry::Loose,
    #[serde(default)]
    state: State,
}

#[derive(Default, Deserialize)]
struct State {
    #[serde(default)]
    version: entry::Loose,
}

/// Named by its repository: `example.org/owner/name`.
fn take(pin: &Pin, path: &str, place: u64, out: &mut Parsed<Package>) {
    let location = pin.location.text();
    let name = location.split_once("://").map_or(location, |(_, rest)| rest);
    let name = name.strip_suffix(".git").unwrap_or(name).trim_end_matches('/');
    entry::take(Ecosystem::Swift, name, pin.state.version.text(), path, place, out);
}

const FILE_BYTES_MAX: u64 = 16 << 20;
