//! Do correlations tell at the same line as another engine's?

use std::collections::{BTreeMap, BTreeSet};

use rsigma_eval::{CorrelationConfig, CorrelationEngine};
use tripoint_evidence::log::FORMATS;
use tripoint_evidence::sigma::Sigma;
use tripoint_evidence::sigma::compile::read_text;
use tripoint_evidence::sigma::correlate::Run;
use tripoint_evidence::sigma::event::Event;
use tripoint_evidence::stamp::Clock;
use tripoint_model::Timestamp;

use super::oracle::Theirs;

fn rules() -> String {
    let rule = |name: &str| {
        format!(
            "title: {name}\nid: {name}\nname: {name}\nlogsource:\n  category: webserver\ndetection:\n  a:\n    \
             cs-uri-stem|startswith: /{name}\n  condition: a\n"
        )
    };
    let correlation = |id: &str, kind: &str, rules: &str, condition: &str| {
        let lines = format!("  type: {kind}\n  rules: {rules}\n  group-by: [c-ip]\n  timespan: 60s\n{condition}");
        format!("title: {id}\nid: {id}\ncorrelation:\n{lines}")
    };
    [
        rule("one"),
        rule("two"),
        rule("three"),
        correlation("often", "event_count", "[one]", "  condition:\n    gte: 4\n"),
        correlation("exactly", "event_count", "[two]", "  condition:\n    eq: 3\n"),
        correlation("different", "value_count", "[one]", "  condition:\n    gt: 2\n    field: cs-uri-stem\n"),
        correlation("together", "temporal", "[one, two, three]", "  condition:\n    gte: 3\n"),
        correlation("in-order", "temporal_ordered", "[one, two, three]", "  condition:\n    gte: 3\n"),
    ]
    .join("---\n")
}

/// For each correlation and peer the line at which it is told first.
type First = BTreeMap<(String, String), usize>;

fn both(requests: &[(u32, &str, &str)]) -> (First, First) {
    let text = rules();
    let read = read_text("x.yml", &text, &mut BTreeSet::new());
    assert!(read.faults.is_empty(), "{:?}", read.faults);
    let sigma = Sigma::new(read.rules, read.correlations).unwrap();
    let mut ours = Run::new(&sigma);
    let mut theirs = CorrelationEngine::new(CorrelationConfig::default());
    theirs.add_collection(&rsigma_parser::parse_sigma_yaml(&text).unwrap()).unwrap();
    let (mut first_ours, mut first_theirs) = (First::new(), First::new());
    let (clock, mut now) = (Clock::at(Timestamp(0)), 1_000_000i64);
    for (number, (pause, peer, path)) in requests.iter().enumerate() {
        now += i64::from(*pause);
        let line = format!("{peer} - - [10/Oct/2025:13:55:36 +0000] \"GET {path} HTTP/1.1\" 404 12 \"-\" \"-\"");
        let entry = FORMATS[0].read(&line, &clock).unwrap();
        let key = |id: &str| (id.to_owned(), (*peer).to_owned());
        for told in ours.see(&entry, "access", &line, Timestamp::from_seconds(now), number as u64) {
            assert!(told.lines.is_some(), "what is only counted is not told");
            first_ours.entry(key(&told.about.id)).or_insert(number);
        }
        let event = Event::new(&entry, "access", &line);
        for told in theirs.process_event_at(&Theirs(&event), now).iter().filter(|one| one.is_correlation()) {
            first_theirs.entry(key(told.header.rule_id.as_deref().unwrap())).or_insert(number);
        }
    }
    assert_eq!(ours.forgotten(), 0);
    (first_ours, first_theirs)
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config { cases: 128, ..Default::default() })]
    #[test]
    fn the_first_time_is_the_same(requests in proptest::collection::vec((
        // Of what comes in the same second their engine knows no order; ours goes by the lines.
        1u32..30,
        proptest::sample::select(vec!["192.0.2.1", "192.0.2.2", "2001:db8::1"]),
        proptest::sample::select(vec!["/one", "/one/a", "/one/b", "/two", "/two/a", "/three", "/other"]),
    ), 0..60)) {
        let (ours, theirs) = both(&requests);
        proptest::prop_assert_eq!(ours, theirs);
    }
}

#[test]
fn each_kind_is_told() {
    let mut requests = vec![(1, "192.0.2.1", "/one"), (1, "192.0.2.1", "/two"), (1, "192.0.2.1", "/three")];
    requests.extend([(1, "192.0.2.1", "/one/a"), (1, "192.0.2.1", "/one/b"), (1, "192.0.2.1", "/one")]);
    requests.extend([(1, "192.0.2.1", "/two"), (1, "192.0.2.1", "/two")]);
    let (ours, theirs) = both(&requests);
    assert_eq!(ours, theirs);
    let told: Vec<&str> = ours.keys().map(|(id, _)| id.as_str()).collect();
    assert_eq!(told, ["different", "exactly", "in-order", "often", "together"]);
}
