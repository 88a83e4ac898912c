//! How grave is an alert, and which of its news is worth opening what was closed?

use std::collections::BTreeSet;

use tripoint_model::alert::Settled;
use tripoint_model::{Alert, AlertStatus, Level, Timestamp, Verdict};

use super::history;

/// How grave an alert is by what its agent says, or was at its worst.
#[derive(Clone, Debug)]
pub struct Grade {
    level: Level,
    rank: u8,
    /// CVEs known to be exploited, and whether the logs say that an attack succeeded; nothing where nobody wrote it down.
    exploited: Option<BTreeSet<String>>,
    succeeded: Option<bool>,
}

impl Grade {
    /// Of this alert.
    pub fn of(alert: &Alert) -> Self {
        Self {
            level: alert.severity.level,
            rank: rank(&alert.rule),
            exploited: Some(exploited(alert)),
            succeeded: Some(has_succeeded(alert)),
        }
    }

    /// What another report of it has to outdo: how bad it ever was since it was settled. A list that drops a peer and
    /// names it again has not made anything worse.
    pub fn to_outdo(alert: &Alert) -> Self {
        let Some(settled) = &alert.work.settled else { return Self::of(alert) };
        Self {
            level: settled.level,
            rank: rank(&settled.rule),
            exploited: settled.exploited.clone(),
            succeeded: settled.succeeded,
        }
    }

    /// In which respect it is worse than the other.
    fn worse_than(&self, other: &Self) -> Option<&'static str> {
        let is_new = |known| self.exploited.as_ref().is_some_and(|now| newly_exploited(now, known));
        if self.level > other.level || self.rank > other.rank {
            Some("it has become worse")
        } else if self.succeeded == Some(true) && other.succeeded == Some(false) {
            Some("an attack on it likely succeeded")
        } else if other.exploited.as_ref().is_some_and(is_new) {
            Some("a vulnerability of it is newly known to be exploited")
        } else {
            None
        }
    }
}

/// The worst an alert was that is closed or part of another, from what it was before.
pub fn settled(alert: &Alert) -> Option<Settled> {
    let work = &alert.work;
    if work.status != AlertStatus::Resolved && work.merged_into.is_none() {
        return None;
    }
    let (level, rule) = (alert.severity.level, &alert.rule);
    let mut exploited = exploited(alert);
    let mut succeeded = has_succeeded(alert);
    let Some(known) = &work.settled else {
        return Some(Settled { level, rule: rule.clone(), exploited: Some(exploited), succeeded: Some(succeeded) });
    };
    let rule = if rank(rule) > rank(&known.rule) { rule } else { &known.rule };
    exploited.extend(known.exploited.iter().flatten().cloned());
    let exploited = exploited.into_iter().take(EXPLOITED_MAX).collect();
    succeeded |= known.succeeded == Some(true);
    let (exploited, succeeded) = (Some(exploited), Some(succeeded));
    Some(Settled { level: level.max(known.level), rule: rule.clone(), exploited, succeeded })
}

/// Opens a closed alert that is worse than it was.
pub fn reopen(alert: &mut Alert, before: &Grade, now: Timestamp) {
    if alert.suppressed_by.is_some() || alert.work.status != AlertStatus::Resolved {
        return;
    }
    if let Some(why) = Grade::of(alert).worse_than(before) {
        alert.work.status = AlertStatus::Open;
        alert.work.resolution = None;
        let level = alert.severity.level;
        history(alert, now, &format!("reopened: {why} ({level})"));
    }
}

/// Makes a part that has become worse than it was an alert of its own again, unless the whole is as grave and somebody
/// will still look at it: nothing that got worse may hide behind what is closed or was milder.
pub fn outgrow(part: &mut Alert, before: &Grade, whole: Option<&Alert>, now: Timestamp) {
    let covers = |whole: &Alert| {
        let level = whole.work.severity.as_ref().map_or(whole.severity.level, |own| own.level);
        whole.work.status != AlertStatus::Resolved
            && whole.suppressed_by.is_none()
            && level >= part.severity.level
            && rank(&whole.rule) >= rank(&part.rule)
    };
    if part.suppressed_by.is_some() || whole.is_some_and(covers) {
        return;
    }
    if let Some(why) = Grade::of(part).worse_than(before)
        && let Some(whole) = part.work.merged_into.take()
    {
        let level = part.severity.level;
        history(part, now, &format!("split from {whole}: {why} ({level})"));
    }
}

/// Vulnerabilities of the application that are known to be exploited.
pub fn exploited(alert: &Alert) -> BTreeSet<String> {
    let findings = alert.findings.iter().filter(|finding| finding.known_exploited && finding.state.is_vulnerable());
    findings.flat_map(|finding| finding.cves.iter().cloned()).filter(|id| !id.contains(' ')).collect()
}

/// Whether its logs say that an attack likely succeeded.
pub fn has_succeeded(alert: &Alert) -> bool {
    alert.investigation.as_ref().is_some_and(|found| found.logs.verdict == Some(Verdict::LikelySucceeded))
}

/// Whether one is exploited now that was not before. Of what has too many to be remembered, none is news.
pub fn newly_exploited(now: &BTreeSet<String>, before: &BTreeSet<String>) -> bool {
    before.len() < EXPLOITED_MAX && !now.is_subset(before)
}

/// Exploited vulnerabilities of one alert that are remembered.
pub const EXPLOITED_MAX: usize = 500;

/// A known vulnerability outranks a merely bad peer, and an attack that was followed by a call outranks both.
fn rank(rule: &str) -> u8 {
    match rule {
        "bad_peer" => 0,
        "exploited_then_called_back" => 2,
        _ => 1,
    }
}
