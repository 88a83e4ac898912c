//! Is a bundle refused when anything of it was touched, and does nothing of it take force then?

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use tripoint_model::{AppliesTo, Category, Timestamp};
use tripoint_vuln::{ImportContext, ImportOptions};

use super::*;

pub(super) const MADE: Timestamp = Timestamp(1_795_000_000_000_000);
const OSV: &str = r#"{"id":"DEMO-1","modified":"2026-01-01T00:00:00Z","aliases":["CVE-2026-0001"],"affected":[{"package":{"ecosystem":"PyPI","name":"demo"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"1.2"}]}]}]}"#;

/// Two hosts that share a disk, and a key.
pub(super) struct Hosts {
    folder: tempfile::TempDir,
}

impl Hosts {
    pub(super) fn new() -> Self {
        let hosts = Self { folder: tempfile::tempdir().unwrap() };
        for name in ["from", "to"] {
            fs::create_dir(hosts.path(name)).unwrap();
        }
        keygen(&hosts.path("own.key"), &hosts.path("own.pub")).unwrap();
        keygen(&hosts.path("other.key"), &hosts.path("other.pub")).unwrap();
        hosts.learn("from", 3);
        fs::write(hosts.path("from/feeds.toml"), "[[feed]]\nname = \"a\"\nfile = \"a.txt\"\n").unwrap();
        hosts
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Loads a feed and a source two days before `MADE`.
    pub(super) fn learn(&self, host: &str, indicators: u8) {
        let data_dir = self.path(host);
        let now = MADE.minus(Duration::from_secs(2 * 86_400));
        let list: String = (1..=indicators).map(|n| format!("198.18.0.{n}\n")).collect();
        fs::write(self.path("list.txt"), list).unwrap();
        let options = tripoint_intel::ImportOptions {
            name: "listed".into(),
            category: Some(Category::C2),
            direction: Some(AppliesTo::Out),
            ..tripoint_intel::ImportOptions::default()
        };
        tripoint_intel::import(&self.path("list.txt"), &options, &context(&data_dir, &permit(), now)).unwrap();
        let file = self.path("demo.json");
        fs::write(&file, OSV).unwrap();
        let context = ImportContext { data_dir, now };
        tripoint_vuln::import(&[file], &ImportOptions::default(), &context, &mut |_, _| {}).unwrap();
    }

    pub(super) fn export(&self, key: &str, at: Timestamp) -> PathBuf {
        let (data, file) = (self.path("from"), self.path(&format!("{}.bundle", at.0)));
        let key = SecretKey::read(&self.path(key)).unwrap();
        let (system, good_for) = (self.path("none"), Duration::from_secs(30 * 86_400));
        export(&Wish { data_dir: &data, system: &system, file: &file, key: &key, good_for, now: at }).unwrap();
        file
    }

    pub(super) fn import_with(
        &self,
        file: &Path,
        key: &str,
        consent: Consent,
        at: Timestamp,
    ) -> Result<Imported, BundleError> {
        let keys = [PublicKey::read(&self.path(key)).unwrap()];
        import(file, &keys, consent, &context(&self.path("to"), &permit(), at))
    }

    pub(super) fn import(&self, file: &Path) -> Result<Imported, BundleError> {
        self.import_with(file, "own.pub", Consent::default(), MADE)
    }

    /// Every file of the importing host but the locks.
    pub(super) fn state(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        let mut open = vec![self.path("to")];
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                if entry.is_dir() {
                    open.push(entry);
                } else if !entry.ends_with(".lock") {
                    found.insert(entry.clone(), fs::read(&entry).unwrap());
                }
            }
        }
        found
    }

    /// The bytes are refused, for a reason that holds these words, and nothing changed.
    pub(super) fn refuse(&self, bytes: &[u8], words: &[&str]) {
        let before = self.state();
        let file = self.path("bad.bundle");
        fs::write(&file, bytes).unwrap();
        let told = self.import(&file).map(|_| ()).unwrap_err();
        assert!(matches!(told, BundleError::Refused { .. }), "{told}");
        let told = told.to_string();
        assert!(words.is_empty() || words.iter().any(|word| told.contains(word)), "{told}");
        assert!(self.state() == before, "{told}");
    }
}

fn permit() -> [ipnet::IpNet; 1] {
    ["198.18.0.0/15".parse().unwrap()]
}

fn context<'c>(data_dir: &'c Path, permit_ranges: &'c [ipnet::IpNet], now: Timestamp) -> tripoint_intel::Context<'c> {
    tripoint_intel::Context { data_dir, permit_ranges, own: &[], now }
}

