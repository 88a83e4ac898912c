//! Tars that two readers would read in two ways, and tars without an end.

use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::ops::ControlFlow;

use tar::{EntryType, Header};
use tripoint_unpack::{Limits, Member, MemberKind, members};

use super::{count, heap, read, refused};

fn header(kind: EntryType, name: &str, size: u64) -> Header {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_size(size);
    header.set_mode(0o644);
    header.set_cksum();
    header
}

fn entry(kind: EntryType, name: &str, content: &[u8]) -> Vec<u8> {
    let header = header(kind, name, content.len() as u64);
    let mut out = [header.as_bytes(), content].concat();
    out.resize(out.len().next_multiple_of(512), 0);
    out
}

fn file(name: &str, content: &str) -> Vec<u8> {
    entry(EntryType::Regular, name, content.as_bytes())
}

/// Records as POSIX has them: their own length first.
fn records(records: &[(&str, &str)]) -> Vec<u8> {
    let mut out = String::new();
    for (key, value) in records {
        let bare = key.len() + value.len() + 3;
        let length = (bare..).find(|length| bare + length.to_string().len() == *length).expect("one fits");
        out.push_str(&format!("{length} {key}={value}\n"));
    }
    out.into_bytes()
}

fn listed(bytes: &[u8]) -> (Vec<Member>, Result<(), tripoint_unpack::UnpackError>) {
    let mut out = Vec::new();
    let end = members(Cursor::new(bytes), "a", &Limits::default(), &mut |member| {
        out.push(member);
        ControlFlow::Continue(())
    });
    (out, end)
}

/// Both readers say the same of it: one file before it, then the reason.
#[track_caller]
fn ends(hostile: &[u8], reason: &str) {
    let bytes = [&file("before", "x"), hostile, &file("after", "y"), &[0; 1024]].concat();
    let (seen, end) = read(&bytes);
    assert_eq!(seen, [("before".to_owned(), "x".to_owned())], "{reason}");
    refused(end, reason);
    let (seen, end) = listed(&bytes);
    assert_eq!(seen.iter().map(|one| one.path.as_str()).collect::<Vec<_>>(), ["before"], "{reason}");
    refused(end, reason);
}

#[test]
fn what_two_readers_would_read_differently_ends_the_reading() {
    let local = |pairs: &[(&str, &str)]| entry(EntryType::XHeader, "h", &records(pairs));
    let global = |pairs: &[(&str, &str)]| entry(EntryType::XGlobalHeader, "h", &records(pairs));
    let long = |kind, name: &str| entry(kind, "././@LongLink", format!("{name}\0").as_bytes());
    let victim = file("victim", "content");
    let with = |before: Vec<u8>| [before, victim.clone()].concat();
    ends(&with(local(&[("size", "512")])), "states its size twice");
    ends(&with(local(&[("size", "-1")])), "size that is no number");
    ends(&with(local(&[("size", "99999999999999999999999")])), "size that is no number");
    ends(&with(local(&[("path", "one"), ("path", "two")])), "disagree");
    ends(&with([local(&[("path", "one")]), long(EntryType::GNULongName, "two")].concat()), "disagree");
    ends(&with([long(EntryType::GNULongLink, "one"), local(&[("linkpath", "two")])].concat()), "disagree");
    ends(&with(global(&[("path", "all")])), "states the path of one");
    ends(&with(global(&[("size", "0")])), "states the size of one");
    ends(&with(global(&[("linkpath", "x")])), "states the linkpath of one");
    ends(&entry(EntryType::Link, "hard", &victim), "has no content states how large");
    ends(&entry(EntryType::Directory, "folder", &victim), "has no content states how large");
    ends(&entry(EntryType::Regular, "folder/", &victim), "has no content states how large");
}

