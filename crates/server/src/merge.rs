//! What becomes of people's work and of what was known, when an agent reports an alert anew?

use tripoint_model::alert::Change;
use tripoint_model::{ActionKind, Alert, AlertStatus, Outcome, OutcomeState, Refusal, Timestamp};

/// The author of changes that nobody made by hand.
pub const OURSELVES: &str = "tripoint";

/// Lays a report over what is stored. People's work stays; sums never fall, because an agent that
/// was restarted counts anew; a resolved alert that gets worse is opened again.
pub fn merge(stored: Option<Alert>, mut report: Alert, now: Timestamp) -> Alert {
    let Some(stored) = stored else {
        report.work = tripoint_model::alert::Work::default();
        history(&mut report, now, "raised");
        let outcomes = std::mem::take(&mut report.outcomes);
        add_outcomes(&mut report, &outcomes, now);
        return report;
    };
    let worse = report.severity.level > stored.severity.level || rank(&report.rule) > rank(&stored.rule);
    let outcomes = std::mem::replace(&mut report.outcomes, stored.outcomes);
    let refusals = std::mem::replace(&mut report.refusals, stored.refusals);
    report.work = stored.work;
    report.first_seen = report.first_seen.min(stored.first_seen);
    report.count = report.count.max(stored.count);
    report.bytes_in = report.bytes_in.max(stored.bytes_in);
    report.bytes_out = report.bytes_out.max(stored.bytes_out);
    report.latency_ms = stored.latency_ms.or(report.latency_ms);
    add_refusals(&mut report, &refusals);
    add_outcomes(&mut report, &outcomes, now);
    if worse && report.suppressed_by.is_none() && report.work.status == AlertStatus::Resolved {
        report.work.status = AlertStatus::Open;
        report.work.resolution = None;
        let level = report.severity.level;
        history(&mut report, now, &format!("reopened: it has become worse ({level})"));
    }
    report
}

/// A known vulnerability outranks a merely bad peer.
fn rank(rule: &str) -> u8 {
    u8::from(rule != "bad_peer")
}

/// Adds what the kernel said; the newest state of each action counts. A verified block contains an
/// alert, and its end opens it again.
pub fn add_outcomes(alert: &mut Alert, outcomes: &[Outcome], now: Timestamp) {
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
        AlertStatus::Contained if before && !after => {
            alert.work.status = AlertStatus::Open;
            history(alert, now, "opened: the block has ended");
        }
        _ => {}
    }
}

/// Whether a verified block is in force. Lifting is an action of its own on the same target.
fn holds(alert: &Alert) -> bool {
    alert.outcomes.iter().any(|block| {
        let lifted = |other: &Outcome| {
            other.action == ActionKind::Unblock && other.target == block.target && other.at >= block.at && other.state == OutcomeState::Lifted
        };
        block.action == ActionKind::Block
            && block.verified
            && block.state == OutcomeState::Applied
            && !alert.outcomes.iter().any(lifted)
    })
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