#[test]
fn what_one_host_knew_another_knows_and_how_old_it_is() {
    let hosts = Hosts::new();
    let imported = hosts.import(&hosts.export("own.key", MADE)).unwrap();
    assert_eq!((imported.feeds[0].count, imported.advisories[0].count, imported.rules.len()), (3, 1, 1));
    let (to, made) = (hosts.path("to"), MADE.minus(Duration::from_secs(2 * 86_400)));
    assert_eq!(tripoint_intel::images::open_newest(&to).unwrap().1.built(), made);
    assert_eq!(tripoint_intel::list(&to)[0].last_success, Some(made));
    let (_, database) = tripoint_vuln::open_latest(&to).unwrap().unwrap();
    assert_eq!(database.sources()[0].imported, made);
    assert_eq!(tripoint_vuln::status::all(&to, &database.sources())[0].last_success, Some(made));
    assert_eq!(tripoint_vuln::query(&database, "PyPI", "demo", "1.1").cves, ["CVE-2026-0001"]);
    assert!(to.join("feeds.toml").exists());
    // Once more is no harm, and nothing is left lying about.
    hosts.import(&hosts.path(&format!("{}.bundle", MADE.0))).unwrap();
    let left: Vec<_> = fs::read_dir(to.join("bundle")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["imported.json"]);
}

/// What the importing host had and the bundle does not carry stays; rules stay when asked to.
#[test]
fn only_what_it_carries_is_replaced() {
    let hosts = Hosts::new();
    let record = hosts.path("mine.json");
    fs::write(&record, OSV.replace("demo", "mine").replace("0001", "0002")).unwrap();
    let context = ImportContext { data_dir: hosts.path("to"), now: MADE };
    tripoint_vuln::import(&[record], &ImportOptions::default(), &context, &mut |_, _| {}).unwrap();
    let consent = Consent { without_rules: true, ..Consent::default() };
    hosts.import_with(&hosts.export("own.key", MADE), "own.pub", consent, MADE).unwrap();
    let (_, database) = tripoint_vuln::open_latest(&hosts.path("to")).unwrap().unwrap();
    for (name, cve) in [("demo", "CVE-2026-0001"), ("mine", "CVE-2026-0002")] {
        assert_eq!(tripoint_vuln::query(&database, "PyPI", name, "1.1").cves, [cve]);
    }
    assert!(!hosts.path("to/feeds.toml").exists());
}

#[test]
fn a_flipped_bit_anywhere_is_refused() {
    let hosts = Hosts::new();
    let whole = fs::read(hosts.export("own.key", MADE)).unwrap();
    // Every third byte and the beginning of every block, each in another bit.
    for at in (0..whole.len()).filter(|at| at % 3 == 0 || at % 512 < 8) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        hosts.refuse(&bytes, &[]);
    }
}

#[test]
fn a_cut_or_longer_file_is_refused() {
    let hosts = Hosts::new();
    let whole = fs::read(hosts.export("own.key", MADE)).unwrap();
    for percent in 0..100 {
        hosts.refuse(&whole[..whole.len() * percent / 100], &["cut"]);
    }
    hosts.refuse(&whole[..whole.len() - 1], &["cut"]);
    hosts.refuse(&[whole.as_slice(), &[0]].concat(), &["follows"]);
    hosts.refuse(&[whole.as_slice(), whole.as_slice()].concat(), &["follows"]);
    hosts.refuse(b"PK\x03\x04 something else entirely, of some length", &["cut before"]);
    hosts.refuse(&[b'x'; 4096], &["manifest.json does not stand"]);
}

/// The members of a bundle as blocks of the tar.
pub(super) fn members(whole: &[u8]) -> Vec<&[u8]> {
    let (mut out, mut at) = (Vec::new(), 0);
    while whole[at] != 0 {
        let size = layout::peek_size(whole[at..at + 512].try_into().unwrap()).unwrap() as usize;
        let end = at + 512 + size.div_ceil(512) * 512;
        out.push(&whole[at..end]);
        at = end;
    }
    out
}

