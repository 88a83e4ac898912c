//! What becomes of people's work and of what was known, when an agent reports an alert anew?

mod follow;
mod grade;

use tripoint_model::action::in_force;
use tripoint_model::alert::{CAUSE, Change, LOG_EVIDENCE, Missing};
use tripoint_model::{ActionKind, Alert, AlertStatus, Investigation, Outcome, Refusal, Timestamp};

pub use follow::follow;
pub use grade::{EXPLOITED_MAX, Grade, exploited, has_succeeded, newly_exploited, outgrow, reopen, settled};

/// The author of changes that nobody made by hand.
pub const OURSELVES: &str = "tripoint";

/// Lays a report over what is stored. People's work stays; sums never fall, because an agent that
/// was restarted counts anew; a resolved alert that gets worse is opened again.
pub fn merge(stored: Option<Alert>, mut report: Alert, now: Timestamp) -> Alert {
    let Some(stored) = stored else {
        report.work = tripoint_model::alert::Work::default();
        follow::begin(&mut report, now);
        history(&mut report, now, "raised");
        let outcomes = std::mem::take(&mut report.outcomes);
        add_outcomes(&mut report, &outcomes, now);
        return report;
    };
    let before = stored.clone();
    let outcomes = std::mem::replace(&mut report.outcomes, stored.outcomes);
    let refusals = std::mem::replace(&mut report.refusals, stored.refusals);
    report.work = stored.work;
    report.first_seen = report.first_seen.min(stored.first_seen);
    report.count = report.count.max(stored.count);
    report.bytes_in = report.bytes_in.max(stored.bytes_in);
    report.bytes_out = report.bytes_out.max(stored.bytes_out);
    report.latency_ms = stored.latency_ms.or(report.latency_ms);
    // An agent that was restarted has not read the logs again yet: what it says meanwhile is judged without them.
    if report.call_back.is_none() && stored.call_back.is_some() {
        report.call_back = stored.call_back;
        if report.severity.score <= stored.severity.score {
            report.title = tripoint_model::alert::restated(&stored.title, &report.title);
            report.rule = stored.rule;
            report.severity = stored.severity;
            (report.confidence, report.confidence_why) = (stored.confidence, stored.confidence_why);
            (report.findings, report.techniques) = (stored.findings, stored.techniques);
            // They were judged with those advisories, whatever the report was judged with.
            let vuln = stored.judged.as_ref().and_then(|judged| judged.vuln);
            report.judged.get_or_insert_default().vuln = vuln;
        }
    }
    if let Some(found) = stored.investigation {
        investigated(&mut report, found);
    }
    follow(&before, &mut report, now);
    add_refusals(&mut report, &refusals);
    add_outcomes(&mut report, &outcomes, now);
    reopen(&mut report, &Grade::to_outdo(&before), now);
    report
}

/// Puts what its host found out into an alert: what was missing for want of it is not any more.
pub fn investigated(alert: &mut Alert, found: Box<Investigation>) {
    alert.missing.retain(|missing| missing.what != LOG_EVIDENCE);
    if found.logs.read.is_empty() {
        let why = found.logs.missing.first().cloned().unwrap_or_else(|| "no log was found".into());
        alert.missing.push(Missing { what: LOG_EVIDENCE.into(), why });
    }
    if found.why.is_some() {
        alert.missing.retain(|missing| missing.what != CAUSE);
    }
    alert.investigation = Some(found);
}

/// Adds what the kernel said; the newest state of each action counts. A verified block contains an
/// alert, and its end opens it again.
pub fn add_outcomes(alert: &mut Alert, outcomes: &[Outcome], now: Timestamp) {
    let holds = |alert: &Alert| in_force(&alert.outcomes, ActionKind::Block, now).next().is_some();
    let before = holds(alert);
    for outcome in outcomes {
        match alert.outcomes.iter_mut().find(|known| known.id == outcome.id) {
            Some(known) if known.at <= outcome.at => *known = outcome.clone(),
            Some(_) => {}
            None => alert.outcomes.push(outcome.clone()),
        }
    }
    alert.outcomes.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
    let after = holds(alert);
    match alert.work.status {
        AlertStatus::Open | AlertStatus::Investigating if after && !before => {
            alert.work.status = AlertStatus::Contained;
            history(alert, now, "contained: the block was read back from the kernel");
        }
        AlertStatus::Contained if !after => {
            alert.work.status = AlertStatus::Open;
            history(alert, now, "opened: the block has ended");
        }
        _ => {}
    }
}

/// Adds what the guard refused, each once.
pub fn add_refusals(alert: &mut Alert, refusals: &[Refusal]) {
    for refusal in refusals {
        if !alert.refusals.contains(refusal) && alert.refusals.len() < REFUSALS_MAX {
            alert.refusals.push(refusal.clone());
        }
    }
}

/// Writes a change that nobody made by hand.
fn history(alert: &mut Alert, now: Timestamp, what: &str) {
    alert.work.history.push(Change { at: now, author: OURSELVES.into(), what: what.into() });
}

const REFUSALS_MAX: usize = 50;

