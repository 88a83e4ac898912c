//! May rules of the guard be set aside for this order, and is what set them aside confirmed?

use std::time::Duration;

use tripoint_api::agent::Answer;
use tripoint_model::{Action, ActionKind, Refusal, Target, Terms};

use super::{PROTECTED_AGE, Respond, now};
use crate::consent::{self, Wanted};

impl Respond {
    /// The wishes of an order as this host takes them. Terms that the server sends count for nothing: it is root of
    /// this host who sets rules aside.
    pub(super) fn under_consent(&self, wishes: Vec<Action>, consent: Option<&str>) -> Result<Vec<Action>, Refusal> {
        let plain = wishes.into_iter().map(|wish| Action { terms: Terms::default(), ..wish });
        let Some(number) = consent else { return Ok(plain.collect()) };
        let wishes: Vec<Action> = plain.collect();
        let no = |wish: Option<&Action>, reason: String| Refusal {
            action: wish.map_or(ActionKind::Block, |wish| wish.kind),
            target: wish.map_or(Target::Host, |wish| wish.target.clone()),
            rule: "override".into(),
            reason,
        };
        let wanted = consent::take(&self.data, number, now()).map_err(|why| no(wishes.first(), why))?;
        let Wanted::Override { targets, rules, confirm_within_s, hold_s } = wanted else {
            return Err(no(wishes.first(), "root consented to something else".into()));
        };
        if let Some(other) = wishes.iter().find(|wish| !targets.contains(&wish.target)) {
            return Err(no(Some(other), "root did not consent to this target".into()));
        }
        let terms = Terms { overrides: rules, confirm_within_s: Some(confirm_within_s), ..Terms::default() };
        let longest = now().plus(Duration::from_secs(hold_s));
        let under = |wish: Action| Action { terms: terms.clone(), expires: wish.expires.min(longest), ..wish };
        Ok(wishes.into_iter().map(under).collect())
    }

    /// Lets a block that sets rules aside hold until its time.
    pub(super) fn confirm(&mut self, id: &str, by: &str, consent: &str) -> Answer {
        let failed = |error: String| Answer { error: Some(error), ..Answer::default() };
        match consent::take(&self.data, consent, now()) {
            Ok(Wanted::Confirm { id: wanted }) if wanted == id => {}
            Ok(_) => return failed("root consented to something else".into()),
            Err(why) => return failed(why),
        }
        self.prepare(now(), PROTECTED_AGE);
        match self.responder.confirm(id, &self.guard, now()) {
            None => failed(format!("nothing called {id} waits to be confirmed; it may have ended")),
            Some(Err(refusal)) => Answer { refused: vec![refusal], ..Answer::default() },
            Some(Ok(mut outcome)) => {
                tracing::warn!(target = %outcome.target, by, "confirmed in spite of the guard");
                outcome.detail = format!("confirmed by {by}; {}", outcome.detail);
                let cause = self.responder.active(now()).into_iter().find(|entry| entry.id == id);
                self.say(cause.and_then(|entry| entry.cause), outcome.clone());
                self.note(id, "confirmed", format!("{} by {by}", outcome.target));
                Answer { outcomes: vec![outcome], ..Answer::default() }
            }
        }
    }
}
