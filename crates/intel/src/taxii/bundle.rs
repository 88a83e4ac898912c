//! How do pages become one bundle, in which each indicator stands once, in its newest version?
//!
//! `taxii.json` in the feed's folder is a STIX bundle with a line for each object; its first line also
//! says how far the collection was read, so that the two can never disagree.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tripoint_model::Timestamp;

use crate::feed::lenient::{Flag, Text};
use crate::store::{hex, sha256_hex};

/// How far a collection was read.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Header {
    /// Where its objects are.
    pub(super) collection: String,
    /// When the last of them was added, in the server's words.
    pub(super) added_after: Option<String>,
    /// When all of it was read.
    pub(super) whole: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct FirstLine {
    r#type: String,
    x_tripoint_taxii: Header,
}

/// The header of the bundle in force.
pub(super) fn header(folder: &Path) -> Option<Header> {
    let mut line = String::new();
    BufReader::new(File::open(folder.join(BUNDLE)).ok()?).take(LINE_MAX).read_line(&mut line).ok()?;
    let text = line.trim_end().strip_suffix(OBJECTS)?;
    serde_json::from_str::<FirstLine>(&format!("{text}}}")).ok().map(|first| first.x_tripoint_taxii)
}

/// A bundle that is not in force yet; removed unless it comes into force.
pub(crate) struct Kept {
    /// SHA-256 of its objects, hex.
    pub(crate) sha256: String,
    work: Work,
}

impl Kept {
    /// Where it lies.
    pub(crate) fn path(&self) -> &Path {
        &self.work.new
    }

    /// It takes the place of the former one.
    pub(crate) fn put_in_force(self) -> io::Result<()> {
        let folder = self.work.new.parent().unwrap_or(Path::new("."));
        fs::rename(&self.work.new, folder.join(BUNDLE))?;
        File::open(folder)?.sync_all()
    }
}

/// The file that is written; one refresh of a feed at a time.
struct Work {
    new: PathBuf,
    _lock: File,
}

impl Drop for Work {
    fn drop(&mut self) {
        // Gone already where it came into force; otherwise the next refresh overwrites it.
        let _ = fs::remove_file(&self.new);
    }
}

/// The newest version of one indicator.
struct Place {
    modified: Option<Timestamp>,
    is_revoked: bool,
    is_new: bool,
    from: u64,
    length: usize,
}

/// Pages on their way into a bundle.
pub(super) struct Merge {
    work: Work,
    former: Option<File>,
    pages: BufWriter<File>,
    written: u64,
    bytes_max: u64,
    index: BTreeMap<String, Place>,
}

/// What decides about an object.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Head {
    r#type: Text,
    id: Text,
    created: Text,
    modified: Text,
    revoked: Flag,
}

