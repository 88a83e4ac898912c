//! What does policy do unasked, in enforce mode: refuse ahead, and propose blocks?

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tripoint_model::{
    Action, ActionKind, Alert, AlertId, Connection, Exception, Observable, Outcome, OutcomeState, Scope, Target, Terms,
    Timestamp,
};
use tripoint_responder::Guard;
use tripoint_responder::guard::POLICY;

use super::{Detector, now};
use crate::respond::Ask;
use crate::wanted::{PROPOSE_AGAIN, peers, proposal, wanted};
use crate::{config, protected};

/// Alerts whose proposals may be postponed: a name of sixteen letters each.
const POSTPONED_MAX: usize = 20_000;

impl Detector {
    /// Refuses vulnerable applications the surest peers ahead. What the guard protects and what an exception
    /// allows is never among them.
    pub(super) fn enforce(&mut self) {
        let (Some(set), Some(index)) = (&mut self.set, &self.index) else { return };
        if !self.policy.refuses_ahead() {
            return;
        }
        let moment = now();
        let guard = Guard {
            protected: protected::compute(&[]),
            permit_ranges: self.permit_ranges.clone(),
            exceptions: self.exceptions.clone(),
            host: self.host.clone(),
            names: Some(self.doors.shared.reached.clone()),
            ..Guard::default()
        };
        let allowed = |address: &IpAddr| {
            // Whoever is refused ahead is refused to every vulnerable application: an exception for one frees all.
            let excepted = |exception: &Exception| {
                let target = exception.target.as_ref().or(exception.indicator.as_ref());
                exception.holds_at(moment)
                    && exception.is_for_host(&self.host)
                    && target.is_none_or(|t| t.matches(*address, 0) || t.port().is_some())
            };
            let block = Action {
                kind: ActionKind::Block,
                target: Observable::Address(*address).into(),
                scope: Scope::Host,
                expires: moment.plus(self.policy.block_for),
                reason: String::new(),
                requester: POLICY.to_owned(),
                cause: None,
                terms: Terms::default(),
            };
            !self.exceptions.iter().any(excepted) && guard.check(&block, moment).is_ok()
        };
        let fresh = is_fresh(index.built(), self.policy.content_max_age, moment);
        // What was refused ahead is let go with the indicators that it rests on.
        let listed = if fresh { index.enforceable(self.policy.min_confidence, moment) } else { Vec::new() };
        match set.enforce(listed.into_iter().filter(allowed)) {
            Ok(count) => tracing::info!(count, "single addresses refused to vulnerable applications ahead"),
            Err(error) => tracing::error!(%error, "enforcement is incomplete"),
        }
        self.enforced_at = Some(Instant::now());
    }

    /// In enforce mode: what policy allows to be done about each peer of the alert. A refused proposal is made
    /// again after a while, one that was carried out when its block has ended.
    pub(super) fn propose(&mut self, alert: &Alert, moment: Timestamp) {
        let may = self.policy.mode == config::Mode::Enforce
            && self.index.as_ref().is_some_and(|index| is_fresh(index.built(), self.policy.content_max_age, moment));
        if !may {
            return;
        }
        let Some(policy) = wanted(&self.policy, alert, moment) else { return };
        for peer in peers(alert) {
            let key = (alert.id.clone(), peer);
            if self.proposed.get(&key).is_some_and(|again| *again > moment) {
                continue;
            }
            let Some(place) = self.waiting.place() else {
                self.postpone(&alert.id);
                return;
            };
            self.proposed.insert(key, moment.plus(PROPOSE_AGAIN));
            let open = |c: &&Arc<Connection>| c.remote.ip() == peer && c.state.is_open();
            let open = alert.connections.iter().filter(open).cloned().collect();
            let proposal = proposal(&self.policy, &policy, alert, (peer, open), moment, place);
            let _ = self.doors.actions.send(Ask::Policy(Box::new(proposal)));
        }
    }

    /// Too many proposals wait already: this alert's turn comes later.
    fn postpone(&mut self, alert: &AlertId) {
        if self.postponed.len() < POSTPONED_MAX {
            self.postponed.insert(alert.clone());
        } else if !self.postponed.contains(alert) {
            tracing::error!(alert = alert.0, "policy does nothing about this alert: too many wait");
        }
    }

    /// Proposes what had no place before.
    pub(super) fn propose_postponed(&mut self, moment: Timestamp) {
        let postponed = std::mem::take(&mut self.postponed);
        if postponed.is_empty() {
            return;
        }
        tracing::warn!(alerts = postponed.len(), "policy is behind; what waited is proposed now");
        let alerts = self.correlator.alerts();
        for alert in alerts.iter().filter(|alert| postponed.contains(&alert.id)) {
            self.propose(alert, moment);
        }
    }

    /// A block holds: nothing more is proposed about its peer before it ends.
    pub(super) fn carried_out(&mut self, cause: Option<&AlertId>, outcome: &Outcome) {
        let applied = outcome.action == ActionKind::Block && outcome.state == OutcomeState::Applied;
        let (Some(alert), Target::Peer(Observable::Address(peer)), true) = (cause, &outcome.target, applied) else {
            return;
        };
        let until = outcome.expires.unwrap_or_else(|| outcome.at.plus(self.policy.block_for));
        self.proposed.insert((alert.clone(), *peer), until);
    }
}

/// Whether indicators are young enough to act on: who keeps new ones from us must not choose whom we cut off.
fn is_fresh(built: Timestamp, age_max: Duration, moment: Timestamp) -> bool {
    moment.since(built) <= age_max
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Promise C2, freeze: content that is not renewed loses its say over what is done unasked.
    #[test]
    fn c2_old_content_acts_no_longer() {
        let week = Duration::from_secs(7 * 86_400);
        let built = Timestamp::from_seconds(1_000);
        for (seconds, fresh) in [(0, true), (604_800, true), (604_801, false), (900_000_000, false)] {
            assert_eq!(is_fresh(built, week, Timestamp::from_seconds(1_000 + seconds)), fresh, "{seconds}");
        }
        // A clock that went back makes nothing old.
        assert!(is_fresh(built, week, Timestamp::from_seconds(0)));
    }
}
