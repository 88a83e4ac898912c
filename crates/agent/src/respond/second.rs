//! What becomes of actions that a second person has to agree to?

use tripoint_api::agent::Answer;
use tripoint_api::proposal::Proposal as Told;
use tripoint_model::{
    Action, ActionKind, Observable, Outcome, OutcomeState, Plan, PlannedAction, Refusal, Target, Terms, Timestamp,
};
use tripoint_responder::guard::POLICY;

use super::proposals::{Denied, Kept};
use super::{Respond, now};
use crate::config::Approval;
use crate::detect::Wake;

impl Respond {
    /// Has the wishes wait instead of doing them. Of what the guard refuses nothing waits.
    pub(super) fn wait(
        &mut self,
        origin: &str,
        why: Approval,
        wishes: &[Action],
        plan: &Plan,
        moment: Timestamp,
    ) -> Answer {
        let mut answer = Answer { plan: plan.plan.clone(), refused: plan.refused.clone(), ..Answer::default() };
        match self.proposals.add(origin, why, wishes, plan, moment) {
            Ok(told) => {
                tracing::info!(
                    id = told.id,
                    why = told.why,
                    requester = told.requester,
                    "actions wait for a second person"
                );
                self.note(
                    &told.id,
                    "proposed",
                    format!("{}; asked by {}, waits because of {}", summary(&told.plan), told.requester, told.why),
                );
                let detail =
                    format!("waits until {} for a second person: tripoint actions approve {}", told.until, told.id);
                answer.outcomes = self.tell_of(&told, OutcomeState::Proposed, &detail);
                answer.proposed = vec![told];
            }
            Err(reason) => {
                let of = |wish: &Action| Refusal {
                    action: wish.kind,
                    target: wish.target.clone(),
                    rule: "second-person".into(),
                    reason: reason.clone(),
                };
                answer.plan.clear();
                answer.refused.extend(wishes.iter().map(of));
            }
        }
        answer
    }

    /// Somebody agrees: planned and guarded anew, then done.
    pub(super) fn approve(&mut self, id: &str, by: &str) -> Answer {
        match self.proposals.decide(id, by, true, None, now()) {
            Ok(kept) => self.carry_out_agreed(&kept),
            Err(denied) => denied_answer(id, by, denied),
        }
    }

    /// Does what somebody agreed to. May be repeated: after a crash it is.
    pub(super) fn carry_out_agreed(&mut self, kept: &Kept) -> Answer {
        let by = kept.proposal.by.clone().unwrap_or_default();
        let agreed = |wish: &Action| {
            let terms = Terms { approver: Some(by.clone()), ..wish.terms.clone() };
            Action { terms, ..wish.clone() }
        };
        let wishes: Vec<Action> = kept.wishes.iter().map(agreed).collect();
        let plan = self.planned(&wishes, now());
        self.note(
            &kept.proposal.id,
            "approved",
            format!("{}; asked by {}, approved by {by}", summary(&plan.plan), kept.proposal.requester),
        );
        for refusal in &plan.refused {
            let cause =
                kept.wishes.iter().find(|wish| wish.target == refusal.target).and_then(|wish| wish.cause.clone());
            self.tell_refused(cause, refusal);
        }
        let mut outcomes = self.responder.execute(&plan, now());
        for outcome in &mut outcomes {
            outcome.detail = format!("approved by {by}; {}", outcome.detail);
        }
        self.tell(&plan, &outcomes);
        self.proposals.carried_out(&kept.proposal.id);
        Answer { plan: plan.plan, refused: plan.refused, outcomes, ..Answer::default() }
    }

