//! Which packages lie in a place from which a process may load them?

use std::io::Read;
use std::ops::ControlFlow;
use std::os::fd::AsRawFd;
use std::path::Path;

use tripoint_model::{Package, Parsed};
use tripoint_unpack::{Source, entries};

use super::ARCHIVE_LIMITS;
use crate::package::{Cataloger, dotnet, npm, php, python, ruby};
use crate::root::{Entry, Root};
use crate::walk::{WalkLimits, walk};

/// The distributions whose dist-info or egg-info lies directly in the folder.
pub(super) fn python_folder(root: &Root, folder: &str, out: &mut Parsed<Package>) {
    for entry in listed(root, folder, out) {
        let path = format!("{folder}/{}", entry.name);
        if entry.name.ends_with(".dist-info") {
            python::Python.read(root, &format!("{path}/METADATA"), out);
        } else if entry.name.ends_with(".egg-info") {
            let inner = format!("{path}/PKG-INFO");
            python::Python.read(root, if root.mark(&inner).is_some() { &inner } else { &path }, out);
        }
    }
}

/// What lies in a folder; says what cannot be listed of it.
fn listed(root: &Root, folder: &str, out: &mut Parsed<Package>) -> Vec<Entry> {
    match root.list(folder, ENTRIES_MAX) {
        Ok((entries, more)) => {
            if more {
                out.refuse(folder, 0, format!("more than {ENTRIES_MAX} entries: the rest was left out"));
            }
            entries
        }
        Err(error) => {
            out.refuse(folder, 0, format!("cannot be listed: {error}"));
            Vec::new()
        }
    }
}

/// The modules of a `node_modules` folder, those within modules too.
pub(super) fn node_folder(root: &Root, folder: &str, out: &mut Parsed<Package>) {
    let limits = WalkLimits { entries_max: ENTRIES_MAX, depth_max: 32 };
    let (_, unseen) = walk(root, folder, limits, &mut |path| {
        if npm::Npm.wants(path) && path.ends_with("/package.json") {
            npm::Npm.read(root, &format!("/{path}"), out);
        }
    });
    if let Some(unseen) = unseen {
        out.refuse(folder, 0, unseen.reason(limits.depth_max));
    }
}

/// The gems of a folder of specifications, or those that a lock file names.
pub(super) fn gems(root: &Root, place: &str, out: &mut Parsed<Package>) {
    if !place.ends_with("/specifications") && !place.ends_with("/default") {
        return ruby::Ruby.read(root, place, out);
    }
    for entry in listed(root, place, out).iter().filter(|entry| entry.name.ends_with(".gemspec")) {
        ruby::Ruby.read(root, &format!("{place}/{}", entry.name), out);
    }
}

/// The packages that Composer or NuGet lists in one file.
pub(super) fn list(root: &Root, place: &str, out: &mut Parsed<Package>) {
    if place.ends_with(".deps.json") { dotnet::Dotnet.read(root, place, out) } else { php::Php.read(root, place, out) }
}

/// The distribution inside a wheel that is used without being unpacked.
pub(super) fn wheel(root: &Root, path: &str, out: &mut Parsed<Package>) {
    let file = match root.file(path) {
        Ok(file) => file,
        Err(error) => return out.refuse(path, 0, format!("cannot be read: {error}")),
    };
    let through = format!("/proc/self/fd/{}", file.as_raw_fd());
    let outcome = entries(Source::Path(Path::new(&through)), path, &ARCHIVE_LIMITS, &mut |name, content| {
        if !name.ends_with(".dist-info/METADATA") {
            return ControlFlow::Continue(());
        }
        let mut bytes = Vec::new();
        // A METADATA that is cut still has its headers.
        let _ = content.take(METADATA_BYTES_MAX).read_to_end(&mut bytes);
        match python::parse(&bytes, &format!("{path}!/{name}")) {
            Ok(package) => out.accept(package),
            Err((line, reason)) => out.refuse(path, line, reason),
        }
        ControlFlow::Break(())
    });
    if let Err(error) = outcome {
        out.refuse(path, 1, error.to_string());
    }
}

/// The module that holds an open file.
pub(super) fn module(root: &Root, manifest: &str, out: &mut Parsed<Package>) {
    npm::Npm.read(root, manifest, out);
}

/// The package.json of the innermost module that a path lies in.
pub(super) fn manifest_of(path: &str) -> Option<String> {
    let (folder, rest) = path.rsplit_once("/node_modules/")?;
    let mut parts = rest.split('/');
    let first = parts.next()?;
    let name = if first.starts_with('@') { format!("{first}/{}", parts.next()?) } else { first.to_owned() };
    parts.next()?;
    Some(format!("{folder}/node_modules/{name}/package.json"))
}

const ENTRIES_MAX: usize = 200_000;
const METADATA_BYTES_MAX: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_module_of_a_file_is_the_innermost() {
        for (path, expected) in [
            ("/a/node_modules/x/lib/y.js", Some("/a/node_modules/x/package.json")),
            ("/a/node_modules/@s/x/y.node", Some("/a/node_modules/@s/x/package.json")),
            ("/a/node_modules/x/node_modules/z/y.js", Some("/a/node_modules/x/node_modules/z/package.json")),
            ("/a/node_modules/x", None),
            ("/a/b.js", None),
        ] {
            assert_eq!(manifest_of(path).as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn gems_and_lists_are_read_where_they_lie() {
        let folder = tempfile::tempdir().expect("tempdir");
        for (path, text) in [
            ("g/specifications/a-1.0.gemspec", "  s.name = \"a\"\n  s.version = \"1.0\"\n"),
            ("g/specifications/readme", "x"),
            ("w/Gemfile.lock", "GEM\n  specs:\n    b (2.0)\n"),
            ("w/vendor/composer/installed.json", r#"{"packages":[{"name":"c/d","version":"3.0"}]}"#),
            ("w/app.deps.json", r#"{"libraries":{"E/4.0":{"type":"package"}}}"#),
        ] {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().expect("parent")).expect("mkdir");
            std::fs::write(path, text).expect("write");
        }
        let root = Root::open(folder.path()).expect("root");
        let mut out = Parsed::default();
        for place in ["/g/specifications", "/w/Gemfile.lock"] {
            gems(&root, place, &mut out);
        }
        for place in ["/w/vendor/composer/installed.json", "/w/app.deps.json"] {
            list(&root, place, &mut out);
        }
        let found: Vec<_> = out.accepted.iter().map(|one| (one.name.as_str(), one.version.as_str())).collect();
        assert_eq!(found, [("a", "1.0"), ("b", "2.0"), ("c/d", "3.0"), ("E", "4.0")]);
    }
}
