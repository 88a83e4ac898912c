//! What would a person do next about an alert?

use tripoint_api::context::{NextStep, Step};
use tripoint_model::action::in_force;
use tripoint_model::{ActionKind, Alert, AlertStatus, Finding, Level, PackageState, Timestamp, Verdict};

/// The first step that is left; the gravest matters first.
pub(crate) fn next_step(alert: &Alert, now: Timestamp) -> Option<NextStep> {
    if alert.work.status == AlertStatus::Resolved || alert.suppressed_by.is_some() {
        return None;
    }
    let holds = |kind: ActionKind| in_force(&alert.outcomes, kind, now).next().is_some();
    let (is_blocked, is_isolated) = (holds(ActionKind::Block), holds(ActionKind::Isolate));
    investigate(alert)
        .or_else(|| isolate(alert, is_blocked || is_isolated))
        .or_else(|| let_go(alert))
        .or_else(|| block(alert, is_blocked))
        .or_else(|| patch(alert))
        .or_else(|| change(alert))
        .or_else(|| Some(resolve(alert)))
}

fn step(step: Step, why: impl Into<String>, command: Option<String>) -> Option<NextStep> {
    Some(NextStep { step, why: why.into(), command })
}

fn investigate(alert: &Alert) -> Option<NextStep> {
    if alert.investigation.is_some() {
        return None;
    }
    let why = "its logs were not looked into yet, and nothing says why it was connected";
    step(Step::Investigate, why, Some(format!("tripoint investigate {}", alert.id)))
}

fn isolate(alert: &Alert, is_cut_off: bool) -> Option<NextStep> {
    let verdict = alert.investigation.as_ref().and_then(|found| found.logs.verdict);
    if verdict != Some(Verdict::LikelySucceeded) || is_cut_off {
        return None;
    }
    let why = "an attack has likely succeeded, and nothing contains it";
    step(Step::Isolate, why, Some("tripoint isolate --for 1h --dry-run".to_owned()))
}

/// Whom no list names any more, and nothing else speaks against, needs no block.
fn let_go(alert: &Alert) -> Option<NextStep> {
    let raised = alert.judged.as_ref().and_then(|judged| judged.raised.as_ref());
    let was_listed = raised.is_some_and(|raised| !raised.claims.is_empty());
    let tried = alert.investigation.as_ref().and_then(|found| found.logs.verdict);
    let speaks_against = alert.call_back.is_some() || tried.is_some_and(|verdict| verdict >= Verdict::Attempted);
    if !was_listed || !alert.claims.is_empty() || speaks_against {
        return None;
    }
    let why = format!("no list names {} any more: resolve it if nothing else speaks for it", alert.indicator);
    step(Step::Resolve, why, Some(format!("tripoint alerts resolve {} --as false-positive", alert.id)))
}

fn block(alert: &Alert, is_blocked: bool) -> Option<NextStep> {
    if is_blocked || level(alert) < Level::Medium || !alert.guard.is_empty() {
        return None;
    }
    let why = match (alert.still_open, alert.claims.len()) {
        (true, 0 | 1) => "the connection is still open".to_owned(),
        (true, many) => format!("the connection is still open, and {many} sources call the peer bad"),
        (false, _) => "nothing keeps it from connecting again".to_owned(),
    };
    step(Step::Block, why, Some(format!("tripoint block {} --for 24h --dry-run", alert.indicator)))
}

/// The worst package that has a fix.
fn patch(alert: &Alert) -> Option<NextStep> {
    let rank = |finding: &&Finding| (finding.known_exploited, finding.cvss_tenths, finding.epss_bp);
    let fixable = alert.findings.iter().filter(|finding| finding.state.is_vulnerable() && finding.fixed.is_some());
    let worst = fixable.max_by_key(rank)?;
    let cve = worst.cves.first().unwrap_or(&worst.id);
    if worst.presence == PackageState::Stale {
        let why = format!("{} is fixed on disk, and the old code with {cve} still runs", worst.name);
        return step(Step::Restart, why, worst.fix_command.clone());
    }
    let fixed = worst.fixed.as_deref().unwrap_or_default();
    step(Step::Patch, format!("{} {fixed} ends {cve}", worst.name), worst.fix_command.clone())
}

/// The smallest change that keeps it from connecting.
fn change(alert: &Alert) -> Option<NextStep> {
    let why = alert.investigation.as_ref()?.why.as_ref()?;
    let smallest = why.changes.first()?;
    step(Step::Change, smallest.what.clone(), smallest.commands.first().cloned())
}

fn resolve(alert: &Alert) -> NextStep {
    let why = match alert.work.status {
        AlertStatus::Contained => "it is contained, and nothing is left to mend",
        _ => "nothing is left to contain or to mend",
    };
    let command = Some(format!("tripoint alerts resolve {} --as true-positive-remediated", alert.id));
    NextStep { step: Step::Resolve, why: why.to_owned(), command }
}

