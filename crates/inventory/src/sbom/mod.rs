//! Which packages does a bill of materials name? One file a format.

mod attestation;
mod cyclonedx;
mod cyclonedx_xml;
mod entry;
mod fields;
mod release;
mod spdx;
mod spdx3;
mod spdx_tags;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use tripoint_model::{Package, Parsed};
use tripoint_unpack::{Limits, Source, UnpackError};

use crate::distro::Distro;
use crate::scan::{Coverage, CoverageStatus, Inventory};

use entry::Entry;
use fields::Head;

/// Why a document is not read at all.
#[derive(Debug, thiserror::Error)]
pub enum SbomError {
    /// It cannot be opened or unpacked.
    #[error("no bill of materials")]
    Read {
        /// The file.
        file: PathBuf,
        /// What stopped it.
        source: Box<UnpackError>,
    },
    /// It is no bill of materials, or a broken one.
    #[error("{file} is no bill of materials that is read here: {reason}")]
    Document {
        /// The file.
        file: PathBuf,
        /// What is wrong, and what would be right.
        reason: String,
    },
}

/// A format: how a document of it begins, and who reads it.
struct Format {
    name: &'static str,
    fits: fn(&Head) -> bool,
    read: fn(&[u8], &mut Found) -> Result<(), String>,
}

/// Every format; adding one is a file and a line here.
const FORMATS: &[Format] =
    &[cyclonedx::FORMAT, cyclonedx_xml::FORMAT, spdx::FORMAT, spdx3::FORMAT, spdx_tags::FORMAT, attestation::FORMAT];

/// What a document says, before it is known which release its packages belong to.
#[derive(Default)]
struct Found {
    /// In pieces that are given back one by one, each entry with its place in the document.
    entries: Vec<Vec<(u64, Entry)>>,
    kept: usize,
    /// How many entries the document may have.
    room: usize,
    seen: u64,
    /// The operating system: id and version.
    system: Option<(String, String)>,
    /// Entries beyond the bound.
    over: u64,
    /// How often a document lay within another.
    nested: u32,
}

impl Found {
    fn add(&mut self, entry: Entry) {
        self.seen += 1;
        // Neither a package nor worth a refusal, and three bytes of text.
        if entry == Entry::default() {
            return;
        }
        if self.kept >= self.room.min(ENTRIES_MAX) {
            self.over += 1;
            return;
        }
        self.kept += 1;
        match self.entries.last_mut().filter(|piece| piece.len() < PIECE_ENTRIES) {
            Some(piece) => piece.push((self.seen, entry)),
            None => {
                let mut piece = Vec::with_capacity(PIECE_ENTRIES);
                piece.push((self.seen, entry));
                self.entries.push(piece);
            }
        }
    }
}

/// The package that a package URL of ours names, as if it were installed; nothing where the URL alone does not tell it:
/// builds of a module of a distribution, whose stream it leaves out, and releases that it does not name in full.
pub fn package_of(purl: &str) -> Option<Package> {
    let package = Entry { purl: purl.to_owned(), ..Entry::default() }.package(None).ok().flatten()?;
    let is_of_stream = package.ecosystem.is_distribution() && package.version.contains(".module");
    let is_told = release::is_told(package.ecosystem, &purl.parse().ok()?, &package.release);
    (is_told && (!is_of_stream || !package.module.is_empty())).then_some(package)
}

/// Reads a bill of materials, also compressed, as if what it names were installed.
pub fn read(file: &Path) -> Result<Inventory, SbomError> {
    let limits = Limits { out_bytes_max: BYTES_MAX, entry_bytes_max: BYTES_MAX, entries_max: 1, ..Limits::default() };
    let mut content = Vec::new();
    let mut broken = None;
    let name = file.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    tripoint_unpack::entries(Source::Path(file), &name, &limits, &mut |_, reader| {
        broken = reader.read_to_end(&mut content).err();
        ControlFlow::Break(())
    })
    .map_err(|source| SbomError::Read { file: file.to_owned(), source: Box::new(source) })?;
    let document = |reason: String| SbomError::Document { file: file.to_owned(), reason };
    if let Some(error) = broken {
        return Err(document(error.to_string()));
    }
    parse(&content, &file.to_string_lossy()).map_err(document)
}

/// Reads a document that is in memory.
fn parse(content: &[u8], file: &str) -> Result<Inventory, String> {
    let room = (content.len() / ENTRY_BYTES_MIN).saturating_add(ENTRIES_FREE);
    let mut found = Found { room, ..Found::default() };
    let format = document(content, &mut found)?;
    let mut parsed: Parsed<Package> = Parsed::default();
    parsed.accepted.reserve_exact(found.kept);
    for (place, entry) in std::mem::take(&mut found.entries).into_iter().flatten() {
        match entry.package(found.system.as_ref()) {
            Ok(Some(package)) => parsed.accept(package),
            Ok(None) => {}
            Err(reason) => parsed.refuse(file, place, reason),
        }
    }
    let distro = found.system.map(|(id, version)| {
        let name = format!("{id} {version}").trim().to_owned();
        Distro { id, version, name, ..Distro::default() }
    });
    Ok(inventory(format, file, distro, parsed, found.over, room.min(ENTRIES_MAX)))
}

fn inventory(
    format: &str,
    file: &str,
    distro: Option<Distro>,
    mut parsed: Parsed<Package>,
    over: u64,
    room: usize,
) -> Inventory {
    let mut reasons = Vec::new();
    if let Some(first) = parsed.rejected.first() {
        reasons.push(format!(
            "{format}: {} of {} entries refused, first {}: {}",
            parsed.refused, parsed.read, first.line, first.reason
        ));
    }
    if over > 0 {
        reasons.push(format!("{format}: {over} entries beyond the first {room} were left out"));
    }
    let status = match (reasons.is_empty(), parsed.accepted.is_empty()) {
        (false, _) => CoverageStatus::Partial,
        (true, false) => CoverageStatus::Complete,
        (true, true) => {
            reasons.push(format!("{format}: it names no packages"));
            CoverageStatus::Absent
        }
    };
    let coverage = vec![Coverage { cataloger: "sbom".to_owned(), status, reason: reasons.join("; ") }];
    parsed.accepted.sort();
    parsed.accepted.dedup_by(|a, b| a.purl == b.purl);
    Inventory { root: file.to_owned(), distro, packages: parsed.accepted, coverage, rejected: parsed.rejected }
}

/// Finds the format and reads; gives its name.
fn document(content: &[u8], found: &mut Found) -> Result<&'static str, String> {
    let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content).trim_ascii_start();
    if content.is_empty() {
        return Err("it is empty".to_owned());
    }
    let head = Head::of(content)?;
    let format = FORMATS.iter().find(|format| (format.fits)(&head)).ok_or_else(|| {
        let names: Vec<&str> = FORMATS.iter().map(|format| format.name).collect();
        format!("known are {}", names.join(", "))
    })?;
    (format.read)(content, found).map_err(|reason| format!("{}: {reason}", format.name))?;
    Ok(format.name)
}

/// The largest public ones are a tenth of it.
const BYTES_MAX: u64 = 128 << 20;
/// More than any host or image holds.
const ENTRIES_MAX: usize = 500_000;
/// Bytes of an entry, below which only small documents are believed; real ones have ten times as many.
const ENTRY_BYTES_MIN: usize = 64;
/// Entries of any document.
const ENTRIES_FREE: usize = 8192;
const PIECE_ENTRIES: usize = 256;

#[cfg(test)]
mod tests;
