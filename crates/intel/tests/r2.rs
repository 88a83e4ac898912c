//! Promise R2: is a poisoned feed harmless, whatever it is written in: nothing of it in force, each entry refused by its
//! place, the feed marked, the last good copy kept?
//!
//! That nothing of what a feed may say is enforced where it must not stands beside the command line, which knows the
//! responder's guard.

use std::net::IpAddr;

use tripoint_intel::descriptor::parse;
use tripoint_intel::images::open_newest;
use tripoint_intel::{Context, FeedState, FetchSettings, Fetcher, SyncOptions, SyncReport, SyncState, sync};
use tripoint_model::Timestamp;

/// Each would cut off a host, its network or half of the internet.
const POISONS: [&[&str]; 12] = [
    &["0.0.0.0/0"],
    &["0.0.0.0/1", "128.0.0.0/1"],
    &["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"],
    &["100.64.0.0/10", "198.18.0.0/15"],
    &["224.0.0.0/4", "240.0.0.0/4", "255.255.255.255"],
    &["169.254.169.254", "127.0.0.1"],
    &["45.66.77.88"],
    &["45.66.0.0/16"],
    &["::/0", "::/1", "2000::/3"],
    &["fc00::/7", "fe80::/10", "ff00::/8", "::1"],
    &["::ffff:10.0.0.1", "::ffff:0:0/96", "64:ff9b::a9fe:a9fe"],
    &["2a00:1::53"],
];

/// This host's own addresses in these tests.
const OWN: [&str; 2] = ["45.66.77.88", "2a00:1::53"];

