//! Do the files that an administrator or a power cut leaves behind do harm?

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use tripoint_journal::{Journal, Options};
use tripoint_responder::Ledger;
use tripoint_vuln::sync::{Catalogue, Listing, follow};

use super::Target;

/// Descriptors of feeds.
pub const FEED_DESCRIPTORS: Target = Target { name: "feed-descriptors", run: feeds, seeds: feed_seeds };
/// Descriptors of advisory sources.
pub const SOURCE_DESCRIPTORS: Target = Target { name: "source-descriptors", run: sources, seeds: source_seeds };
/// The last segment of a journal.
pub const JOURNAL: Target = Target { name: "journal", run: journal, seeds: journal_seeds };

/// Records of what is blocked.
pub const LEDGER: Target = Target { name: "ledger", run: ledger, seeds: ledger_seeds };
/// What tells where a publisher's newest file lies.
pub const LISTING: Target = Target { name: "listing", run: listing, seeds: listing_seeds };

fn feeds(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = tripoint_intel::parse_descriptors(text, "feeds.toml");
}

fn sources(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = Catalogue::read(Some((text, "advisories.toml")));
}

/// Each line is a record whose checksum is right.
fn ledger(data: &[u8]) {
    let folder = fresh().expect("tempdir");
    let (mut journal, _) = Journal::open(folder.path(), Options::default()).expect("journal");
    for record in data.split(|byte| *byte == b'\n').take(16) {
        journal.append(record).expect("append");
    }
    journal.sync().expect("sync");
    drop(journal);
    if let Ok((ledger, report)) = Ledger::open(folder.path()) {
        assert!(report.wanted <= 16);
        std::hint::black_box(ledger);
    }
}

fn ledger_seeds() -> Vec<Vec<u8>> {
    vec![LEDGER_ENTRY.as_bytes().to_vec()]
}

/// Wherever it leads, it is beside the listing or an https address that the list of mirrors names.
fn listing(data: &[u8]) {
    const AT: &str = "https://repo.example/9/repodata/repomd.xml";
    for kind in [Listing::Repomd, Listing::MirrorList, Listing::Named] {
        if let Ok((url, _)) = follow(kind, AT, data) {
            let mirror = matches!(kind, Listing::MirrorList) && url.starts_with("https://");
            assert!(mirror || url.starts_with("https://repo.example/9/"), "{url}");
        }
    }
}

fn listing_seeds() -> Vec<Vec<u8>> {
    let repomd = r#"<repomd><data type="updateinfo"><location href="repodata/a.xml.gz"/></data></repomd>"#;
    [repomd, "https://m.example/core/\n", "vex_2026.tar.gz\n"].map(|text| text.as_bytes().to_vec()).to_vec()
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
const LEDGER_ENTRY: &str = r#"{"generation":1,"at":"2024-01-01T00:00:00Z","state":"applied","id":"x","target":"198.51.100.7","scope":"host","since":"2024-01-01T00:00:00Z","expires":"2034-01-01T00:00:00Z","requester":"policy","reason":"x"}"#;