#[cfg(test)]
mod tests {
    use tripoint_model::alert::{SCHEMA, Work};
    use tripoint_model::testing::outcome;
    use tripoint_model::{
        AlertId, Application, ApplicationKind, Direction, Factor, OutcomeState, Resolution, Severity,
    };

    use super::*;

    fn alert(points: i16, count: u64) -> Alert {
        Alert {
            schema: SCHEMA,
            id: AlertId("00".into()),
            rule: "bad_server_of_vulnerable_app".into(),
            title: "t".into(),
            host: "web1".into(),
            application: Application { kind: ApplicationKind::Unit, id: "a.service".into(), name: "a".into() },
            indicator: "203.0.113.66".parse().unwrap(),
            direction: Direction::Outbound,
            severity: Severity::sum(vec![Factor { name: "x".into(), points, reason: String::new() }]),
            confidence: 90,
            confidence_why: vec![],
            first_seen: Timestamp(count as i64),
            last_seen: Timestamp(10),
            count,
            bytes_in: count,
            bytes_out: 0,
            still_open: false,
            beacon_score: None,
            process: None,
            connections: vec![],
            claims: vec![],
            guard: vec![],
            findings: vec![],
            techniques: vec![],
            outcomes: vec![],
            refusals: vec![],
            investigation: None,
            call_back: None,
            suggested: vec![],
            suppressed_by: None,
            missing: vec![],
            latency_ms: None,
            judged: None,
            work: Work::default(),
        }
    }

    #[test]
    fn a_resolved_alert_is_reopened_by_an_escalation_only() {
        let mut stored = merge(None, alert(50, 3), Timestamp(1));
        stored.work.status = AlertStatus::Resolved;
        stored.work.resolution = Some(Resolution::FalsePositive);
        let same = merge(Some(stored.clone()), alert(55, 9), Timestamp(2));
        assert_eq!((same.work.status, same.count), (AlertStatus::Resolved, 9));
        let worse = merge(Some(same), alert(85, 1), Timestamp(3));
        assert_eq!((worse.work.status, worse.work.resolution), (AlertStatus::Open, None));
        assert_eq!((worse.count, worse.bytes_in, worse.first_seen), (9, 9, Timestamp(1)), "sums never fall");
        assert!(worse.work.history.last().unwrap().what.contains("critical"));
        let mut suppressed = alert(95, 1);
        suppressed.suppressed_by = Some("e1".into());
        assert_eq!(merge(Some(stored), suppressed, Timestamp(4)).work.status, AlertStatus::Resolved);
    }

    #[test]
    fn whatever_is_told_as_an_escalation_opens_what_was_closed() {
        let finding = |cve: &str, known_exploited| {
            let text = format!(
                r#"{{"purl":"pkg:deb/debian/a@1","id":"{cve}","cves":["{cve}"],"state":"affected","known_exploited":{known_exploited}}}"#
            );
            serde_json::from_str::<tripoint_model::Finding>(&text).unwrap()
        };
        let with = |findings: &[tripoint_model::Finding]| Alert { findings: findings.to_vec(), ..alert(70, 3) };
        let mut closed = merge(None, with(&[finding("CVE-1", true), finding("CVE-2", false)]), Timestamp(1));
        closed.work.status = AlertStatus::Resolved;
        closed.work.resolution = Some(Resolution::FalsePositive);
        closed.work.settled = settled(&closed);
        let status = |report: Alert| {
            let merged = merge(Some(closed.clone()), report, Timestamp(2));
            (merged.work.status, merged.work.history.last().unwrap().what.clone())
        };
        let same = with(&[finding("CVE-1", true), finding("CVE-2", false), finding("CVE-3", false)]);
        assert_eq!(status(same).0, AlertStatus::Resolved, "one vulnerability more of the same kind");
        let (open, why) = status(with(&[finding("CVE-1", true), finding("CVE-2", true)]));
        assert_eq!(open, AlertStatus::Open);
        assert!(why.starts_with("reopened: a vulnerability of it is newly known to be exploited"), "{why}");
        // It is not exploited newly that was before.
        let mut dropped = merge(Some(closed.clone()), with(&[]), Timestamp(2));
        dropped.work.settled = settled(&dropped);
        let again = merge(Some(dropped), with(&[finding("CVE-1", true)]), Timestamp(3));
        assert_eq!(again.work.status, AlertStatus::Resolved);
        let mut found = with(&[]);
        found.investigation = serde_json::from_str(
            r#"{"at":"2026-11-20T03:00:02Z","took_ms":1,"logs":{"verdict":"likely_succeeded","lines":1}}"#,
        )
        .unwrap();
        let (open, why) = status(found);
        assert_eq!((open, why.starts_with("reopened: an attack on it likely succeeded")), (AlertStatus::Open, true));
        // Of one that was closed by an older version nobody knows what was known.
        let mut older = closed.clone();
        older.work.settled.as_mut().unwrap().exploited = None;
        let merged = merge(Some(older), with(&[finding("CVE-2", true)]), Timestamp(2));
        assert_eq!(merged.work.status, AlertStatus::Resolved);
    }

