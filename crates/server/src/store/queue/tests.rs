//! Does the database take exactly what the filter takes, page after page?

use proptest::prelude::*;
use sqlx::ConnectOptions as _;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};

use tripoint_api::filter::{self, Filter};
use tripoint_api::queue::{ALERT_FIELDS, QueueRow, Sort};
use tripoint_model::ServiceLevels;

use super::*;
use crate::store::layout::migrate;

mod due;

const NOW: Timestamp = Timestamp(1_795_946_400_000_000);

/// An alert that differs from the others in whatever can be asked about.
fn alert(number: u64) -> Alert {
    let pick = |words: &[&str], by: u64| words[(number / by % words.len() as u64) as usize].to_owned();
    let at = NOW.minus(std::time::Duration::from_secs(number * 977 % 100_000));
    let json = serde_json::json!({
        "schema": 1, "id": format!("{number:016x}"), "rule": pick(&["bad_peer", "bad_server_of_vulnerable_app"], 1),
        "title": format!("App_{number} 100% called \"so\" said"), "host": pick(&["Web-1", "web-2", "db_1"], 2),
        "application": {"kind": "unit", "id": pick(&["a.service", "B.service"], 3), "name": pick(&["a", "B"], 3)},
        "indicator": pick(&["203.0.113.66", "198.51.100.0/24", "2001:db8::66", "evil.example", "203.0.113.7:443"], 1),
        "direction": pick(&["inbound", "outbound"], 2),
        "severity": {"score": number * 7 % 101, "level": pick(&["low", "medium", "critical"], 1), "factors": []},
        "confidence": number % 101, "first_seen": at, "last_seen": at, "count": number % 5, "bytes_in": number, "bytes_out": 0,
        "still_open": number.is_multiple_of(2), "connections": [], "findings": [{"purl": "pkg:deb/x", "name": "x", "id": "D-1",
        "cves": [pick(&["CVE-2021-44228", "CVE-2014-0160"], 5)], "state": "affected", "fixed": null,
        "known_exploited": number.is_multiple_of(3)}],
        "claims": [{"feed": pick(&["lab list", "drop*", "Ünïcode"], 1), "matched": "203.0.113.66",
        "category": pick(&["c2", "scanner"], 4), "direction": "both", "confidence": 90, "first_seen": null, "last_seen": null,
        "valid_until": null}],
        "judged": {"trend": pick(&["same", "milder", "worse", "same"], 2)},
        "work": {"status": pick(&["open", "resolved", "investigating"], 1), "comments": [], "history": [],
        "tags": {"team": pick(&["red", "blue_1"], 1)}}
    });
    let mut alert: Alert = serde_json::from_value(json).unwrap();
    if !number.is_multiple_of(4) {
        let (level, responded) = (alert.severity.level, number.is_multiple_of(3).then_some(at));
        let resolved = responded.filter(|_| alert.work.status == tripoint_model::AlertStatus::Resolved);
        alert.work.clock = Some(tripoint_model::sla::Clock { since: at, level, worst: level, responded, resolved });
    }
    if number % 10 == 3 {
        let finding = alert.findings[0].clone();
        let many = (0..MANY).rev().map(|cve| tripoint_model::Finding {
            purl: format!("pkg:deb/y{cve}"),
            cves: vec![format!("CVE-2026-{}", 1000 + cve), format!("CVE-2025-{}", 2000 + cve * number)],
            ..finding.clone()
        });
        alert.findings.extend(many);
    }
    alert
}

/// As many findings as an agent puts into an alert.
const MANY: u64 = 199;

/// What is promised: nothing about what is informational.
fn levels() -> ServiceLevels {
    let hours = |hours: u64| Some(std::time::Duration::from_secs(3600 * hours));
    ServiceLevels {
        respond: [None, None, hours(12), hours(6), hours(1)],
        resolve: [None, hours(20), hours(18), hours(16), hours(14)],
    }
}

async fn store(folder: &std::path::Path, alerts: u64) -> (SqlitePool, Vec<QueueRow>) {
    let options = SqliteConnectOptions::new().filename(folder.join("q.sqlite")).create_if_missing(true);
    let mut connection = options.connect().await.unwrap();
    migrate(&mut connection).await.unwrap();
    sla::promise(&mut connection, &levels()).await.unwrap();
    let mut rows = Vec::new();
    for number in 0..alerts {
        let (alert, changed) = (alert(number), Timestamp(NOW.0 + number as i64));
        put(&mut connection, &alert, changed).await.unwrap();
        rows.push(QueueRow::of(&alert, changed).promised(&alert, &levels()));
    }
    (SqlitePoolOptions::new().connect_with(options).await.unwrap(), rows)
}

