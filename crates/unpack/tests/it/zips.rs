//! Zips whose directory lies.

use super::{count, heap, read, refused};
use tripoint_unpack::Limits;

/// An entry whose two headers may say different things.
#[derive(Clone)]
struct Entry {
    local: Header,
    central: Header,
    data: Vec<u8>,
    /// Where the directory says that it lies, if not where it does.
    place: Option<u32>,
    extra: Vec<u8>,
}

#[derive(Clone)]
struct Header {
    name: String,
    flags: u16,
    method: u16,
    crc: u32,
    packed: u32,
    size: u32,
}

fn stored(name: &str, content: &[u8]) -> Entry {
    let mut crc = flate2::Crc::new();
    crc.update(content);
    let size = u32::try_from(content.len()).expect("small");
    let header = Header { name: name.to_owned(), flags: 0, method: 0, crc: crc.sum(), packed: size, size };
    Entry { local: header.clone(), central: header, data: content.to_vec(), place: None, extra: Vec::new() }
}

impl Header {
    fn write(&self, out: &mut Vec<u8>, extra: usize) {
        for two in [self.flags, self.method, 0, 0] {
            out.extend(two.to_le_bytes());
        }
        for four in [self.crc, self.packed, self.size] {
            out.extend(four.to_le_bytes());
        }
        for length in [self.name.len(), extra] {
            out.extend(u16::try_from(length).expect("short").to_le_bytes());
        }
    }
}

fn local(entry: &Entry) -> Vec<u8> {
    let mut out = b"PK\x03\x04\x14\0".to_vec();
    entry.local.write(&mut out, 0);
    [&out[..], entry.local.name.as_bytes(), &entry.data].concat()
}

fn record(entry: &Entry, at: usize) -> Vec<u8> {
    let mut out = b"PK\x01\x02\x14\0\x14\0".to_vec();
    entry.central.write(&mut out, entry.extra.len());
    out.extend([0; 10]);
    out.extend(entry.place.unwrap_or(u32::try_from(at).expect("small")).to_le_bytes());
    [&out[..], entry.central.name.as_bytes(), &entry.extra].concat()
}

fn end(entries: u16, size: usize, offset: usize) -> Vec<u8> {
    let mut out = b"PK\x05\x06\0\0\0\0".to_vec();
    out.extend([entries.to_le_bytes(), entries.to_le_bytes()].concat());
    out.extend(u32::try_from(size).expect("small").to_le_bytes());
    out.extend(u32::try_from(offset).expect("small").to_le_bytes());
    out.extend([0, 0]);
    out
}

fn zip(entries: &[Entry]) -> Vec<u8> {
    let (mut body, mut directory) = (Vec::new(), Vec::new());
    for entry in entries {
        directory.extend(record(entry, body.len()));
        body.extend(local(entry));
    }
    let end = end(u16::try_from(entries.len()).expect("few"), directory.len(), body.len());
    [body, directory, end].concat()
}

#[test]
fn a_directory_of_a_million_is_refused_before_it_is_held() {
    let entry = stored("n", b"");
    let body = local(&entry);
    let directory = record(&entry, 0).repeat(1_000_000);
    // The count begins anew at 65,536.
    let bytes = [&body[..], &directory, &end((1_000_000 % 65_536) as u16, directory.len(), body.len())].concat();
    let ((seen, outcome), peak) = heap(|| count(&bytes, &Limits::default()));
    assert_eq!(seen, 0);
    refused(outcome, "more than 100000 entries");
    assert!(peak < 8 << 20, "{peak} bytes");
    // Allowed, they still lie in the same bytes.
    let wide = Limits { entries_max: 2_000_000, ..Limits::default() };
    let ((_, outcome), peak) = heap(|| count(&bytes, &wide));
    refused(outcome, "entries overlap");
    assert!(peak < 48 << 20, "{peak} bytes");
}

#[test]
fn a_hundred_thousand_honest_entries_take_little_memory() {
    let entries: Vec<Entry> = (0..100_000).map(|number| stored(&format!("{number}"), b"")).collect();
    let (mut body, mut directory) = (Vec::new(), Vec::new());
    for entry in &entries {
        directory.extend(record(entry, body.len()));
        body.extend(local(entry));
    }
    let bytes = [&body[..], &directory, &end((100_000 % 65_536) as u16, directory.len(), body.len())].concat();
    let ((seen, outcome), peak) = heap(|| count(&bytes, &Limits::default()));
    outcome.expect("honest");
    assert_eq!(seen, 100_000);
    assert!(peak < 8 << 20, "{peak} bytes");
}

#[test]
fn entries_that_share_bytes_are_refused() {
    let first = stored("a", &[b'x'; 100]);
    let same = Entry { place: Some(0), ..stored("b", &[b'x'; 100]) };
    let (seen, outcome) = read(&zip(&[first.clone(), same]));
    assert!(seen.is_empty());
    refused(outcome, "entries overlap");
    // Quoted: the content of each entry holds the headers and contents of those after it.
    let inner = stored("c", b"kernel");
    let outer = stored("b", &local(&inner));
    let quoted = local(&outer).len() - local(&inner).len();
    let mut bytes = local(&outer);
    let directory = [record(&outer, 0), record(&inner, quoted)].concat();
    let (size, offset) = (directory.len(), bytes.len());
    bytes.extend(directory);
    bytes.extend(end(2, size, offset));
    refused(read(&bytes).1, "entries overlap");
    // Into the directory itself.
    let mut long = stored("a", b"x");
    long.central.packed = 60;
    refused(read(&zip(&[long])).1, "overlap");
}