#[test]
fn sizes_no_file_has_end_the_reading() {
    for size in [
        *b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        *b"\x80\x01\0\0\0\0\0\0\0\0\0\x01",
        *b"\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff",
        *b"-0000000001\0",
    ] {
        let mut header = header(EntryType::Regular, "huge", 0);
        header.as_old_mut().size = size;
        header.set_cksum();
        let bytes = [&file("before", "x")[..], header.as_bytes(), &file("after", "y")].concat();
        let ((seen, end), peak) = heap(|| read(&bytes));
        assert!(seen.len() == 1 && end.is_err(), "{size:?}: {seen:?} {end:?}");
        assert!(listed(&bytes).1.is_err(), "{size:?}");
        assert!(peak < 1 << 20, "{peak} bytes");
    }
}

#[test]
fn a_header_for_all_entries_does_not_eat_the_name_of_the_next() {
    let bytes = [
        entry(EntryType::XHeader, "h", &records(&[("path", "real/name"), ("size", "1")])),
        entry(EntryType::XGlobalHeader, "g", &records(&[("comment", "0123456789abcdef")])),
        file("short", "x"),
        file("next", "y"),
        vec![0; 1024],
    ]
    .concat();
    let (seen, end) = read(&bytes);
    end.expect("honest");
    assert_eq!(seen, [("real/name".to_owned(), "x".to_owned()), ("next".to_owned(), "y".to_owned())]);
    let (seen, end) = listed(&bytes);
    end.expect("honest");
    assert_eq!(seen.iter().map(|one| one.path.as_str()).collect::<Vec<_>>(), ["real/name", "next"]);
}

#[test]
fn files_with_holes_are_not_taken_for_their_pieces() {
    let posix = [
        entry(EntryType::XHeader, "h", &records(&[("GNU.sparse.major", "1"), ("GNU.sparse.name", "db/Packages")])),
        file("GNUSparseFile.0/Packages", "1\n0\n1\n"),
    ]
    .concat();
    let bytes = [&file("before", "x")[..], &posix, &[0; 1024]].concat();
    let (seen, end) = read(&bytes);
    assert_eq!(seen.len(), 1);
    refused(end, "\"db/Packages\" is refused: it is a sparse file");
    let (seen, end) = listed(&bytes);
    end.expect("listed");
    assert_eq!((seen[1].path.as_str(), &seen[1].kind), ("db/Packages", &MemberKind::Sparse));
    // More pieces than its header has room for: they stand where other readers see the next header.
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::GNUSparse);
    header.as_old_mut().name[..1].copy_from_slice(b"s");
    header.set_size(0);
    header.as_gnu_mut().expect("gnu").isextended[0] = 1;
    header.set_cksum();
    ends(header.as_bytes(), "goes on behind its header");
}

/// A tar of so many empty files, made as it is read.
struct Endless {
    entries: u64,
    at: u64,
}

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (number, within) = (self.at / 512, usize::try_from(self.at % 512).expect("small"));
        if number >= self.entries {
            return Ok(0);
        }
        let block = header(EntryType::Regular, &format!("d/{number}"), 0);
        let count = (&block.as_bytes()[within..]).read(buffer)?;
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for Endless {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => (self.entries * 512).checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

#[test]
fn a_million_entries_are_listed_one_at_a_time() {
    for (entries, limit, listed) in [(1_000_000, 1_000_000, 1_000_000), (1_000_000, 400_000, 400_000)] {
        let limits = Limits { entries_max: limit, ..Limits::default() };
        let mut seen = 0;
        let (end, peak) = heap(|| {
            members(Endless { entries, at: 0 }, "a", &limits, &mut |_| {
                seen += 1;
                ControlFlow::Continue(())
            })
        });
        assert_eq!(seen, listed);
        assert_eq!(end.is_ok(), entries <= limit);
        assert!(peak < 64 << 10, "{peak} bytes");
    }
}

#[test]
fn the_entry_after_the_last_allowed_one_is_named() {
    let mut bytes = Vec::new();
    Endless { entries: 100_001, at: 0 }.read_to_end(&mut bytes).expect("read");
    let ((seen, end), peak) = heap(|| count(&bytes, &Limits::default()));
    assert_eq!(seen, 100_000);
    refused(end, "\"d/99999\" would give more than 100000 entries");
    assert!(peak < 64 << 10, "{peak} bytes");
}
