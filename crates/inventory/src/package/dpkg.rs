//! Which Debian packages are installed (dpkg's status file, and status.d of distroless images)?

use std::collections::HashMap;
use std::io::{Read, Seek, SeekFrom};

use tripoint_model::{Package, PackageState, Parsed, Timestamp};
use tripoint_unpack::{LineError, bounded_lines};

use super::{Cataloger, Reach, is_plain};
use crate::distro::Distro;
use crate::owner::Owners;
use crate::path;
use crate::purl;
use crate::root::Root;

/// dpkg.
pub struct Dpkg;

impl Cataloger for Dpkg {
    fn name(&self) -> &'static str {
        "dpkg"
    }

    fn reach(&self) -> Reach {
        Reach::Database
    }

    fn watched(&self) -> &'static [&'static str] {
        &[STATUS, STATUS_D]
    }

    fn database(&self, root: &Root, out: &mut Parsed<Package>, owners: &mut Owners<'_>) -> bool {
        let distro = Distro::of(root).unwrap_or_else(|| Distro { id: "debian".to_owned(), ..Distro::default() });
        let mut found = false;
        match root.file(STATUS) {
            Ok(file) => {
                found = true;
                out.expect(STATUS, file.metadata().map_or(0, |found| found.len()));
                read_status(file, STATUS, &distro, out);
            }
            Err(error) if super::is_absent(&error) => {}
            Err(error) => {
                found = true;
                out.refuse(STATUS, 1, format!("cannot be read: {error}"));
            }
        }
        for name in status_d(root) {
            let path = format!("{STATUS_D}/{name}");
            match root.file(&path) {
                Ok(file) => {
                    found = true;
                    out.expect(&path, file.metadata().map_or(0, |found| found.len()));
                    read_status(file, &path, &distro, out);
                }
                Err(error) => out.refuse(&path, 1, format!("cannot be read: {error}")),
            }
        }
        if found {
            for (file, reason) in own_files(root, &mut out.accepted, owners) {
                out.refuse(&file, 1, reason);
            }
        }
        found
    }

    fn replacements(&self, root: &Root) -> HashMap<String, (String, String)> {
        replacements(root)
    }
}

fn status_d(root: &Root) -> Vec<String> {
    let (entries, _) = root.list(STATUS_D, FILES_MAX).unwrap_or_default();
    entries.into_iter().map(|entry| entry.name).filter(|name| !name.ends_with(".md5sums")).collect()
}

/// The fields of a paragraph that matter, and where it began.
#[derive(Default)]
struct Paragraph {
    line: u64,
    package: String,
    status: Option<String>,
    version: String,
    source: String,
    architecture: String,
    broken: Option<(u64, &'static str)>,
    begun: bool,
}

fn read_status(input: impl Read, path: &str, distro: &Distro, out: &mut Parsed<Package>) {
    let mut lines = bounded_lines(input, LINE_BYTES_MAX);
    let mut paragraph = Paragraph::default();
    while let Some((number, line)) = lines.next_line() {
        match line {
            Ok("") => finish(std::mem::take(&mut paragraph), path, distro, out),
            Ok(line) => paragraph.field(number, line),
            Err(error @ LineError::Io(_)) => {
                out.refuse(path, number, error.to_string());
                break;
            }
            // A long or foreign line inside a description hurts nobody; in a field it is missed below.
            Err(_) => paragraph.begin(number),
        }
        if out.accepted.len() >= PACKAGES_MAX {
            out.refuse(path, number, format!("more than {PACKAGES_MAX} packages"));
            return;
        }
    }
    finish(paragraph, path, distro, out);
}

impl Paragraph {
    fn begin(&mut self, number: u64) {
        if !self.begun {
            self.begun = true;
            self.line = number;
        }
    }

