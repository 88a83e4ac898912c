//! Streams that ask for memory before their first byte, or give more than they may.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::{count, heap, read, refused};
use tripoint_unpack::Limits;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::best());
    out.write_all(bytes).expect("written");
    out.finish().expect("finished")
}

/// An archive inside itself without end cannot be told from one that is very deep.
#[test]
fn one_call_opens_one_level() {
    let mut bytes = b"innermost".to_vec();
    for _ in 0..100 {
        bytes = gzip(&bytes);
    }
    let ((seen, end), peak) = heap(|| count(&bytes, &Limits::default()));
    end.expect("one level");
    assert_eq!(seen, 1);
    assert!(peak < 1 << 20, "{peak} bytes");
}

#[test]
fn a_gzip_bomb_ends_at_its_ratio() {
    let bytes = gzip(&vec![0; 64 << 20]);
    let ((seen, end), peak) = heap(|| read(&bytes));
    assert!(seen[0].1.starts_with('!'));
    refused(end, "out of one byte");
    // What the reader above keeps, which doubles as it grows.
    assert!(peak < 32 << 20, "{peak} bytes");
}

#[cfg(feature = "all")]
mod windows {
    use super::*;

    /// Highest resident memory so far, KiB.
    fn resident_kib() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").expect("status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a line");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// A good stream of one block whose header states another dictionary.
    fn xz(dictionary: u8) -> Vec<u8> {
        let mut out = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(1)).expect("begun");
        out.write_all(b"content").expect("written");
        let mut bytes = out.finish().expect("finished");
        let length = (usize::from(bytes[12]) + 1) * 4;
        let place = bytes[12..12 + length].windows(2).position(|two| two == [0x21, 1]).expect("LZMA2");
        bytes[12 + place + 2] = dictionary;
        let mut crc = flate2::Crc::new();
        crc.update(&bytes[12..12 + length - 4]);
        bytes[12 + length - 4..12 + length].copy_from_slice(&crc.sum().to_le_bytes());
        bytes
    }

    #[test]
    fn a_window_larger_than_any_in_use_is_refused_before_it_is_made() {
        // 2^31 bytes; a block of one byte that is last.
        let zstd = b"\x28\xb5\x2f\xfd\x00\xa8\x09\x00\x00x".to_vec();
        // 1.5 GiB, 4 GiB - 1.
        for bytes in [zstd, xz(37), xz(40)] {
            let ((seen, end), peak) = heap(|| read(&bytes));
            assert!(end.is_err() || seen.iter().all(|(_, text)| text.starts_with('!')), "{seen:?}");
            assert!(peak < 1 << 20, "{peak} bytes");
        }
    }

    /// What `xz -9` states whatever it packs is made, but not touched.
    #[test]
    fn a_large_window_in_use_costs_what_lies_in_it() {
        let bytes = xz(28);
        let before = resident_kib();
        let (seen, end) = read(&bytes);
        end.expect("honest");
        assert_eq!(seen, [("a".to_owned(), "content".to_owned())]);
        assert!(resident_kib() < before + (8 << 10), "{} KiB", resident_kib() - before);
    }
}
