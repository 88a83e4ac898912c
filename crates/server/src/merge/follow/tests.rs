//! Does the history say each change once, and nothing where nothing changed?

use proptest::prelude::*;
use serde_json::{Value, json};

use tripoint_model::Edition;

use super::*;
use crate::merge::merge;

/// Feeds that name the peer, whether the vulnerability is known and exploited, in which image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Known {
    image: i64,
    feeds: u8,
    vulnerable: bool,
    exploited: bool,
}

fn alert(known: Known, count: u64) -> Alert {
    let claim = |feed: usize| {
        json!({"feed": format!("list-{feed}"), "matched": "203.0.113.66", "category": "c2", "direction": "both",
            "confidence": 80, "first_seen": null, "last_seen": null, "valid_until": null})
    };
    let claims: Vec<Value> = (0..usize::from(known.feeds)).map(claim).collect();
    let finding = json!({"purl": "pkg:deb/debian/nginx@1.2-3", "name": "nginx", "version": "1.2-3", "id": "DSA-1",
        "cves": ["CVE-2026-1"], "state": "affected", "presence": "loaded", "fixed": null,
        "known_exploited": known.exploited});
    let mut factors = vec![json!({"name": "outbound", "points": 15, "reason": ""})];
    if known.feeds > 0 {
        factors.push(json!({"name": "claim-confidence", "points": 30 + known.feeds, "reason": ""}));
    }
    if known.vulnerable {
        factors.push(json!({"name": "code-loaded", "points": 5, "reason": ""}));
    }
    if known.vulnerable && known.exploited {
        factors.push(json!({"name": "known-exploited", "points": 15, "reason": ""}));
    }
    let factors = serde_json::from_value(json!(factors)).unwrap();
    let severity = tripoint_model::Severity::sum(factors);
    let edition = Edition { built: Timestamp::from_seconds(known.image), number: Some(known.image.unsigned_abs()) };
    let value = json!({"schema": 1, "id": "aa", "rule": "bad_server_of_vulnerable_app", "title": "t", "host": "h",
        "application": {"kind": "unit", "id": "a", "name": "a"}, "indicator": "203.0.113.66",
        "direction": "outbound", "severity": severity, "confidence": 90, "first_seen": "2026-11-20T03:00:00Z",
        "last_seen": "2026-11-20T03:00:00Z", "count": count, "bytes_in": 0, "bytes_out": 0, "still_open": true,
        "connections": [], "claims": claims, "findings": if known.vulnerable { vec![finding] } else { vec![] },
        "judged": {"intel": edition, "vuln": edition}});
    serde_json::from_value(value).unwrap()
}

const RAISED: Known = Known { image: 1, feeds: 2, vulnerable: true, exploited: false };

fn raised() -> Alert {
    merge(None, alert(RAISED, 1), Timestamp(1))
}

/// Lines of its history that tell of another judgement.
fn lines(alert: &Alert) -> Vec<&str> {
    alert.work.history.iter().map(|change| change.what.as_str()).filter(|what| what.starts_with("judged")).collect()
}

#[test]
fn each_change_is_one_line_with_its_cause_and_its_effect() {
    let cases = [
        (
            Known { feeds: 0, ..RAISED },
            Trend::Milder,
            "no list names 203.0.113.66 any more (list-0, list-1 did); medium 52 -> low 20",
        ),
        (Known { feeds: 1, ..RAISED }, Trend::Milder, "list-1 names 203.0.113.66 no longer; medium 52 -> medium 51"),
        (Known { feeds: 3, ..RAISED }, Trend::Worse, "list-2 names 203.0.113.66 as c2; medium 52 -> medium 53"),
        (
            Known { vulnerable: false, ..RAISED },
            Trend::Milder,
            "CVE-2026-1 is said of nginx 1.2-3 no longer; medium 52 -> medium 47",
        ),
        (
            Known { exploited: true, ..RAISED },
            Trend::Worse,
            "CVE-2026-1 is exploited in the wild now; medium 52 -> high 67",
        ),
    ];
    for (known, trend, words) in cases {
        let report = alert(Known { image: 2, ..known }, 1);
        let merged = merge(Some(raised()), report.clone(), Timestamp(2));
        let judged = merged.judged.as_deref().unwrap();
        let with = "judged anew with intel image 2 of 1970-01-01T00:00:02Z and vuln image 2 of 1970-01-01T00:00:02Z: ";
        assert_eq!(lines(&merged), [format!("{with}{words}")]);
        assert_eq!((judged.trend, judged.changed), (trend, Some(Timestamp(2))));
        assert!(words.starts_with(&judged.since[0]), "{:?}", judged.since);
        let then = judged.raised.as_ref().unwrap();
        assert_eq!((then.severity.score, then.claims.len(), then.findings.len()), (52, 2, 1), "what was known then");
        let again = merge(Some(merged.clone()), report, Timestamp(3));
        assert_eq!(lines(&again), lines(&merged), "said once");
        // Back as it was: said, and nothing has changed since it was raised.
        let back = merge(Some(again), alert(Known { image: 3, ..RAISED }, 1), Timestamp(4));
        let judged = back.judged.as_deref().unwrap();
        assert_eq!((lines(&back).len(), judged.trend, judged.since.len()), (2, Trend::Same, 0));
    }
}

