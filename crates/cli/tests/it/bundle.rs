//! Does a bundle carry what one instance knows to another, as somebody at the command line sees it?

use crate::bench::Bench;
use crate::vulns::{EXPLOITED, LOG4SHELL};

#[test]
fn a_bundle_goes_from_one_instance_to_another() {
    let mut bench = Bench::new();
    let permit = "[intel]\npermit_ranges = [\"203.0.113.0/24\"]\n";
    bench.write("other/agent.toml", permit);
    let other = bench.path("other").display().to_string();
    bench.tell(&["bundle", "export", "b.bundle"]).expect(64);
    let made = bench.run(&["bundle", "keygen", "--json"]).expect(0).json();
    // Days since the old copy below was confirmed.
    let seconds = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    bench.mask(&format!("{} days", (seconds - 1_767_323_045) / 86_400), "DAYS");
    bench.mask(made["key"].as_str().unwrap(), "KEY");
    bench.tell(&["bundle", "export", "b.bundle"]).expect(1);
    bench.write("list.txt", "203.0.113.7\n203.0.113.8\n");
    bench.write("record.json", LOG4SHELL);
    bench.write("kev.json", EXPLOITED);
    bench.run(&["intel", "import", "list.txt", "--name", "mine", "--category", "c2"]).expect(0);
    bench.run(&["vulns", "import", "record.json", "kev.json"]).expect(0);
    bench.write("data/rules.toml", "[correlator]\nalert_bad_peer = true\n");
    let old = "2026-01-02T03:04:05Z";
    for file in ["data/intel/mine/status.json", "data/vuln/status/record.json"] {
        let mut status: serde_json::Value = serde_json::from_slice(&std::fs::read(bench.path(file)).unwrap()).unwrap();
        status["last_success"] = old.into();
        bench.write(file, status.to_string());
    }
    let first = bench.run(&["bundle", "export", "first.bundle", "--json"]).expect(0).json();
    assert_eq!(first["members"].as_array().unwrap().len(), 7);
    let second = bench.run(&["bundle", "export", "b.bundle", "--good-for", "7d", "--json"]).expect(0).json();
    bench.mask(&second["counter"].to_string(), "SECOND");
    bench.mask(&first["counter"].to_string(), "FIRST");
    let key = bench.path("data/bundle/bundle.pub").display().to_string();

    bench.tell(&["bundle", "show", "b.bundle"]).expect(64);
    let shown = bench.run(&["bundle", "show", "b.bundle", "--key", &key, "--json"]).expect(0).json();
    assert_eq!(
        (&shown["verified"], &shown["counter"], &shown["key"]),
        (&true.into(), &second["counter"], &made["key"])
    );
    assert_eq!(shown["members"], second["members"]);
    assert!(bench.run(&["bundle", "show", "b.bundle", "--key", &key]).expect(0).out.contains("every byte verified"));

    let into = ["bundle", "import", "b.bundle", "--data-dir", &other];
    bench.tell(&into).expect(64);
    let told = bench.run(&[&into[..], &["--key", &key, "--json"]].concat()).expect(0).json();
    assert_eq!((&told["feeds"][0]["count"], &told["advisories"][1]["name"]), (&2.into(), &"record".into()));
    assert_eq!(told["advisories"][1]["last_success"], old);
    every_surface_shows_the_age_of_the_data(&bench, &other, old);

    // From now on the key stands in the configuration.
    bench.write("other/agent.toml", format!("{permit}[bundle]\nkeys = [{key:?}]\n"));
    bench.tell(&into).expect(0);
    bench.tell(&["bundle", "import", "first.bundle", "--data-dir", &other]).expect(1);
    bench.run(&["bundle", "import", "first.bundle", "--data-dir", &other, "--allow-older"]).expect(0);
    bench.run(&["bundle", "keygen", "stranger.key"]).expect(0);
    bench.run(&["bundle", "export", "stranger.bundle", "--key", "stranger.key"]).expect(0);
    let told = bench.run(&["bundle", "import", "stranger.bundle", "--data-dir", &other]).expect(1);
    assert!(told.err.contains("it is signed with the key") && told.err.contains("nothing was imported"), "{told:?}");
    damaged_files_are_refused(&mut bench, &other);
    bench.tell(&["bundle", "keygen"]).expect(1);
    bench.tell(&["bundle", "export", "x.bundle", "--good-for", "soon"]).expect(64);
    bench.tell(&["bundle", "export", "x.bundle", "--key", "list.txt"]).expect(1);
    bench.golden("bundle");
}

/// Not the age of its import.
fn every_surface_shows_the_age_of_the_data(bench: &Bench, other: &str, old: &str) {
    let query =
        ["--data-dir", other, "vulns", "query", "Maven", "org.apache.logging.log4j:log4j-core", "2.14.1", "--json"];
    let answer = bench.run(&query).expect(0);
    assert_eq!(answer.json()["cves"][0], "CVE-2021-44228");
    assert!(answer.err.contains("record (outdated"), "{answer:?}");
    let feeds = bench.run(&["--data-dir", other, "intel", "list", "--json"]).expect(0).json();
    assert_eq!(feeds[0]["last_success"], old);
    let doctor = bench.run(&["--data-dir", other, "doctor", "--json"]).expect(0).json();
    for name in ["intel", "feed mine", "advisories record"] {
        let entry = doctor["data"].as_array().unwrap().iter().find(|entry| entry["source"] == name).unwrap();
        assert!(entry["age"].as_u64() > Some(86_400), "{entry}");
    }
    assert_eq!(bench.run(&["--data-dir", other, "intel", "lookup", "203.0.113.7", "--json"]).json()["verdict"], "bad");
    let explained =
        bench.run(&["--data-dir", other, "config", "explain", "correlator.alert_bad_peer", "--json"]).json();
    assert!(explained[0]["value"] == "true" && explained[0]["origin"].as_str().unwrap().contains("rules.toml"));
}

fn damaged_files_are_refused(bench: &mut Bench, other: &str) {
    let mut bytes = std::fs::read(bench.path("b.bundle")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    bench.write("flipped.bundle", &bytes);
    bench.write("cut.bundle", &bytes[..600]);
    bench.write("page.bundle", "<html>".repeat(200));
    for file in ["cut.bundle", "page.bundle", "missing.bundle"] {
        bench.tell(&["bundle", "import", file, "--data-dir", other]).expect(1);
    }
    assert!(
        bench.run(&["bundle", "import", "flipped.bundle", "--data-dir", other]).expect(1).err.contains("is refused")
    );
}
