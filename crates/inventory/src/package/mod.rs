//! Which kinds of software are recognised on disk?

pub mod apk;
pub mod conan;
pub mod dart;
pub mod dotnet;
pub mod dpkg;
pub mod go;
pub mod gradle;
pub mod hex;
pub mod java;
pub mod npm;
pub mod npm_lock;
pub mod pacman;
pub mod php;
pub mod python;
pub mod python_lock;
pub mod rpm;
pub mod ruby;
pub mod rust;
pub mod servers;
pub mod swift;

pub(crate) mod entry;
mod lock;

use std::collections::HashMap;
use std::io;

use tripoint_model::{Package, Parsed};

use crate::elf::Elf;
use crate::owner::Owners;
use crate::root::{FileMark, Root};

pub(crate) use entry::is_plain;

/// Every cataloger, in the order of the coverage report.
pub const CATALOGERS: &[&dyn Cataloger] = &[
    &dpkg::Dpkg,
    &apk::Apk,
    &rpm::Rpm,
    &pacman::Pacman,
    &python::Python,
    &python_lock::PythonLock,
    &npm::Npm,
    &npm_lock::NpmLock,
    &java::Java,
    &gradle::Gradle,
    &go::Go,
    &rust::Rust,
    &ruby::Ruby,
    &php::Php,
    &dotnet::Dotnet,
    &dart::Dart,
    &hex::Hex,
    &conan::Conan,
    &swift::Swift,
    &servers::Servers,
];

/// Where a cataloger looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// At fixed places, for what a distribution's package manager wrote there.
    Database,
    /// At what a walk of the whole tree comes by.
    Walk,
}

/// How one kind of software is found.
pub trait Cataloger: Sync {
    /// Its name in the coverage report and of its fixture folder, kebab-case.
    fn name(&self) -> &'static str;
    /// Where it looks.
    fn reach(&self) -> Reach {
        Reach::Walk
    }
    /// The files of its database: when one of them changes, so did what is installed.
    fn watched(&self) -> &'static [&'static str] {
        &[]
    }
    /// Reads a database that lies at a fixed place, and who owns which file; `false` when there is
    /// none.
    fn database(&self, _root: &Root, _out: &mut Parsed<Package>, _owners: &mut Owners<'_>) -> bool {
        false
    }
    /// Whether a file met on a walk is one to read; `path` has no leading slash.
    fn wants(&self, _path: &str) -> bool {
        false
    }
    /// Reads such a file.
    fn read(&self, _root: &Root, _path: &str, _out: &mut Parsed<Package>) {}
    /// Looks into a program or library that no distribution's package owns; `false` when it is none
    /// of its kind.
    fn executable(&self, _elf: &Elf, _path: &str, _out: &mut Parsed<Package>) -> bool {
        false
    }
    /// What a log says was replaced by what (old and new version by package name); of several
    /// changes the last.
    fn replacements(&self, _root: &Root) -> HashMap<String, (String, String)> {
        HashMap::new()
    }
}

/// What changes whenever a package manager installs or removes something.
pub(crate) fn marks(root: &Root) -> Vec<Option<FileMark>> {
    CATALOGERS.iter().flat_map(|cataloger| cataloger.watched()).map(|path| root.mark(path)).collect()
}

/// Every log's word on what was replaced.
pub(crate) fn replacements(root: &Root) -> HashMap<String, (String, String)> {
    CATALOGERS.iter().flat_map(|cataloger| cataloger.replacements(root)).collect()
}

/// Whether there is no such file, in contrast to one that cannot be opened.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Reads a file whole, or refuses it with the reason.
pub(crate) fn read(root: &Root, path: &str, bytes_max: u64, out: &mut Parsed<Package>) -> Option<Vec<u8>> {
    match root.read(path, bytes_max) {
        Ok(bytes) => {
            out.expect(path, bytes.len() as u64);
            Some(bytes)
        }
        Err(error) => {
            out.refuse(path, 1, format!("cannot be read: {error}"));
            None
        }
    }
}

#[cfg(test)]
mod tests;
