//! `tripoint release-all` without a server: what went?

use std::collections::BTreeMap;

use tripoint_agent::offline;
use tripoint_agent::place::Place;
use tripoint_api::ActionAnswer;
use tripoint_model::OutcomeState;

use super::finish;
use crate::context::{Context, now};
use crate::exit::Exit;
use crate::output;

pub fn release_all(context: &Context) -> anyhow::Result<Exit> {
    let lifted = offline::release_all(&Place::new(&context.data_dir), now())?;
    let answer = ActionAnswer { outcomes: lifted.outcomes, errors: lifted.errors, ..ActionAnswer::default() };
    if !context.json {
        let mut counts: BTreeMap<(&str, OutcomeState, bool), u64> = BTreeMap::new();
        for said in &answer.outcomes {
            *counts.entry((said.mechanism.as_str(), said.state, said.verified)).or_default() += 1;
        }
        for ((mechanism, state, verified), count) in counts {
            let blocks = output::counted(count, "block");
            let verified = if verified { ", read back from the kernel" } else { "" };
            match state {
                OutcomeState::Nothing => output::line(&format!("{blocks} wanted, in no table of the kernel any more"))?,
                _ => output::line(&format!("{blocks} of {mechanism}: {}{verified}", output::word(&state)))?,
            }
        }
        if answer.outcomes.is_empty() && answer.errors.is_empty() {
            output::line("nothing of this instance is in the kernel")?;
        }
        if !context.quiet {
            eprintln!("tripoint: no server answers: it was done without");
        }
        let told = ActionAnswer { errors: answer.errors, ..ActionAnswer::default() };
        return finish(context, &told);
    }
    finish(context, &answer)
}
