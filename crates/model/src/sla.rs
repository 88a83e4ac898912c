//! How long has an alert waited for people, and until when should they have done something?

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Alert, AlertStatus, Level, Timestamp};

/// What of an alert's life counts for service levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "ServiceClock"))]
pub struct Clock {
    /// Since when it counts: it was raised, opened again, or became this bad.
    pub since: Timestamp,
    /// How bad it is.
    pub level: Level,
    /// How bad it was at its worst since then.
    pub worst: Level,
    /// When somebody took it up, or it was contained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub responded: Option<Timestamp>,
    /// When it was closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved: Option<Timestamp>,
}

impl Clock {
    /// The clock of an alert as it stands at `now`, from what it was before. What an exception covers and what is part
    /// of another alert waits for nobody.
    pub fn follow(alert: &Alert, now: Timestamp) -> Option<Self> {
        let work = &alert.work;
        if alert.suppressed_by.is_some() || work.merged_into.is_some() {
            return None;
        }
        let level = work.severity.as_ref().map_or(alert.severity.level, |own| own.level);
        let is_closed = work.status == AlertStatus::Resolved;
        let anew = Self { since: now, level, worst: level, responded: None, resolved: None };
        let mut clock = match work.clock {
            Some(known) if known.resolved.is_some() && !is_closed => anew,
            // What got worse is not late for what was asked of it when it was milder.
            Some(known) if level > known.worst => Self { since: now, level, worst: level, ..known },
            Some(known) => Self { level, ..known },
            None => anew,
        };
        if work.status != AlertStatus::Open || work.assignee.is_some() {
            clock.responded = clock.responded.or(Some(now));
        }
        if is_closed {
            clock.resolved = clock.resolved.or(Some(now));
        }
        Some(clock)
    }
}

/// What people have promised, by how bad an alert is; `None` = nothing is promised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServiceLevels {
    /// How soon somebody takes it up.
    pub respond: [Option<Duration>; LEVELS],
    /// How soon it is closed.
    pub resolve: [Option<Duration>; LEVELS],
}

/// Levels of severity.
pub const LEVELS: usize = Level::Critical as usize + 1;

/// One promise about one alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Timer {
    /// What was promised.
    pub what: Promise,
    /// Until when.
    pub by: Timestamp,
    /// When it was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<Timestamp>,
}

/// What is promised about alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Promise {
    /// Somebody takes it up.
    Respond,
    /// It is closed.
    Resolve,
}

impl Timer {
    /// Whether it was kept, or can still be.
    pub fn is_met(&self, now: Timestamp) -> bool {
        self.done.unwrap_or(now) <= self.by
    }
}

impl ServiceLevels {
    /// What was promised about an alert, the first to end first.
    pub fn timers(&self, clock: &Clock) -> Vec<Timer> {
        let level = clock.level as usize;
        let timer = |what, within: Option<Duration>, done| {
            within.map(|within| Timer { what, by: clock.since.plus(within), done })
        };
        let respond = timer(Promise::Respond, self.respond[level], clock.responded);
        respond.into_iter().chain(timer(Promise::Resolve, self.resolve[level], clock.resolved)).collect()
    }

    /// Until when people have to do something next; nothing where they have done everything, or nothing was promised.
    pub fn due(&self, clock: &Clock) -> Option<Timestamp> {
        let waits = |timer: &Timer| timer.done.is_none() && clock.resolved.is_none();
        self.timers(clock).into_iter().filter(waits).map(|timer| timer.by).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Resolution;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_seconds(1_800_000_000 + 60 * minute)
    }

    fn alert(level: &str) -> Alert {
        serde_json::from_value(serde_json::json!({
            "schema": 1, "id": "0", "rule": "bad_peer", "title": "", "host": "h",
            "application": {"kind": "unit", "id": "a", "name": "a"}, "indicator": "203.0.113.66",
            "direction": "outbound", "severity": {"score": 1, "level": level, "factors": []}, "confidence": 1,
            "first_seen": at(0), "last_seen": at(0), "count": 1, "bytes_in": 0, "bytes_out": 0, "still_open": false,
            "connections": [], "findings": [], "claims": [], "work": {"status": "open"}
        }))
        .unwrap()
    }

    fn follow(alert: &mut Alert, minute: i64) -> Option<Timestamp> {
        alert.work.clock = Clock::follow(alert, at(minute));
        alert.work.clock.and_then(|clock| levels().due(&clock))
    }

    fn levels() -> ServiceLevels {
        let minutes = |minutes: u64| Some(Duration::from_secs(60 * minutes));
        ServiceLevels {
            respond: [None, None, minutes(60), minutes(30), minutes(10)],
            resolve: [None, minutes(600), minutes(500), minutes(400), minutes(300)],
        }
    }

    #[test]
    fn who_takes_it_up_has_answered_and_who_closes_it_is_done() {
        let mut alert = alert("critical");
        assert_eq!(follow(&mut alert, 1), Some(at(11)));
        // Whatever its agent says meanwhile changes nothing.
        assert_eq!(follow(&mut alert, 5), Some(at(11)));
        alert.work.assignee = Some("ada".into());
        assert_eq!(follow(&mut alert, 6), Some(at(301)));
        // Who gives it back has taken it up all the same.
        alert.work.assignee = None;
        assert_eq!(follow(&mut alert, 7), Some(at(301)));
        (alert.work.status, alert.work.resolution) = (AlertStatus::Resolved, Some(Resolution::Other));
        assert_eq!(follow(&mut alert, 8), None);
        let timers = levels().timers(&alert.work.clock.unwrap());
        let timer = |what, by, done| Timer { what, by: at(by), done: Some(at(done)) };
        assert_eq!(timers, [timer(Promise::Respond, 11, 6), timer(Promise::Resolve, 301, 8)]);
        assert!(timers.iter().all(|timer| timer.is_met(at(9_000))));
        alert.work.status = AlertStatus::Open;
        assert_eq!(follow(&mut alert, 1000), Some(at(1010)), "opened again, it counts anew");
    }

    #[test]
    fn what_gets_worse_counts_anew_and_what_gets_milder_does_not() {
        let mut alert = alert("low");
        assert_eq!(follow(&mut alert, 0), Some(at(600)), "nobody promised to take it up");
        alert.severity.level = Level::High;
        assert_eq!(follow(&mut alert, 500), Some(at(530)));
        alert.severity.level = Level::Medium;
        assert_eq!(follow(&mut alert, 510), Some(at(560)));
        alert.severity.level = Level::Informational;
        assert_eq!(follow(&mut alert, 511), None);
        alert.severity.level = Level::High;
        assert_eq!(follow(&mut alert, 512), Some(at(530)), "what it was before is no news");
    }

    #[test]
    fn what_is_covered_waits_for_nobody() {
        let mut alert = alert("high");
        alert.suppressed_by = Some("x".into());
        assert_eq!(follow(&mut alert, 0), None);
        alert.suppressed_by = None;
        assert_eq!(follow(&mut alert, 100), Some(at(130)));
        alert.work.merged_into = Some(crate::AlertId("1".into()));
        assert_eq!(follow(&mut alert, 101), None);
    }
}