impl Merge {
    /// Begins with nothing.
    pub(super) fn begin(folder: &Path, bytes_max: u64) -> Result<Self, String> {
        let start = || -> io::Result<Self> {
            let lock = File::create(folder.join("taxii.lock"))?;
            lock.try_lock().map_err(io::Error::from)?;
            let pages = BufWriter::new(tempfile::tempfile_in(folder)?);
            let work = Work { new: folder.join("taxii.new"), _lock: lock };
            Ok(Self { work, former: None, pages, written: 0, bytes_max, index: BTreeMap::new() })
        };
        start().map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => "another refresh of this feed is under way".to_owned(),
            _ => format!("cannot use {}: {error}", folder.display()),
        })
    }

    /// Takes the bundle in force; says whether it is there and has this digest.
    pub(super) fn goes_on(&mut self, folder: &Path, sha256: &str) -> bool {
        let is_whole = self.take_former(&folder.join(BUNDLE)).is_ok_and(|found| found == sha256);
        if !is_whole {
            self.former = None;
            self.index.clear();
        }
        is_whole
    }

    fn take_former(&mut self, path: &Path) -> io::Result<String> {
        let mut hash = Sha256::new();
        let mut reader = BufReader::with_capacity(256 << 10, File::open(path)?);
        let mut line = Vec::new();
        let mut from = 0;
        loop {
            line.clear();
            let length = reader.by_ref().take(LINE_MAX).read_until(b'\n', &mut line)?;
            if length == 0 {
                break;
            }
            let object = line.strip_suffix(b"\n").unwrap_or(&line);
            let object = object.strip_suffix(b",").unwrap_or(object);
            if from > 0 && object != b"]}" {
                hash.update(object);
                hash.update(b"\n");
                let text = std::str::from_utf8(object).map_err(io::Error::other)?;
                let head: Head = serde_json::from_str(text)?;
                let place = Place::of(&head, false, from, object.len());
                self.index.insert(key(&head, text), place);
            }
            from += length as u64;
        }
        self.former = Some(reader.into_inner());
        Ok(hex(&hash.finalize()))
    }

    /// Takes one object; only indicators are kept.
    pub(super) fn add(&mut self, object: &str) -> Result<(), String> {
        let head: Head = serde_json::from_str(object).map_err(|error| format!("an object is unreadable: {error}"))?;
        if head.r#type.as_str() != "indicator" {
            return Ok(());
        }
        if object.len() as u64 + 2 > LINE_MAX {
            return Err(format!("an indicator is longer than {LINE_MAX} bytes"));
        }
        let place = Place::of(&head, true, self.written, object.len());
        let key = key(&head, object);
        if self.index.get(&key).is_some_and(|known| known.modified > place.modified) {
            return Ok(());
        }
        // A line break in JSON stands only where a blank may.
        let line: Vec<u8> =
            object.bytes().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte }).collect();
        self.pages.write_all(&line).map_err(|error| format!("cannot keep a page: {error}"))?;
        self.written += line.len() as u64;
        self.index.insert(key, place);
        if self.index.len() > OBJECTS_MAX {
            return Err(format!("there are more than {OBJECTS_MAX} indicators"));
        }
        Ok(())
    }

    /// Writes what holds now.
    pub(super) fn finish(self, header: &Header) -> Result<Kept, String> {
        let path = self.work.new.clone();
        self.write(header).map_err(|error| format!("cannot write {}: {error}", path.display()))
    }

    fn write(self, header: &Header) -> io::Result<Kept> {
        let Self { work, former, pages, index, bytes_max, .. } = self;
        let pages = pages.into_inner().map_err(io::IntoInnerError::into_error)?;
        let mut out = BufWriter::with_capacity(256 << 10, File::create(&work.new)?);
        let first = FirstLine { r#type: "bundle".to_owned(), x_tripoint_taxii: header.clone() };
        let first = serde_json::to_string(&first)?;
        out.write_all(first.strip_suffix('}').unwrap_or(&first).as_bytes())?;
        writeln!(out, "{OBJECTS}")?;
        let mut hash = Sha256::new();
        let mut line = Vec::new();
        let (mut bytes, mut begun) = (0, false);
        for place in index.values().filter(|place| !place.is_revoked) {
            let Some(file) = (if place.is_new { Some(&pages) } else { former.as_ref() }) else { continue };
            line.resize(place.length, 0);
            file.read_exact_at(&mut line, place.from)?;
            hash.update(&line);
            hash.update(b"\n");
            out.write_all(if begun { b",\n" } else { b"" })?;
            out.write_all(&line)?;
            begun = true;
            bytes += place.length as u64;
            if bytes > bytes_max {
                return Err(io::Error::other(format!("the collection has more than {bytes_max} bytes")));
            }
        }
        out.write_all(b"\n]}")?;
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        Ok(Kept { sha256: hex(&hash.finalize()), work })
    }
}

impl Place {
    fn of(head: &Head, is_new: bool, from: u64, length: usize) -> Self {
        let time = |text: &Text| text.as_str().parse().ok();
        let modified = time(&head.modified).or_else(|| time(&head.created));
        Self { modified, is_revoked: head.revoked.0, is_new, from, length }
    }
}

/// What an object is replaced by; one without a usable id stands for itself.
fn key(head: &Head, object: &str) -> String {
    let id = head.id.as_str();
    if id.starts_with("indicator--") && id.len() <= ID_MAX { id.to_owned() } else { sha256_hex(object.as_bytes()) }
}

const BUNDLE: &str = "taxii.json";
/// What ends the first line.
const OBJECTS: &str = ",\"objects\":[";
/// `indicator--` and a UUID have 47 bytes.
const ID_MAX: usize = 128;
/// Longest indicator: what a reader of STIX bears in one text.
const LINE_MAX: u64 = 4 << 20;
/// An index of so many takes about 250 MB; the largest public collections have a tenth.
const OBJECTS_MAX: usize = 1_000_000;
