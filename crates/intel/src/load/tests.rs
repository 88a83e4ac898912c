//! Do hostile files end in words, in bounded memory, with their good part kept?

use std::io::Write as _;

use super::*;

fn read(bytes: &[u8]) -> Result<Loaded, LoadError> {
    let limits = Limits { out_bytes_max: 8 << 20, ..Limits::default() };
    let permit = ["203.0.113.0/24".parse().unwrap()];
    load(
        Source::Bytes(bytes),
        "feed.txt.gz",
        None,
        &Defaults::default(),
        Rules { permit_ranges: &permit, own: &[] },
        &limits,
        Timestamp(1),
    )
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn utf16(text: &str) -> Vec<u8> {
    [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
}

#[test]
fn pages_and_foreign_encodings_are_no_feeds() {
    assert!(matches!(read(b"\n<!DOCTYPE html><p>203.0.113.9"), Err(LoadError::WebPage(_))));
    assert!(matches!(read(&utf16("203.0.113.9\n")), Err(LoadError::Encoding(_))));
    assert!(matches!(read(b"nothing here\nlooks like it\n"), Err(LoadError::Unknown(_))));
    assert!(matches!(read(b""), Err(LoadError::Empty(_))));
    assert!(matches!(read(b"\0\0\0\0"), Err(LoadError::Unknown(_))));
    assert!(matches!(read(&gzip(b"<html>")), Err(LoadError::WebPage(_))));
}

#[test]
fn a_gzip_bomb_ends_at_the_limit_and_keeps_what_came_before() {
    let mut text = b"203.0.113.9\n".to_vec();
    text.resize(20 << 20, b'\n');
    let loaded = read(&gzip(&text)).unwrap();
    assert_eq!(loaded.parsed.accepted.len(), 1);
    assert!(loaded.broken.is_some());
    assert!(
        loaded.parsed.rejected.iter().any(|rejected| rejected.reason.contains("more than")),
        "{:?}",
        loaded.parsed.rejected
    );
}

#[test]
fn a_feed_cut_at_any_place_is_known_to_be_cut() {
    let lines: String = (0..2000).map(|at| format!("203.0.113.{} # {at}\n", at % 256)).collect();
    let packed = gzip(lines.as_bytes());
    for cut in (20..packed.len() - 1).step_by(packed.len() / 40) {
        match read(&packed[..cut]) {
            Ok(loaded) => assert!(loaded.broken.is_some(), "cut at {cut}"),
            Err(error) => {
                assert!(matches!(error, LoadError::Unpack(_) | LoadError::Unknown(_)), "cut at {cut}: {error}")
            }
        }
    }
    let bundle = br#"{"type":"bundle","objects":[{"type":"indicator","pattern":"[ipv4-addr:value = '203.0.113.9']"},{"type":"ind"#;
    let loaded = read(bundle).unwrap();
    assert_eq!((loaded.format, loaded.parsed.accepted.len(), loaded.broken.is_some()), ("stix", 1, true));
}

#[test]
fn a_bundle_of_a_million_references_and_cycles_is_harmless() {
    let mut bundle = br#"{"type":"bundle","objects":[{"type":"report","id":"report--1","object_refs":["#.to_vec();
    for at in 0..1_000_000 {
        bundle.extend_from_slice(if at == 0 { b"\"report--1\"" } else { b",\"report--1\"" });
    }
    bundle.extend_from_slice(
        br#"]},{"type":"indicator","confidence":"high","labels":7,"pattern":"[ipv4-addr:value = '203.0.113.9']"}]}"#,
    );
    let limits = Limits::default();
    let permit = ["203.0.113.0/24".parse().unwrap()];
    let rules = Rules { permit_ranges: &permit, own: &[] };
    let loaded =
        load(Source::Bytes(&bundle), "b.json", None, &Defaults::default(), rules, &limits, Timestamp(1)).unwrap();
    assert_eq!(loaded.parsed.accepted.len(), 1);
    let deep = format!("{{\"type\":\"bundle\",\"objects\":[{}", "[".repeat(1_000_000));
    let error =
        load(Source::Bytes(deep.as_bytes()), "b.json", None, &Defaults::default(), rules, &limits, Timestamp(1))
            .unwrap();
    assert!(error.broken.is_some());
}
