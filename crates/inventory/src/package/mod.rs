//! Which kinds of software are recognised on disk?

pub mod dpkg;
pub mod java;
pub mod npm;
pub mod python;

use tripoint_model::{Package, Parsed};

use crate::root::Root;

/// Every cataloger, in the order of the coverage report.
pub const CATALOGERS: &[&dyn Cataloger] = &[&dpkg::Dpkg, &python::Python, &npm::Npm, &java::Java];

/// How one kind of software is found.
pub trait Cataloger: Sync {
    /// Its name in the coverage report and of its fixture folder, kebab-case.
    fn name(&self) -> &'static str;
    /// Reads a database that lies at a fixed place; `false` when there is none.
    fn database(&self, _root: &Root, _out: &mut Parsed<Package>) -> bool {
        false
    }
    /// Whether a file met on a walk is one to read; `path` has no leading slash.
    fn wants(&self, path: &str) -> bool;
    /// Reads such a file.
    fn read(&self, root: &Root, path: &str, out: &mut Parsed<Package>);
}

/// Names and versions come from files that anyone may have written.
pub(crate) fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.len() <= 512 && !text.chars().any(|c| c.is_control() || c.is_whitespace())
}

#[cfg(test)]
mod tests;
