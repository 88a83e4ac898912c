//! What waits for a second person, and how does that survive a restart?

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use tripoint_api::proposal::{Proposal, ProposalState};
use tripoint_journal::kept;
use tripoint_model::{Action, Plan, Timestamp};

use crate::config::Approval;

/// Nobody said anything for so long: it is not done.
const WAITS: Duration = Duration::from_secs(15 * 60);
/// So long it is told what became of it.
const TOLD: Duration = Duration::from_secs(24 * 3600);
/// Most that wait at once; the file stays below some megabytes.
const WAITING_MAX: usize = 64;
const ACTIONS_MAX: usize = 20_000;
/// Most that are told afterwards.
const ENDED_MAX: usize = 64;

/// A proposal, and what is needed to do it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// As it is told.
    #[serde(flatten)]
    pub proposal: Proposal,
    /// What was wished for; planned anew when somebody agrees.
    pub wishes: Vec<Action>,
    /// Somebody agreed and it was not carried out yet: a crash lies between.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pending: bool,
}

/// Why somebody's word is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denied {
    /// There is none of this number, or it has ended.
    Unknown,
    /// It was theirs; the wish that stands first.
    Own(Box<Action>),
}

/// All of them, in one file that is written whole and renamed.
pub struct Proposals {
    path: PathBuf,
    kept: Vec<Kept>,
}

impl Proposals {
    /// Reads what was kept. A file that cannot be read holds nothing: what waited is not done.
    pub fn open(path: &Path) -> Self {
        let kept = read(path).unwrap_or_else(|error| {
            tracing::error!(%error, path = %path.display(), "what waited for a second person is not known any more and is not done");
            Vec::new()
        });
        Self { path: path.to_owned(), kept }
    }

    /// All, those that wait and those that have ended lately.
    pub fn all(&self) -> Vec<Proposal> {
        self.kept.iter().map(|kept| kept.proposal.clone()).collect()
    }

    /// Whether the same wish waits already.
    pub fn waits_for(&self, wish: &Action) -> bool {
        let same = |own: &Action| (&own.target, &own.scope, &own.cause) == (&wish.target, &wish.scope, &wish.cause);
        self.waiting().any(|kept| kept.wishes.iter().any(same))
    }

    fn waiting(&self) -> impl Iterator<Item = &Kept> {
        self.kept.iter().filter(|kept| kept.proposal.state == ProposalState::Waiting)
    }

    /// Has these wishes wait from now on; durable when it returns. `origin` names the request, the same on every host.
    pub fn add(
        &mut self,
        origin: &str,
        why: Approval,
        wishes: &[Action],
        plan: &Plan,
        now: Timestamp,
    ) -> Result<Proposal, String> {
        let id = number(origin);
        // An order that comes once more, as after a crash, is the same.
        if let Some(known) = self.kept.iter().find(|kept| kept.proposal.id == id) {
            return Ok(known.proposal.clone());
        }
        let (waiting, actions) =
            self.waiting().fold((1, wishes.len()), |(count, sum), kept| (count + 1, sum + kept.wishes.len()));
        if waiting > WAITING_MAX || actions > ACTIONS_MAX {
            return Err(format!(
                "{WAITING_MAX} proposals of {ACTIONS_MAX} actions in all may wait for a second person"
            ));
        }
        let proposal = Proposal {
            id,
            state: ProposalState::Waiting,
            proposed: now,
            until: now.plus(WAITS),
            requester: wishes.first().map(|wish| wish.requester.clone()).unwrap_or_default(),
            why: why.as_str().to_owned(),
            plan: plan.plan.clone(),
            refused: plan.refused.clone(),
            by: None,
            decided: None,
            reason: None,
        };
        self.kept.push(Kept { proposal: proposal.clone(), wishes: wishes.to_vec(), pending: false });
        match self.keep() {
            Ok(()) => Ok(proposal),
            Err(error) => {
                self.kept.pop();
                Err(format!("it could not be kept: {error}"))
            }
        }
    }