fn level(alert: &Alert) -> Level {
    alert.work.severity.as_ref().map_or(alert.severity.level, |own| own.level)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn alert(change: Value) -> Alert {
        let mut base = json!({"schema": 1, "id": "aa", "rule": "r", "title": "t", "host": "h",
            "application": {"kind": "unit", "id": "a", "name": "a"}, "indicator": "203.0.113.66", "direction": "outbound",
            "severity": {"score": 70, "level": "high", "factors": []}, "confidence": 90,
            "first_seen": "2026-11-20T03:00:00Z", "last_seen": "2026-11-20T03:00:00Z", "count": 1, "bytes_in": 0,
            "bytes_out": 0, "still_open": true, "connections": [], "claims": [], "findings": []});
        for (name, value) in change.as_object().unwrap() {
            base[name] = value.clone();
        }
        serde_json::from_value(base).unwrap()
    }

    fn looked_into(verdict: Value) -> Value {
        json!({"at": "2026-11-20T03:00:02Z", "took_ms": 5, "logs": {"verdict": verdict, "lines": 0}})
    }

    /// A day after the first.
    const NOW: Timestamp = Timestamp(1_795_230_000_000_000);

    fn applied(action: &str) -> Value {
        json!([{"id": "b", "action": action, "target": "203.0.113.66", "mechanism": "bpf", "state": "applied",
            "verified": true, "detail": "", "at": "2026-11-20T03:00:03Z"}])
    }

    /// The same, whose time is up.
    fn over(mut outcomes: Value) -> Value {
        outcomes[0]["expires"] = json!(NOW);
        outcomes
    }

    #[test]
    fn the_gravest_matters_first() {
        let finding = |presence: &str| {
            json!([{"purl": "pkg:deb/debian/x@1", "name": "x", "version": "1", "id": "D", "cves": ["CVE-2026-1"],
                "state": "affected", "presence": presence, "fixed": "2", "fix_command": "apt-get install x=2"}])
        };
        let cases = [
            (json!({}), Some(Step::Investigate)),
            (json!({"investigation": looked_into(json!("likely_succeeded"))}), Some(Step::Isolate)),
            (json!({"investigation": looked_into(json!("attempted"))}), Some(Step::Block)),
            (
                json!({"investigation": looked_into(Value::Null), "outcomes": applied("block"), "findings": finding("loaded")}),
                Some(Step::Patch),
            ),
            (
                json!({"investigation": looked_into(Value::Null), "outcomes": applied("block"), "findings": finding("stale")}),
                Some(Step::Restart),
            ),
            (json!({"investigation": looked_into(Value::Null), "outcomes": applied("block")}), Some(Step::Resolve)),
            (json!({"investigation": looked_into(Value::Null), "outcomes": over(applied("block"))}), Some(Step::Block)),
            (json!({"work": {"status": "resolved"}}), None),
            (json!({"suppressed_by": "x1"}), None),
        ];
        for (change, expected) in cases {
            assert_eq!(next_step(&alert(change.clone()), NOW).map(|next| next.step), expected, "{change}");
        }
        let patch = next_step(&alert(cases_patch(finding("loaded"))), NOW).unwrap();
        assert_eq!(patch.command.as_deref(), Some("apt-get install x=2"));
    }

    #[test]
    fn whom_no_list_names_any_more_is_let_go_unless_something_else_speaks() {
        let claims = json!([{"feed": "a", "matched": "203.0.113.66", "category": "c2", "confidence": 90}]);
        let raised = json!({"at": "2026-11-20T03:00:00Z", "severity": {"score": 70, "level": "high", "factors": []},
            "confidence": 90, "claims": claims});
        let with = |verdict: Value| json!({"investigation": looked_into(verdict), "judged": {"raised": raised}});
        let next = next_step(&alert(with(Value::Null)), NOW).unwrap();
        assert_eq!(next.step, Step::Resolve);
        assert_eq!(next.why, "no list names 203.0.113.66 any more: resolve it if nothing else speaks for it");
        assert_eq!(next.command.as_deref(), Some("tripoint alerts resolve aa --as false-positive"));
        assert_eq!(next_step(&alert(with(json!("probed"))), NOW).unwrap().step, Step::Resolve);
        assert_eq!(next_step(&alert(with(json!("attempted"))), NOW).unwrap().step, Step::Block);
        // One that was never listed is no other today.
        let never = json!({"investigation": looked_into(Value::Null), "judged": {"trend": "same"}});
        assert_eq!(next_step(&alert(never), NOW).unwrap().step, Step::Block);
    }

    fn cases_patch(findings: Value) -> Value {
        json!({"investigation": looked_into(Value::Null), "outcomes": applied("block"), "findings": findings})
    }
}
