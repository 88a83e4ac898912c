//! Do honest archives come through whole, and do bombs end at their limit by name?

use std::io::Write;

use super::*;
use crate::Limit;

fn walk(bytes: &[u8], limits: &Limits) -> (Vec<(String, usize)>, Result<(), UnpackError>) {
    let mut seen = Vec::new();
    let end = entries(Source::Bytes(bytes), "a.bin.gz", limits, &mut |name, reader| {
        let mut content = Vec::new();
        match reader.read_to_end(&mut content) {
            Ok(length) => {
                seen.push((name.to_owned(), length));
                ControlFlow::Continue(())
            }
            Err(_) => ControlFlow::Break(()),
        }
    });
    (seen, end)
}

fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in files {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        // Set by hand: the library refuses to write names that climb.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        builder.append(&header, *content).unwrap();
    }
    builder.into_inner().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Bytes that do not shrink.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u32;
    (0..length)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_le_bytes()[3]
        })
        .collect()
}

#[test]
fn all_packings_look_alike() {
    let files: [(&str, &[u8]); 2] = [("a/one.txt", b"one"), ("two.txt", b"second")];
    let expected = vec![("a/one.txt".to_owned(), 3), ("two.txt".to_owned(), 6)];
    for bytes in [zip(&files), tar(&files), gzip(&tar(&files))] {
        let (seen, end) = walk(&bytes, &Limits::default());
        end.unwrap();
        assert_eq!(seen, expected);
    }
    assert_eq!(walk(&gzip(b"text"), &Limits::default()).0, [("a.bin".to_owned(), 4)]);
    assert_eq!(walk(b"text", &Limits::default()).0, [("a.bin.gz".to_owned(), 4)]);
    let two_members = [gzip(b"te"), gzip(b"xt")].concat();
    assert_eq!(walk(&two_members, &Limits::default()).0, [("a.bin".to_owned(), 4)]);
    assert_eq!(
        read_entry(Source::Bytes(&zip(&files)), "z", "two.txt", &Limits::default()).unwrap().unwrap(),
        b"second"
    );
    assert_eq!(read_entry(Source::Bytes(&zip(&files)), "z", "none", &Limits::default()).unwrap(), None);
}

#[test]
fn a_jar_in_a_jar_is_opened_to_the_depth_allowed() {
    let mut bytes = zip(&[("deep.txt", b"x")]);
    for _ in 0..6 {
        bytes = zip(&[("inner.jar", &bytes)]);
    }
    let mut limits = Some(Limits::default());
    let mut depth = 0;
    while let Some(own) = limits {
        let Some(inner) = read_entry(Source::Bytes(&bytes), "o", "inner.jar", &own).unwrap() else { break };
        bytes = inner;
        depth += 1;
        limits = own.nested();
    }
    assert_eq!(depth, 5);
}

#[test]
fn bombs_end_at_the_limit_and_what_came_before_stands() {
    let limits = Limits { out_bytes_max: 4 << 20, entry_bytes_max: 3 << 20, entries_max: 3, ..Limits::default() };
    let zeros = vec![0; 2 << 20];
    let random = noise(2 << 20);
    let large = noise(3 << 20 | 1);
    for (bytes, limit, entry) in [
        (zip(&[("ok", b"x"), ("bomb", &zeros)]), Limit::Ratio(200), "bomb"),
        (zip(&[("ok", b"x"), ("large", &large)]), Limit::EntryBytes(3 << 20), "large"),
        (tar(&[("ok", b"x"), ("large", &large)]), Limit::EntryBytes(3 << 20), "large"),
        (zip(&[("ok", &random), ("b", &random), ("c", &random)]), Limit::OutBytes(4 << 20), "c"),
        (gzip(&tar(&[("ok", b"x"), ("bomb", &zeros)])), Limit::Ratio(200), "bomb"),
        (tar(&[("ok", b"x"), ("b", b"x"), ("c", b"x"), ("d", b"x")]), Limit::Entries(3), "c"),
    ] {
        let (seen, end) = walk(&bytes, &limits);
        match end {
            Err(UnpackError::TooBig { entry: named, limit: reached, .. }) => {
                assert_eq!((named.as_str(), reached), (entry, limit))
            }
            other => panic!("{limit:?}: {other:?}"),
        }
        assert_eq!(seen[0].0, "ok");
    }
    let (seen, end) = walk(&gzip(&vec![0; 8 << 20]), &limits);
    assert!(seen.is_empty() && matches!(end, Err(UnpackError::TooBig { .. })));
    let (seen, end) = walk(&zip(&[("a", b""), ("b", b""), ("c", b""), ("d", b"")]), &limits);
    assert!(seen.is_empty() && matches!(end, Err(UnpackError::TooBig { limit: Limit::Entries(3), .. })));
}

