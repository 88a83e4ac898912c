//! Does one answer hold what is said, what was said, and what stands beside it?

use tripoint_model::{AppliesTo, Category, Indicator};

use super::*;
use crate::images::open_newest;
use crate::lookup::Verdict;
use crate::rules::Rules;
use crate::store::{FeedState, FeedStatus, Store};

fn save(data: &Path, feed: &str, indicators: &[Indicator], at: i64) {
    let store = Store::open(data).unwrap();
    store.save(feed, indicators, Timestamp(at)).unwrap();
    store.set_status(&FeedStatus { feed: feed.into(), state: FeedState::Ok, ..FeedStatus::default() }).unwrap();
    let permit = ["203.0.113.0/24".parse().unwrap(), "198.51.100.0/24".parse().unwrap()];
    store.rebuild(Timestamp(at), Rules { permit_ranges: &permit, own: &[] }).unwrap();
}

fn ask(data: &Path, text: &str, at: i64) -> About {
    let (_, index) = open_newest(data).unwrap();
    let answer = crate::lookup(&index, text, Timestamp(at));
    about(&index, &Networks::open(data), data, answer, Timestamp(at))
}

fn bad(text: &str, label: &str, cve: &str) -> Indicator {
    let mut indicator = Indicator::new(text.parse().unwrap(), Category::C2, AppliesTo::Out, 60);
    indicator.labels = vec![label.to_owned()];
    indicator.cves = vec![cve.to_owned()];
    indicator
}

#[test]
fn claims_past_and_present_stand_in_one_answer() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path();
    let mut old = bad("203.0.113.1", "Mirai", "CVE-2020-0002");
    old.valid_until = Some(Timestamp(50));
    let list = [
        bad("203.0.113.1", "Emotet", "CVE-2020-0001"),
        bad("203.0.113.7", "Emotet", "CVE-2020-0009"),
        bad("203.0.113.8:80", "Other", "CVE-2020-0009"),
        bad("198.51.100.1", "Emotet", "CVE-2020-0009"),
        bad("bad.example", "Emotet", "CVE-2020-0009"),
    ];
    save(data, "a", &list, 10);
    save(data, "b", std::slice::from_ref(&old), 10);
    save(data, "c", &[bad("203.0.113.0/24", "Gone", "CVE-2019-0003"), bad("203.0.113.9", "x", "y")], 10);
    save(data, "c", &[bad("203.0.113.9", "x", "y")], 20);
    let found = ask(data, "203.0.113.1", 100);
    let states: Vec<_> =
        found.answer.claims.iter().map(|c| (c.feed.as_str(), c.state, c.known_since, c.withdrawn)).collect();
    let at = |at| Some(Timestamp(at));
    assert_eq!(
        states,
        [
            ("a", Some(ClaimState::Current), at(10), None),
            ("b", Some(ClaimState::Expired), at(10), None),
            ("c", Some(ClaimState::Withdrawn), at(10), at(20)),
        ]
    );
    assert_eq!((found.answer.verdict, found.answer.confidence), (Verdict::Bad, 60));
    assert_eq!(found.cves, ["CVE-2019-0003", "CVE-2020-0001", "CVE-2020-0002"]);
    let related = found.related.unwrap();
    let neighbours = related.neighbours.unwrap();
    assert_eq!((neighbours.what.as_str(), neighbours.count), ("203.0.113.0/24", 3));
    let label = related.labels.iter().find(|others| others.what == "Emotet").unwrap();
    let first: Vec<String> = label.first.iter().map(ToString::to_string).collect();
    assert_eq!((label.count, first), (3, vec!["198.51.100.1".into(), "203.0.113.7".into(), "bad.example".into()]));
    // What was withdrawn alone is no verdict.
    assert_eq!(ask(data, "203.0.113.200", 100).answer.verdict, Verdict::Unknown);
    assert_eq!(ask(data, "203.0.113.200", 100).answer.claims.len(), 1);
    for text in ["rubbish", "203.0.113.0/24", ""] {
        let found = ask(data, text, 100);
        assert_eq!((found.answer.verdict, found.answer.claims.len(), found.related), (Verdict::Invalid, 0, None));
    }
}
