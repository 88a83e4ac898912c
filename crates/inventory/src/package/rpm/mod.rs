//! Which rpm packages are installed, whichever kind of database rpm keeps?
//!
//! rpm stores one header blob a package (`header`), in SQLite (`sqlite`), in its own "ndb" (`ndb`)
//! or in a Berkeley DB hash (`bdb`). None of their libraries is used: the files are a stranger's.

mod bdb;
mod header;
mod ndb;
mod sqlite;
mod store;
mod wal;

use std::fs::File;

use tripoint_model::{Package, PackageState, Parsed, Timestamp};

use super::{Cataloger, Reach, is_plain};
use crate::distro::Distro;
use crate::owner::Owners;
use crate::purl;
use crate::root::Root;

use header::Header;

/// rpm.
pub struct Rpm;

impl Cataloger for Rpm {
    fn name(&self) -> &'static str {
        "rpm"
    }

    fn reach(&self) -> Reach {
        Reach::Database
    }

    fn watched(&self) -> &'static [&'static str] {
        WATCHED
    }

    fn database(&self, root: &Root, out: &mut Parsed<Package>, owners: &mut Owners<'_>) -> bool {
        let distro = Distro::of(root).unwrap_or_default();
        let mut found = false;
        for folder in FOLDERS {
            for (name, read) in STORES {
                let path = format!("{folder}/{name}");
                if root.mark(&path).is_none() {
                    continue;
                }
                found = true;
                let file = match root.file(&path) {
                    Ok(file) => file,
                    Err(error) => {
                        out.refuse(&path, 1, format!("cannot be read: {error}"));
                        continue;
                    }
                };
                let journal = root.file(&format!("{path}-wal")).ok();
                read_store(&file, journal.as_ref(), *read, &path, &distro, out, owners);
                // Databases beside or before the one in use are left over from a migration.
                if !out.accepted.is_empty() {
                    return true;
                }
            }
        }
        found
    }
}

