//! What is in force here, by the ledger and by the kernel?

use tripoint_api::Answer;
use tripoint_api::agent::{KernelWord, StandingAction};
use tripoint_model::{Action, Exception, Terms, Timestamp};
use tripoint_responder::{Entry, Guard, Held, KernelBlock, Responder};

/// Both words of this moment; where the kernel cannot be asked, the ledger's alone and why.
pub fn answer(responder: &mut Responder, now: Timestamp) -> Answer {
    let mechanism = responder.mechanism();
    let known = |entry: Entry, kernel| StandingAction {
        id: entry.id,
        target: entry.target,
        scope: entry.scope,
        since: Some(entry.since),
        expires: entry.expires,
        requester: entry.requester,
        reason: entry.reason,
        cause: entry.cause,
        terms: entry.terms,
        mechanism: mechanism.to_owned(),
        kernel,
    };
    match responder.compare(now) {
        Ok(compared) => {
            let word = |held| match held {
                Held::Yes => KernelWord::Held,
                Held::Missing => KernelWord::Missing,
                Held::Until(_) => KernelWord::OtherExpiry,
            };
            let mut standing: Vec<_> =
                compared.wanted.into_iter().map(|(entry, held)| known(entry, word(held))).collect();
            standing.extend(compared.strays.into_iter().map(|block| stray(block, mechanism)));
            Answer { standing, ..Answer::default() }
        }
        Err(error) => {
            let standing = responder.active(now).into_iter().map(|entry| known(entry, KernelWord::Unread)).collect();
            Answer { standing, error: Some(format!("the kernel could not be read: {error}")), ..Answer::default() }
        }
    }
}

/// What is in force here and would not stay beside this exception.
pub fn excepted(responder: &mut Responder, guard: &Guard, exception: &Exception, now: Timestamp) -> Answer {
    let mut all = answer(responder, now);
    all.standing.retain(|one| {
        let action = Action {
            kind: one.target.holding(),
            target: one.target.clone(),
            scope: one.scope.clone(),
            expires: one.expires,
            reason: one.reason.clone(),
            requester: one.requester.clone(),
            cause: one.cause.clone(),
            terms: one.terms.clone(),
        };
        guard.excepts(exception, &action, now)
    });
    all
}

fn stray(block: KernelBlock, mechanism: &str) -> StandingAction {
    StandingAction {
        id: String::new(),
        target: block.target,
        scope: block.scope,
        since: None,
        expires: block.expires,
        requester: String::new(),
        reason: String::new(),
        cause: None,
        terms: Terms::default(),
        mechanism: mechanism.to_owned(),
        kernel: KernelWord::Stray,
    }
}
