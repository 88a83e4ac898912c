//! The same story from a recorded fact log, through the same correlator and the same planner,
//! where the kernel or the rights do not allow the live one.

use anyhow::Context as _;
use tripoint_correlator::{Correlator, Weights};
use tripoint_model::{Action, ActionKind, Cut, Fact, Observable, Scope, Terms};
use tripoint_responder::{Guard, Protected, plan};

use super::report::Report;

/// Facts of one live run: probe and call-back of the shop.
const FACTS: &str = include_str!("facts.ndjson");

/// Plays the log and prints the containment as a plan.
pub fn play(report: &mut Report) -> anyhow::Result<()> {
    report.mode = "replay";
    let facts: Vec<Fact> = FACTS
        .lines()
        .enumerate()
        .map(|(at, line)| serde_json::from_str(line).with_context(|| format!("recorded fact {}", at + 1)))
        .collect::<Result<_, _>>()?;
    let last = facts.last().map(|fact| fact.at).unwrap_or_default();
    report.step("read the recorded facts", !facts.is_empty(), format!("{} facts", facts.len()));
    let mut correlator = Correlator::new("demo", Weights::default());
    for fact in &facts {
        for alert in correlator.observe(fact) {
            if report.alerts.iter().all(|known| known.id != alert.id) {
                report.step(&format!("alert {}", alert.rule), true, alert.title.clone());
            }
            report.alerts.retain(|known| known.id != alert.id);
            report.alerts.push(alert);
        }
    }
    let both = ["bad_client_of_vulnerable_app", "bad_server_of_vulnerable_app"];
    let complete = both.iter().all(|rule| report.alerts.iter().any(|alert| alert.rule == *rule));
    report.step("both directions were judged", complete, String::new());
    contain(report, last);
    report.cleaned_up = true;
    Ok(())
}

/// What would be done, after the guard has looked at it.
fn contain(report: &mut Report, now: tripoint_model::Timestamp) {
    let Some(alert) = report.alerts.iter().find(|alert| alert.rule == "bad_server_of_vulnerable_app") else { return };
    let Some(peer) = alert.connections.first().map(|connection| connection.remote.ip()) else { return };
    let cuts: Vec<Cut> = alert
        .connections
        .iter()
        .map(|connection| Cut {
            connection: connection.id,
            protocol: connection.protocol,
            local: connection.local,
            remote: connection.remote,
            netns: connection.netns,
            pid: connection.process.as_ref().map_or(0, |process| process.key.pid),
            application: alert.application.name.clone(),
        })
        .collect();
    let action = Action {
        kind: ActionKind::Disconnect,
        target: Observable::Address(peer).into(),
        scope: Scope::Host,
        expires: now.plus(tripoint_responder::PAIRED_BLOCK),
        reason: alert.title.clone(),
        requester: "demo".into(),
        cause: Some(alert.id.clone()),
        terms: Terms::default(),
    };
    let permit_ranges = ["203.0.113.0/24", "2001:db8::/32"].iter().filter_map(|range| range.parse().ok()).collect();
    let guard = Guard { protected: Some(Protected::default()), permit_ranges, ..Guard::default() };
    let plan = plan(&[action], &guard, &cuts, now);
    let lines = plan.plan.iter().map(|planned| {
        format!(
            "would {} {} until {}, ending {} connection(s)",
            planned.action.as_str(),
            planned.target,
            planned.expires,
            planned.cuts.len()
        )
    });
    let text = lines.collect::<Vec<_>>().join("\n");
    report.step("containment as a plan", !plan.plan.is_empty() && plan.refused.is_empty(), text);
}
