//! What would executing a plan come to, beside what stands already?

use std::collections::BTreeMap;

use tripoint_model::{ActionKind, Outcome, Plan, PlannedAction, Scope, Target, Timestamp};

use super::{NO_SUCH, Responder};
use crate::ledger::Entry;
use crate::outcome::{covers, dry_run};

type Standing = BTreeMap<(Target, Scope), Timestamp>;

impl Responder {
    /// As `dry_run`, by one who knows what stands: until when each block would hold, and what would be lifted. Nothing is
    /// touched, and the kernel is not asked.
    pub fn foretell(&self, plan: &Plan, now: Timestamp) -> Vec<Outcome> {
        let mut outcomes = dry_run(plan, now);
        let mut standing = Standing::new();
        let led = self.ledger.active(now).flat_map(Entry::through);
        for entry in self.ledger.active(now).cloned().chain(led) {
            let end = standing.entry((entry.target, entry.scope)).or_insert(entry.expires);
            *end = entry.expires.max(*end);
        }
        for (planned, outcome) in plan.plan.iter().zip(&mut outcomes) {
            outcome.detail = foretold(planned, &mut standing, now);
        }
        // A block is written down with its last end before the kernel hears of any.
        for (planned, outcome) in plan.plan.iter().zip(&mut outcomes).filter(|(planned, _)| planned.action.holds()) {
            let end = standing.get(&(planned.target.clone(), planned.scope.clone()));
            outcome.expires = Some(end.copied().unwrap_or(planned.expires));
        }
        outcomes
    }
}

/// Changes what stands as the action would, and says in words what that comes to.
fn foretold(planned: &PlannedAction, standing: &mut Standing, now: Timestamp) -> String {
    let key = (planned.target.clone(), planned.scope.clone());
    match planned.action {
        ActionKind::Block | ActionKind::Freeze | ActionKind::Isolate => {
            let before = standing.get(&key).copied().filter(|end| *end > now);
            let end = before.map_or(planned.expires, |end| end.max(planned.expires));
            standing.insert(key, end);
            let ends = format!("would end {} connections", planned.cuts.len());
            match before {
                Some(before) if before >= planned.expires => format!("{ends}; it stands until {before} already"),
                Some(_) => format!("{ends}; it stands already and would be made longer"),
                None => ends,
            }
        }
        ActionKind::Disconnect => format!("would end {} connections", planned.cuts.len()),
        ActionKind::Unblock | ActionKind::Thaw | ActionKind::Rejoin => match standing.remove(&key) {
            Some(_) => "would be lifted".to_owned(),
            None => NO_SUCH.to_owned(),
        },
        ActionKind::Allow => {
            let before = standing.len();
            standing.retain(|(target, _), _| !covers(&planned.target, target));
            format!("would lift {} blocks", before - standing.len())
        }
    }
}
