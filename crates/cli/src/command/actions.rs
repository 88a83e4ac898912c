//! `tripoint actions`: what is in force, and does the kernel hold what the ledger says?

use tripoint_api::agent::{KernelWord, StandingAction};
use tripoint_api::people::{HostAction, Ruling, StandingList};
use tripoint_api::{ProposalState, path};
use tripoint_model::Scope;

use super::act::{finish, told};
use crate::context::Context;
use crate::exit::Exit;
use crate::output;

/// Lists every block; with `verify` a difference between ledger and kernel is a failure.
pub fn list(context: &Context, verify: bool) -> anyhow::Result<Exit> {
    let client = context.client()?;
    let list: StandingList = context.ask(async { Ok(client.get(path::ACTIONS).await?) })?;
    let differ = list.actions.iter().filter(|one| one.action.kernel != KernelWord::Held).count();
    if context.json {
        output::json(&list)?;
    } else {
        let head = ["HOST", "TARGET", "SCOPE", "UNTIL", "BY", "MECHANISM", "KERNEL", "REASON"];
        match list.actions.is_empty() {
            true => output::line("nothing is blocked")?,
            false => output::table(&head, list.actions.iter().map(row).collect())?,
        }
        for one in &list.proposed {
            output::line(&format!("{}: {}", one.host, told::waits(&one.proposal)))?;
            if one.proposal.state == ProposalState::Waiting {
                told::plan(&one.proposal.plan, &one.proposal.refused)?;
            }
        }
        list.errors.iter().try_for_each(|error| output::line(&format!("failed: {error}")))?;
        if verify {
            let (all, hosts) = (list.actions.len() as u64, list.hosts.len() as u64);
            let all = format!("{} on {}", output::counted(all, "block"), output::counted(hosts, "host"));
            output::line(&match differ {
                0 => format!("{all}: ledger and kernel agree"),
                _ => format!("{all}: {differ} differ between ledger and kernel"),
            })?;
        }
    }
    Ok(if !list.errors.is_empty() || (verify && differ > 0) { Exit::Failed } else { Exit::Fine })
}

/// Agrees to what somebody else proposed.
pub fn approve(context: &Context, id: &str) -> anyhow::Result<Exit> {
    let client = context.client()?;
    let answer = context.ask(async { Ok(client.post(&path::action(id, "approve"), &serde_json::json!({})).await?) })?;
    finish(context, &answer)
}

/// Rejects what was proposed.
pub fn reject(context: &Context, id: &str, reason: Option<String>) -> anyhow::Result<Exit> {
    let client = context.client()?;
    let ruling = Ruling { reason, consent: None };
    let answer = context.ask(async { Ok(client.post(&path::action(id, "reject"), &ruling).await?) })?;
    finish(context, &answer)
}

/// The target, and the name that led to it.
fn whom(action: &StandingAction) -> String {
    match &action.terms.via {
        Some(via) => format!("{} via {}", action.target, via.name),
        None => action.target.to_string(),
    }
}

fn row(one: &HostAction) -> Vec<String> {
    let action = &one.action;
    let scope = match &action.scope {
        Scope::Host => "host".to_owned(),
        Scope::Application(key) => key.clone(),
        Scope::Connection(id) => format!("connection {}", id.cookie),
    };
    vec![
        one.host.clone(),
        whom(action),
        scope,
        match action.terms.confirmed_until {
            Some(_) => format!("{} (confirm {})", output::time(action.expires), action.id),
            None => output::time(action.expires),
        },
        action.requester.clone(),
        action.mechanism.clone(),
        output::word(&action.kernel),
        action.reason.clone(),
    ]
}
