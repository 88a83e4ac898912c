//! Which lines of the queue does a search take, in which order?

use std::time::SystemTime;

use tripoint_api::filter::parse;
use tripoint_api::path;
use tripoint_api::queue::{ALERT_FIELDS, AlertSummary, QUEUE_MAX, QueuePage, QueueQuery, Sort};
use tripoint_api::views::{OwnedView, ViewList};
use tripoint_model::{Alert, Timestamp};

use super::HEADS;
use crate::context::Context;
use crate::exit::{Exit, WrongUsage};
use crate::output;

/// What a filter takes. In JSON whole alerts, as without a filter.
pub fn searched(context: &Context, filter: String, sort: Option<Sort>) -> anyhow::Result<Exit> {
    readable(&filter)?;
    let client = context.client()?;
    let filter = Some(filter).filter(|text| !text.is_empty());
    let mut query = QueueQuery { filter, sort, limit: Some(QUEUE_MAX), ..QueueQuery::default() };
    let (rows, alerts) = context.ask(async {
        let (mut rows, mut alerts) = (Vec::new(), Vec::new());
        loop {
            let page: QueuePage = client.get(&format!("{}{}", path::QUEUE, query.to_query())).await?;
            if context.json {
                for row in &page.rows {
                    alerts.push(client.get::<Alert>(&path::alert(&row.id.0)).await?);
                }
            }
            rows.extend(page.rows);
            match page.next {
                Some(next) => query.after = Some(next),
                None => return Ok((rows, alerts)),
            }
        }
    })?;
    if context.json {
        output::json(&alerts)?;
        return Ok(Exit::Fine);
    }
    if rows.is_empty() {
        eprintln!("no alerts");
        return Ok(Exit::Fine);
    }
    let row = |row: &AlertSummary| {
        let severity = format!("{} {}", row.level, row.score);
        vec![row.id.to_string(), severity, output::word(&row.status), output::time(row.last_seen), row.title.clone()]
    };
    output::table(&HEADS[..5], rows.iter().map(row).collect())?;
    Ok(Exit::Fine)
}

/// What is wrong with a filter is told here, with the place, before anybody is asked.
pub fn readable(filter: &str) -> anyhow::Result<()> {
    match parse(filter, ALERT_FIELDS, Timestamp::from_system(SystemTime::now())) {
        Ok(_) => Ok(()),
        Err(error) => {
            let usage = WrongUsage("the filter cannot be read".to_owned());
            Err(anyhow::Error::new(error.pointed(filter)).context(usage))
        }
    }
}

/// What a kept search takes, in its order unless another is asked for.
pub fn viewed(context: &Context, name: &str, sort: Option<Sort>) -> anyhow::Result<Exit> {
    let client = context.client()?;
    let list: ViewList = context.ask(async { Ok(client.get(path::VIEWS).await?) })?;
    let OwnedView { view, .. } = found(list, name)?;
    searched(context, view.filter, Some(sort.unwrap_or(view.sort)))
}

/// One's own come first in the list, and outrank what others call the same.
fn found(list: ViewList, name: &str) -> anyhow::Result<OwnedView> {
    let mut names: Vec<String> = list.views.iter().map(|one| format!("{:?}", one.view.name)).collect();
    names.dedup();
    let known = if names.is_empty() { "you see none".to_owned() } else { format!("there are {}", names.join(", ")) };
    let view = list.views.into_iter().find(|one| one.view.name == name);
    view.ok_or_else(|| anyhow::anyhow!("no search is kept as {name:?}; {known}"))
}