fn read(text: &str) -> Filter {
    filter::parse(text, ALERT_FIELDS, NOW).unwrap_or_else(|error| panic!("{}", error.pointed(text)))
}

async fn found(readers: &SqlitePool, filter: &Filter, sort: Sort, limit: u32) -> Vec<String> {
    let mut ids = Vec::new();
    let mut after = None;
    loop {
        let page = page(readers, (filter, &None), sort, Some(limit), after.as_deref()).await.unwrap().unwrap();
        assert!(page.rows.len() <= limit as usize);
        ids.extend(page.rows.iter().map(|row| row.id.0.clone()));
        match page.next {
            Some(next) => after = Some(next),
            None => return ids,
        }
    }
}

/// One test of each kind of each field, with values that some alerts have.
fn test_text() -> impl Strategy<Value = String> {
    prop::sample::select(TESTS).prop_map(str::to_owned)
}

const TESTS: &[&str] = &[
    "host:web-*",
    "host:WEB-1",
    "host~b_",
    "host:\"web-*\"",
    "title~\"100%\"",
    "title:app_1*",
    "title:app?1*",
    "app:b",
    "app:unit:a.service",
    "application:*.service",
    "peer:evil.*",
    "peer:*66",
    "address:203.0.113.0/24",
    "address:203.0.113.7",
    "address:2001:db8::/32",
    "address:198.51.100.0/25",
    "address:198.51.100.0/23",
    "direction:inbound",
    "status:open",
    "status:open,resolved",
    "severity>=medium",
    "severity:low",
    "score>50",
    "score:7..21",
    "confidence<10",
    "count:3",
    "bytes_in>100",
    "first_seen>-6h",
    "age<6h",
    "quiet>12h",
    "changed>2026-01-01",
    "due>-2h",
    "due<2027-01-01",
    "overdue>0s",
    "overdue<10h",
    "open:yes",
    "suppressed:no",
    "merged:no",
    "blocked:no",
    "kev:yes",
    "assignee:none",
    "assignee:ada",
    "tag:team",
    "tag:team=red",
    "tag:team=blue_*",
    "cve:cve-2021-44228",
    "cve:CVE-2014*",
    "cve:CVE-2026-1000",
    "cve:CVE-2026-1111",
    "cve:CVE-2025-2013",
    "package:pkg:deb/y7",
    "CVE-2026-1001",
    "package:x",
    "package:pkg*",
    "feed:lab*",
    "feed:\"drop*\"",
    "feed:ünïcode",
    "feed~NÏ",
    "category:c2",
    "evidence:none",
    "evidence:attempted",
    "judged:same",
    "judged:milder",
    "judged:worse,same",
    "judged!=same",
    "cause:implant",
    "resolution:other",
    "called",
    "100%",
    "app_1",
    "\"lab list\"",
    "ünïcode",
    "\"\\\"so\\\" said\"",
    "ap",
    "0%",
    "1",
    "rule:bad_peer",
    "id:000000000000000*",
];

fn filter_text() -> impl Strategy<Value = String> {
    let part = (any::<bool>(), test_text()).prop_map(|(not, test)| if not { format!("not {test}") } else { test });
    prop::collection::vec((any::<bool>(), part), 1..4).prop_map(|parts| {
        let mut text = String::new();
        for (or, part) in parts {
            text = if text.is_empty() { part } else { format!("({text}) {} {part}", if or { "or" } else { "" }) };
        }
        text
    })
}

#[test]
fn the_database_takes_what_the_filter_takes() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (readers, rows) = runtime.block_on(store(folder.path(), 120));
    let hits = std::cell::Cell::new(0);
    proptest!(ProptestConfig::with_cases(300), |(text in filter_text())| {
        let filter = read(&text);
        let mut expected: Vec<String> =
            rows.iter().filter(|row| filter.matches(*row)).map(|row| row.summary.id.0.clone()).collect();
        let mut ids = runtime.block_on(found(&readers, &filter, Sort::Worst, 500));
        hits.set(hits.get() + ids.len());
        expected.sort();
        ids.sort();
        prop_assert_eq!(&ids, &expected, "{}", text);
        let counted = runtime.block_on(facets(&readers, (&filter, &None))).unwrap();
        prop_assert_eq!(counted.total as usize, expected.len());
        let statuses: u64 = counted.fields[0].values.iter().map(|value| value.count).sum();
        prop_assert_eq!(statuses, counted.total);
    });
    assert!(hits.get() > 1000, "{}", hits.get());
}