    /// Takes somebody's word; durable when it returns. Agreeing leaves it pending until `carried_out`.
    pub fn decide(
        &mut self,
        id: &str,
        by: &str,
        agrees: bool,
        reason: Option<String>,
        now: Timestamp,
    ) -> Result<Kept, Denied> {
        let waits = |kept: &&mut Kept| {
            kept.proposal.id == id && kept.proposal.state == ProposalState::Waiting && kept.proposal.until > now
        };
        let kept = self.kept.iter_mut().find(waits).ok_or(Denied::Unknown)?;
        // Whoever asked may take it back, but not agree.
        if agrees && kept.proposal.requester == by {
            return Err(kept.wishes.first().map_or(Denied::Unknown, |wish| Denied::Own(Box::new(wish.clone()))));
        }
        kept.proposal.state = if agrees { ProposalState::Approved } else { ProposalState::Rejected };
        kept.proposal.by = Some(by.to_owned());
        kept.proposal.decided = Some(now);
        kept.proposal.reason = reason;
        kept.pending = agrees;
        let decided = kept.clone();
        self.keep_or_say();
        Ok(decided)
    }

    /// Those that somebody agreed to before a crash.
    pub fn pending(&self) -> Vec<Kept> {
        self.kept.iter().filter(|kept| kept.pending).cloned().collect()
    }

    /// It was done.
    pub fn carried_out(&mut self, id: &str) {
        self.kept.iter_mut().filter(|kept| kept.proposal.id == id).for_each(|kept| kept.pending = false);
        self.keep_or_say();
    }

    /// Ends what nobody decided in time; gives that back. Forgets what was told long enough.
    pub fn expire(&mut self, now: Timestamp) -> Vec<Kept> {
        let mut ended = Vec::new();
        for kept in &mut self.kept {
            if kept.proposal.state == ProposalState::Waiting && kept.proposal.until <= now {
                kept.proposal.state = ProposalState::Expired;
                kept.proposal.decided = Some(now);
                ended.push(kept.clone());
            }
        }
        let before = self.kept.len();
        let is_old = |kept: &Kept| kept.proposal.decided.is_some_and(|at| now.since(at) > TOLD) && !kept.pending;
        self.kept.retain(|kept| !is_old(kept));
        let is_over = |kept: &Kept| kept.proposal.state != ProposalState::Waiting && !kept.pending;
        let mut over = self.kept.iter().filter(|kept| is_over(kept)).count();
        self.kept.retain(|kept| {
            let goes = over > ENDED_MAX && is_over(kept);
            over -= usize::from(goes);
            !goes
        });
        if !ended.is_empty() || self.kept.len() != before {
            self.keep_or_say();
        }
        ended
    }

    /// The wall clock went back: nothing waits longer for it.
    pub fn set_back(&mut self, by: Duration) {
        for kept in self.kept.iter_mut().filter(|kept| kept.proposal.state == ProposalState::Waiting) {
            kept.proposal.until = kept.proposal.until.minus(by);
        }
        self.keep_or_say();
    }

    fn keep_or_say(&self) {
        if let Err(error) = self.keep() {
            tracing::error!(%error, path = %self.path.display(), "what became of a proposal is not kept over a restart");
        }
    }

    fn keep(&self) -> std::io::Result<()> {
        kept::write_durably(&self.path, &serde_json::to_vec(&self.kept)?)
    }
}

fn read(path: &Path) -> std::io::Result<Vec<Kept>> {
    Ok(kept::read(path)?.map(|bytes| serde_json::from_slice(&bytes)).transpose()?.unwrap_or_default())
}

