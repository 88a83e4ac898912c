//! What has changed for a bouncer since it last asked?

use serde::Serialize;

use tripoint_model::Timestamp;

use super::Shown;
use super::filter::Filter;
use super::way::{Cover, Way};
use crate::store::{Decision, Sent};

/// The answer, as the LAPI writes it: what is empty is `null`.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "DecisionChanges"))]
pub(crate) struct Changes {
    pub(crate) new: Option<Vec<Shown>>,
    pub(crate) deleted: Option<Vec<Shown>>,
}

impl Changes {
    /// How much it is.
    pub(crate) fn count(&self) -> Sent {
        let count = |list: &Option<Vec<Shown>>| list.as_ref().map_or(0, |list| list.len() as u64);
        Sent { new: count(&self.new), deleted: count(&self.deleted) }
    }
}

/// Who asks for what.
pub(crate) struct Question<'a> {
    /// Whether it holds nothing yet.
    pub(crate) is_startup: bool,
    pub(crate) filter: &'a Filter,
    pub(crate) way: Way,
    /// All that is in force, for a bouncer that holds addresses only.
    pub(crate) cover: Option<&'a Cover>,
    pub(crate) now: Timestamp,
}

impl Question<'_> {
    /// The answer of as many of these changes as go into one, and the number of the last of them: what did not go in
    /// comes with the next question.
    pub(crate) fn answer(&self, rows: &[Decision]) -> (Changes, Option<u64>) {
        let (mut new, mut deleted) = (Vec::new(), Vec::new());
        let mut last = None;
        for decision in rows {
            if new.len() + deleted.len() >= ENTRIES_MAX {
                break;
            }
            last = Some(decision.changed);
            // What ended a moment ago is told as over when its end has become a change.
            let is_over = decision.in_force && decision.expires <= self.now;
            let is_known = decision.in_force || !self.is_startup;
            if is_known && !is_over && self.filter.takes(decision) {
                self.tell(decision, &mut new, &mut deleted);
            }
        }
        let some = |list: Vec<Shown>| (!list.is_empty()).then_some(list);
        (Changes { new: some(new), deleted: some(deleted) }, last)
    }

    fn tell(&self, decision: &Decision, new: &mut Vec<Shown>, deleted: &mut Vec<Shown>) {
        for part in self.way.parts(decision.net) {
            let until = self.cover.and_then(|cover| cover.until(part.addr()));
            let over = || Shown::new(&Decision { in_force: false, ..decision.clone() }, part, self.now, self.now);
            match (decision.in_force, until) {
                (true, _) => {
                    if self.cover.is_some() && !self.is_startup {
                        deleted.push(over());
                    }
                    new.push(Shown::new(decision, part, until.unwrap_or(decision.expires), self.now));
                }
                (false, None) => deleted.push(over()),
                // Something else still holds it, perhaps until another moment.
                (false, Some(until)) => {
                    deleted.push(over());
                    new.push(Shown::new(&Decision { in_force: true, ..decision.clone() }, part, until, self.now));
                }
            }
        }
    }
}

/// Entries after which an answer ends: some ten megabytes.
const ENTRIES_MAX: usize = 50_000;