    /// Somebody does not agree, or takes it back.
    pub(super) fn reject(&mut self, id: &str, by: &str, reason: Option<String>) -> Answer {
        let kept = match self.proposals.decide(id, by, false, reason.clone(), now()) {
            Ok(kept) => kept,
            Err(denied) => return denied_answer(id, by, denied),
        };
        let why = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
        let detail = format!("rejected by {by}{why}");
        tracing::info!(id, by, "what waited for a second person was rejected");
        self.note(
            id,
            "rejected",
            format!("{}; asked by {}, {detail}", summary(&kept.proposal.plan), kept.proposal.requester),
        );
        let outcomes = self.tell_of(&kept.proposal, OutcomeState::Nothing, &detail);
        // Policy does not ask about the same peer again at once.
        for wish in kept.wishes.iter().filter(|wish| wish.requester == POLICY) {
            if let Target::Peer(Observable::Address(peer)) = &wish.target {
                self.quarantine.add(*peer, now());
            }
        }
        Answer { outcomes, proposed: vec![kept.proposal], ..Answer::default() }
    }

    /// Tells what nobody decided in time: it is not done.
    pub(super) fn expire_proposals(&mut self) {
        for kept in self.proposals.expire(now()) {
            let detail = "not done: nobody agreed in time";
            tracing::warn!(
                id = kept.proposal.id,
                requester = kept.proposal.requester,
                "what waited for a second person has ended"
            );
            self.note(
                &kept.proposal.id,
                "expired",
                format!("{}; asked by {}, {detail}", summary(&kept.proposal.plan), kept.proposal.requester),
            );
            self.tell_of(&kept.proposal, OutcomeState::Nothing, detail);
        }
    }

    /// Does what was agreed to before a crash.
    pub(super) fn resume_agreed(&mut self) {
        for kept in self.proposals.pending() {
            tracing::info!(id = kept.proposal.id, "done now: it was agreed to before the agent ended");
            self.carry_out_agreed(&kept);
        }
    }

    /// The guard's word, for the alert that caused the wish; policy repeats itself, this does not.
    pub(super) fn tell_refused(&mut self, cause: Option<tripoint_model::AlertId>, refusal: &Refusal) {
        let Some(alert) = cause else { return };
        let key = (alert.clone(), refusal.target.clone());
        if self.refused.get(&key) == Some(&refusal.rule) {
            return;
        }
        if self.refused.len() >= REFUSED_MAX {
            self.refused.clear();
        }
        self.refused.insert(key, refusal.rule.clone());
        // Behind the alert itself, which detection may be about to report.
        let _ = self.detector.send(Wake::Refused(alert, refusal.clone()));
    }

    fn tell_of(&self, told: &Told, state: OutcomeState, detail: &str) -> Vec<Outcome> {
        let of = |planned: &PlannedAction| Outcome {
            id: planned.id.clone(),
            action: planned.action,
            target: planned.target.clone(),
            scope: planned.scope.clone(),
            mechanism: self.responder.mechanism().to_owned(),
            state,
            verified: false,
            detail: detail.to_owned(),
            at: now(),
            expires: None,
        };
        let outcomes: Vec<Outcome> = told.plan.iter().map(of).collect();
        for (planned, outcome) in told.plan.iter().zip(&outcomes).filter(|(planned, _)| planned.cause.is_some()) {
            self.say(planned.cause.clone(), outcome.clone());
        }
        outcomes
    }
}

/// Refusals that are remembered as told.
const REFUSED_MAX: usize = 10_000;

fn denied_answer(id: &str, by: &str, denied: Denied) -> Answer {
    match denied {
        Denied::Unknown => Answer {
            error: Some(format!("nothing called {id} waits for a second person; it may have ended")),
            ..Answer::default()
        },
        Denied::Own(wish) => {
            let (action, target) = (wish.kind, wish.target);
            let reason = format!("{by} asked for it: another person has to agree");
            Answer {
                refused: vec![Refusal { action, target, rule: "second-person".into(), reason }],
                ..Answer::default()
            }
        }
    }
}

/// The plan in a line.
fn summary(plan: &[PlannedAction]) -> String {
    let first = plan.first().map(|planned| (planned.action, planned.target.to_string()));
    let (action, target) = first.unwrap_or((ActionKind::Block, "nothing".into()));
    match plan.len() {
        0 | 1 => format!("{} {target}", action.as_str()),
        more => format!("{} {target} and {} more", action.as_str(), more - 1),
    }
}
