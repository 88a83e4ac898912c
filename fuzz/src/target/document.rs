//! Do the files that an administrator or a power cut leaves behind do harm?

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use tripoint_journal::{Journal, Options};
use tripoint_vuln::sync::Catalogue;

use super::Target;

/// Descriptors of feeds.
pub const FEED_DESCRIPTORS: Target = Target { name: "feed-descriptors", run: feeds, seeds: feed_seeds };
/// Descriptors of advisory sources.
pub const SOURCE_DESCRIPTORS: Target = Target { name: "source-descriptors", run: sources, seeds: source_seeds };
/// The last segment of a journal.
pub const JOURNAL: Target = Target { name: "journal", run: journal, seeds: journal_seeds };

fn feeds(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = tripoint_intel::parse_descriptors(text, "feeds.toml");
}

fn sources(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = Catalogue::read(Some((text, "advisories.toml")));
}

fn feed_seeds() -> Vec<Vec<u8>> {
    vec![FEEDS.as_bytes().to_vec()]
}

fn source_seeds() -> Vec<Vec<u8>> {
    vec![SOURCES.as_bytes().to_vec()]
}

/// Whatever lies in the file: opening tells what was found, and what is read was written whole.
fn journal(data: &[u8]) {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| fresh().expect("tempdir")).path();
    for entry in fs::read_dir(folder).expect("list").flatten() {
        let _ = fs::remove_file(entry.path());
    }
    let (name, _) = one_segment();
    fs::write(folder.join(name), data).expect("write");
    let Ok((mut journal, _)) = Journal::open(folder, Options::default()) else { return };
    let Ok(records) = journal.read_from(0, 1 << 20) else { return };
    let end = journal.end();
    assert!(records.len() as u64 <= end);
    if let Ok(offset) = journal.append(b"after") {
        assert!(offset >= end, "an offset was used twice");
    }
}

fn journal_seeds() -> Vec<Vec<u8>> {
    vec![one_segment().1.clone()]
}

/// How a segment is called, and one with three records.
fn one_segment() -> &'static (PathBuf, Vec<u8>) {
    static SEGMENT: OnceLock<(PathBuf, Vec<u8>)> = OnceLock::new();
    SEGMENT.get_or_init(|| {
        let folder = fresh().expect("tempdir");
        let (mut journal, _) = Journal::open(folder.path(), Options::default()).expect("journal");
        for record in [&b"one"[..], b"", b"three"] {
            journal.append(record).expect("append");
        }
        journal.sync().expect("sync");
        let files = fs::read_dir(folder.path()).expect("list").flatten();
        let (_, path) = files
            .map(|entry| (entry.metadata().map_or(0, |found| found.len()), entry.path()))
            .max()
            .expect("a segment");
        (path.file_name().expect("name").into(), fs::read(&path).expect("read"))
    })
}

fn fresh() -> std::io::Result<tempfile::TempDir> {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }
}

const FEEDS: &str = "[[feed]]\nname = \"demo\"\nurl = \"https://example.org/list.txt\"\nformat = \"plain-list\"\n";
const SOURCES: &str = "[[source]]\nname = \"demo\"\nurl = \"https://example.org/all.zip\"\nformat = \"osv\"\n";
