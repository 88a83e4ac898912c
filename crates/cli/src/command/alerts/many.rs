//! What is done with one alert, or with many at once, and what became of each?

use tripoint_api::path;
use tripoint_api::work::{BULK_MAX, BulkAnswer, BulkRequest, Work};
use tripoint_model::{Alert, AlertId};

use crate::context::Context;
use crate::exit::{Exit, WrongUsage};
use crate::input::each_line;
use crate::output;

/// What the words of a command name.
pub enum Named {
    /// One alert, by its id.
    One(String),
    /// Several, or those on standard input: each once, in this order.
    Many(Vec<AlertId>),
}

/// Reads `-` from standard input.
pub fn named(ids: Vec<String>) -> anyhow::Result<Named> {
    match ids.as_slice() {
        [one] if one != "-" => return Ok(Named::One(one.clone())),
        _ => {}
    }
    let mut all: Vec<String> = Vec::new();
    for id in ids {
        if id != "-" {
            all.push(id);
            continue;
        }
        each_line(|line| {
            let line = line.map_err(|why| WrongUsage(format!("standard input: {why}")))?.trim();
            all.extend((!line.is_empty()).then(|| line.to_owned()));
            Ok(())
        })?;
    }
    let mut met = std::collections::HashSet::new();
    all.retain(|id| met.insert(id.clone()));
    Ok(Named::Many(all.into_iter().map(AlertId).collect()))
}

/// Does it. What cannot be meant is told before anybody is asked.
pub fn run(context: &Context, ids: Vec<String>, work: Work) -> anyhow::Result<Exit> {
    if let Some(fault) = work.fault() {
        return Err(WrongUsage(fault).into());
    }
    match named(ids)? {
        Named::One(id) => one(context, &id, "work", &work),
        Named::Many(ids) => many(context, &ids, work),
    }
}

/// Does something with one: its last change is told.
pub fn one(context: &Context, id: &str, what: &str, body: &impl serde::Serialize) -> anyhow::Result<Exit> {
    let client = context.client()?;
    let alert: Alert = context.ask(async { Ok(client.post(&path::alert_work(id, what), body).await?) })?;
    if context.json {
        output::json(&alert)?;
    } else {
        let last = match what {
            "comment" => "commented",
            _ => alert.work.history.last().map_or("", |change| change.what.as_str()),
        };
        output::line(&format!("{}: {last}", alert.id))?;
    }
    Ok(Exit::Fine)
}

/// Does the same with each. One that is refused is named with its reason, and the others are done.
pub fn many(context: &Context, ids: &[AlertId], work: Work) -> anyhow::Result<Exit> {
    let client = context.client()?;
    let mut all = BulkAnswer::default();
    let mut broke_off = None;
    for part in ids.chunks(BULK_MAX) {
        let request = BulkRequest { ids: part.to_vec(), work: work.clone(), versions: Default::default() };
        let answer: anyhow::Result<BulkAnswer> =
            context.ask(async { Ok(client.post(path::QUEUE_WORK, &request).await?) });
        match answer {
            Ok(answer) => {
                all.done.extend(answer.done);
                all.refused.extend(answer.refused);
            }
            // What was done before is told all the same.
            Err(error) => {
                broke_off = Some(error);
                break;
            }
        }
    }
    match broke_off {
        Some(error) if all == BulkAnswer::default() => return Err(error),
        _ => tell(context, &all)?,
    }
    match broke_off {
        Some(error) => Err(error),
        None if all.refused.is_empty() => Ok(Exit::Fine),
        None if all.done.is_empty() => Ok(Exit::Failed),
        None => Ok(Exit::Partial),
    }
}

fn tell(context: &Context, all: &BulkAnswer) -> anyhow::Result<()> {
    if context.json {
        return output::json(all);
    }
    for id in &all.done {
        output::line(&format!("{id}: done"))?;
    }
    for refused in &all.refused {
        eprintln!("{}", tripoint_model::text::visible(&format!("{}: refused: {}", refused.id, refused.reason)));
    }
    if all.done.is_empty() && all.refused.is_empty() {
        eprintln!("no alerts");
    }
    Ok(())
}