#[tokio::test]
async fn pages_are_in_order_and_leave_nothing_out() {
    let folder = tempfile::tempdir().unwrap();
    let (readers, rows) = store(folder.path(), 57).await;
    let filter = Filter::everything();
    for sort in [
        Sort::Worst,
        Sort::Mildest,
        Sort::LastSeen,
        Sort::LongestQuiet,
        Sort::Youngest,
        Sort::Oldest,
        Sort::Changed,
        Sort::Due,
    ] {
        let ids = found(&readers, &filter, sort, 10).await;
        let whole = found(&readers, &filter, sort, 500).await;
        assert_eq!(ids, whole, "{sort:?}");
        assert_eq!(ids.len(), rows.len());
        let key = |id: &String| {
            let row = &rows.iter().find(|row| row.summary.id.0 == *id).unwrap().summary;
            match sort {
                Sort::Worst => -i64::from(row.score),
                Sort::Mildest => i64::from(row.score),
                Sort::LastSeen => -row.last_seen.0,
                Sort::LongestQuiet => row.last_seen.0,
                Sort::Youngest => -row.first_seen.0,
                Sort::Oldest => row.first_seen.0,
                Sort::Changed => -row.changed.0,
                Sort::Due => row.due.unwrap_or(NEVER).0,
            }
        };
        assert!(ids.is_sorted_by_key(key), "{sort:?}");
    }
    assert_eq!(page(&readers, (&filter, &None), Sort::Worst, None, Some("-last_seen.1.1.a")).await.unwrap(), None);
    let later = changed(&readers, Timestamp(NOW.0 + 50), 100).await.unwrap();
    assert_eq!(later.len(), 6);
    assert_eq!(later, rows[51..]);
}

#[tokio::test]
async fn what_a_line_does_not_show_is_said_and_found() {
    let folder = tempfile::tempdir().unwrap();
    let (readers, rows) = store(folder.path(), 14).await;
    let line = &rows[13].summary;
    assert_eq!(line.values["cve"].len(), 32);
    assert_eq!(line.values["cve"][..3], ["CVE-2021-44228", "D-1", "CVE-2026-1198"], "the worst first");
    assert_eq!(line.more["cve"] as u64, 2 + 2 * MANY - 32);
    assert!(!line.more.contains_key("feed") && rows[12].whole.is_none());
    assert_eq!(found(&readers, &read("cve:cve-2026-1000"), Sort::Oldest, 50).await.len(), 2);
    assert_eq!(changed(&readers, Timestamp(0), 100).await.unwrap(), rows);
}

#[tokio::test]
async fn lines_of_a_version_that_kept_few_values_are_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let options = SqliteConnectOptions::new().filename(folder.path().join("q.sqlite")).create_if_missing(true);
    let mut connection = options.connect().await.unwrap();
    migrate(&mut connection).await.unwrap();
    for number in [12, 13] {
        crate::store::rows::save(&mut connection, &mut alert(number), NOW).await.unwrap();
    }
    // As it was: the first 32 of each, and no column for the rest.
    let before = [
        "DELETE FROM queue_terms WHERE id = '000000000000000d' AND field = 'cve' AND value > 'cve-2025-3'",
        "ALTER TABLE queue_lines DROP COLUMN whole",
    ];
    for statement in before.iter().chain(WHOLE) {
        sqlx::query(*statement).execute(&mut connection).await.unwrap();
    }
    fill(&mut connection).await.unwrap();
    let readers = SqlitePoolOptions::new().connect_with(options).await.unwrap();
    assert_eq!(found(&readers, &read("cve:cve-2026-1000"), Sort::Oldest, 50).await, ["000000000000000d"]);
}

/// Also when nobody waits for it any more, a question ends; and the connection serves the next one.
#[tokio::test]
async fn a_question_that_takes_too_long_is_broken_off() {
    let folder = tempfile::tempdir().unwrap();
    let (searchers, _) = store(folder.path(), 3).await;
    let mut connection = searchers.acquire().await.unwrap();
    let endless = "WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT COUNT(*) FROM c";
    let began = std::time::Instant::now();
    let within = std::time::Duration::from_millis(100);
    let ended = page::ask_on(&mut connection, endless.into(), Vec::new(), within).await;
    assert!(matches!(ended, Err(StoreError::Late)), "{:?}", ended.map(|rows| rows.len()));
    assert!(began.elapsed() < std::time::Duration::from_secs(5));
    let text = "SELECT id FROM queue".to_owned();
    let rows = page::ask_on(&mut connection, text, Vec::new(), std::time::Duration::from_secs(5)).await.unwrap();
    assert_eq!(rows.len(), 3);
}

/// The largest filter that is read is answered.
#[tokio::test]
async fn the_longest_filter_is_taken_by_the_database() {
    let folder = tempfile::tempdir().unwrap();
    let (readers, _) = store(folder.path(), 3).await;
    let most = filter::TESTS_MAX;
    for text in [vec!["a"; most].join(" "), vec!["host~e"; most].join(" or "), format!("{}b", "not ".repeat(31))] {
        found(&readers, &read(&text), Sort::Worst, 10).await;
    }
}
