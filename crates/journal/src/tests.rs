//! Does what was made durable come back after every cut and every flipped bit?

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::*;

fn options() -> Options {
    Options { segment_bytes: 1 << 20, max_bytes: 4 << 20, record_max: 1 << 16 }
}

fn texts(journal: &Journal, from: u64) -> Vec<String> {
    let records = journal.read_from(from, usize::MAX).unwrap();
    records.into_iter().map(|record| String::from_utf8(record.bytes).unwrap()).collect()
}

fn written(folder: &Path, records: &[&str]) -> PathBuf {
    let (mut journal, recovery) = Journal::open(folder, options()).unwrap();
    assert!(recovery.is_clean());
    for record in records {
        journal.append(record.as_bytes()).unwrap();
    }
    journal.sync().unwrap();
    journal.segments[0].path.clone()
}

#[test]
fn a_torn_tail_is_cut_at_every_byte_and_writing_goes_on() {
    let whole = tempfile::tempdir().unwrap();
    let path = written(whole.path(), &["first", "second record", ""]);
    let bytes = fs::read(&path).unwrap();
    let ends = [20, 33, 54, 62];
    assert_eq!(bytes.len(), 62);
    for cut in 0..=bytes.len() {
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join(path.file_name().unwrap());
        fs::write(&copy, &bytes[..cut]).unwrap();
        let (mut journal, recovery) = Journal::open(folder.path(), options()).unwrap();
        let whole_records = ends.iter().filter(|end| **end <= cut).count().saturating_sub(1);
        let kept = ends.iter().rev().find(|end| **end <= cut).copied().unwrap_or(0);
        assert_eq!(recovery.records, whole_records as u64, "cut {cut}");
        assert_eq!(recovery.torn_bytes, (cut - kept) as u64, "cut {cut}");
        assert!(recovery.corrupt.is_empty(), "cut {cut}");
        assert!(cut <= 20 || journal.end() >= cut as u64, "no offset is used twice");
        journal.append(b"after").unwrap();
        journal.sync().unwrap();
        drop(journal);
        let (journal, recovery) = Journal::open(folder.path(), options()).unwrap();
        assert!(recovery.is_clean(), "cut {cut}: {recovery:?}");
        let all = texts(&journal, 0);
        assert_eq!(all.len(), whole_records + 1, "cut {cut}");
        assert_eq!(all.last().unwrap(), "after");
    }
}

#[test]
fn every_flipped_bit_is_found_and_costs_one_record_at_most() {
    let whole = tempfile::tempdir().unwrap();
    let path = written(whole.path(), &["alpha", "beta", "gamma"]);
    let bytes = fs::read(&path).unwrap();
    for bit in 0..bytes.len() * 8 {
        let folder = tempfile::tempdir().unwrap();
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        fs::write(folder.path().join(path.file_name().unwrap()), &damaged).unwrap();
        let (journal, recovery) = Journal::open(folder.path(), options()).unwrap();
        assert!(!recovery.is_clean(), "bit {bit}");
        let all = texts(&journal, 0);
        assert!(all.len() >= 2, "bit {bit}: {all:?}");
        assert!(all.iter().all(|text| ["alpha", "beta", "gamma"].contains(&text.as_str())), "bit {bit}: {all:?}");
        assert_eq!(recovery.records as usize, all.len());
        let aside = recovery.corrupt.iter().map(|c| &c.set_aside).chain([&recovery.torn_set_aside]).flatten().count();
        assert_eq!(aside, 1, "bit {bit}");
    }
}

#[test]
fn acknowledged_segments_go_and_offsets_stay() {
    let folder = tempfile::tempdir().unwrap();
    let small = Options { segment_bytes: 64, max_bytes: 1 << 20, record_max: 1 << 10 };
    let (mut journal, _) = Journal::open(folder.path(), small.clone()).unwrap();
    let mut ends = Vec::new();
    for number in 0..20 {
        ends.push(journal.append(format!("record {number}").as_bytes()).unwrap());
    }
    journal.sync().unwrap();
    journal.acknowledge(ends[9]).unwrap();
    assert_eq!(texts(&journal, journal.acknowledged())[0], "record 10");
    drop(journal);
    let (mut journal, recovery) = Journal::open(folder.path(), small.clone()).unwrap();
    assert!(recovery.is_clean(), "{recovery:?}");
    assert_eq!(journal.acknowledged(), ends[9]);
    assert_eq!(texts(&journal, journal.acknowledged()).len(), 10);
    journal.acknowledge(u64::MAX).unwrap();
    assert_eq!(journal.bytes(), 0);
    drop(journal);
    let (mut journal, _) = Journal::open(folder.path(), small).unwrap();
    assert!(journal.append(b"new").unwrap() > ends[19], "offsets are never used twice");
}