#[test]
fn swapped_missing_doubled_and_foreign_members_are_refused() {
    let hosts = Hosts::new();
    let whole = fs::read(hosts.export("own.key", MADE)).unwrap();
    let parts = members(&whole);
    assert_eq!(parts.len(), 7, "manifest, signature, feed, its status, source, its status, rules");
    let join =
        |order: &[usize]| [order.iter().map(|at| parts[*at]).collect::<Vec<_>>().concat(), vec![0; 1024]].concat();
    assert_eq!(join(&[0, 1, 2, 3, 4, 5, 6]), whole);
    for order in [
        &[0, 1, 3, 2, 4, 5, 6][..],
        &[0, 1, 4, 3, 2, 5, 6],
        &[0, 1, 2, 3, 4, 5],
        &[0, 1, 2, 3, 4, 5, 6, 6],
        &[0, 1, 2, 2, 3, 4, 5, 6],
        &[1, 0, 2, 3, 4, 5, 6],
        &[0, 2, 3, 4, 5, 6],
        &[2, 3, 4, 5, 6],
        &[0, 1],
    ] {
        hosts.refuse(&join(order), &[]);
    }
    // The signature of one bundle does not serve another, nor its members.
    hosts.learn("from", 4);
    let next = fs::read(hosts.export("own.key", MADE.plus(Duration::from_secs(9)))).unwrap();
    let others = members(&next);
    for mixed in [[parts[0], others[1]], [others[0], parts[1]]] {
        hosts.refuse(&[&mixed[..], &parts[2..], &[&[0; 1024]]].concat().concat(), &["does not hold"]);
    }
    hosts.refuse(&[&parts[..2], &others[2..], &[&[0; 1024]]].concat().concat(), &["listed/indicators"]);
}

/// A member that would climb out of the folder, signed by the right key all the same.
#[test]
fn names_that_climb_are_refused_even_when_signed() {
    let hosts = Hosts::new();
    let key = SecretKey::read(&hosts.path("own.key")).unwrap();
    for name in [
        "../../etc/passwd",
        "/etc/passwd",
        "intel/../x/status.json",
        "intel/a/../../x",
        "vuln/../x.jsonl.gz",
        "vuln/a/b.jsonl.gz",
        "rules/agent.toml",
        "rules/../feeds.toml",
        "",
    ] {
        let manifest = Manifest {
            schema: manifest::SCHEMA,
            counter: 1,
            created: MADE,
            expires: MADE,
            made_by: "test".into(),
            members: vec![manifest::Member { name: name.into(), bytes: 0, sha256: String::new(), plain_bytes: 0 }],
        };
        let text = serde_json::to_vec(&manifest).unwrap();
        let signature = key.sign(&text, "test");
        let mut bytes = Vec::new();
        layout::write_member(&mut bytes, read::MANIFEST, text.len() as u64, &mut text.as_slice()).unwrap();
        layout::write_member(&mut bytes, read::SIGNATURE, signature.len() as u64, &mut signature.as_bytes()).unwrap();
        layout::write_end(&mut bytes).unwrap();
        hosts.refuse(&bytes, &["no bundle holds"]);
    }
}

#[test]
fn another_key_an_older_counter_and_an_end_are_refused() {
    let hosts = Hosts::new();
    let day = Duration::from_secs(86_400);
    let (first, second) = (hosts.export("own.key", MADE), hosts.export("own.key", MADE.plus(day)));
    let foreign = hosts.export("other.key", MADE.plus(day * 2));
    let told = |result: Result<Imported, BundleError>| result.map(|_| ()).unwrap_err().to_string();
    assert!(told(hosts.import(&foreign)).contains("it is signed with the key"));
    hosts.import(&second).unwrap();
    let before = hosts.state();
    assert!(told(hosts.import(&first)).contains("older than the last one of its key"));
    assert!(hosts.state() == before);
    let older = Consent { older: true, ..Consent::default() };
    hosts.import_with(&first, "own.pub", older, MADE).unwrap();
    // The exception was for one bundle: the door is as closed as before.
    assert!(told(hosts.import(&first)).contains("older"));
    // Another key counts by itself.
    hosts.import_with(&foreign, "other.pub", Consent::default(), MADE).unwrap();
    let late = MADE.plus(day * 40);
    let result = hosts.import_with(&second, "own.pub", Consent::default(), late);
    assert!(told(result).contains("expired"));
    hosts.import_with(&second, "own.pub", Consent { expired: true, ..Consent::default() }, late).unwrap();
}

/// A clock that stands or goes back does not give a counter twice.
#[test]
fn counters_only_rise() {
    let hosts = Hosts::new();
    let counters: Vec<u64> = [MADE, MADE, MADE.minus(Duration::from_secs(99))]
        .iter()
        .map(|at| counter::next(&hosts.path("from"), "key", *at).unwrap())
        .collect();
    assert!(counters[0] < counters[1] && counters[1] < counters[2], "{counters:?}");
}