    fn field(&mut self, number: u64, line: &str) {
        self.begin(number);
        if line.starts_with([' ', '\t']) {
            return;
        }
        let Some((name, value)) = line.split_once(':') else {
            self.broken = self.broken.or(Some((number, "a line without a field name")));
            return;
        };
        let value = value.trim();
        match name {
            "Package" => self.package = value.to_owned(),
            "Status" => self.status = Some(value.to_owned()),
            "Version" => self.version = value.to_owned(),
            "Source" => self.source = value.to_owned(),
            "Architecture" => self.architecture = value.to_owned(),
            _ => {}
        }
    }
}

fn finish(paragraph: Paragraph, path: &str, distro: &Distro, out: &mut Parsed<Package>) {
    if !paragraph.begun {
        return;
    }
    if let Some((line, reason)) = paragraph.broken {
        return out.refuse(path, line, reason);
    }
    let state = paragraph.status.as_deref().map(|status| status.rsplit(' ').next().unwrap_or(status));
    if state.is_some_and(|state| !PRESENT.contains(&state)) {
        return;
    }
    if !is_plain(&paragraph.package) {
        return out.refuse(path, paragraph.line, "the paragraph has no usable Package field");
    }
    if !is_plain(&paragraph.version) {
        return out.refuse(path, paragraph.line, format!("package {} has no usable Version field", paragraph.package));
    }
    out.accept(package(paragraph, path, distro));
}

fn package(paragraph: Paragraph, path: &str, distro: &Distro) -> Package {
    let Paragraph { package: name, version, source, architecture, .. } = paragraph;
    let (source, source_version) = match source.split_once('(') {
        Some((source, version)) => (source.trim().to_owned(), version.trim_end_matches(')').trim().to_owned()),
        None => (source, String::new()),
    };
    let source = if is_plain(&source) { source } else { name.clone() };
    let source_version = if is_plain(&source_version) { source_version } else { without_rebuild(&version).to_owned() };
    let (ecosystem, release) = distro.dpkg_ecosystem();
    let release = if distro.version.is_empty() && distro.codename.is_empty() && distro.name.is_empty() {
        String::new()
    } else {
        release
    };
    let upstream = match (source == name, source_version == version) {
        (true, true) => String::new(),
        (_, true) => source.clone(),
        (_, false) => format!("{source}@{source_version}"),
    };
    let shown = if release.is_empty() { String::new() } else { format!("{}-{}", distro.id, distro.version) };
    let purl = purl::build(
        ecosystem,
        &name,
        &version,
        &[("arch", &architecture), ("distro", &shown), ("upstream", &upstream)],
    );
    Package {
        purl,
        ecosystem,
        release,
        name,
        version,
        source,
        source_version,
        module: String::new(),
        paths: vec![path.to_owned()],
        state: PackageState::Installed,
        installed: None,
    }
}

/// The version without the mark of a binary-only rebuild (`+b1`), which the source never has.
pub(crate) fn without_rebuild(version: &str) -> &str {
    match version.rsplit_once("+b") {
        Some((stem, number)) if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) => stem,
        _ => version,
    }
}

/// Reads dpkg's file lists; returns those that could not be, and why. A package of several architectures has a list
/// for each. The list is written when its package is unpacked: so long has that version been there.
fn own_files(root: &Root, packages: &mut [Package], owners: &mut Owners<'_>) -> Vec<(String, String)> {
    let by_name: HashMap<&str, usize> =
        packages.iter().enumerate().map(|(number, package)| (package.name.as_str(), number)).collect();
    owners.expect(by_name.len());
    let mut unread = Vec::new();
    let mut list = Vec::new();
    let mut unpacked = vec![None; packages.len()];
    for (folder, ending) in [(INFO, ".list"), (STATUS_D, ".md5sums")] {
        let (entries, _) = root.list(folder, FILES_MAX).unwrap_or_default();
        for entry in entries {
            let Some(stem) = entry.name.strip_suffix(ending) else { continue };
            let name = stem.split(':').next().unwrap_or(stem);
            let Some(number) = by_name.get(name) else { continue };
            let file = format!("{folder}/{}", entry.name);
            if let Err(error) = root.read_into(&file, LIST_BYTES_MAX, &mut list) {
                unread.push((file, format!("cannot be read: {error}")));
                continue;
            }
            // Files of an image have the time of its build.
            if ending == ".list" {
                unpacked[*number] = unpacked[*number].max(unpacked_at(root, &file));
            }
            let text = path::text(&list);
            // md5sums lines are a digest, two spaces and the path.
            let path_of = |line| {
                if ending == ".md5sums" { str::split_once(line, "  ").map_or("", |(_, path)| path) } else { line }
            };
            if !lines(&text).map(path_of).filter(|path| path.len() > 2).all(|path| owners.own(path, *number)) {
                unread.push((file, "more files than are noted".to_owned()));
                return unread;
            }
        }
    }
    let of_name: HashMap<String, Timestamp> =
        by_name.into_iter().filter_map(|(name, number)| Some((name.to_owned(), unpacked[number]?))).collect();
    packages.iter_mut().for_each(|package| package.installed = of_name.get(&package.name).copied());
    unread
}

fn unpacked_at(root: &Root, list: &str) -> Option<Timestamp> {
    let micros = i64::try_from(root.mark(list)?.modified_ns / 1_000).ok()?;
    (micros > 0).then_some(Timestamp(micros))
}

