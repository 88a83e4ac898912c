//! How does a name and a version from a stranger's file become a package?

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
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
        installed: None,
    }
}

/// Takes an entry, or refuses it where name or version cannot be used.
pub(crate) fn take(ecosystem: Ecosystem, name: &str, version: &str, path: &str, line: u64, out: &mut Parsed<Package>) {
    if out.accepted.len() >= ENTRIES_MAX {
        return out.refuse(path, line, format!("more than {ENTRIES_MAX} packages of one kind"));
    }
    let named = is_plain(name) && name.contains(char::is_alphanumeric);
    if named && is_plain(version) && version != "*" {
        return out.accept(package(ecosystem, name, version, path));
    }
    let shown = tripoint_model::text::truncate(name, 100).0;
    let what = if named { "version" } else { "name" };
    out.refuse(path, line, format!("{shown:?} has no usable {what}"));
}

/// A text of a JSON document; anything else in its place is an empty one, which costs that entry.
#[derive(Default, Deserialize)]
#[serde(untagged)]
pub(crate) enum Loose {
    /// As it should be.
    Text(String),
    /// Anything else.
    #[default]
    Other,
    /// Anything that has a value.
    Ignored(IgnoredAny),
}

impl Loose {
    /// The text.
    pub(crate) fn text(&self) -> &str {
        if let Self::Text(text) = self { text } else { "" }
    }
}

/// An entry of a list that may say nothing at all.
pub(crate) trait Tells {
    /// Whether it says anything.
    fn tells(&self) -> bool;
}

/// A list with each entry's place in it. Of those that say nothing the first is kept: `{}` a million times is said once.
#[derive(Default)]
pub(crate) struct Telling<T>(pub(crate) Vec<(u64, T)>);

impl<'de, T: Deserialize<'de> + Tells> Deserialize<'de> for Telling<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct List<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de> + Tells> Visitor<'de> for List<T> {
            type Value = Telling<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of packages")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let (mut out, mut place, mut silent) = (Vec::new(), 0, false);
                while let Some(entry) = list.next_element::<T>()? {
                    place += 1;
                    if entry.tells() || !std::mem::replace(&mut silent, true) {
                        out.push((place, entry));
                    }
                }
                Ok(Telling(out))
            }
        }
        from.deserialize_seq(List(PhantomData))
    }
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
