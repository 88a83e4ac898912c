//! Does a kept list come back whole, and does a damaged one hold the image in force?

use std::fs;

use tripoint_model::{IndicatorLookup, Timestamp};

use super::*;
use crate::images::open_newest;
use crate::rules::Rules;

fn status(name: &str, kind: Kind, purpose: Purpose) -> GuardStatus {
    GuardStatus {
        list: name.into(),
        title: "t".into(),
        version: "1".into(),
        kind,
        purpose,
        count: 1,
        refused: 0,
        source: "s".into(),
        loaded: Some(Timestamp(1)),
        alarm: None,
    }
}

fn wish() -> crate::export::Wish {
    crate::export::Wish { at: Timestamp(1), min_confidence: 0, direction: None, category: None }
}

#[test]
fn a_damaged_list_holds_the_image_at_every_byte() {
    let data = tempfile::tempdir().unwrap();
    let store = Store::open(data.path()).unwrap();
    let list_of = |text: &str| crate::guardlist::read(&mut text.as_bytes(), "x").unwrap();
    save(&store, &status("a", Kind::Plain, Purpose::Guard), &list_of("203.0.113.7\nshop.example\n")).unwrap();
    save(&store, &status("b", Kind::Plain, Purpose::Guard), &list_of("198.51.100.0/24\n")).unwrap();
    save(&store, &status("c", Kind::Plain, Purpose::Other), &list_of("192.0.2.1\n")).unwrap();
    store.rebuild(Timestamp(1), Rules::default()).unwrap();
    let (_, index) = open_newest(data.path()).unwrap();
    assert_eq!(index.guard("203.0.113.7".parse().unwrap()).len(), 1);
    assert_eq!(index.guard("198.51.100.9".parse().unwrap()).len(), 1);
    assert!(index.listed("192.0.2.1/32".parse().unwrap()).is_empty(), "nothing that is seen");
    assert_eq!(index.guard_name("www.shop.example").len(), 1);
    assert!(crate::store::list(data.path()).is_empty(), "a folder of guard lists is no feed");
    let path = path(data.path(), "a");
    let whole = fs::read(&path).unwrap();
    for at in (0..whole.len()).step_by(whole.len() / 25) {
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        fs::write(&path, &flipped).unwrap();
        let alarmed = list_checked(data.path()).into_iter().filter(|status| status.alarm.is_some());
        assert_eq!(alarmed.map(|status| status.list).collect::<Vec<_>>(), ["a"], "byte {at}");
        let held = store.rebuild(Timestamp(2), Rules::default()).unwrap_err().to_string();
        assert!(held.starts_with("guard list a: ") && held.contains("the one in force stays"), "byte {at}: {held}");
        let (number, index) = open_newest(data.path()).unwrap();
        assert_eq!((number, index.guard("203.0.113.7".parse().unwrap()).len()), (1, 1), "byte {at}");
        assert!(crate::export::verdicts(data.path(), &wish()).is_err(), "byte {at}");
    }
    assert!(remove(&store, "a").unwrap());
    assert!(!remove(&store, "a").unwrap());
    assert_eq!(store.rebuild(Timestamp(3), Rules::default()).unwrap(), 2, "forgotten, it hinders nothing");
    assert_eq!(list(data.path()).len(), 2);
}

