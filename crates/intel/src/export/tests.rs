//! Do other programs take what is written for them, and does it read back?

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tripoint_model::{AppliesTo, Category, Indicator, Timestamp};

use super::*;
use crate::store::{FeedState, FeedStatus, Store};

const MADE: Timestamp = Timestamp(1_795_000_000_000_000);

fn wish() -> Wish {
    Wish { at: MADE, min_confidence: 0, direction: None, category: None }
}

/// Two feeds that agree on some things.
fn stored() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("tempdir");
    let store = Store::open(folder.path()).expect("store");
    let one = |text: &str, category, direction, confidence| {
        Indicator::new(text.parse().expect("observable"), category, direction, confidence)
    };
    let mut ended = one("203.0.113.50", Category::C2, AppliesTo::Out, 90);
    ended.valid_until = Some(Timestamp(1));
    let mut seen = one("203.0.113.9", Category::C2, AppliesTo::Out, 80);
    seen.first_seen = Some(Timestamp(1_700_000_000_000_000));
    seen.last_seen = Some(Timestamp(1_710_000_000_000_000));
    let feeds = [
        (
            "alpha",
            vec![
                seen,
                one("203.0.113.0/28", Category::Scanner, AppliesTo::In, 40),
                one("2001:db8::66", Category::C2, AppliesTo::Both, 70),
                one("203.0.113.10:8443", Category::C2, AppliesTo::Out, 75),
                one("bad.example", Category::Phishing, AppliesTo::Out, 60),
                one("9.9.9.9", Category::C2, AppliesTo::Out, 90),
                ended,
            ],
        ),
        (
            "beta",
            vec![
                one("203.0.113.9", Category::Botnet, AppliesTo::In, 50),
                one("2001:db8:1::/48", Category::Spam, AppliesTo::In, 30),
                one("[2001:db8::67]:443", Category::C2, AppliesTo::Out, 75),
            ],
        ),
    ];
    for (feed, indicators) in feeds {
        store.save(feed, &indicators, Timestamp(1)).expect("save");
        let status = FeedStatus { feed: feed.into(), state: FeedState::Ok, ..FeedStatus::default() };
        store.set_status(&status).expect("status");
    }
    folder
}

fn exported(format: &dyn ExportFormat, wish: &Wish) -> (String, usize) {
    let folder = stored();
    let found = verdicts(folder.path(), wish).expect("verdicts");
    let mut out = Vec::new();
    let left = write(format, &found, MADE, &mut out).expect("write");
    (String::from_utf8(out).expect("UTF-8"), left)
}

fn by_name(name: &str) -> &'static dyn ExportFormat {
    FORMATS.iter().copied().find(|format| format.name() == name).expect("a format")
}

#[test]
fn feeds_agree_and_guarded_addresses_stay_out() {
    let folder = stored();
    let found = verdicts(folder.path(), &wish()).expect("verdicts");
    assert_eq!((found.entries.len(), found.guarded), (7, 1));
    let both = found.entries.iter().find(|entry| entry.observable.to_string() == "203.0.113.9").expect("both");
    assert_eq!(
        (both.confidence, both.category, both.direction),
        (70, Category::Botnet, AppliesTo::Both),
        "half of 80 is left, and 50 is a botnet's"
    );
    assert_eq!(both.feeds, ["alpha", "beta"]);
    let sure = verdicts(folder.path(), &Wish { min_confidence: 60, ..wish() }).expect("verdicts");
    assert!(sure.entries.iter().all(|entry| entry.confidence >= 60) && sure.entries.len() == 5, "{sure:?}");
    let inbound = verdicts(folder.path(), &Wish { direction: Some(AppliesTo::In), ..wish() }).expect("verdicts");
    assert_eq!(inbound.entries.len(), 4, "{inbound:?}");
    let phishing = verdicts(folder.path(), &Wish { category: Some(Category::Phishing), ..wish() }).expect("verdicts");
    assert_eq!(phishing.entries.len(), 1);
    fs::write(crate::store::copy_path(folder.path(), "beta"), b"broken").expect("write");
    assert_eq!(verdicts(folder.path(), &wish()).expect("verdicts").damaged, ["beta"]);
}

/// Fails when an export forgets a step of the sum that a look-up prints: age, reliability, verdicts, copies, origins.
#[test]
fn an_export_is_as_sure_as_a_look_up() {
    let folder = tempfile::tempdir().expect("tempdir");
    let store = Store::open(folder.path()).expect("store");
    let address = |at: u32| Observable::Address(std::net::Ipv4Addr::from(0x0500_0000 + at).into());
    let day = 86_400_000_000;
    let feeds =
        [("a", 90, 0..300, 100), ("copy-of-a", 95, 0..300, 100), ("old", 70, 100..500, 60), ("z", 40, 0..9, 100)];
    for (feed, sure, range, reliability) in feeds {
        let one = |at: u32| {
            let category = Category::ALL[at as usize % Category::ALL.len()].0;
            let seen =
                (!at.is_multiple_of(3)).then(|| MADE.minus(std::time::Duration::from_micros(u64::from(at) * day)));
            Indicator { last_seen: seen, ..Indicator::new(address(at), category, AppliesTo::Out, sure) }
        };
        store.save(feed, &range.map(one).collect::<Vec<_>>(), MADE).expect("save");
        let status = FeedStatus {
            feed: feed.into(),
            state: FeedState::Ok,
            reliability: tripoint_model::confidence::Percent(reliability),
            refresh_seconds: (feed == "old").then_some(60),
            ..FeedStatus::default()
        };
        store.set_status(&status).expect("status");
    }
    std::fs::create_dir_all(folder.path().join("run")).expect("mkdir");
    fs::write(folder.path().join("run/trust"), "scanner\t0\t3\told\nc2\t1\t4\ta\n").expect("write");
    store.rebuild(MADE, crate::rules::Rules::default()).expect("image");
    let (_, index) = crate::images::open_newest(folder.path()).expect("image");
    let index = index.with_trust(crate::trust::load(folder.path()));
    let found = verdicts(folder.path(), &wish()).expect("verdicts");
    assert_eq!(found.entries.len(), 500);
    let mut sums = std::collections::BTreeSet::new();
    for entry in &found.entries {
        let asked = crate::lookup(&index, &entry.observable.to_string(), MADE);
        assert_eq!(entry.confidence, asked.confidence, "{}: {:#?}", entry.observable, asked.why);
        sums.insert(entry.confidence);
    }
    assert!(sums.len() > 20, "{sums:?}");
    let sure = verdicts(folder.path(), &Wish { min_confidence: 60, ..wish() }).expect("verdicts");
    let expected = found.entries.iter().filter(|entry| entry.confidence >= 60).count();
    assert!((sure.entries.len(), expected > 0 && expected < 500) == (expected, true), "{expected}");
}

