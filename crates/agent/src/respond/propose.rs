//! What becomes of a block that policy proposes: done, done more widely, or only told?

use std::net::IpAddr;
use std::sync::Arc;

use tripoint_model::{
    Action, ActionKind, AlertId, Connection, Cut, Observable, Outcome, OutcomeState, Plan, Scope, Terms, Timestamp,
};
use tripoint_responder::guard::POLICY;
use tripoint_responder::{Entry, dry_run, plan};

use super::probe::Probe;
use super::{PROTECTED_AGE, Place, Respond, cut, now};
use crate::config::{Approval, Policy, Reach};

/// A peer that policy would cut off.
pub struct Proposal {
    /// The entry of the configuration that wants it.
    pub policy: Policy,
    /// The alert that causes it.
    pub alert: AlertId,
    /// Key of the alert's application.
    pub application: String,
    /// The peer.
    pub peer: IpAddr,
    /// Until when.
    pub until: Timestamp,
    /// Why.
    pub reason: String,
    /// Connections known to be open with it.
    pub open: Vec<Arc<Connection>>,
    /// Its place among those that wait.
    pub place: Place,
}

impl Proposal {
    pub(crate) fn action(&self, scope: Scope) -> Action {
        Action {
            kind: ActionKind::Block,
            target: Observable::Address(self.peer).into(),
            scope,
            expires: self.until,
            reason: self.reason.clone(),
            requester: POLICY.to_owned(),
            cause: Some(self.alert.clone()),
            terms: Terms::default(),
        }
    }

    pub(crate) fn scope(&self) -> Scope {
        match self.policy.scope {
            Reach::Host => Scope::Host,
            Reach::Application => Scope::Application(self.application.clone()),
        }
    }
}

impl Respond {
    pub(super) fn propose(&mut self, proposal: &Proposal) {
        if !self.exceptions_known {
            tracing::warn!(peer = %proposal.peer, "policy waits until the exceptions in force are known");
            return;
        }
        if let Some(until) = self.quarantine.holds(proposal.peer, now()) {
            tracing::info!(peer = %proposal.peer, %until, "policy leaves a peer alone whose block was rolled back");
            return;
        }
        let acts = proposal.policy.rollout.acts_on(proposal.peer);
        if acts && self.response.approval.contains(&Approval::Policy) {
            let action = proposal.action(proposal.scope());
            return self.ask_about(proposal, Approval::Policy, &action);
        }
        // What does not work before cannot tell whether the block is to blame.
        let probe = self.probe.clone().filter(|probe| acts && probe.works());
        self.carry_out(proposal);
        if let Some(probe) = probe.filter(|probe| !probe.still_works()) {
            self.roll_back(proposal, &probe);
        }
    }

    fn carry_out(&mut self, proposal: &Proposal) {
        let (plan, outcomes) = self.attempt(proposal, proposal.scope());
        let failed = outcomes.iter().any(|outcome| outcome.state == OutcomeState::Failed);
        self.tell(&plan, &outcomes);
        if failed && proposal.policy.scope == Reach::Application && proposal.policy.widen {
            tracing::warn!(peer = %proposal.peer, application = proposal.application, policy = proposal.policy.name, "the application alone could not be refused the peer; the host is");
            let (plan, outcomes) = self.attempt(proposal, Scope::Host);
            self.tell(&plan, &outcomes);
        }
    }

    /// Has what policy wants wait for a person, unless it waits already.
    fn ask_about(&mut self, proposal: &Proposal, why: Approval, action: &Action) {
        if self.proposals.waits_for(action) {
            return;
        }
        let moment = now();
        self.prepare(moment, PROTECTED_AGE);
        // As it will be when a person has agreed: the caps of what nobody was asked about do not count then.
        let terms = Terms { approver: Some(String::new()), ..Terms::default() };
        let live: Vec<Cut> = proposal.open.iter().map(|connection| cut(connection)).collect();
        let mut plan = plan(&[Action { terms, ..action.clone() }], &self.guard, &live, moment);
        plan.plan.iter_mut().for_each(|planned| planned.terms.approver = None);
        for refusal in &plan.refused {
            self.tell_refused(action.cause.clone(), refusal);
        }
        if !plan.plan.is_empty() {
            let origin = format!("{} {} {}", proposal.alert.0, proposal.peer, moment.0);
            let answer = self.wait(&origin, why, std::slice::from_ref(action), &plan, moment);
            for refusal in answer.refused {
                self.tell_refused(action.cause.clone(), &refusal);
            }
        }
    }