/// By a search for their ends that is several times as fast as the standard library's.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let ends = memchr::memchr_iter(b'\n', text.as_bytes()).chain([text.len()]);
    ends.scan(0, |from, end| {
        let line = text.get(*from..end);
        *from = end + 1;
        line
    })
}

/// What dpkg's log says was replaced by what, by package; of several changes the last.
fn replacements(root: &Root) -> HashMap<String, (String, String)> {
    let mut out = HashMap::new();
    let Ok(mut file) = root.file(LOG) else { return out };
    let size = file.metadata().map_or(0, |found| found.len());
    if file.seek(SeekFrom::Start(size.saturating_sub(LOG_BYTES_MAX))).is_err() {
        return out;
    }
    let mut lines = bounded_lines(file.take(LOG_BYTES_MAX), LINE_BYTES_MAX);
    while let Some((_, line)) = lines.next_line() {
        // `date time upgrade name:arch old new`
        let mut words = line.unwrap_or_default().split(' ').skip(2);
        if words.next() != Some("upgrade") {
            continue;
        }
        let name = words.next().and_then(|word| word.split(':').next());
        let (Some(name), Some(old), Some(new)) = (name, words.next(), words.next()) else { continue };
        if old != new && is_plain(old) {
            out.insert(name.to_owned(), (old.to_owned(), new.to_owned()));
        }
    }
    out
}

/// States in which all files of the package are on disk, also where its scripts did not finish.
const PRESENT: &[&str] = &["installed", "triggers-awaited", "triggers-pending", "unpacked", "half-configured"];
const LOG: &str = "var/log/dpkg.log";
const LOG_BYTES_MAX: u64 = 4 << 20;
const STATUS: &str = "var/lib/dpkg/status";
const STATUS_D: &str = "var/lib/dpkg/status.d";
const INFO: &str = "var/lib/dpkg/info";
const LINE_BYTES_MAX: usize = 256 << 10;
/// Held whole; texlive's have a few.
const LIST_BYTES_MAX: u64 = 16 << 20;
const FILES_MAX: usize = 400_000;
/// Debian has some 70,000 packages in all.
const PACKAGES_MAX: usize = 200_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unpacked_is_there_and_what_cannot_be_read_is_said() {
        let mut out = Parsed::default();
        for state in ["unpacked", "half-configured", "half-installed", "config-files"] {
            let text = format!("Package: {state}\nStatus: install ok {state}\nVersion: 1\n");
            read_status(text.as_bytes(), "status", &Distro::default(), &mut out);
        }
        let found: Vec<_> = out.accepted.iter().map(|package| package.name.as_str()).collect();
        assert_eq!(found, ["unpacked", "half-configured"]);

        let folder = tempfile::tempdir().expect("tempdir");
        let scan = || {
            let root = Root::open(folder.path()).expect("root");
            let (mut out, mut index) = (Parsed::default(), crate::owner::PathIndex::default());
            let found = Dpkg.database(&root, &mut out, &mut Owners::new(&mut index, 0));
            (found, out.refused)
        };
        assert_eq!(scan(), (false, 0));
        std::fs::create_dir_all(folder.path().join(STATUS)).expect("mkdir");
        assert_eq!(scan(), (true, 1));
    }

    #[test]
    fn states_sources_and_rebuilds_are_understood() {
        let text = "Package: a\nStatus: install ok installed\nVersion: 1.0-1+b2\n\n\
                    Package: b\nStatus: deinstall ok config-files\nVersion: 1\n\n\
                    Package: c\nStatus: install ok installed\nSource: src (2:3-4)\nVersion: 2:3-4+b1\nArchitecture: amd64\nDescription: x\n .\n y\n\n\n\
                    no field here\nPackage: d\nVersion: 1\n\n\
                    Package: e\nStatus: install ok installed\n";
        let mut out = Parsed::default();
        let distro = Distro { id: "debian".into(), version: "12".into(), ..Distro::default() };
        read_status(text.as_bytes(), "status", &distro, &mut out);
        let found: Vec<_> =
            out.accepted.iter().map(|p| (p.name.as_str(), p.source.as_str(), p.source_version.as_str())).collect();
        assert_eq!(found, [("a", "a", "1.0-1"), ("c", "src", "2:3-4")]);
        assert_eq!(
            out.accepted[1].purl,
            "pkg:deb/debian/c@2%3A3-4%2Bb1?arch=amd64&distro=debian-12&upstream=src%402%3A3-4"
        );
        let lines: Vec<_> = out.rejected.iter().map(|refusal| refusal.line).collect();
        assert_eq!(lines, [19, 23], "{:?}", out.rejected);
    }
}