/// How a list of entries is written, with one good address before it where asked for.
type Format = (&'static str, fn(&[&str]) -> String);

const FORMATS: [Format; 6] = [
    ("plain-list", |entries| entries.iter().map(|entry| format!("{entry}\n")).collect()),
    ("csv", |entries| {
        let rows: String = entries.iter().map(|entry| format!("{entry},2026-01-01\n")).collect();
        format!("ip,first_seen\n{rows}")
    }),
    ("json", |entries| entries.iter().map(|entry| format!("{{\"ip\":\"{entry}\",\"note\":\"x\"}}\n")).collect()),
    ("stix", |entries| {
        let one = |(at, entry): (usize, &&str)| {
            let kind = if entry.contains(':') { "ipv6-addr" } else { "ipv4-addr" };
            format!(
                r#"{{"type":"indicator","spec_version":"2.1","id":"indicator--00000000-0000-4000-8000-{at:012}","created":"2026-01-01T00:00:00Z","modified":"2026-01-01T00:00:00Z","pattern_type":"stix","pattern":"[{kind}:value = '{entry}']","valid_from":"2026-01-01T00:00:00Z"}}"#
            )
        };
        let all: Vec<String> = entries.iter().enumerate().map(one).collect();
        let id = "bundle--00000000-0000-4000-8000-000000000000";
        format!(r#"{{"type":"bundle","id":"{id}","objects":[{}]}}"#, all.join(","))
    }),
    ("misp", |entries| {
        let one = |entry: &&str| {
            format!(r#"{{"type":"ip-dst","value":"{entry}","to_ids":true,"category":"Network activity"}}"#)
        };
        let all: Vec<String> = entries.iter().map(one).collect();
        format!(r#"{{"Event":{{"info":"x","Attribute":[{}]}}}}"#, all.join(","))
    }),
    ("crowdsec", |entries| {
        let one = |entry: &&str| {
            let scope = if entry.contains('/') { "Range" } else { "Ip" };
            format!(
                r#"{{"duration":"3h","origin":"lists","scenario":"x","scope":"{scope}","type":"ban","value":"{entry}"}}"#
            )
        };
        let all: Vec<String> = entries.iter().map(one).collect();
        format!("[{}]", all.join(","))
    }),
];

fn refresh(data: &std::path::Path, format: &str, text: &str, hour: i64) -> SyncReport {
    let file = data.join("feed");
    std::fs::write(&file, text).expect("write");
    let text = format!("[[feed]]\nname = \"f\"\nfile = {:?}\nformat = {format:?}\n", file.display());
    let descriptors = parse(&text, "t").expect("a descriptor");
    let own: Vec<IpAddr> = OWN.iter().map(|text| text.parse().expect("an address")).collect();
    let now = Timestamp::from_seconds(1_767_225_600 + hour * 3600);
    let context = Context { data_dir: data, permit_ranges: &[], own: &own, now };
    let fetcher = Fetcher::new(FetchSettings::default()).expect("a fetcher");
    sync(&descriptors, &SyncOptions::default(), &fetcher, &context, &mut |_| {}).expect("sync").remove(0)
}

/// Whether exactly the good address is listed.
fn only_the_good(data: &std::path::Path) -> bool {
    let index = open_newest(data).map(|(_, index)| index).expect("an image");
    let asked = |text: &str| index.is_listed(text.parse().expect("an address"));
    let innocent = ["8.8.4.4", "10.1.2.3", "169.254.169.254", "45.66.77.88", "224.0.0.1", "2a00:1::53", "fe80::1"];
    index.len() == 1 && asked("5.6.7.8") && !innocent.iter().any(|text| asked(text))
}

#[test]
fn r2_seventy_two_poisoned_files_change_nothing() {
    let mut files = 0;
    for (format, write) in FORMATS {
        let data = tempfile::tempdir().expect("tempdir");
        assert_eq!(refresh(data.path(), format, &write(&["5.6.7.8"]), 0).state, SyncState::Updated, "{format}");
        for (turn, poison) in (1..).zip(POISONS) {
            let report = refresh(data.path(), format, &write(poison), turn * 2);
            let what = format!("{format} {poison:?}: {report:?}");
            assert!(matches!(report.state, SyncState::Held | SyncState::Failed), "{what}");
            assert!(report.reason.as_ref().is_some_and(|reason| !reason.is_empty()), "{what}");
            let status = tripoint_intel::list(data.path()).remove(0);
            assert!(
                status.state != FeedState::Ok && status.trouble(status.last_attempt.expect("tried")).is_some(),
                "{what}"
            );
            assert!(only_the_good(data.path()), "{what}");
            // Beside good entries each is refused by its place, and the good part is kept.
            let mixed: Vec<&str> = ["5.6.7.8"].into_iter().chain(poison.iter().copied()).collect();
            let report = refresh(data.path(), format, &write(&mixed), turn * 2 + 1);
            let what = format!("{format} {poison:?} beside a good one: {report:?}");
            assert_eq!((report.count, report.refused), (1, poison.len() as u64), "{what}");
            assert!(report.refusals.iter().all(|refusal| refusal.line > 0 && !refusal.reason.is_empty()), "{what}");
            assert!(only_the_good(data.path()), "{what}");
            files += 1;
        }
    }
    assert_eq!(files, 72);
}

/// "256 x /8": each is a network that a feed may name, all of them are the internet.
#[test]
fn r2_the_internet_in_pieces_is_held_the_first_time_too() {
    let every: Vec<String> = (0..256).map(|first| format!("{first}.0.0.0/8")).collect();
    let every: Vec<&str> = every.iter().map(String::as_str).collect();
    let beside: Vec<&str> = ["5.6.7.8"].into_iter().chain(every.iter().copied()).collect();
    for (format, write) in FORMATS {
        let data = tempfile::tempdir().expect("tempdir");
        for (hour, entries) in [(0, &every), (2, &beside)] {
            let report = refresh(data.path(), format, &write(entries), hour);
            assert_eq!(report.state, SyncState::Failed, "{format}");
            let reason = report.reason.expect("a reason");
            assert!(reason.contains("% of all IPv4 addresses"), "{format}: {reason}");
            assert!(open_newest(data.path()).is_none(), "{format}: nothing took force");
        }
        assert_eq!(refresh(data.path(), format, &write(&["5.6.7.8"]), 4).state, SyncState::Updated, "{format}");
        let report = refresh(data.path(), format, &write(&beside), 6);
        assert_eq!(report.state, SyncState::Held, "{format}");
        assert!(only_the_good(data.path()), "{format}");
    }
}