#[test]
fn every_format_gives_its_golden_output() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/export");
    for format in FORMATS {
        let (text, left) = exported(*format, &wish());
        let found = format!("{text}# {left} left out\n");
        let golden = folder.join(format!("{}.out", format.name()));
        if std::env::var_os("UPDATE").is_some() {
            fs::create_dir_all(&folder).expect("mkdir");
            fs::write(&golden, &found).expect("write");
        }
        assert_eq!(found, fs::read_to_string(&golden).unwrap_or_default(), "{}", format.name());
    }
}

/// What we write is what we read: the same things are bad again.
#[test]
fn what_we_can_read_reads_back() {
    for name in ["csv", "txt", "stix", "misp", "zeek", "suricata"] {
        let (text, left) = exported(by_name(name), &wish());
        let permit: Vec<IpNet> =
            ["203.0.113.0/24", "2001:db8::/32"].iter().map(|text| text.parse().expect("network")).collect();
        let defaults = crate::feed::Defaults::default();
        let rules = crate::rules::Rules { permit_ranges: &permit, own: &[] };
        let mut reading = crate::feed::Reading::new(name, &defaults, rules, tripoint_model::Timestamp(0));
        let format = crate::feed::FORMATS.iter().find(|format| format.detect(&text)).expect("detected");
        format.parse(&mut text.as_bytes(), &mut reading);
        assert_eq!(reading.parsed.refused, 0, "{name}: {:?}", reading.parsed.rejected);
        let mut found: Vec<_> = reading.parsed.accepted.iter().map(|one| one.observable.clone()).collect();
        found.sort();
        assert_eq!(found.len(), 7 - left, "{name}: {found:?}");
    }
}

/// Each real program that is here is asked whether it takes the file.
#[test]
fn real_programs_take_what_is_written_for_them() {
    let folder = tempfile::tempdir().expect("tempdir");
    let put = |name: &str| -> PathBuf {
        let path = folder.path().join(name);
        fs::write(&path, exported(by_name(name), &wish()).0).expect("write");
        path
    };
    let write = |name: &str, text: String| -> String {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("write");
        path.display().to_string()
    };
    let shown = |name: &str| put(name).display().to_string();
    let nginx = format!(
        "pid {0}/pid; error_log stderr; events {{}} http {{ include {1}; server {{ listen 127.0.0.1:1; if ($tripoint_listed) {{ return 403; }} }} }}",
        folder.path().display(),
        shown("nginx")
    );
    let haproxy = format!(
        "defaults\n mode http\n timeout connect 1s\n timeout client 1s\n timeout server 1s\nfrontend f\n bind 127.0.0.1:1\n acl bad src -f {}\n http-request deny if bad\n",
        shown("haproxy")
    );
    let (nginx, haproxy) = (write("nginx.conf", nginx), write("haproxy.cfg", haproxy));
    let asked: Vec<(&str, Vec<String>)> = vec![
        ("nft", vec!["-c".into(), "-f".into(), shown("nftables")]),
        ("iptables-restore", vec!["--test".into(), "--noflush".into(), shown("iptables")]),
        ("ip6tables-restore", vec!["--test".into(), "--noflush".into(), shown("ip6tables")]),
        ("unshare", vec!["-n".into(), "ipset".into(), "restore".into(), "-f".into(), shown("ipset")]),
        ("named-checkzone", vec!["rpz.example".into(), shown("rpz")]),
        ("nginx", vec!["-t".into(), "-c".into(), nginx]),
        ("haproxy", vec!["-c".into(), "-f".into(), haproxy]),
    ];
    for (program, arguments) in asked {
        match Command::new(program).args(&arguments).output() {
            Err(error) => println!("skipped: {program}: {error}"),
            Ok(told) => {
                let said = String::from_utf8_lossy(&told.stderr).into_owned() + &String::from_utf8_lossy(&told.stdout);
                // Without rights over the network nothing can be asked of the kernel.
                let cannot = ["Operation not permitted", "failed to execute ipset", "Kernel error"];
                if !told.status.success() && cannot.iter().any(|reason| said.contains(reason)) {
                    println!("skipped: {program}: {said}");
                    continue;
                }
                assert!(told.status.success(), "{program}: {said}");
                println!("{program} takes it");
            }
        }
    }
}