#[test]
fn headers_that_disagree_are_refused_and_what_came_before_stands() {
    let changes: [fn(&mut Entry); 6] = [
        |entry| entry.local.name = "x".to_owned(),
        |entry| entry.local.method = 8,
        |entry| entry.local.packed = 1,
        |entry| entry.local.size = 1,
        |entry| entry.local.flags = 1,
        |entry| entry.central.method = 12,
    ];
    for change in changes {
        let mut entry = stored("b", b"second");
        change(&mut entry);
        let (seen, outcome) = read(&zip(&[stored("a", b"first"), entry]));
        assert_eq!(seen, [("a".to_owned(), "first".to_owned())]);
        outcome.expect_err("two readings");
    }
}

#[test]
fn sizes_and_checksums_that_lie_are_said() {
    for (change, reason) in [
        ((|header| header.size = 3) as fn(&mut Header), "larger than it states"),
        (|header| header.size = 9, "smaller than it states"),
        (|header| header.crc ^= 1, "checksum is wrong"),
    ] {
        let mut entry = stored("a", b"four");
        change(&mut entry.local);
        change(&mut entry.central);
        let (seen, outcome) = read(&zip(&[entry, stored("b", b"after")]));
        outcome.expect("reading goes on");
        assert!(seen[0].1.contains(reason), "{seen:?}");
        assert_eq!(seen[1], ("b".to_owned(), "after".to_owned()));
    }
}

#[test]
fn sizes_behind_the_content_are_read() {
    let mut entry = stored("a", b"streamed");
    (entry.local.flags, entry.central.flags) = (8, 8);
    (entry.local.crc, entry.local.packed, entry.local.size) = (0, 0, 0);
    let bytes = entry.data.len();
    entry.data.extend([&b"PK\x07\x08"[..], &entry.central.crc.to_le_bytes(), &[8, 0, 0, 0, 8, 0, 0, 0]].concat());
    assert_eq!(bytes, 8);
    let (seen, outcome) = read(&zip(&[entry, stored("b", b"after")]));
    outcome.expect("honest");
    assert_eq!(seen, [("a".to_owned(), "streamed".to_owned()), ("b".to_owned(), "after".to_owned())]);
}

/// Sizes of 64 bits: what they state, and what the record does not.
fn wide(entry: &mut Entry, size: u64, packed: u64) {
    (entry.central.size, entry.central.packed) = (u32::MAX, u32::MAX);
    entry.extra = [&[1, 0, 16, 0][..], &size.to_le_bytes(), &packed.to_le_bytes()].concat();
}

#[test]
fn sizes_of_64_bits_are_read_and_not_believed() {
    let mut honest = stored("a", b"honest");
    wide(&mut honest, 6, 6);
    let (seen, outcome) = read(&zip(&[honest]));
    outcome.expect("honest");
    assert_eq!(seen, [("a".to_owned(), "honest".to_owned())]);
    for (size, packed) in [(1 << 60, 6), (6, 1 << 60), (u64::MAX, u64::MAX)] {
        let mut entry = stored("a", b"liar");
        (entry.local.size, entry.local.packed) = (u32::MAX, u32::MAX);
        wide(&mut entry, size, packed);
        let bytes = zip(&[entry]);
        let ((seen, outcome), peak) = heap(|| read(&bytes));
        assert!(outcome.is_err() || seen[0].1.starts_with('!'), "{seen:?}");
        assert!(peak < 1 << 20, "{peak} bytes");
    }
    let mut bare = stored("a", b"");
    bare.central.size = u32::MAX;
    refused(read(&zip(&[bare])).1, "no room for its 64-bit sizes");
}

#[test]
fn end_records_that_lie_are_refused() {
    let good = zip(&[stored("a", b"x")]);
    let at = good.len() - 22;
    let changed = |place: usize, value: u8| {
        let mut bytes = good.clone();
        bytes[at + place] = value;
        read(&bytes)
    };
    refused(changed(10, 7).1, "states 7");
    changed(12, 200).1.expect_err("a directory larger than the file");
    changed(12, 20).1.expect_err("a directory that is cut");
    // A 64-bit end record that says something else than the other.
    let mut wide = b"PK\x06\x06\x2c\0\0\0\0\0\0\0\x2d\0\x2d\0\0\0\0\0\0\0\0\0".to_vec();
    for number in [2_u64, 2, 1, 1] {
        wide.extend(number.to_le_bytes());
    }
    let place = (at as u64).to_le_bytes();
    let locator = [&b"PK\x06\x07\0\0\0\0"[..], &place, &[1, 0, 0, 0]].concat();
    let bytes = [&good[..at], &wide, &locator, &good[at..]].concat();
    refused(read(&bytes).1, "end records disagree");
}

#[test]
fn one_name_twice_shows_both() {
    let (seen, outcome) = read(&zip(&[stored("a", b"first"), stored("a", b"second")]));
    outcome.expect("read");
    assert_eq!(seen, [("a".to_owned(), "first".to_owned()), ("a".to_owned(), "second".to_owned())]);
}
