//! What is done when a name server's answer says where a blocked name leads?

use std::time::Duration;

use tripoint_model::{Action, ActionKind, Observable, Plan, Target, Terms, Timestamp};
use tripoint_responder::{Entry, plan};

use super::{PROTECTED_AGE, PROTECTED_AGE_STANDING, Respond, now};
use crate::blocked_names::NameAnswer;
use crate::live;

/// An address is needed at least so long, whatever its answer says: programs keep addresses longer than they may, and
/// a name whose answers live for no time at all must not wear out the disk.
const NEEDED_LEAST: Duration = Duration::from_secs(600);

impl Respond {
    /// Tells the sensing thread which names are blocked.
    pub(super) fn watch_names(&self) {
        let mut names: Vec<Target> = self.responder.names(now()).into_iter().map(|entry| entry.target).collect();
        names.dedup();
        self.blocked.set(names);
    }

    /// The targets, and where those of them that are names are known to lead: whose connections would end.
    pub(super) fn with_led(&self, mut targets: Vec<Target>) -> Vec<Target> {
        let Some(names) = &self.guard.names else { return targets };
        let led: Vec<Target> = targets
            .iter()
            .filter(|target| target.name().is_some())
            .flat_map(|name| names.addresses(name))
            .map(|address| Observable::Address(address).into())
            .collect();
        targets.extend(led);
        targets
    }

    /// Blocks where the names lead. Refusing comes first, and quickly; only then is looked around anew and open
    /// connections are ended, so that nobody's session ends who came in meanwhile.
    pub(super) fn follow(&mut self, answers: &[NameAnswer]) {
        let moment = now();
        let actions = self.led_by(answers, moment);
        if actions.is_empty() {
            return;
        }
        self.prepare(moment, PROTECTED_AGE_STANDING);
        let first = plan(&actions, &self.guard, &[], moment);
        let outcomes = self.responder.execute(&first, now());
        let seen = answers.iter().map(|answer| answer.at).min().unwrap_or(moment);
        let took_ms = now().since(seen).as_secs_f64() * 1000.0;
        tracing::info!(addresses = outcomes.len(), took_ms, "blocked names lead to new addresses");
        for refusal in &first.refused {
            tracing::warn!(target = %refusal.target, rule = refusal.rule, reason = refusal.reason, "a blocked name leads to what is not blocked");
        }
        self.prepare(now(), PROTECTED_AGE);
        let targets: Vec<Target> = first.plan.iter().map(|planned| planned.target.clone()).collect();
        let live = live::connections_with(&targets);
        let again = plan(&actions, &self.guard, &live, moment);
        if again.refused.len() > first.refused.len() {
            self.reconcile();
        }
        let cuts: Vec<_> = again.plan.iter().flat_map(|planned| planned.cuts.clone()).collect();
        let (mut ended, mut failed) = (0, String::new());
        match self.responder.end(&cuts) {
            Ok(counts) => ended = counts.ended,
            Err(error) => failed = format!("; connections not ended: {error}"),
        }
        let still: Vec<_> = outcomes
            .into_iter()
            .zip(&first.plan)
            .filter(|(_, planned)| again.plan.iter().any(|kept| kept.id == planned.id))
            .map(|(mut outcome, planned)| {
                let name = planned.terms.via.as_ref().map_or("", |via| via.name.as_str());
                outcome.detail = format!("{name} led to it; {ended} connections ended{failed}");
                outcome
            })
            .collect();
        let kept: Vec<_> =
            first.plan.into_iter().filter(|one| again.plan.iter().any(|kept| kept.id == one.id)).collect();
        self.tell(&Plan { plan: kept, refused: Vec::new() }, &still);
    }

    /// One wish for each address that a block of a name in force does not hold yet.
    fn led_by(&mut self, answers: &[NameAnswer], moment: Timestamp) -> Vec<Action> {
        let names: Vec<Entry> = self.responder.names(moment);
        let mut actions: Vec<Action> = Vec::new();
        for answer in answers {
            for entry in names.iter().filter(|entry| entry.target == answer.name) {
                let mut room = self.responder.room_through(&entry.target, &entry.scope, moment);
                for address in &answer.addresses {
                    let known = entry.addresses.iter().find(|known| known.address == *address);
                    let needed_until = answer.needed_until.max(moment.plus(NEEDED_LEAST));
                    // What is needed about as long already is no news.
                    if known.is_some_and(|known| known.needed_until.plus(NEEDED_LEAST / 2) > needed_until) {
                        continue;
                    }
                    if known.is_none() && room == 0 {
                        tracing::warn!(name = %entry.target, %address, "not blocked: the name leads to too many addresses (cap-name)");
                        continue;
                    }
                    room -= usize::from(known.is_none());
                    let terms = Terms {
                        approver: entry.terms.approver.clone(),
                        ..Terms::through(&entry.target.to_string(), needed_until)
                    };
                    actions.push(Action {
                        kind: ActionKind::Block,
                        target: Observable::Address(*address).into(),
                        scope: entry.scope.clone(),
                        expires: entry.expires,
                        reason: entry.reason.clone(),
                        requester: entry.requester.clone(),
                        cause: entry.cause.clone(),
                        terms,
                    });
                }
            }
        }
        actions
    }
}
