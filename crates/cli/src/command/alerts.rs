//! `tripoint alerts`: the queue, one alert, alerts as they happen, and work on them.

pub(super) mod listed;
mod many;

use std::cmp::Reverse;
use std::collections::BTreeSet;

use tripoint_api::queue::{QueueRow, Sort};
use tripoint_api::work::Work;
use tripoint_api::{
    AlertList, AlertQuery, AssignRequest, CommentRequest, ReopenRequest, ResolveRequest, Resolved, path,
};
use tripoint_intel::networks::Networks;
use tripoint_model::{Alert, AlertId, AlertStatus, Level, Resolution};

use many::{Named, many, named, one};

use super::{advise, show};
use crate::arguments::Alerts;
use crate::context::Context;
use crate::exit::{Exit, WrongUsage};
use crate::output;

pub fn run(context: &Context, command: Alerts) -> anyhow::Result<Exit> {
    match command {
        Alerts::List { filter, view, sort, status, rule, all, suppressed } => {
            let sort: Option<Sort> = sort.map(|text| word(&text, "order")).transpose()?;
            let status: Option<AlertStatus> = status.map(|text| word(&text, "status")).transpose()?;
            if let Some(view) = view {
                return listed::viewed(context, &view, sort);
            }
            if filter.is_some() || sort.is_some() {
                let of_status = status.map(|status| format!("status:{}", output::word(&status)));
                return listed::searched(context, filter.or(of_status).unwrap_or_default(), sort);
            }
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
        other => work(context, other),
    }
}

/// What people do with alerts. One alert is asked for by the routes of old, which say more.
fn work(context: &Context, command: Alerts) -> anyhow::Result<Exit> {
    match command {
        Alerts::Resolve { which, resolution, comment } => {
            let resolution: Resolution = word(&resolution, "resolution")?;
            match named(which.ids)? {
                Named::One(id) => resolve(context, &id, &ResolveRequest { resolution, comment }),
                Named::Many(ids) => many(context, &ids, Work::Resolve { resolution, comment }),
            }
        }
        Alerts::Reopen { which, comment } => match named(which.ids)? {
            Named::One(id) => one(context, &id, "reopen", &ReopenRequest { comment }),
            Named::Many(ids) => many(context, &ids, Work::Reopen { comment }),
        },
        Alerts::Comment { id, text } => match named(vec![id])? {
            Named::One(id) => one(context, &id, "comment", &CommentRequest { text }),
            Named::Many(ids) => many(context, &ids, Work::Comment { text }),
        },
        Alerts::Assign { id, to } => match named(vec![id])? {
            Named::One(id) => one(context, &id, "assign", &AssignRequest { assignee: to }),
            Named::Many(ids) => many(context, &ids, Work::Assign { assignee: to }),
        },
        Alerts::Status { which, status } => {
            many::run(context, which.ids, Work::Status { status: word(&status, "status")? })
        }
        Alerts::Severity { which, level, reason, .. } => {
            let level: Option<Level> = level.map(|text| word(&text, "level")).transpose()?;
            many::run(context, which.ids, Work::Severity { level, reason: reason.unwrap_or_default() })
        }
        Alerts::Tag { which, tag } => {
            let (name, value) = tag.split_once('=').unwrap_or((&tag, ""));
            many::run(context, which.ids, Work::Tag { name: name.to_owned(), value: value.to_owned() })
        }
        Alerts::Untag { which, name } => many::run(context, which.ids, Work::Untag { name }),
        Alerts::Attach { which, name, url, sha256 } => {
            many::run(context, which.ids, Work::Attach { name, url, sha256 })
        }
        Alerts::Detach { which, url } => many::run(context, which.ids, Work::Detach { url }),
        Alerts::Merge { which, into } => many::run(context, which.ids, Work::Merge { into: AlertId(into) }),
        Alerts::Split { which } => many::run(context, which.ids, Work::Split {}),
        Alerts::List { .. } | Alerts::Show { .. } | Alerts::Advise { .. } | Alerts::Watch => run(context, command),
    }
}

/// A word of a closed set, in its text form.
pub(super) fn word<T: for<'de> serde::Deserialize<'de>>(text: &str, what: &str) -> anyhow::Result<T> {
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