#[test]
fn a_missing_segment_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let small = Options { segment_bytes: 64, max_bytes: 1 << 20, record_max: 1 << 10 };
    let (mut journal, _) = Journal::open(folder.path(), small.clone()).unwrap();
    for number in 0..20 {
        journal.append(format!("record {number}").as_bytes()).unwrap();
    }
    journal.sync().unwrap();
    fs::remove_file(&journal.segments[1].path).unwrap();
    drop(journal);
    let (_, recovery) = Journal::open(folder.path(), small).unwrap();
    assert_eq!(recovery.corrupt.len(), 1);
    assert_eq!(recovery.corrupt[0].bytes, 0);
}

#[test]
fn a_full_journal_says_so_and_a_second_process_is_kept_out() {
    let folder = tempfile::tempdir().unwrap();
    let tiny = Options { segment_bytes: 64, max_bytes: 100, record_max: 64 };
    let (mut journal, _) = Journal::open(folder.path(), tiny.clone()).unwrap();
    let end = journal.append(&[7; 40]).unwrap();
    assert!(matches!(journal.append(&[7; 40]), Err(AppendError::Full { used: 68, .. })));
    assert!(matches!(journal.append(&[7; 65]), Err(AppendError::TooLong(65))));
    assert!(matches!(Journal::open(folder.path(), tiny), Err(OpenError::InUse(_))));
    journal.acknowledge(end).unwrap();
    journal.append(&[7; 40]).unwrap();
}

#[test]
fn a_failed_sync_is_never_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let (mut journal, _) = Journal::open(folder.path(), options()).unwrap();
    journal.append(b"x").unwrap();
    journal.sync_fails = true;
    assert!(matches!(journal.sync(), Err(SyncError::Io(_))));
    journal.sync_fails = false;
    assert!(matches!(journal.sync(), Err(SyncError::Poisoned)));
    assert!(matches!(journal.append(b"y"), Err(AppendError::Poisoned)));
}

/// A journal of many segments of which some were let go; its files, and its records from the position on.
fn many(folder: &Path) -> (Vec<PathBuf>, Vec<Record>) {
    let (mut journal, _) = Journal::open(folder, small()).unwrap();
    for number in 0..200 {
        journal.append(format!("record {number} {}", "x".repeat(number % 37)).as_bytes()).unwrap();
    }
    journal.sync().unwrap();
    let half = journal.read_from(0, usize::MAX).unwrap()[99].next;
    journal.acknowledge(half).unwrap();
    let records = journal.read_from(journal.acknowledged(), usize::MAX).unwrap();
    assert!(records.len() == 100 && journal.segments.len() > 5);
    let segments = journal.segments.iter().map(|segment| segment.path.clone());
    (segments.chain([folder.join(ACKNOWLEDGED)]).collect(), records)
}

fn small() -> Options {
    Options { segment_bytes: 512, max_bytes: 1 << 20, record_max: 1 << 10 }
}

/// Fails when a bit that turned in a segment or in the position is not told, changes a record or its place, hides more
/// than the record that it stands in, or lets go of what nobody has acknowledged.
#[test]
fn d8_a_bit_that_turns_in_any_file_is_found() {
    let flips: usize = std::env::var("TRIPOINT_FLIPS").map_or(300, |flips| flips.parse().unwrap());
    let whole = tempfile::tempdir().unwrap();
    let (files, expected) = many(whole.path());
    let bits: Vec<usize> = files.iter().map(|file| fs::metadata(file).unwrap().len() as usize * 8).collect();
    for flip in 0..flips {
        let folder = tempfile::tempdir().unwrap();
        let mut bit = flip.wrapping_mul(2_654_435_761) % bits.iter().sum::<usize>();
        for (file, bits) in files.iter().zip(&bits) {
            let mut bytes = fs::read(file).unwrap();
            if bit < *bits {
                bytes[bit / 8] ^= 1 << (bit % 8);
            }
            bit = bit.wrapping_sub(*bits);
            fs::write(folder.path().join(file.file_name().unwrap()), bytes).unwrap();
        }
        let (journal, recovery) = Journal::open(folder.path(), small()).unwrap();
        assert!(!recovery.is_clean(), "flip {flip} is not told");
        let read = journal.read_from(journal.acknowledged(), usize::MAX).unwrap();
        let is_ours =
            |record: &&Record| expected.iter().any(|own| (own.offset, &own.bytes) == (record.offset, &record.bytes));
        let ours = read.iter().filter(is_ours).count();
        assert!(ours + 1 >= expected.len(), "flip {flip}: {ours} records");
        // With the position lost some come once more, and nothing else ever does.
        assert!(recovery.position_lost || ours == read.len(), "flip {flip}");
        assert!(read.iter().all(|record| record.bytes.starts_with(b"record ")), "flip {flip}");
    }
    println!("{flips} of {flips} turned bits found");
}

