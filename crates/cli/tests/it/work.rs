//! Can everything that people do with alerts be done from the command line, with one and with many?

use serde_json::json;
use tripoint_api::agent::Item;

use crate::rig::{Rig, alert};

/// Three alerts, from the worst to the mildest.
fn three() -> Rig {
    let rig = Rig::start("none");
    for (sequence, (id, score)) in [("aa", 85), ("bb", 45), ("cc", 25)].into_iter().enumerate() {
        rig.report(sequence as u64 + 1, vec![Item::Alert { alert: alert(id, score) }]);
    }
    rig
}

#[test]
fn one_alert_is_worked_on_and_taken_back() {
    let rig = three();
    let work = |words: &[&str]| {
        let told = rig.bench.run(&[&["alerts"], words, &["--json"]].concat()).expect(0).json();
        told["work"].clone()
    };
    for status in ["investigating", "contained", "open"] {
        assert_eq!(work(&["status", "aa", "--as", status])["status"], status);
    }
    let rated = work(&["severity", "aa", "--as", "low", "--reason", "a test host"]);
    assert_eq!((&rated["severity"]["level"], &rated["severity"]["reason"]), (&json!("low"), &json!("a test host")));
    assert!(work(&["severity", "aa", "--sum"])["severity"].is_null());
    assert_eq!(work(&["tag", "aa", "--as", "team=a=b"])["tags"], json!({ "team": "a=b" }));
    assert!(work(&["untag", "aa", "--name", "team"])["tags"].as_object().is_none_or(serde_json::Map::is_empty));
    let url = "https://t.example/1";
    let attached = work(&["attach", "aa", "--name", "ticket", "--url", url]);
    assert_eq!(attached["attachments"][0]["url"], url);
    assert!(work(&["detach", "aa", "--url", url])["attachments"].as_array().is_none_or(Vec::is_empty));
    assert_eq!(work(&["merge", "bb", "--into", "aa"])["merged_into"], "aa");
    assert!(work(&["split", "bb"])["merged_into"].is_null());
    let told = rig.bench.run(&["alerts", "merge", "aa", "--into", "aa"]).expect(1).err;
    assert!(told.contains("an alert is no part of itself"), "{told}");
}

#[test]
fn many_are_worked_on_at_once_and_who_is_refused_is_named() {
    let rig = three();
    let told = rig.bench.run(&["alerts", "tag", "aa", "nope", "bb", "aa", "--as", "team=shop"]).expect(3);
    assert_eq!(told.out, "aa: done\nbb: done\n");
    assert_eq!(told.err, "nope: refused: there is no such alert\n");
    let told = rig.bench.run(&["alerts", "status", "nope", "x", "--as", "contained", "--json"]).expect(1).json();
    assert_eq!((&told["done"], told["refused"].as_array().unwrap().len()), (&json!([]), 2));
    let fed = |words: &[&str], input: &str| {
        rig.bench.feed(&[&["alerts"], words, &["--json"]].concat(), input.as_bytes()).expect(0).json()
    };
    let all = json!({ "done": ["cc", "aa"], "refused": [] });
    assert_eq!(fed(&["assign", "-", "ada"], " cc\n\naa\ncc\n"), all);
    assert_eq!(fed(&["comment", "-", "seen"], "cc\naa"), all);
    assert_eq!(fed(&["resolve", "cc", "aa", "--as", "testing"], ""), all);
    assert_eq!(fed(&["reopen", "-"], "cc\naa\n"), all);
    assert_eq!(fed(&["split", "-"], "\n"), json!({ "done": [], "refused": [] }));
    let shown = rig.bench.run(&["alerts", "show", "cc", "--json"]).expect(0).json()["work"].clone();
    assert_eq!((&shown["assignee"], &shown["status"]), (&json!("ada"), &json!("open")));
    assert_eq!(shown["comments"][0]["text"], "seen");
    let tagged = rig.bench.run(&["alerts", "list", "--filter", "tag:team=shop", "--json"]).expect(0).json();
    assert_eq!(tagged.as_array().unwrap().len(), 2);
    // More than one request takes.
    let many: String = (0..501).map(|number| format!("x{number}\n")).collect();
    let told = rig.bench.feed(&["alerts", "split", "-", "--json"], many.as_bytes()).expect(1).json();
    assert_eq!(told["refused"].as_array().unwrap().len(), 501);
}

#[test]
fn what_cannot_be_meant_is_told_before_anybody_is_asked() {
    let bench = crate::bench::Bench::new();
    for (words, why) in [
        (&["status", "aa", "--as", "resolved"][..], "say why"),
        (&["status", "aa", "--as", "asleep"], "no status"),
        (&["severity", "aa", "--as", "low"], "--reason"),
        (&["severity", "aa", "--as", "low", "--reason", " "], "needs a reason"),
        (&["severity", "aa"], "--as"),
        (&["tag", "aa", "--as", "a b"], "letters"),
        (&["attach", "aa", "--name", "x", "--url", "ftp://x"], "https://"),
        (&["list", "--sort", "size"], "no order"),
        (&["list", "--view", "x", "--filter", "kev:yes"], "cannot be used with"),
        (&["unsplit", "aa"], "a similar subcommand exists: 'split'"),
    ] {
        let told = bench.run(&[&["alerts"], words].concat()).expect(64).err;
        assert!(told.contains(why), "{words:?}: {told}");
    }
    let told = bench.run(&["views", "keep", "x", "--filter", "hots:a"]).expect(64).err;
    assert!(told.contains("is host meant?"), "{told}");
}

#[test]
fn searches_are_kept_followed_and_dropped() {
    let rig = three();
    let ids = |words: &[&str]| {
        let list = rig.bench.run(&[&["alerts", "list", "--json"], words].concat()).expect(0).json();
        list.as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&["--sort", "score"]), ["cc", "bb", "aa"]);
    assert_eq!(ids(&["--sort", "-score", "--status", "open"]), ["aa", "bb", "cc"]);
    assert!(rig.bench.run(&["views", "list"]).expect(0).err.contains("no views"));
    let keep = ["views", "keep", "mild ones", "--filter", "severity<=medium", "--sort", "score", "--shared"];
    assert_eq!(rig.bench.run(&keep).expect(0).out, "view mild ones kept\n");
    let list = rig.bench.run(&["views", "list", "--json"]).expect(0).json();
    assert_eq!((&list["views"][0]["sort"], &list["views"][0]["shared"]), (&json!("score"), &json!(true)));
    assert!(rig.bench.run(&["views", "list"]).expect(0).out.contains("severity<=medium"));
    assert_eq!(ids(&["--view", "mild ones"]), ["cc", "bb"]);
    assert_eq!(ids(&["--view", "mild ones", "--sort", "-score"]), ["bb", "cc"]);
    let told = rig.bench.run(&["alerts", "list", "--view", "mild"]).expect(1).err;
    assert!(told.contains("there are \"mild ones\""), "{told}");
    rig.bench.run(&["views", "drop", "mild ones"]).expect(0);
    let told = rig.bench.run(&["views", "drop", "mild ones"]).expect(1).err;
    assert!(told.contains("you keep no search of this name"), "{told}");
}