/// Fails when lists beyond the limit are passed over in silence.
#[test]
fn too_many_lists_are_said() {
    let data = tempfile::tempdir().unwrap();
    let store = Store::open(data.path()).unwrap();
    let one = crate::guardlist::read(&mut &b"203.0.113.7\n"[..], "x").unwrap();
    for at in 0..=LISTS_MAX {
        save(&store, &status(&format!("l{at:05}"), Kind::Plain, Purpose::Guard), &one).unwrap();
    }
    let alarms: Vec<GuardStatus> = list_checked(data.path()).into_iter().filter(|l| l.alarm.is_some()).collect();
    assert_eq!(alarms.len(), 1);
    assert!(alarms[0].alarm.as_ref().unwrap().contains("there are 1025 guard lists, at most 1024"), "{alarms:?}");
    assert!(store.rebuild(Timestamp(1), Rules::default()).is_err());
    remove(&store, "l00000").unwrap();
    store.rebuild(Timestamp(1), Rules::default()).unwrap();
    let mut builder = Builder::default();
    let numbered = (0..70_000).take_while(|at| builder.guard_list(&at.to_string(), Purpose::Guard).is_some()).count();
    assert_eq!(numbered, 65_535 - BUILT_IN.len());
    let index = crate::Index::open(std::sync::Arc::new(builder.finish(Timestamp(1)))).unwrap();
    assert_eq!(index.guard("9.9.9.9".parse().unwrap()).len(), 1, "built-in lists have their room");
}

/// What the agent asks: an image alone, in which patterns have become names and addresses.
#[test]
fn texts_and_patterns_and_sinkholes_reach_the_image() {
    let data = tempfile::tempdir().unwrap();
    let store = Store::open(data.path()).unwrap();
    let list_of = |kind: &str, entry: &str| {
        let entry = serde_json::to_string(entry).unwrap();
        let text = format!(r#"{{"name":"x","type":"{kind}","list":[{entry}]}}"#);
        crate::guardlist::read(&mut text.as_bytes(), "x").unwrap()
    };
    let lists = [
        ("parts", Kind::Substring, Purpose::Guard, "cdn-"),
        ("patterns", Kind::Regex, Purpose::Guard, "/^edge[0-9]+\\./i"),
        ("numbers", Kind::Regex, Purpose::Guard, "/^45\\.0\\.0\\./"),
        ("known", Kind::Substring, Purpose::Popular, "plain"),
        ("holes", Kind::Cidr, Purpose::Sinkhole, "46.0.0.0/24"),
        ("hole-names", Kind::Hostname, Purpose::Sinkhole, "sinkhole.example"),
    ];
    for (name, kind, purpose, entry) in lists {
        let word = serde_json::to_string(&kind).unwrap();
        save(&store, &status(name, kind, purpose), &list_of(word.trim_matches('"'), entry)).unwrap();
    }
    let bad = ["my-cdn-7.example", "edge12.example", "plain.example", "a.sinkhole.example", "45.0.0.1", "46.0.0.9:443"];
    let claim = |text: &str| {
        use tripoint_model::{AppliesTo, Category, Indicator};
        Indicator::new(text.parse().unwrap(), Category::C2, AppliesTo::Out, 90)
    };
    store.save("f", &bad.map(claim), Timestamp(1)).unwrap();
    store.rebuild(Timestamp(1), Rules::default()).unwrap();
    let (_, index) = open_newest(data.path()).unwrap();
    let hits = |text: &str| -> Vec<String> {
        let found = match text.parse::<std::net::IpAddr>() {
            Ok(address) => index.guard(address),
            Err(_) => index.guard_name(text),
        };
        found.into_iter().map(|hit| format!("{} {:?}", hit.list, hit.kind)).collect()
    };
    assert_eq!(hits("my-cdn-7.example"), ["parts Shared"]);
    assert_eq!(hits("EDGE12.example"), ["patterns Shared"]);
    assert!(hits("plain.example").is_empty() && hits("x.my-cdn-7.example").is_empty());
    assert_eq!(hits("a.sinkhole.example"), ["hole-names Sinkhole"]);
    assert_eq!(hits("45.0.0.1"), ["numbers Shared"]);
    assert_eq!(hits("46.0.0.9"), ["holes Sinkhole"]);
    assert!(index.enforceable(1, Timestamp(1)).is_empty(), "nothing of it is refused ahead");
    let answer = crate::lookup(&index, "46.0.0.9", Timestamp(1));
    assert_eq!((answer.verdict, answer.confidence), (crate::Verdict::Bad, 60), "{answer:?}");
}
