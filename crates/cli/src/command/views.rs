//! `tripoint views`: which searches are kept?

use serde_json::json;
use tripoint_api::path;
use tripoint_api::views::{OwnedView, View, ViewList};

use super::alerts::{listed::readable, word};
use crate::arguments::Views;
use crate::context::Context;
use crate::exit::Exit;
use crate::output;

pub fn run(context: &Context, command: Views) -> anyhow::Result<Exit> {
    match command {
        Views::List => list(context)?,
        Views::Keep { name, filter, sort, shared } => {
            readable(&filter)?;
            let view = View { name, filter, sort: word(&sort, "order")?, shared };
            let client = context.client()?;
            let kept: OwnedView = context.ask(async { Ok(client.post(path::VIEWS, &view).await?) })?;
            if context.json {
                output::json(&kept)?;
            } else {
                output::line(&format!("view {} kept", kept.view.name))?;
            }
        }
        Views::Drop { name } => {
            let client = context.client()?;
            context.ask(async { Ok(client.delete(&path::view(&name)).await?) })?;
            if context.json {
                output::json(&json!({ "removed": name }))?;
            } else {
                output::line(&format!("view {name} dropped"))?;
            }
        }
    }
    Ok(Exit::Fine)
}

fn list(context: &Context) -> anyhow::Result<()> {
    let client = context.client()?;
    let list: ViewList = context.ask(async { Ok(client.get(path::VIEWS).await?) })?;
    if context.json {
        return output::json(&list);
    }
    if list.views.is_empty() {
        eprintln!("no views");
        return Ok(());
    }
    let row = |one: &OwnedView| {
        let shared = if one.view.shared { "yes" } else { "no" };
        let sort = one.view.sort.as_str().to_owned();
        vec![one.view.name.clone(), one.owner.clone(), shared.to_owned(), sort, one.view.filter.clone()]
    };
    output::table(&["NAME", "OWNER", "SHARED", "SORT", "FILTER"], list.views.iter().map(row).collect())
}