/// Fails when what a cut file gives is not what it began with, or a cut in the middle of a record is not told.
#[test]
fn d8_a_file_that_is_cut_gives_what_is_before_the_cut() {
    let whole = tempfile::tempdir().unwrap();
    let (files, expected) = many(whole.path());
    for (which, file) in files.iter().enumerate() {
        let length = fs::metadata(file).unwrap().len();
        for percent in 0..100 {
            let folder = tempfile::tempdir().unwrap();
            for (at, file) in files.iter().enumerate() {
                let mut bytes = fs::read(file).unwrap();
                if at == which {
                    bytes.truncate((length * percent / 100) as usize);
                }
                fs::write(folder.path().join(file.file_name().unwrap()), bytes).unwrap();
            }
            let newest = which + 2 == files.len();
            let (journal, recovery) = Journal::open(folder.path(), small()).unwrap();
            let read = journal.read_from(journal.acknowledged(), usize::MAX).unwrap();
            assert!(
                recovery.position_lost
                    || read.iter().all(|record| expected.contains(&Record { damaged_before: 0, ..record.clone() }))
            );
            // Between two records of the newest segment nobody can tell a cut from an end.
            assert!(newest || !recovery.is_clean(), "file {which} cut at {percent} %");
            let ends = recovery.is_clean().then_some(read.len()).filter(|_| newest);
            assert!(ends.is_none_or(|ends| read[..] == expected[..ends]), "file {which} cut at {percent} %");
        }
    }
}

#[test]
fn a_bit_that_turns_while_it_is_open_is_told_by_the_record_behind_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), &["alpha", "beta", "gamma"]);
    let (journal, recovery) = Journal::open(folder.path(), options()).unwrap();
    assert!(recovery.is_clean());
    let mut bytes = fs::read(&path).unwrap();
    bytes[20 + 13 + 9] ^= 4;
    fs::write(&path, bytes).unwrap();
    let read = journal.read_from(0, usize::MAX).unwrap();
    let told: Vec<(&[u8], u64)> = read.iter().map(|record| (&record.bytes[..], record.damaged_before)).collect();
    assert_eq!(told, [(&b"alpha"[..], 0), (b"gamma", 12)]);
}

#[test]
fn a_lost_position_repeats_records_and_loses_none() {
    let folder = tempfile::tempdir().unwrap();
    let (files, expected) = many(folder.path());
    fs::write(files.last().unwrap(), "7").unwrap();
    let (mut journal, recovery) = Journal::open(folder.path(), small()).unwrap();
    assert!(recovery.position_lost);
    let read = journal.read_from(journal.acknowledged(), usize::MAX).unwrap();
    assert!(read.ends_with(&expected) && read.len() < 120, "{}", read.len());
    journal.acknowledge(expected[0].next).unwrap();
    drop(journal);
    assert!(Journal::open(folder.path(), small()).unwrap().1.is_clean(), "told once");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Any sequence of appends, syncs, reopenings and acknowledgements reads back like a list.
    #[test]
    fn reads_back_like_a_list(steps in prop::collection::vec((0_u8..4, prop::collection::vec(any::<u8>(), 0..60)), 1..60)) {
        let folder = tempfile::tempdir().unwrap();
        let small = Options { segment_bytes: 128, max_bytes: 1 << 20, record_max: 1 << 10 };
        let mut journal = Journal::open(folder.path(), small.clone()).unwrap().0;
        let mut list: Vec<(u64, Vec<u8>)> = Vec::new();
        for (step, bytes) in steps {
            match step {
                0 | 1 => {
                    let next = journal.append(&bytes).unwrap();
                    list.push((next, bytes));
                }
                2 => {
                    journal.sync().unwrap();
                    drop(journal);
                    journal = Journal::open(folder.path(), small.clone()).unwrap().0;
                }
                _ => {
                    let upto = list.len() / 2;
                    if upto > 0 {
                        journal.acknowledge(list[upto - 1].0).unwrap();
                        list.drain(..upto);
                    }
                }
            }
            let read = journal.read_from(journal.acknowledged(), usize::MAX).unwrap();
            let read: Vec<(u64, Vec<u8>)> = read.into_iter().map(|r| (r.next, r.bytes)).collect();
            prop_assert_eq!(&read, &list);
        }
    }
}