    /// Lifts what the proposal has led to, and leaves the peer alone for a day.
    fn roll_back(&mut self, proposal: &Proposal, probe: &Probe) {
        let moment = now();
        let ours = |entry: &Entry| {
            entry.cause.as_ref() == Some(&proposal.alert)
                && entry.requester == POLICY
                && entry.target == Observable::Address(proposal.peer).into()
        };
        let blocks: Vec<Entry> = self.responder.active(moment).into_iter().filter(ours).collect();
        let lifts: Vec<Action> = blocks
            .iter()
            .map(|block| Action { kind: ActionKind::Unblock, expires: moment, ..proposal.action(block.scope.clone()) })
            .collect();
        if lifts.is_empty() {
            return;
        }
        let until = self.quarantine.add(proposal.peer, moment);
        tracing::error!(peer = %proposal.peer, policy = proposal.policy.name, %probe, %until, "the probe failed behind the block; it is rolled back");
        let outcomes = self.responder.execute(&plan(&lifts, &self.guard, &[], moment), now());
        self.tell_ended();
        // Told under the block's own id, so that the alert shows what became of it and why.
        for (block, lifted) in blocks.iter().zip(outcomes) {
            let state = lifted.state;
            let detail = format!(
                "rolled back: {probe} worked before and fails behind it; policy blocks it no more until {until}"
            );
            let said = Outcome { id: block.id.clone(), action: ActionKind::Block, detail, ..lifted };
            tracing::info!(target = %said.target, ?state, verified = said.verified, "rolled back");
            self.say(block.cause.clone(), said);
        }
    }

    fn attempt(&mut self, proposal: &Proposal, scope: Scope) -> (Plan, Vec<Outcome>) {
        let moment = now();
        self.prepare(moment, PROTECTED_AGE);
        // What detection knows is enough and at hand; listing every namespace would cost the peer time.
        let live: Vec<Cut> = proposal.open.iter().map(|connection| cut(connection)).collect();
        let plan = plan(&[proposal.action(scope.clone())], &self.guard, &live, moment);
        for refusal in &plan.refused {
            tracing::warn!(target = %refusal.target, policy = proposal.policy.name, rule = refusal.rule, reason = refusal.reason, "policy was refused an action");
            self.tell_refused(Some(proposal.alert.clone()), refusal);
        }
        let capped = plan.refused.iter().any(|refusal| CAPS.contains(&refusal.rule.as_str()));
        if capped && self.response.approval.contains(&Approval::Caps) && proposal.policy.rollout.acts_on(proposal.peer)
        {
            self.ask_about(proposal, Approval::Caps, &proposal.action(scope));
            return (plan, Vec::new());
        }
        let outcomes = if proposal.policy.rollout.acts_on(proposal.peer) {
            self.responder.execute(&plan, now())
        } else {
            dry_run(&plan, moment).into_iter().map(|outcome| would_have(outcome, &proposal.policy)).collect()
        };
        (plan, outcomes)
    }
}

/// What stops policy because of how much it does already; a person may want it all the same.
const CAPS: [&str; 3] = ["blast-radius", "cap-rate", "cap-number"];

/// What the policy leaves to itself for now. One line for each peer, however often it is proposed.
fn would_have(outcome: Outcome, policy: &Policy) -> Outcome {
    Outcome {
        id: format!("{} would have blocked {}", policy.name, outcome.target),
        detail: format!("policy {} would have blocked (rollout {}); {}", policy.name, policy.rollout, outcome.detail),
        ..outcome
    }
}

#[cfg(test)]
#[path = "propose_tests.rs"]
mod tests;
