//! Which Conan packages does a project lock (conan.lock)?

use std::collections::BTreeMap;

use serde::Deserialize;
use tripoint_model::{Ecosystem, Package, Parsed};

use super::{Cataloger, entry};
use crate::root::Root;

/// Conan.
pub struct Conan;

impl Cataloger for Conan {
    fn name(&self) -> &'static str {
        "conan"
    }

    fn wants(&self, path: &str) -> bool {
        let file = path.rsplit('/').next().unwrap_or(path);
        file == "conan.lock" && !entry::is_foreign_project(path)
    }

    fn read(&self, root: &Root, path: &str, out: &mut Parsed<Package>) {
        let Some(bytes) = super::read(root, path, FILE_BYTES_MAX, out) else { return };
        match serde_json::from_slice::<Lock>(&bytes) {
            Err(error) => out.refuse(path, error.line() as u64, format!("not a conan.lock: {error}")),
            Ok(lock) => {
                let nodes = lock.graph_lock.nodes.into_values().map(|node| node.reference);
                let listed = lock.requires.into_iter().chain(lock.build_requires).chain(lock.python_requires);
                for (reference, place) in listed.chain(nodes).zip(1..) {
                    take(reference.text(), path, place, out);
                }
            }
        }
    }
}

/// Conan 2 lists references, Conan 1 had a graph of nodes.
#[derive(Deserialize)]
struct Lock {
    #[serde(default)]
    requires: Vec<entry::Loose>,
    #[serde(default)]
    build_requires: Vec<entry::Loose>,
    #[serde(default)]
    python_requires: Vec<entry::Loose>,
    #[serde(default)]
    graph_lock: Graph,
}

#[derive(Default, Deserialize)]
struct Graph {
    #[serde(default)]
    nodes: BTreeMap<String, Node>,
}

#[derive(Deserialize)]
struct Node {
    #[serde(default, rename = "ref")]
    reference: entry::Loose,
}

/// `name/version@user/channel#revision%time`.
fn take(reference: &str, path: &str, place: u64, out: &mut Parsed<Package>) {
    let plain = reference.split(['#', '%', '@']).next().unwrap_or(reference);
    match plain.split_once('/') {
        Some((name, version)) => entry::take(Ecosystem::Conan, name, version, path, place, out),
        None => out.refuse(path, place, "not name/version"),
    }
}

const FILE_BYTES_MAX: u64 = 16 << 20;
