//! Is everything said of a peer found across rotation, and nothing of anybody else?

use std::fs;
use std::io::Write;
use std::path::Path;

use super::*;
use tripoint_model::Verdict;

use crate::attempt;
use crate::locate::How;
use crate::stamp::Clock;

fn packed(path: &Path, text: &str) {
    let mut encoder = flate2::write::GzEncoder::new(fs::File::create(path).unwrap(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap();
}

fn asked(folder: &Path, peer: &str, bytes_max: u64) -> LogEvidence {
    let log = Log { path: "/access.log".into(), root: folder.into(), how: How::Layout, pattern: None };
    let is_proxy = |_| false;
    let clock = Clock::at("2026-06-15T12:00:00Z".parse().unwrap());
    let options = Options { format: None, clock, pack: attempt::pack(), is_proxy: &is_proxy };
    let query = Query { peer: peer.parse().unwrap(), since: None, bytes_max, is_over: &|| false };
    search(&[log], &query, &options)
}

fn line(peer: &str, target: &str) -> String {
    format!("{peer} - - [10/Jun/2026:13:55:36 +0000] \"GET {target} HTTP/1.1\" 404 12 \"-\" \"curl/8\"\n")
}

#[test]
fn a_peer_is_found_in_every_generation_and_no_neighbour() {
    let folder = tempfile::tempdir().unwrap();
    let attack = "/a?f=../../../etc/passwd";
    fs::write(folder.path().join("access.log"), line("203.0.113.9", "/") + &line("203.0.113.99", attack)).unwrap();
    packed(&folder.path().join("access.log.1.gz"), &(line("1203.0.113.9", attack) + &line("203.0.113.9", attack)));
    let found = asked(folder.path(), "203.0.113.9", 1 << 30);
    assert_eq!(found.lines, 2, "{found:#?}");
    assert_eq!(found.read.iter().map(|read| (read.lines, read.of_peer)).collect::<Vec<_>>(), [(2, 1), (2, 1)]);
    assert_eq!(found.verdict, Some(Verdict::Attempted));
    let hit = &found.attempts[0];
    assert_eq!((hit.line, hit.family.as_str(), hit.file.as_str()), (2, "path-traversal", "/access.log.1.gz"));
    assert!(asked(folder.path(), "198.51.100.1", 1 << 30).attempts.is_empty());
    let short = asked(folder.path(), "203.0.113.9", 40);
    assert!(short.missing[0].contains("a bound was met"), "{:?}", short.missing);
}

#[test]
fn every_way_to_write_an_address_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let attack = "/a?f=../../../etc/passwd";
    let all = ["2001:db8::9", "2001:DB8::9", "2001:db8:0:0:0:0:0:9", "2001:0db8:0000:0000:0000:0000:0000:0009"];
    let text: String =
        all.iter().chain(&["2001:db8::9:1", "2001:db8::99", "12001:db8::9"]).map(|peer| line(peer, attack)).collect();
    fs::write(folder.path().join("access.log"), text).unwrap();
    assert_eq!(asked(folder.path(), "2001:db8::9", 1 << 30).lines, 4);
}