#[test]
fn an_entry_that_nobody_reads_costs_nothing() {
    let bytes = zip(&[("bomb", &vec![0; 8 << 20]), ("wanted", b"x")]);
    let limits = Limits { out_bytes_max: 1 << 20, ..Limits::default() };
    assert_eq!(read_entry(Source::Bytes(&bytes), "z", "wanted", &limits).unwrap().unwrap(), b"x");
}

#[test]
fn names_that_lie_are_refused() {
    for name in ["../up", "/etc/passwd", "a/../../b", "\\\\server\\x", "a\\..\\b"] {
        let zip_end = walk(&zip(&[("ok", b"x"), (name, b"x")]), &Limits::default());
        assert!(matches!(zip_end.1, Err(UnpackError::Refused { .. })), "{name}: {:?}", zip_end.1);
        let tar_end = walk(&tar(&[("ok", b"x"), (name, b"x")]), &Limits::default());
        assert!(matches!(tar_end.1, Err(UnpackError::Refused { .. })), "{name}: {:?}", tar_end.1);
        assert_eq!((zip_end.0.len(), tar_end.0.len()), (1, 1));
    }
}

#[test]
fn long_names_of_tar_are_read_and_bounded() {
    let extension = |kind: tar::EntryType, content: &[u8]| {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(kind);
        header.set_size(content.len() as u64);
        header.set_cksum();
        builder.append(&header, content).unwrap();
        // Without the two zero blocks that end an archive.
        let bytes = builder.into_inner().unwrap();
        bytes[..bytes.len() - 1024].to_vec()
    };
    let file = tar(&[("short", b"x")]);
    let long = format!("deep/{}", "n".repeat(200));
    for (kind, content) in
        [(tar::EntryType::GNULongName, format!("{long}\0")), (tar::EntryType::XHeader, format!("215 path={long}\n"))]
    {
        let (seen, end) = walk(&[extension(kind, content.as_bytes()), file.clone()].concat(), &Limits::default());
        end.unwrap();
        assert_eq!(seen, [(long.clone(), 1)]);
    }
    for (kind, content) in [
        (tar::EntryType::GNULongName, "n".repeat(100_000)),
        (tar::EntryType::XHeader, "11 size=99\n".to_owned()),
        (tar::EntryType::XHeader, "rubbish".to_owned()),
        (tar::EntryType::GNULongName, "../up".to_owned()),
    ] {
        let (seen, end) = walk(&[extension(kind, content.as_bytes()), file.clone()].concat(), &Limits::default());
        assert!(seen.is_empty() && end.is_err(), "{content:.20}");
    }
}

/// Lets the directory's second entry point at the first one's data.
#[test]
fn overlapping_entries_are_refused() {
    let mut bytes = zip(&[("a", b"aaaa"), ("b", b"bbbb")]);
    let second = bytes.windows(4).rposition(|window| window == b"PK\x01\x02").unwrap();
    bytes[second + 42..second + 46].fill(0);
    let (seen, end) = walk(&bytes, &Limits::default());
    assert!(seen.is_empty());
    assert!(matches!(end, Err(UnpackError::Damaged { .. })), "{end:?}");
}

#[test]
fn encrypted_entries_are_refused() {
    let mut bytes = zip(&[("a", b"aaaa")]);
    let directory = bytes.windows(4).rposition(|window| window == b"PK\x01\x02").unwrap();
    bytes[directory + 8] |= 1;
    bytes[6] |= 1;
    let (_, end) = walk(&bytes, &Limits::default());
    assert!(matches!(end, Err(UnpackError::Refused { reason: "it is encrypted", .. })), "{end:?}");
}

