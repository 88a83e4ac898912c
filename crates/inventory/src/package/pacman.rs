//! Which Arch Linux packages are installed (pacman's local database)?
//!
//! A folder for each package; `desc` and `files` hold sections of a name between percent signs and
//! lines until an empty one (alpm's local database, version 9).

use std::collections::HashMap;
use std::io::{Read, Seek, SeekFrom};

use tripoint_model::{Ecosystem, Package, PackageState, Parsed, Timestamp};
use tripoint_unpack::bounded_lines;

use super::{Cataloger, Reach, is_plain};
use crate::distro::Distro;
use crate::owner::Owners;
use crate::purl;
use crate::root::Root;

/// pacman.
pub struct Pacman;

impl Cataloger for Pacman {
    fn name(&self) -> &'static str {
        "pacman"
    }

    fn reach(&self) -> Reach {
        Reach::Database
    }

    fn watched(&self) -> &'static [&'static str] {
        &[LOCAL]
    }

    fn database(&self, root: &Root, out: &mut Parsed<Package>, owners: &mut Owners<'_>) -> bool {
        let (entries, more) = match root.list(LOCAL, PACKAGES_MAX) {
            Ok(listed) => listed,
            Err(error) if super::is_absent(&error) => return false,
            Err(error) => {
                out.refuse(LOCAL, 0, format!("cannot be listed: {error}"));
                return true;
            }
        };
        let distro = Distro::of(root).unwrap_or_default();
        if more {
            out.refuse(LOCAL, 0, format!("more than {PACKAGES_MAX} packages"));
        }
        for entry in entries.iter().filter(|entry| entry.name != "ALPM_DB_VERSION") {
            let path = format!("{LOCAL}/{}/desc", entry.name);
            let Some(bytes) = super::read(root, &path, DESC_BYTES_MAX, out) else { continue };
            match package(&bytes, &path, &distro) {
                Ok(package) => {
                    own_files(root, &format!("{LOCAL}/{}/files", entry.name), out.accepted.len(), owners);
                    out.accept(package);
                }
                Err(reason) => out.refuse(&path, 1, reason),
            }
        }
        !entries.is_empty()
    }

    fn replacements(&self, root: &Root) -> HashMap<String, (String, String)> {
        let mut out = HashMap::new();
        let Ok(mut file) = root.file(LOG) else { return out };
        let size = file.metadata().map_or(0, |found| found.len());
        if file.seek(SeekFrom::Start(size.saturating_sub(LOG_BYTES_MAX))).is_err() {
            return out;
        }
        let mut lines = bounded_lines(file.take(LOG_BYTES_MAX), LINE_BYTES_MAX);
        while let Some((_, line)) = lines.next_line() {
            // `[time] [ALPM] upgraded name (old -> new)`
            let Some((_, rest)) = line.unwrap_or_default().split_once("[ALPM] upgraded ") else { continue };
            let Some((name, versions)) = rest.split_once(" (") else { continue };
            let Some((old, new)) = versions.trim_end_matches(')').split_once(" -> ") else { continue };
            if old != new && is_plain(old) {
                out.insert(name.to_owned(), (old.to_owned(), new.to_owned()));
            }
        }
        out
    }
}

fn package(bytes: &[u8], path: &str, distro: &Distro) -> Result<Package, String> {
    let [mut name, mut version, mut base, mut architecture, mut installed] = <[String; 5]>::default();
    let mut section = String::new();
    let mut lines = bounded_lines(bytes, LINE_BYTES_MAX);
    while let Some((number, line)) = lines.next_line() {
        let line = line.map_err(|error| format!("line {number}: {error}"))?;
        let field: &mut String = match section.as_str() {
            _ if line.starts_with('%') && line.ends_with('%') => {
                line.clone_into(&mut section);
                continue;
            }
            "%NAME%" => &mut name,
            "%VERSION%" => &mut version,
            "%BASE%" => &mut base,
            "%ARCH%" => &mut architecture,
            "%INSTALLDATE%" => &mut installed,
            _ => continue,
        };
        if field.is_empty() {
            line.clone_into(field);
        }
    }
    if !is_plain(&name) || !is_plain(&version) {
        return Err("no usable %NAME% and %VERSION%".to_owned());
    }
    let source = if is_plain(&base) { base } else { name.clone() };
    let upstream = if source == name { "" } else { source.as_str() };
    let qualifiers = [("arch", architecture.as_str()), ("distro", &distro.qualifier()), ("upstream", upstream)];
    Ok(Package {
        purl: purl::build(Ecosystem::Arch, &name, &version, &qualifiers),
        ecosystem: Ecosystem::Arch,
        release: String::new(),
        source_version: version.clone(),
        source,
        module: String::new(),
        name,
        version,
        paths: vec![path.to_owned()],
        state: PackageState::Installed,
        installed: installed.parse::<u32>().ok().map(|seconds| Timestamp(i64::from(seconds) * 1_000_000)),
    })
}

fn own_files(root: &Root, path: &str, number: usize, owners: &mut Owners<'_>) {
    let Ok(file) = root.file(path) else { return };
    let mut inside = false;
    let mut lines = bounded_lines(file.take(FILES_BYTES_MAX), LINE_BYTES_MAX);
    while let Some((_, line)) = lines.next_line() {
        match line.unwrap_or_default() {
            "%FILES%" => inside = true,
            "" => inside = false,
            // A folder ends with a stroke and belongs to many.
            path if inside && !path.ends_with('/') && !owners.own(path, number) => return,
            _ => {}
        }
    }
}

const LOCAL: &str = "var/lib/pacman/local";
const LOG: &str = "var/log/pacman.log";
const LOG_BYTES_MAX: u64 = 4 << 20;
const DESC_BYTES_MAX: u64 = 1 << 20;
const FILES_BYTES_MAX: u64 = 64 << 20;
const LINE_BYTES_MAX: usize = 64 << 10;
const PACKAGES_MAX: usize = 100_000;