    #[test]
    fn a_list_that_drops_a_peer_and_names_it_again_opens_nothing() {
        let mut closed = merge(None, alert(70, 3), Timestamp(1));
        closed.work.status = AlertStatus::Resolved;
        closed.work.resolution = Some(Resolution::FalsePositive);
        closed.work.settled = settled(&closed);
        let mut dropped = merge(Some(closed), Alert { rule: "bad_peer".into(), ..alert(30, 3) }, Timestamp(2));
        dropped.work.settled = settled(&dropped);
        let again = merge(Some(dropped.clone()), alert(70, 3), Timestamp(3));
        assert_eq!(
            (again.work.status, again.work.resolution),
            (AlertStatus::Resolved, Some(Resolution::FalsePositive))
        );
        // As a part of another it stays that too.
        let mut part = Alert { work: Work { merged_into: Some(AlertId("11".into())), ..again.work.clone() }, ..again };
        let before = Grade::to_outdo(&dropped);
        outgrow(&mut part, &before, None, Timestamp(3));
        assert!(part.work.merged_into.is_some());
        let worse = merge(Some(dropped), alert(85, 3), Timestamp(4));
        assert_eq!(worse.work.status, AlertStatus::Open);
        assert_eq!(settled(&worse), None);
    }

    #[test]
    fn a_report_without_the_logs_is_judged_as_before_in_every_word() {
        let owner = std::sync::Arc::new(tripoint_model::Process::default());
        let connection: tripoint_model::Connection = serde_json::from_str(
            r#"{"id":{"cookie":1,"peer":0},"protocol":"tcp","direction":"outbound","local":"198.51.100.10:1",
            "remote":"203.0.113.66:1389","state":"established","opened":"2026-11-20T03:00:02Z","bytes_in":0,
            "bytes_out":0,"netns":1}"#,
        )
        .unwrap();
        let mut told = alert(90, 3);
        told.rule = "exploited_then_called_back".into();
        told.title = "a (b) was attacked, then connected to x (c still open) (still open); vulnerable to y".into();
        told.techniques = vec!["T1190".into()];
        told.call_back = Some(Box::new(tripoint_model::CallBack {
            server: owner,
            attempts: vec![],
            visit: None,
            child: None,
            connection: std::sync::Arc::new(connection),
            reasons: vec![],
        }));
        let with = |built| {
            let vuln = Some(tripoint_model::Edition { built: Timestamp(built), number: None });
            Some(Box::new(tripoint_model::Judgement { vuln, ..Default::default() }))
        };
        let vuln = |alert: &Alert| alert.judged.as_ref().unwrap().vuln.unwrap().built.0;
        told.judged = with(1);
        let stored = merge(None, told, Timestamp(1));
        let mut again = alert(50, 4);
        again.judged = with(2);
        (again.title, again.confidence) = ("a connected to x (2 connections, all ended); no".into(), 20);
        let merged = merge(Some(stored.clone()), again, Timestamp(2));
        assert_eq!(merged.rule, stored.rule);
        assert_eq!((merged.severity.score, merged.severity.factors.clone()), (90, stored.severity.factors.clone()));
        assert_eq!((merged.confidence, &merged.techniques), (90, &stored.techniques));
        let title =
            "a (b) was attacked, then connected to x (c still open) (2 connections, all ended); vulnerable to y";
        assert_eq!((merged.title.as_str(), merged.count), (title, 4));
        assert_eq!(vuln(&merged), 1, "what is kept was judged with those");
        // One that is graver for another reason stands as it is, with what led to it.
        let graver = merge(Some(stored), Alert { judged: with(2), ..alert(95, 4) }, Timestamp(3));
        assert_eq!(vuln(&graver), 2);
        assert_eq!((graver.rule.as_str(), graver.severity.score), ("bad_server_of_vulnerable_app", 95));
        assert!(graver.call_back.is_some() && graver.title == "t");
    }

    #[test]
    fn a_block_contains_and_its_end_opens() {
        let mut stored = merge(None, alert(50, 1), Timestamp(1));
        add_outcomes(&mut stored, &[outcome("b", ActionKind::Block, OutcomeState::Applied, 2)], Timestamp(2));
        assert_eq!(stored.work.status, AlertStatus::Contained);
        let again = merge(Some(stored.clone()), alert(50, 2), Timestamp(3));
        assert_eq!(again.work.status, AlertStatus::Contained);
        assert_eq!(again.outcomes.len(), 1, "a report without outcomes loses none");
        let mut lifted = again.clone();
        add_outcomes(&mut lifted, &[outcome("u", ActionKind::Unblock, OutcomeState::Lifted, 4)], Timestamp(4));
        assert_eq!(lifted.work.status, AlertStatus::Open);
        let mut expired = again;
        add_outcomes(&mut expired, &[outcome("b", ActionKind::Block, OutcomeState::Expired, 5)], Timestamp(5));
        add_outcomes(&mut expired, &[outcome("b", ActionKind::Block, OutcomeState::Applied, 2)], Timestamp(6));
        assert_eq!(expired.work.status, AlertStatus::Open, "an older state that comes late changes nothing");
    }
}