/// The same bytes by each codec, in two streams one after the other.
#[cfg(feature = "all")]
fn packings(bytes: &[u8]) -> Vec<(Codec, Vec<u8>)> {
    let (first, second) = bytes.split_at(bytes.len() / 2);
    let twice = |pack: &dyn Fn(&[u8]) -> Vec<u8>| [pack(first), pack(second)].concat();
    let bzip2 = |bytes: &[u8]| {
        let mut out = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        out.write_all(bytes).expect("written");
        out.finish().expect("finished")
    };
    let xz = |bytes: &[u8]| {
        let mut out = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(1)).expect("begun");
        out.write_all(bytes).expect("written");
        out.finish().expect("finished")
    };
    let zstd = |bytes: &[u8]| {
        let frame = ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest);
        // Frames without content may stand between the others.
        [frame.as_slice(), &0x184D_2A50u32.to_le_bytes(), &3u32.to_le_bytes(), b"xyz"].concat()
    };
    vec![
        (Codec::Gzip, twice(&gzip)),
        (Codec::Bzip2, twice(&bzip2)),
        (Codec::Xz, twice(&xz)),
        (Codec::Zstd, twice(&zstd)),
    ]
}

#[cfg(feature = "all")]
#[test]
fn every_compression_is_read_bounded_and_never_panics() {
    let text = [noise(300_000), vec![b'a'; 200_000]].concat();
    for (codec, packed) in packings(&text) {
        let (seen, end) = walk(&packed, &Limits::default());
        assert!(end.is_ok(), "{codec:?}: {end:?}");
        assert_eq!(seen, [("a.bin".to_owned(), text.len())], "{codec:?}");
        let small = Limits { out_bytes_max: 100_000, ..Limits::default() };
        assert!(matches!(walk(&packed, &small).1, Err(UnpackError::TooBig { .. })), "{codec:?}");
    }
    for (codec, packed) in packings(&tar(&[("a", b"first"), ("b/c", b"second")])) {
        let names = walk(&packed, &Limits::default()).0;
        assert_eq!(names, [("a".to_owned(), 5), ("b/c".to_owned(), 6)], "{codec:?}");
        for at in 0..packed.len() {
            let _ = walk(&packed[..at], &Limits::default());
            let mut flipped = packed.clone();
            flipped[at] ^= 0xff;
            let _ = walk(&flipped, &Limits::default());
        }
    }
    for (codec, packed) in packings(&vec![0; 64 << 20]) {
        let end = walk(&packed, &Limits { ratio_max: 20, ..Limits::default() }).1;
        assert!(matches!(end, Err(UnpackError::TooBig { limit: Limit::Ratio(20), .. })), "{codec:?}: {end:?}");
    }
}

#[cfg(not(feature = "all"))]
#[test]
fn other_compressions_are_named() {
    for (head, expected) in
        [(&b"\xfd7zXZ\0rest"[..], "xz"), (b"\x28\xb5\x2f\xfdrest", "zstd"), (b"BZh91AY&SY", "bzip2")]
    {
        match walk(head, &Limits::default()).1 {
            Err(UnpackError::Unsupported { kind, .. }) => assert_eq!(kind, expected),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn no_cut_and_no_flip_panics() {
    let files: [(&str, &[u8]); 2] = [("a", b"first file"), ("b/c", b"second file, a little longer")];
    for bytes in [zip(&files), gzip(&tar(&files)), tar(&files)] {
        for at in 0..bytes.len() {
            let _ = walk(&bytes[..at], &Limits::default());
            let mut flipped = bytes.clone();
            flipped[at] ^= 0xff;
            let _ = walk(&flipped, &Limits::default());
        }
    }
}

#[test]
fn a_missing_file_is_named() {
    let missing = std::path::Path::new("/nonexistent/feed");
    let end = entries(Source::Path(missing), "feed", &Limits::default(), &mut |_, _| ControlFlow::Continue(()));
    assert!(end.unwrap_err().to_string().starts_with("cannot read feed"));
}
