//! `tripoint policy`: what would policy have done, and whom would it have cut off?

use std::path::Path;
use std::sync::Arc;

use tripoint_agent::simulate::{self, OfPolicy, Past, Simulation};
use tripoint_agent::{config, protected};
use tripoint_api::people::LIMIT_MAX;
use tripoint_api::{AlertList, AlertQuery, Client, ConnectionQuery, ExceptionList, path};
use tripoint_linux::capability;
use tripoint_model::{Alert, Contact, Exception, IndicatorLookup, Timestamp};
use tripoint_responder::Guard;

use super::connections;
use crate::context::{Context, now};
use crate::exit::{Exit, NeedsRoot};
use crate::output;

/// Contacts that are gone through: a whole store of the usual size.
const CONTACTS_MAX: usize = 500_000;
/// Alerts that are gone through, the newest.
const ALERTS_MAX: usize = 100_000;

/// What the server keeps of this host.
struct Kept {
    alerts: Vec<Alert>,
    contacts: Vec<Contact>,
    exceptions: Vec<Exception>,
    dropped: u64,
    notes: Vec<String>,
}

#[derive(serde::Serialize)]
struct Report {
    host: String,
    #[serde(flatten)]
    simulation: Simulation,
    /// Connections that found no room since the store was made.
    dropped: u64,
    /// What it leaves out, in words.
    notes: Vec<String>,
}

/// Goes through the past of this host with the policy of this host, or of `file`.
pub fn simulate(context: &Context, file: Option<&Path>, since: &str) -> anyhow::Result<Exit> {
    let until = now();
    let since = connections::since(since)?;
    if !capability::is_root() {
        return Err(NeedsRoot("`tripoint policy simulate`: what must stay reachable on this host").into());
    }
    let config = config::load(&context.data_dir, file.or(context.config_file()))?.config;
    let host = Some(&config.agent.host).filter(|host| !host.is_empty()).cloned().unwrap_or_else(capability::host_name);
    let client = context.client()?;
    let Kept { alerts, contacts, exceptions, dropped, mut notes } = context.ask(kept(&client, &host, since, until))?;
    let index = tripoint_intel::images::open_newest(&context.data_dir).map(|(_, index)| index);
    if index.is_none() {
        notes.push("no intelligence is loaded: guard lists are not asked".into());
    }
    let guard = Guard {
        protected: protected::compute(&[]),
        exceptions,
        host: host.clone(),
        lookup: index.map(|index| Arc::new(index) as Arc<dyn IndicatorLookup>),
        ..protected::guard(&config)
    };
    let past = Past { alerts: &alerts, contacts: &contacts, since, until };
    let report = Report { host, simulation: simulate::simulate(&config.response, guard, &past), dropped, notes };
    if context.json {
        output::json(&report)?;
    } else {
        text(&report)?;
    }
    Ok(if report.notes.is_empty() { Exit::Fine } else { Exit::Partial })
}

async fn kept(client: &Client, host: &str, since: Timestamp, until: Timestamp) -> anyhow::Result<Kept> {
    let mut notes = Vec::new();
    let mut query =
        AlertQuery { host: Some(host.into()), suppressed: Some(true), limit: Some(LIMIT_MAX), ..AlertQuery::default() };
    let mut alerts = Vec::new();
    loop {
        let page: AlertList = client.get(&format!("{}{}", path::ALERTS, query.to_query())).await?;
        // Newest first: what follows the first old one is older.
        let done = page.alerts.last().is_none_or(|alert| alert.last_seen < since);
        alerts.extend(page.alerts.into_iter().filter(|alert| alert.last_seen >= since));
        query.after = page.next;
        if done || query.after.is_none() {
            break;
        }
        if alerts.len() >= ALERTS_MAX {
            notes.push(format!("only the newest {} alerts were gone through", alerts.len()));
            break;
        }
    }
    let query = ConnectionQuery { host: Some(host.into()), since: Some(since), ..ConnectionQuery::default() };
    let list = connections::read(client, query, CONTACTS_MAX).await?;
    if list.next.is_some() {
        notes.push(format!("only the newest {} rows of connections were gone through", list.connections.len()));
    }
    if until.since(since).as_secs() > list.kept.kept_for_s {
        notes.push(format!("connections are kept for {} hours only", list.kept.kept_for_s / 3600));
    }
    let dropped = list.kept.dropped;
    let contacts = list.connections.into_iter().map(|of| of.contact).collect();
    let known: ExceptionList = client.get(path::EXCEPTIONS).await?;
    let exceptions = known.exceptions.into_iter().map(|kept| kept.exception).collect();
    Ok(Kept { alerts, contacts, exceptions, dropped, notes })
}

fn text(report: &Report) -> anyhow::Result<()> {
    let simulation = &report.simulation;
    let (alerts, connections) =
        (output::counted(simulation.alerts, "alert"), output::counted(simulation.connections, "connection"));
    let since = output::time(simulation.since);
    output::line(&format!("nothing is done; over {alerts} and {connections} of {} since {since}:", report.host))?;
    simulation.policies.iter().try_for_each(policy)?;
    for spared in &simulation.suppressed {
        let alerts = output::counted(spared.count, "alert");
        output::line(&format!("exception {} keeps {alerts} quiet", spared.exception))?;
    }
    let unconcerned = output::counted(simulation.unconcerned, "alert");
    output::line(&format!("no policy would have acted on {unconcerned}"))?;
    for block in simulation.blocks.iter().take(BLOCKS_SHOWN) {
        let would = if block.observed { "would speak of blocking" } else { "would block" };
        let cut = output::counted(block.connections, "connection");
        let from = output::time(block.from);
        output::line(&format!("  {from} {} {would} {} (alert {}): {cut}", block.policy, block.target, block.alert))?;
    }
    if simulation.blocks_total > BLOCKS_SHOWN as u64 {
        output::line(&format!("  and {} more; --json has up to 1000", simulation.blocks_total - BLOCKS_SHOWN as u64))?;
    }
    if simulation.mode == "advise" {
        output::line("the mode is advise: none of this happens before response.mode is enforce")?;
    }
    if report.dropped > 0 {
        let dropped = output::counted(report.dropped, "connection");
        output::line(&format!("not all were kept: {dropped} found no room since the store was made"))?;
    }
    report.notes.iter().try_for_each(|note| output::line(&format!("left out: {note}")))
}

fn policy(of: &OfPolicy) -> anyhow::Result<()> {
    let (alerts, applications) =
        (output::counted(of.alerts, "alert"), output::counted(of.applications_total, "application"));
    let partly = if of.partly > 0 { format!(" (up to {} of them before or after)", of.partly) } else { String::new() };
    let observed = if of.observed > 0 { format!(", {} only observed", of.observed) } else { String::new() };
    output::line(&format!(
        "policy {} ({}): {alerts}, {} made{observed}; would have cut {} of {applications}{partly}",
        of.policy,
        of.rollout,
        output::counted(of.blocks, "block"),
        output::counted(of.connections, "connection"),
    ))?;
    for (rule, count) in &of.refused {
        output::line(&format!("  {} refused by rule {rule}", output::counted(*count, "peer")))?;
    }
    for spared in &of.excepted {
        output::line(&format!("  {} spared by exception {}", output::counted(spared.count, "peer"), spared.exception))?;
    }
    of.applications.iter().try_for_each(|application| output::line(&format!("  cut: {application}")))
}

const BLOCKS_SHOWN: usize = 20;