#[test]
fn a_newer_image_that_says_the_same_is_not_told() {
    let merged = merge(Some(raised()), alert(Known { image: 7, ..RAISED }, 9), Timestamp(2));
    assert!(lines(&merged).is_empty());
    let judged = merged.judged.unwrap();
    assert_eq!((judged.intel.unwrap().number, judged.trend, judged.changed), (Some(7), Trend::Same, None));
}

#[test]
fn what_is_learnt_with_the_same_images_is_no_other_judgement() {
    let first = merge(None, alert(Known { feeds: 1, ..RAISED }, 1), Timestamp(1));
    let merged = merge(Some(first), alert(RAISED, 2), Timestamp(2));
    assert!(lines(&merged).is_empty());
    let judged = merged.judged.unwrap();
    assert_eq!((judged.trend, judged.raised.unwrap().claims.len()), (Trend::Same, 2));
}

#[test]
fn software_that_changes_is_told_whatever_the_images() {
    let with = |change: &dyn Fn(&mut tripoint_model::Finding), factor: &str| {
        let mut report = alert(RAISED, 1);
        report.findings.iter_mut().for_each(change);
        report.severity.factors.last_mut().unwrap().name = factor.into();
        report
    };
    let upgraded = with(
        &|finding| {
            finding.presence = tripoint_model::PackageState::Stale;
            finding.on_disk = Some("1.2-4".into());
        },
        "code-stale",
    );
    let merged = merge(Some(raised()), upgraded, Timestamp(2));
    let words = "nginx was upgraded 1.2-3 -> 1.2-4, the process still runs the old file";
    assert_eq!(lines(&merged), [format!("judged anew: {words}")]);
    let mended = with(&|_| {}, "code-mended");
    let merged = merge(Some(merged), mended, Timestamp(3));
    let words = "judged anew: nginx 1.2-3 runs no longer: the application was begun anew without it";
    assert_eq!(lines(&merged).last().copied(), Some(words));
}

#[test]
fn of_a_closed_alert_nothing_is_told_until_it_is_worse() {
    let mut closed = raised();
    closed.work.status = AlertStatus::Resolved;
    let delisted = merge(Some(closed), alert(Known { image: 2, feeds: 0, ..RAISED }, 1), Timestamp(2));
    assert_eq!((delisted.work.status, lines(&delisted).len()), (AlertStatus::Resolved, 0));
    let exploited = Known { image: 3, exploited: true, ..RAISED };
    let worse = merge(Some(delisted), alert(exploited, 1), Timestamp(3));
    assert_eq!(worse.work.status, AlertStatus::Open);
}

fn known() -> impl Strategy<Value = Known> {
    (2_i64..9, 0_u8..4, any::<bool>(), any::<bool>()).prop_map(|(image, feeds, vulnerable, exploited)| Known {
        image,
        feeds,
        vulnerable,
        exploited,
    })
}

proptest! {
    /// Whatever came between, an alert says what is known now and what was known when it was raised; and nobody who
    /// says the same again adds a word.
    #[test]
    fn only_the_last_word_and_the_first_count(between in prop::collection::vec(known(), 0..6), last in known()) {
        let mut stored = raised();
        for (at, known) in between.into_iter().enumerate() {
            stored = merge(Some(stored), alert(known, 1), Timestamp(2 + i64::try_from(at).unwrap()));
        }
        let merged = merge(Some(stored), alert(Known { image: 9, ..last }, 1), Timestamp(20));
        let direct = merge(Some(raised()), alert(Known { image: 9, ..last }, 1), Timestamp(20));
        let told = |alert: &Alert| {
            let judged = alert.judged.clone().unwrap();
            (judged.trend, judged.since, judged.raised, alert.severity.clone(), alert.claims.clone())
        };
        prop_assert_eq!(told(&merged), told(&direct));
        let again = merge(Some(merged.clone()), alert(Known { image: 9, ..last }, 1), Timestamp(21));
        prop_assert_eq!(again, merged);
    }
}
