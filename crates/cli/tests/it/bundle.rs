//! Does a bundle carry what one instance knows to another, as somebody at the command line sees it?

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::bench::Bench;
use crate::vulns::{EXPLOITED, LOG4SHELL};

const PERMIT: &str = "[intel]\npermit_ranges = [\"203.0.113.0/24\"]\n";
/// When the exporting instance last had its feed and one of its sources from their publishers.
const CONFIRMED: &str = "2026-01-02T03:04:05Z";
const CONFIRMED_SECONDS: u64 = 1_767_323_045;

/// An instance that knows things and has a key, and one (its folder) that knows nothing.
struct Two {
    bench: Bench,
    other: String,
    key: String,
    key_id: Value,
}

impl Two {
    fn new() -> Self {
        let mut bench = Bench::new();
        bench.write("other/agent.toml", PERMIT);
        let made = bench.run(&["bundle", "keygen", "--json"]).expect(0).json();
        bench.mask(made["key"].as_str().unwrap(), "KEY");
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        bench.mask(&format!("{} days", (seconds - CONFIRMED_SECONDS) / 86_400), "DAYS");
        bench.write("list.txt", "203.0.113.7\n203.0.113.8\n");
        bench.write("record.json", LOG4SHELL);
        bench.write("kev.json", EXPLOITED);
        bench.run(&["intel", "import", "list.txt", "--name", "mine", "--category", "c2"]).expect(0);
        bench.run(&["vulns", "import", "record.json", "kev.json"]).expect(0);
        bench.write("data/rules.toml", "[correlator]\nalert_bad_peer = true\n");
        for file in ["data/intel/mine/status.json", "data/vuln/status/record.json"] {
            let mut status: Value = serde_json::from_slice(&std::fs::read(bench.path(file)).unwrap()).unwrap();
            status["last_success"] = CONFIRMED.into();
            bench.write(file, status.to_string());
        }
        let path = |name| bench.path(name).display().to_string();
        Self { other: path("other"), key: path("data/bundle/bundle.pub"), key_id: made["key"].clone(), bench }
    }

    fn export(&self, file: &str) -> Value {
        self.bench.run(&["bundle", "export", file, "--good-for", "7d", "--json"]).expect(0).json()
    }

    /// What the other instance says.
    fn there(&self, arguments: &[&str]) -> crate::bench::Told {
        self.bench.run(&[&["--data-dir", &self.other], arguments].concat())
    }

    fn trust(&self) {
        self.bench.write("other/agent.toml", format!("{PERMIT}[bundle]\nkeys = [{:?}]\n", self.key));
    }
}

/// Every surface shows the age of the data, not that of its import.
#[test]
fn what_one_instance_knows_another_knows_with_its_age() {
    let two = Two::new();
    let exported = two.export("b.bundle");
    assert_eq!(exported["members"].as_array().unwrap().len(), 7);
    let shown = two.bench.run(&["bundle", "show", "b.bundle", "--key", &two.key, "--json"]).expect(0).json();
    assert_eq!((&shown["verified"], &shown["key"]), (&true.into(), &two.key_id));
    assert_eq!((&shown["members"], &shown["counter"]), (&exported["members"], &exported["counter"]));
    let told = two.bench.run(&["bundle", "show", "b.bundle", "--key", &two.key]).expect(0);
    assert!(told.out.contains("every byte verified"), "{told:?}");

    let told = two.there(&["bundle", "import", "b.bundle", "--key", &two.key, "--json"]).expect(0).json();
    assert_eq!((&told["feeds"][0]["count"], &told["advisories"][1]["name"]), (&2.into(), &"record".into()));
    assert_eq!(told["advisories"][1]["last_success"], CONFIRMED);
    let query = ["vulns", "query", "Maven", "org.apache.logging.log4j:log4j-core", "2.14.1", "--json"];
    let answer = two.there(&query).expect(0);
    assert_eq!(answer.json()["cves"][0], "CVE-2021-44228");
    assert!(answer.err.contains("record (outdated"), "{answer:?}");
    assert_eq!(two.there(&["intel", "lookup", "203.0.113.7", "--json"]).json()["verdict"], "bad");
    assert_eq!(two.there(&["intel", "list", "--json"]).expect(0).json()[0]["last_success"], CONFIRMED);
    let doctor = two.there(&["doctor", "--json"]).expect(0).json();
    for name in ["intel", "feed mine", "advisories record"] {
        let entry = doctor["data"].as_array().unwrap().iter().find(|entry| entry["source"] == name).unwrap();
        assert!(entry["age"].as_u64() > Some(86_400), "{entry}");
    }
    let explained = two.there(&["config", "explain", "correlator.alert_bad_peer", "--json"]).json();
    assert!(explained[0]["value"] == "true" && explained[0]["origin"].as_str().unwrap().contains("rules.toml"));
}

/// What people read: what came, and why something did not.
#[test]
fn what_is_refused_is_refused_in_words() {
    let mut two = Two::new();
    let (first, second) = (two.export("first.bundle"), two.export("b.bundle"));
    two.bench.mask(&second["counter"].to_string(), "SECOND");
    two.bench.mask(&first["counter"].to_string(), "FIRST");
    let other = two.other.clone();
    two.bench.tell(&["bundle", "show", "b.bundle"]).expect(64);
    two.bench.tell(&["bundle", "import", "b.bundle", "--data-dir", &other]).expect(64);
    two.trust();
    two.bench.tell(&["bundle", "import", "b.bundle", "--data-dir", &other]).expect(0);
    two.bench.tell(&["bundle", "import", "first.bundle", "--data-dir", &other]).expect(1);
    two.there(&["bundle", "import", "first.bundle", "--allow-older"]).expect(0);
    two.bench.run(&["bundle", "keygen", "stranger.key"]).expect(0);
    two.bench.run(&["bundle", "export", "stranger.bundle", "--key", "stranger.key"]).expect(0);
    let told = two.there(&["bundle", "import", "stranger.bundle"]).expect(1);
    assert!(told.err.contains("it is signed with the key") && told.err.contains("nothing was imported"), "{told:?}");
    let mut bytes = std::fs::read(two.bench.path("b.bundle")).unwrap();
    two.bench.write("cut.bundle", &bytes[..600]);
    two.bench.write("page.bundle", "<html>".repeat(200));
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    two.bench.write("flipped.bundle", &bytes);
    for file in ["cut.bundle", "page.bundle", "missing.bundle"] {
        two.bench.tell(&["bundle", "import", file, "--data-dir", &other]).expect(1);
    }
    assert!(two.there(&["bundle", "import", "flipped.bundle"]).expect(1).err.contains("is refused"));
    two.bench.tell(&["bundle", "keygen"]).expect(1);
    two.bench.tell(&["bundle", "export", "x.bundle", "--good-for", "soon"]).expect(64);
    two.bench.tell(&["bundle", "export", "x.bundle", "--key", "list.txt"]).expect(1);
    two.bench.tell(&["bundle", "export", "x.bundle", "--key", "none.key"]).expect(64);
    two.bench.tell(&["bundle", "export", "x.bundle", "--data-dir", "empty", "--key", "stranger.key"]).expect(1);
    two.bench.golden("bundle");
}
