//! How does a name and a version from a stranger's file become a package?

use tripoint_model::{Ecosystem, Package, PackageState, Parsed};

use crate::purl;

/// A package of a language's ecosystem, which has no release and no source beside itself.
pub(crate) fn package(ecosystem: Ecosystem, name: &str, version: &str, path: &str) -> Package {
    let purl_name = if ecosystem == Ecosystem::Maven { name.replacen(':', "/", 1) } else { name.to_owned() };
    Package {
        purl: purl::build(ecosystem, &purl_name, version, &[]),
        ecosystem,
        release: String::new(),
        source: name.to_owned(),
        source_version: version.to_owned(),
        module: String::new(),
        name: name.to_owned(),
        version: version.to_owned(),
        paths: vec![path.to_owned()],
        state: PackageState::Installed,
    }
}

/// Takes an entry, or refuses it where name or version cannot be used.
pub(crate) fn take(ecosystem: Ecosystem, name: &str, version: &str, path: &str, line: u64, out: &mut Parsed<Package>) {
    if out.accepted.len() >= ENTRIES_MAX {
        return out.refuse(path, line, format!("more than {ENTRIES_MAX} packages of one kind"));
    }
    if is_plain(name) && is_plain(version) {
        return out.accept(package(ecosystem, name, version, path));
    }
    let shown = tripoint_model::text::truncate(name, 100).0;
    let what = if is_plain(name) { "version" } else { "name" };
    out.refuse(path, line, format!("{shown:?} has no usable {what}"));
}

/// Names and versions come from files that anyone may have written.
pub(crate) fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.len() <= 512 && !text.chars().any(|c| c.is_control() || c.is_whitespace())
}

/// Whether a lock file or manifest lies in a place where package managers keep copies of other
/// people's projects: it says what those were built with, not what is installed here.
pub(crate) fn is_foreign_project(path: &str) -> bool {
    const INSIDE: &[&str] = &[
        "node_modules/",
        "site-packages/",
        "dist-packages/",
        ".cargo/registry/",
        ".cargo/git/",
        "go/pkg/mod/",
        "vendor/bundle/",
        "usr/share/doc/",
    ];
    INSIDE.iter().any(|part| path.starts_with(part) || path.contains(&format!("/{part}")))
}

/// Of one kind; a full Debian archive mirror on disk has fewer.
pub(crate) const ENTRIES_MAX: usize = 500_000;
