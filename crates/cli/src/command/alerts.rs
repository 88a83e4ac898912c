//! `tripoint alerts`: the queue, one alert, alerts as they happen, and work on them.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::time::SystemTime;

use tripoint_api::filter::parse;
use tripoint_api::queue::{ALERT_FIELDS, AlertSummary, QUEUE_MAX, QueuePage, QueueQuery, QueueRow};
use tripoint_api::{
    AlertList, AlertQuery, AssignRequest, CommentRequest, ReopenRequest, ResolveRequest, Resolved, path,
};
use tripoint_intel::networks::Networks;
use tripoint_model::{Alert, AlertStatus, Resolution, Timestamp};

use super::{advise, show};
use crate::arguments::Alerts;
use crate::context::Context;
use crate::exit::{Exit, WrongUsage};
use crate::output;

pub fn run(context: &Context, command: Alerts) -> anyhow::Result<Exit> {
    match command {
        Alerts::List { filter: Some(filter), .. } => searched(context, filter),
        Alerts::List { filter: None, status, rule, all, suppressed } => {
            let status: Option<AlertStatus> = status.map(|text| word(&text, "status")).transpose()?;
            let only = suppressed.then_some(true);
            list(
                context,
                AlertQuery { status, rule, suppressed: Some(all), suppressed_only: only, ..AlertQuery::default() },
            )
        }
        Alerts::Show { id } => {
            let client = context.client()?;
            let alert: Alert = context.ask(async { Ok(client.get(&path::alert(&id)).await?) })?;
            if context.json {
                output::json(&alert)?
            } else {
                output::line(&show::whole(&alert, &Networks::open(&context.data_dir)))?
            }
            Ok(Exit::Fine)
        }
        Alerts::Advise { id, kind } => advise::run(context, &id, kind.as_deref()),
        Alerts::Watch => watch(context),
        Alerts::Resolve { id, resolution, comment } => {
            let resolution: Resolution = word(&resolution, "resolution")?;
            resolve(context, &id, &ResolveRequest { resolution, comment })
        }
        Alerts::Reopen { id, comment } => work(context, &id, "reopen", &ReopenRequest { comment }),
        Alerts::Comment { id, text } => work(context, &id, "comment", &CommentRequest { text }),
        Alerts::Assign { id, to } => work(context, &id, "assign", &AssignRequest { assignee: to }),
    }
}

/// A word of a closed set, in its text form.
fn word<T: for<'de> serde::Deserialize<'de>>(text: &str, what: &str) -> anyhow::Result<T> {
    let value = serde_json::Value::String(text.to_owned());
    serde_json::from_value(value).map_err(|error| WrongUsage(format!("{text:?} is no {what}: {error}")).into())
}

fn list(context: &Context, mut query: AlertQuery) -> anyhow::Result<Exit> {
    let by = query.suppressed_only.is_some();
    let client = context.client()?;
    let mut alerts: Vec<Alert> = context.ask(async {
        let mut alerts = Vec::new();
        loop {
            let page: AlertList = client.get(&format!("{}{}", path::ALERTS, query.to_query())).await?;
            alerts.extend(page.alerts);
            match page.next {
                Some(next) => query.after = Some(next),
                None => return Ok(alerts),
            }
        }
    })?;
    // As the queue sorts them, by what people say of how bad it is where they do.
    let score = |alert: &Alert| QueueRow::of(alert, alert.last_seen).summary.score;
    alerts.sort_by_cached_key(|alert| (Reverse((score(alert), alert.last_seen)), alert.id.clone()));
    if context.json {
        output::json(&alerts)?;
        return Ok(Exit::Fine);
    }
    if alerts.is_empty() {
        eprintln!("no alerts");
        if !by && super::intel::nothing_loaded(context) {
            eprintln!("{}", super::intel::NOTHING_LOADED);
        }
        return Ok(Exit::Fine);
    }
    let rows = alerts.iter().map(|alert| {
        let status = serde_json::to_value(alert.work.status)
            .ok()
            .and_then(|v| v.as_str().map(str::to_owned))
            .unwrap_or_default();
        let by = alert.suppressed_by.clone().filter(|_| by);
        let mut row = vec![
            alert.id.to_string(),
            format!("{} {}", alert.severity.level, alert.severity.score),
            status,
            output::time(alert.last_seen),
            alert.title.clone(),
        ];
        row.extend(by);
        row
    });
    output::table(&HEADS[..5 + usize::from(by)], rows.collect())?;
    Ok(Exit::Fine)
}

const HEADS: [&str; 6] = ["ID", "SEVERITY", "STATUS", "LAST SEEN", "TITLE", "EXCEPTION"];

/// What a filter takes. In JSON whole alerts, as without a filter.
fn searched(context: &Context, filter: String) -> anyhow::Result<Exit> {
    // Told here, with the place, before anybody is asked.
    if let Err(error) = parse(&filter, ALERT_FIELDS, Timestamp::from_system(SystemTime::now())) {
        let usage = WrongUsage("the filter cannot be read".to_owned());
        return Err(anyhow::Error::new(error.pointed(&filter)).context(usage));
    }
    let client = context.client()?;
    let mut query = QueueQuery { filter: Some(filter), limit: Some(QUEUE_MAX), ..QueueQuery::default() };
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
        let status =
            serde_json::to_value(row.status).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default();
        let severity = format!("{} {}", row.level, row.score);
        vec![row.id.to_string(), severity, status, output::time(row.last_seen), row.title.clone()]
    };
    output::table(&HEADS[..5], rows.iter().map(row).collect())?;
    Ok(Exit::Fine)
}

fn watch(context: &Context) -> anyhow::Result<Exit> {
    let client = context.client()?;
    context.ask(async {
        let mut watch = client.watch().await?;
        let mut missed = 0;
        while let Some(alert) = watch.next().await? {
            if watch.missed() > missed {
                eprintln!("up to {} alerts came too fast and are left out here", watch.missed() - missed);
                missed = watch.missed();
            }
            if context.json {
                output::json_line(&alert)?;
            } else {
                output::line(&format!(
                    "{} {} {} {}: {}",
                    output::time(alert.last_seen),
                    alert.id,
                    alert.severity.level,
                    alert.severity.score,
                    alert.title
                ))?;
            }
        }
        Ok(Exit::Fine)
    })
}

/// Closes an alert; for a false one, says what keeps it from coming again and who is believed less.
fn resolve(context: &Context, id: &str, request: &ResolveRequest) -> anyhow::Result<Exit> {
    let client = context.client()?;
    let resolved: Resolved =
        context.ask(async { Ok(client.post(&path::alert_work(id, "resolve"), request).await?) })?;
    if context.json {
        output::json(&resolved)?;
        return Ok(Exit::Fine);
    }
    let alert = &resolved.alert;
    output::line(&format!("{}: {}", alert.id, alert.work.history.last().map_or("", |change| change.what.as_str())))?;
    let Some(proposed) = &resolved.exception else { return Ok(Exit::Fine) };
    let feeds: BTreeSet<String> =
        alert.claims.iter().map(|claim| format!("{} ({})", claim.feed, claim.category.as_str())).collect();
    if !feeds.is_empty() {
        let feeds = feeds.into_iter().collect::<Vec<_>>().join(", ");
        output::line(&format!("believed less from now on, until the alert is reopened: {feeds}"))?;
    }
    output::line("to keep it quiet for 30 days, and nothing else:")?;
    output::line(&format!("  {}", proposed.command))?;
    Ok(Exit::Fine)
}

fn work(context: &Context, id: &str, what: &str, body: &impl serde::Serialize) -> anyhow::Result<Exit> {
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