/// What is signed and yet wrong: a feed whose seal does not hold, statements that are none, rules that
/// reach further than rules may.
#[test]
fn content_is_read_to_its_end_before_any_of_it_takes_force() {
    let lines = |path: &Path| fs::read_to_string(path).unwrap();
    type Spoil = fn(&str) -> String;
    let spoilers: [(&str, Spoil); 4] = [
        ("from/vuln/demo.jsonl", |text| text.replace("\"a\"", "\"b\"")),
        ("from/vuln/demo.jsonl", |text| text.lines().next().unwrap_or_default().to_owned() + "\n"),
        ("from/intel/listed/indicators.ndjson", |text| text.replacen("198.18.0.1", "198.18.0.9", 1)),
        ("from/feeds.toml", |_| "[[feed]]\nname = \"x\"\n".to_owned()),
    ];
    for (file, spoil) in spoilers {
        let hosts = Hosts::new();
        let path = hosts.path(file);
        fs::write(&path, spoil(&lines(&path))).unwrap();
        let bundle = hosts.export("own.key", MADE);
        let told = hosts.import(&bundle).map(|_| ()).unwrap_err();
        assert!(tripoint_intel::images::open_newest(&hosts.path("to")).is_none(), "{file}: {told}");
        assert!(tripoint_vuln::open_latest(&hosts.path("to")).unwrap().is_none(), "{file}: {told}");
        assert!(!hosts.path("to/feeds.toml").exists(), "{file}: {told}");
    }
    for (text, fits) in [
        ("[correlator]\nalert_bad_peer = true\n", true),
        ("[response]\nmode = \"enforce\"\n", false),
        ("[correlator]\nalert_bad_peer = true\n[server]\nlisten = \"\"\n", false),
    ] {
        let hosts = Hosts::new();
        fs::write(hosts.path("from/rules.toml"), text).unwrap();
        let bundle = hosts.export("own.key", MADE);
        assert_eq!(hosts.import(&bundle).is_ok(), fits, "{text}");
        assert_eq!(hosts.path("to/rules.toml").exists(), fits, "{text}");
    }
}

#[test]
fn keys_are_checked() {
    let hosts = Hosts::new();
    assert!(keygen(&hosts.path("own.key"), &hosts.path("own.pub")).is_err(), "a key is never overwritten");
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(hosts.path("own.key")).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let text = fs::read_to_string(hosts.path("own.key")).unwrap();
    let bad = hosts.path("bad.key");
    for spoiled in [text.replacen("RWQAAEIy", "RWRTY0Iy", 1), text[..text.len() - 9].to_owned(), "x\ny\n".to_owned()] {
        fs::write(&bad, spoiled).unwrap();
        assert!(matches!(SecretKey::read(&bad), Err(BundleError::Unusable { .. })));
    }
    fs::write(&bad, text.replace("AAAA", "AAAB")).unwrap();
    fs::write(hosts.path("bad.pub"), "untrusted comment: x\nRWQ=\n").unwrap();
    assert!(PublicKey::read(&hosts.path("bad.pub")).is_err() && PublicKey::read(&hosts.path("own.key")).is_err());
}

/// The stock `minisign` agrees in both directions.
#[test]
fn minisign_proves_our_bundles_and_we_take_its_keys() {
    let hosts = Hosts::new();
    let run = |arguments: &[&str]| Command::new("minisign").args(arguments).current_dir(hosts.folder.path()).output();
    if run(&["-v"]).is_err() {
        println!("skipped: minisign is not installed");
        return;
    }
    let unpack = |bundle: &Path| {
        let tar = Command::new("tar").arg("-xf").arg(bundle).arg("-C").arg(hosts.folder.path()).status().unwrap();
        assert!(tar.success());
    };
    unpack(&hosts.export("own.key", MADE));
    let proven = run(&["-Vm", "manifest.json", "-p", "own.pub"]).unwrap();
    assert!(proven.status.success(), "{proven:?}");
    assert!(String::from_utf8_lossy(&proven.stdout).contains("tripoint bundle 1795000000"), "{proven:?}");
    let wrong = run(&["-Vm", "manifest.json", "-p", "other.pub"]).unwrap();
    assert!(!wrong.status.success());
    let made = run(&["-G", "-W", "-p", "theirs.pub", "-s", "theirs.key"]).unwrap();
    assert!(made.status.success(), "{made:?}");
    let bundle = hosts.export("theirs.key", MADE.plus(Duration::from_secs(9)));
    hosts.import_with(&bundle, "theirs.pub", Consent::default(), MADE.plus(Duration::from_secs(9))).unwrap();
    let ours = run(&["-S", "-W", "-s", "own.key", "-m", "demo.json"]).unwrap();
    assert!(ours.status.success(), "{ours:?}");
    assert!(run(&["-Vm", "demo.json", "-p", "own.pub"]).unwrap().status.success());
}
