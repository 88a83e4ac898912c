//! How does a person bring tables of networks?

use std::fs;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde::Serialize;
use tripoint_model::{Parsed, Rejected, Timestamp};
use tripoint_unpack::{LINE_MAX, Limits, Source, bounded_lines};

use super::build::Draft;
use super::csv::{Entry, entry, header};
use super::mmdb::{each, is_mmdb};
use super::{Kind, PARTS, TableStatus, path, tables};
use crate::images::write_whole;

/// What became of the files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NetworksReport {
    /// Entries read.
    pub read: u64,
    /// Entries that went into a table.
    pub imported: u64,
    /// Entries refused.
    pub refused: u64,
    /// The refusals, at most `model::parsed::REJECTED_MAX`.
    pub refusals: Vec<Rejected>,
    /// The tables in force now.
    pub tables: Vec<TableStatus>,
}

/// Why no table was written.
#[derive(Debug, thiserror::Error)]
#[error("cannot use {path}: {source}")]
pub struct NetworksError {
    /// What was to be written.
    path: PathBuf,
    /// What the system said.
    source: io::Error,
}

/// Reads files and puts tables of what they say into force. A table of a kind and family that the
/// files say nothing of stays; nothing changes when no entry is good.
pub fn import(files: &[PathBuf], data_dir: &Path, now: Timestamp) -> Result<NetworksReport, NetworksError> {
    let mut reading = Reading::new();
    for file in files {
        let name = file.display().to_string();
        let walked = tripoint_unpack::entries(Source::Path(file), &name, &Limits::default(), &mut |_, reader| {
            reading.file(reader, &name);
            ControlFlow::Continue(())
        });
        if let Err(error) = walked {
            reading.parsed.refuse(&name, 1, error.to_string());
        }
    }
    let folder = data_dir.join("networks");
    let names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    let names = names.join(", ");
    let (source, _) = tripoint_model::text::truncate(&names, SOURCE_BYTES_MAX);
    for draft in reading.drafts.into_iter().filter(|draft| !draft.is_empty()) {
        fs::create_dir_all(&folder).map_err(|source| NetworksError { path: folder.clone(), source })?;
        let path = path(data_dir, draft.kind, draft.family);
        write_whole(&path, |out| draft.write(now, source, out))
            .map_err(|source| NetworksError { path: path.clone(), source })?;
    }
    let parsed = reading.parsed;
    Ok(NetworksReport {
        read: parsed.read,
        imported: parsed.read - parsed.refused,
        refused: parsed.refused,
        refusals: parsed.rejected,
        tables: tables(data_dir),
    })
}

/// Names of files that a table remembers, bytes.
const SOURCE_BYTES_MAX: usize = 4096;

struct Reading {
    parsed: Parsed<()>,
    drafts: [Draft; PARTS.len()],
}

/// How many entries an uncompressed file holds, and how many of them an import would refuse.
pub fn check(bytes: &[u8]) -> (u64, u64) {
    let mut reading = Reading::new();
    reading.file(&mut io::Cursor::new(bytes), "");
    (reading.parsed.read, reading.parsed.refused)
}

impl Reading {
    fn new() -> Self {
        Self { parsed: Parsed::default(), drafts: PARTS.map(|(kind, family)| Draft::new(kind, family)) }
    }

    fn file(&mut self, reader: &mut dyn Read, name: &str) {
        let mut head = Vec::new();
        // A reader that fails here fails again below, where it is reported.
        let _ = reader.take(HEAD_BYTES).read_to_end(&mut head);
        if head.iter().take(512).any(|byte| *byte == 0) {
            return self.binary(head, reader, name);
        }
        let mut columns = None;
        let mut lines = bounded_lines(io::Cursor::new(head).chain(reader), LINE_MAX);
        let mut begun = false;
        while let Some((number, line)) = lines.next_line() {
            let line = match line {
                Ok(line) => line,
                Err(error) => {
                    self.parsed.refuse(name, number, error.to_string());
                    continue;
                }
            };
            if line.trim().is_empty() {
                continue;
            }
            if !begun && columns.is_none() {
                columns = header(line);
                if columns.is_some() {
                    continue;
                }
            }
            if line.starts_with('#') {
                continue;
            }
            begun = true;
            self.take(entry(line, columns.as_ref()), name, number);
        }
    }

    fn binary(&mut self, mut bytes: Vec<u8>, reader: &mut dyn Read, name: &str) {
        if let Err(error) = reader.read_to_end(&mut bytes) {
            return self.parsed.refuse(name, 1, error.to_string());
        }
        if !is_mmdb(&bytes) {
            return self.parsed.refuse(name, 1, "it is neither a table of text nor a MaxMind database");
        }
        let mut number = 0;
        let read = each(&bytes, &mut |entry| {
            number += 1;
            self.take(entry, name, number);
        });
        if let Err(reason) = read {
            self.parsed.refuse(name, 1, reason);
        }
    }

    fn take(&mut self, entry: Result<Entry, String>, name: &str, number: u64) {
        match entry.and_then(|entry| self.add(&entry)) {
            Ok(()) => self.parsed.accept(()),
            Err(reason) => self.parsed.refuse(name, number, reason),
        }
    }

    fn add(&mut self, entry: &Entry) -> Result<(), String> {
        for draft in self.drafts.iter_mut().filter(|draft| draft.family == entry.family) {
            match (draft.kind, &entry.owner, &entry.country) {
                (Kind::Owners, Some((number, text)), _) => draft.add(entry.first, entry.last, *number, text)?,
                (Kind::Countries, _, Some(code)) => draft.add(entry.first, entry.last, 0, code)?,
                _ => {}
            }
        }
        Ok(())
    }
}

/// Bytes that decide between text and database.
const HEAD_BYTES: u64 = 8 << 10;
