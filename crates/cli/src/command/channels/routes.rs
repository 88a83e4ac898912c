//! How are routes, windows of maintenance and promises written for people?

use tripoint_api::routing::{
    AlertRouting, EscalationStep, LevelPromise, MaintenanceStatus, RouteStatus, Routing, WindowState,
};
use tripoint_api::{Client, path, write_span};

use crate::context::Context;
use crate::output;

/// Everything that is configured, or where an alert would be told.
pub fn run(context: &Context, client: &Client, alert: Option<&str>) -> anyhow::Result<()> {
    let Some(id) = alert else {
        let routing: Routing = context.ask(async { Ok(client.get(path::ROUTING).await?) })?;
        return if context.json { output::json(&routing) } else { show(&routing) };
    };
    let told: AlertRouting = context.ask(async { Ok(client.get(&path::alert_routing(id)).await?) })?;
    if context.json { output::json(&told) } else { show_alert(&told) }
}

fn show(routing: &Routing) -> anyhow::Result<()> {
    if routing.routes.is_empty() {
        output::line("nobody is told: no route is configured ([[notify.route]] in server.toml)")?;
    } else {
        let head = ["ROUTE", "TELLS OF", "WHERE", "CHANNELS", "HELD BACK", "ESCALATES"];
        output::table(&head, routing.routes.iter().map(|one| row(one, routing.filters_hidden)).collect())?;
    }
    routing.maintenance.iter().try_for_each(|one| output::line(&window(one)))?;
    routing.promises.iter().try_for_each(|one| output::line(&promise(one)))?;
    if routing.filters_hidden {
        output::line("filters are shown to whoever sees every host")?;
    }
    Ok(())
}

fn show_alert(told: &AlertRouting) -> anyhow::Result<()> {
    match &told.untold {
        Some(why) => output::line(&format!("nobody is told: {why}"))?,
        None if told.channels.is_empty() => output::line("nobody is told: no route takes it")?,
        None => {}
    }
    for to in &told.channels {
        let held = match (&to.held_for, to.until) {
            (Some(why), Some(until)) => format!("held back for {why} until {}", output::time(until)),
            _ => "at once".to_owned(),
        };
        output::line(&format!("{}: {held}", to.channel))?;
    }
    let row = |one: &tripoint_api::routing::RouteVerdict| {
        vec![one.route.clone(), if one.takes { "takes it" } else { "no" }.to_owned(), one.why.clone()]
    };
    if told.routes.is_empty() {
        Ok(())
    } else {
        output::table(&["ROUTE", "", "WHY"], told.routes.iter().map(row).collect())
    }
}

fn row(route: &RouteStatus, hidden: bool) -> Vec<String> {
    let all = if hidden { "-" } else { "everything" };
    let mut held = Vec::new();
    if !route.quiet.is_empty() {
        let zone = route.zone.as_deref().unwrap_or("UTC");
        let now = route.quiet_until.map(|until| format!(", now until {}", output::time(until))).unwrap_or_default();
        held.push(format!("quiet {} {zone}{now}", route.quiet.join(", ")));
    }
    held.extend(route.digest_s.map(|seconds| format!("gathered for {}", write_span(seconds))));
    vec![
        route.name.clone(),
        route.kinds.join(", "),
        place(route, all),
        route.channels.join(", "),
        dash(held.join("; ")),
        dash(route.escalate.iter().map(step).collect::<Vec<_>>().join("; ")),
    ]
}

/// Which alerts a route takes.
fn place(route: &RouteStatus, all: &str) -> String {
    let groups = (!route.groups.is_empty()).then(|| format!("hosts of {}", route.groups.join(", ")));
    let both: Vec<String> = groups.into_iter().chain(route.filter.clone()).collect();
    if both.is_empty() { all.to_owned() } else { both.join("; ") }
}

fn step(step: &EscalationStep) -> String {
    format!("after {} if {}: {}", write_span(step.after_s), step.when, step.to.join(", "))
}

fn window(one: &MaintenanceStatus) -> String {
    let said = match one.state {
        WindowState::Active => "active",
        WindowState::Planned => "planned",
        WindowState::Over => "over",
    };
    let from = one.from.map(|from| format!("from {} ", output::time(from))).unwrap_or_default();
    let of = one.filter.as_ref().map(|filter| format!(": {filter}")).unwrap_or_default();
    format!("maintenance {} ({said}) {from}until {}{of}", one.name, output::time(one.until))
}

fn promise(one: &LevelPromise) -> String {
    let said =
        |what: &str, seconds: Option<u64>| seconds.map(|seconds| format!("{what} within {}", write_span(seconds)));
    let all: Vec<String> =
        [said("taken up", one.respond_s), said("resolved", one.resolve_s)].into_iter().flatten().collect();
    format!("promised of {} alerts: {}", one.level.as_str(), all.join(", "))
}

fn dash(text: String) -> String {
    if text.is_empty() { "-".into() } else { text }
}