/// Shows every blob of a store, numbered by its place, or why one cannot be read. An error ends it.
type ReadStore = fn(&File, Option<&File>, &mut Visit<'_>) -> Result<(), String>;
type Visit<'v> = dyn FnMut(u64, Result<Vec<u8>, String>) + 'v;

fn read_store(
    file: &File,
    journal: Option<&File>,
    read: ReadStore,
    path: &str,
    distro: &Distro,
    out: &mut Parsed<Package>,
    owners: &mut Owners<'_>,
) {
    let outcome = read(file, journal, &mut |place, blob| {
        if out.accepted.len() >= PACKAGES_MAX {
            return out.refuse(path, place, format!("more than {PACKAGES_MAX} packages"));
        }
        let taken = blob.and_then(|blob| take(&blob, path, distro, out.accepted.len(), owners));
        match taken {
            Ok(Some(package)) => out.accept(package),
            Ok(None) => {}
            Err(reason) => out.refuse(path, place, reason),
        }
    });
    if let Err(reason) = outcome {
        out.refuse(path, 0, reason);
    }
}

/// The package of a header; `None` for a public key, which is kept like a package and is none.
fn take(
    blob: &[u8],
    path: &str,
    distro: &Distro,
    number: usize,
    owners: &mut Owners<'_>,
) -> Result<Option<Package>, String> {
    let header = Header::parse(blob)?;
    let text = |tag| header.text(tag).filter(|text| is_plain(text));
    let name = text(header::NAME).ok_or("a header without a usable name")?;
    if name == "gpg-pubkey" {
        return Ok(None);
    }
    let version = text(header::VERSION).ok_or_else(|| format!("package {name} has no usable version"))?;
    let release = text(header::RELEASE).ok_or_else(|| format!("package {name} has no usable release"))?;
    let own = format!("{version}-{release}");
    let epoch = header.numbers(header::EPOCH).next().filter(|epoch| *epoch > 0);
    let with_epoch = |version: &str| epoch.map_or(version.to_owned(), |epoch| format!("{epoch}:{version}"));
    let source_rpm = text(header::SOURCERPM).unwrap_or_default();
    let (source, source_version) = split_source(&source_rpm).unwrap_or((&name, &own));
    let (ecosystem, branch) = distro.rpm_ecosystem();
    let qualifiers = [
        ("arch", text(header::ARCH).unwrap_or_default()),
        ("distro", distro.qualifier()),
        ("epoch", epoch.map_or(String::new(), |epoch| epoch.to_string())),
        ("upstream", source_rpm.clone()),
    ];
    let qualifiers: Vec<(&str, &str)> = qualifiers.iter().map(|(key, value)| (*key, value.as_str())).collect();
    own_files(&header, number, owners);
    Ok(Some(Package {
        purl: purl::build(ecosystem, &name, &own, &qualifiers),
        ecosystem,
        release: if distro.id.is_empty() { String::new() } else { branch },
        source: source.to_owned(),
        // Only a source of the same version surely has the same epoch.
        source_version: if source_version == own { with_epoch(source_version) } else { source_version.to_owned() },
        module: text(header::MODULARITYLABEL).map_or(String::new(), |label| module(&label)),
        version: with_epoch(&own),
        name,
        paths: vec![path.to_owned()],
        state: PackageState::Installed,
        installed: header.numbers(header::INSTALLTIME).next().map(|seconds| Timestamp(i64::from(seconds) * 1_000_000)),
    }))
}

/// `name-version-release.src.rpm`.
fn split_source(file: &str) -> Option<(&str, &str)> {
    let stem = file.strip_suffix(".rpm")?;
    let stem = stem.strip_suffix(".src").or_else(|| stem.strip_suffix(".nosrc"))?;
    let (rest, _) = stem.rsplit_once('-')?;
    let (name, _) = rest.rsplit_once('-')?;
    let version = stem.get(name.len() + 1..)?;
    (!name.is_empty()).then_some((name, version))
}

/// `nodejs:18:8090020240101:abcdef` is stream `nodejs:18`.
fn module(label: &str) -> String {
    label.split(':').take(2).collect::<Vec<_>>().join(":")
}

/// Notes the files of a package that are on disk.
fn own_files(header: &Header<'_>, number: usize, owners: &mut Owners<'_>) {
    let folders: Vec<&str> = header.texts(header::DIRNAMES).collect();
    let states = header.bytes(header::FILESTATES);
    let names = header.texts(header::BASENAMES).zip(header.numbers(header::DIRINDEXES));
    for (at, (name, folder)) in names.enumerate() {
        // 0 is "normal"; others were replaced, or never put there.
        if states.get(at).is_some_and(|state| *state != 0) {
            continue;
        }
        let Some(folder) = usize::try_from(folder).ok().and_then(|folder| folders.get(folder)) else { continue };
        if !owners.own(&format!("{folder}{name}"), number) {
            return;
        }
    }
}

/// In the order in which rpm moved from one to the next, the newest first.
const FOLDERS: &[&str] = &["usr/lib/sysimage/rpm", "var/lib/rpm", "usr/share/rpm"];
const STORES: &[(&str, ReadStore)] =
    &[("rpmdb.sqlite", sqlite::blobs), ("Packages.db", ndb::blobs), ("Packages", bdb::blobs)];
const WATCHED: &[&str] = &[
    "usr/lib/sysimage/rpm/rpmdb.sqlite",
    "usr/lib/sysimage/rpm/rpmdb.sqlite-wal",
    "usr/lib/sysimage/rpm/Packages.db",
    "usr/lib/sysimage/rpm/Packages",
    "var/lib/rpm/rpmdb.sqlite",
    "var/lib/rpm/rpmdb.sqlite-wal",
    "var/lib/rpm/Packages.db",
    "var/lib/rpm/Packages",
    "usr/share/rpm/rpmdb.sqlite",
    "usr/share/rpm/Packages",
];
/// The largest distributions have some 80,000 packages in all.
const PACKAGES_MAX: usize = 200_000;

#[cfg(test)]
mod tests;