/// 12 hex digits of SHA-256.
fn number(origin: &str) -> String {
    Sha256::digest(origin.as_bytes()).iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use tripoint_model::{ActionKind, Scope, Terms};

    use super::*;

    fn wish(target: &str, requester: &str) -> Action {
        Action {
            kind: ActionKind::Block,
            target: target.parse().unwrap(),
            scope: Scope::Host,
            expires: at(100_000),
            reason: "c2".into(),
            requester: requester.into(),
            cause: None,
            terms: Terms::default(),
        }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn propose(proposals: &mut Proposals, origin: &str, now: i64) -> Result<Proposal, String> {
        proposals.add(origin, Approval::Bulk, &[wish("203.0.113.7", "ada")], &Plan::default(), at(now))
    }

    #[test]
    fn another_person_decides_once_and_all_is_kept_over_restarts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("proposals.json");
        let mut proposals = Proposals::open(&path);
        propose(&mut proposals, "one", 1).unwrap();
        let [first, second] = ["one", "two"].map(|origin| propose(&mut proposals, origin, 1).unwrap().id);
        assert!(proposals.waits_for(&wish("203.0.113.7", "bob")) && !proposals.waits_for(&wish("203.0.113.8", "bob")));
        let mut proposals = Proposals::open(&path);
        assert_eq!(proposals.all().len(), 2, "an order that comes twice is one");
        assert!(matches!(proposals.decide(&first, "ada", true, None, at(2)), Err(Denied::Own(_))));
        assert_eq!(proposals.decide("nobody", "bob", true, None, at(2)), Err(Denied::Unknown));
        let agreed = proposals.decide(&first, "bob", true, None, at(3)).unwrap();
        assert_eq!((agreed.proposal.by.as_deref(), agreed.proposal.decided), (Some("bob"), Some(at(3))));
        assert_eq!(proposals.decide(&first, "bob", true, None, at(4)), Err(Denied::Unknown), "once");
        // A crash before it was carried out loses nothing.
        let mut proposals = Proposals::open(&path);
        assert_eq!(proposals.pending().len(), 1);
        proposals.carried_out(&first);
        assert!(Proposals::open(&path).pending().is_empty());
        let rejected = proposals.decide(&second, "ada", false, Some("a mistake".into()), at(5)).unwrap();
        assert_eq!((rejected.proposal.state, rejected.pending), (ProposalState::Rejected, false), "one's own back");
        let states: Vec<_> = Proposals::open(&path).all().into_iter().map(|one| one.state).collect();
        assert_eq!(states, [ProposalState::Approved, ProposalState::Rejected]);
    }

    #[test]
    fn nobody_said_anything_it_ends_and_is_forgotten_later() {
        let folder = tempfile::tempdir().unwrap();
        let mut proposals = Proposals::open(&folder.path().join("proposals.json"));
        let id = propose(&mut proposals, "one", 0).unwrap().id;
        assert!(proposals.expire(at(899)).is_empty());
        assert_eq!(proposals.decide(&id, "bob", true, None, at(900)), Err(Denied::Unknown), "to the second");
        assert_eq!(proposals.expire(at(900)).len(), 1);
        assert!(proposals.expire(at(900)).is_empty(), "told once");
        assert_eq!(proposals.all()[0].state, ProposalState::Expired);
        proposals.expire(at(900 + 86_401));
        assert_eq!(proposals.all(), []);
        propose(&mut proposals, "two", 1_000).unwrap();
        proposals.set_back(Duration::from_secs(600));
        assert_eq!(proposals.expire(at(1_300)).len(), 1, "a clock that goes back lengthens nothing");
    }

    #[test]
    fn so_many_may_wait_and_a_damaged_file_does_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("proposals.json");
        let mut proposals = Proposals::open(&path);
        for origin in 0..WAITING_MAX {
            propose(&mut proposals, &origin.to_string(), 1).unwrap();
        }
        assert!(propose(&mut proposals, "more", 1).is_err());
        proposals.expire(at(10_000));
        assert!(propose(&mut proposals, "more", 10_000).is_ok());
        assert!(proposals.all().len() <= ENDED_MAX + 1);
        std::fs::write(&path, "[{").unwrap();
        assert!(Proposals::open(&path).all().is_empty());
    }
}
