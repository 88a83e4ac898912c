//! Promise C2, its sentences on signed content: no rollback, no freeze, no mixing, no fast-forward; 0 accepted.
//!
//! Endless data and slow drips stand beside `fetch`, what is said of old content beside the command line, and what is no
//! longer done on it beside the agent's policy.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::tests::{Hosts, MADE, members};
use super::*;

const DAY: Duration = Duration::from_secs(86_400);

/// The file is refused at `now` with these words, and nothing on the importing host changed.
fn refused(hosts: &Hosts, file: &Path, now: tripoint_model::Timestamp, word: &str) {
    let before = hosts.state();
    let told = hosts.import_with(file, "own.pub", Consent::default(), now).map(|_| ()).unwrap_err().to_string();
    assert!(told.contains(word), "{told}");
    assert!(hosts.state() == before, "{told}");
}

/// "Replay old": whatever is older than the last that was taken, however it is called.
#[test]
fn c2_no_older_bundle_is_taken_again() {
    let hosts = Hosts::new();
    let bundles: Vec<_> = (0..4).map(|day| hosts.export("own.key", MADE.plus(DAY * day / 4))).collect();
    hosts.import_with(&bundles[2], "own.pub", Consent::default(), MADE.plus(DAY)).unwrap();
    for old in &bundles[..2] {
        refused(&hosts, old, MADE.plus(DAY), "older than the last one of its key");
        let renamed = hosts.path("renamed.bundle");
        fs::copy(old, &renamed).unwrap();
        refused(&hosts, &renamed, MADE.plus(DAY), "older than the last one of its key");
    }
    hosts.import_with(&bundles[3], "own.pub", Consent::default(), MADE.plus(DAY)).unwrap();
    refused(&hosts, &bundles[2], MADE.plus(DAY), "older");
}

/// "Expired": at its end and not before.
#[test]
fn c2_no_expired_bundle_is_taken() {
    let hosts = Hosts::new();
    let bundle = hosts.export("own.key", MADE);
    refused(&hosts, &bundle, MADE.plus(DAY * 30 + Duration::from_secs(1)), "expired");
    refused(&hosts, &bundle, MADE.plus(DAY * 4000), "expired");
    hosts.import_with(&bundle, "own.pub", Consent::default(), MADE.plus(DAY * 30)).unwrap();
}

/// "Mixed": each member of one bundle in the place of another's, both signed by the right key.
#[test]
fn c2_no_member_serves_in_another_bundle() {
    let hosts = Hosts::new();
    let first = fs::read(hosts.export("own.key", MADE)).unwrap();
    hosts.learn("from", 9);
    fs::write(hosts.path("from/feeds.toml"), "[[feed]]\nname = \"b\"\nfile = \"b.txt\"\n").unwrap();
    let second = fs::read(hosts.export("own.key", MADE.plus(Duration::from_secs(60)))).unwrap();
    let (first, second) = (members(&first), members(&second));
    assert_eq!(first.len(), second.len());
    let mut tried = 0;
    for at in 0..first.len() {
        for (whole, other) in [(&first, &second), (&second, &first)] {
            if whole[at] == other[at] {
                continue;
            }
            let mut mixed = whole.clone();
            mixed[at] = other[at];
            let file = hosts.path("mixed.bundle");
            fs::write(&file, [mixed.concat(), vec![0; 1024]].concat()).unwrap();
            refused(&hosts, &file, MADE.plus(DAY), "is refused");
            tried += 1;
        }
    }
    assert!(tried >= 8, "{tried}");
}

/// "Fast-forward": a counter that would shut out every bundle to come, or a day that has not come.
#[test]
fn c2_no_bundle_from_the_future_shuts_the_others_out() {
    let hosts = Hosts::new();
    let ahead = hosts.export("own.key", MADE.plus(DAY * 3));
    refused(&hosts, &ahead, MADE, "from the future");
    let counters = hosts.path("from/bundle/exported.json");
    let own = fs::read_to_string(&counters).unwrap();
    let (key, _) = own.split_once(':').expect("a key and its counter");
    fs::write(&counters, format!("{key}: 9000000000000000000}}")).unwrap();
    let far = hosts.export("own.key", MADE.plus(Duration::from_secs(1)));
    refused(&hosts, &far, MADE.plus(DAY), "9000000000000000001");
    // What people are told helps, and the next bundle comes in.
    fs::remove_file(&counters).unwrap();
    let next = hosts.export("own.key", MADE.plus(Duration::from_secs(2)));
    hosts.import_with(&next, "own.pub", Consent::default(), MADE.plus(DAY)).unwrap();
    // Clocks may differ by a day or two.
    let soon = hosts.export("own.key", MADE.plus(DAY * 2));
    hosts.import_with(&soon, "own.pub", Consent::default(), MADE.plus(Duration::from_secs(10))).unwrap();
}

/// "Endless data": a member longer than the manifest says, and what follows the end.
#[test]
fn c2_no_bundle_goes_on_behind_its_end() {
    let hosts = Hosts::new();
    let whole = fs::read(hosts.export("own.key", MADE)).unwrap();
    let file = hosts.path("long.bundle");
    fs::write(&file, [whole.as_slice(), &vec![0; 4 << 20]].concat()).unwrap();
    refused(&hosts, &file, MADE, "follows");
    let parts = members(&whole);
    fs::write(&file, [parts.concat(), parts[2].to_vec(), vec![0; 1024]].concat()).unwrap();
    refused(&hosts, &file, MADE, "is refused");
}
