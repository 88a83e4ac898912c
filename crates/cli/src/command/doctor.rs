//! `tripoint doctor`: what does this host offer, what is degraded, how fresh is the data?

use std::collections::BTreeMap;

use serde::Serialize;
use tripoint_agent::health::{FROM_SERVER, STALE_S, advisory_sources, host_capabilities};
use tripoint_agent::rules::{SOURCE, Told};
use tripoint_api::{AgentStatus, Capability, Confinement, CrowdsecHealth, DataSource, ServerHealth, path};
use tripoint_linux::capability;
use tripoint_model::Timestamp;
use tripoint_vuln::Patience;

use super::{intel, vulns};
use crate::context::{Context, now};
use crate::exit::{Exit, of_error};
use crate::output;

#[derive(Serialize)]
struct Report {
    kernel: String,
    data_dir: String,
    capabilities: Vec<Capability>,
    data: Vec<DataSource>,
    permit_ranges: Vec<String>,
    losses: BTreeMap<String, u64>,
    server: String,
    /// SHA-256 of the certificate that vouches for this folder's server.
    #[serde(skip_serializing_if = "Option::is_none")]
    ca_sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    crowdsec: Option<CrowdsecHealth>,
    /// What the server has given up to touch.
    #[serde(skip_serializing_if = "Option::is_none")]
    confined: Option<Confinement>,
    agents: Vec<AgentStatus>,
}

pub fn run(context: &Context) -> anyhow::Result<Exit> {
    let client = context.client()?;
    let agents: Result<Vec<AgentStatus>, _> = context.ask(async { Ok(client.get(path::AGENTS).await?) });
    let health: Option<ServerHealth> = match &agents {
        Ok(_) => context.ask(async { Ok(client.get(path::HEALTH).await?) }).ok(),
        Err(_) => None,
    };
    let config = context.config()?.config;
    let server = match &agents {
        Ok(_) => "ok".to_owned(),
        Err(error) if of_error(error) == Exit::Unreachable => "not running here".to_owned(),
        Err(error) => output::causes(error),
    };
    let agents = agents.unwrap_or_default();
    let mut losses = BTreeMap::new();
    for (name, count) in agents.iter().filter_map(|agent| agent.health.as_ref()).flat_map(|health| &health.losses) {
        *losses.entry(name.clone()).or_default() += count;
    }
    let report = Report {
        kernel: capability::kernel_release(),
        data_dir: context.data_dir.display().to_string(),
        capabilities: host_capabilities(),
        data: data(context, &config.patience()),
        permit_ranges: config.intel.permit_ranges.iter().map(ToString::to_string).collect(),
        losses,
        server,
        ca_sha256: std::fs::read_to_string(tripoint_server::ca_path(&context.data_dir))
            .ok()
            .and_then(|text| tripoint_server::fingerprint_of_pem(&text)),
        crowdsec: health.as_ref().and_then(|health| health.crowdsec.clone()),
        confined: health.and_then(|health| health.confined),
        agents,
    };
    if context.json {
        output::json(&report)?;
    } else {
        text(&report)?;
    }
    Ok(Exit::Fine)
}

/// Freshness of what is on disk.
fn data(context: &Context, patience: &Patience) -> Vec<DataSource> {
    let now = now();
    let mut all = Vec::new();
    let image = tripoint_intel::images::open_newest(&context.data_dir);
    match image.filter(|(_, index)| !index.feeds().is_empty()) {
        None => all.push(DataSource { source: "intel".into(), age: None, status: intel::NOTHING_LOADED.into() }),
        Some((generation, index)) => {
            let counted = output::counted(index.len() as u64, "indicator");
            let newest =
                tripoint_intel::images::generations(&context.data_dir).first().map_or(0, |(newest, _)| *newest);
            let age = now.since(index.built()).as_secs();
            let status = if newest > generation {
                format!("image {newest} is damaged, image {generation} is in force, {counted}")
            } else if age > STALE_S {
                format!("stale: nothing newer came for {} hours, {counted}", age / 3600)
            } else {
                format!("ok, {counted}")
            };
            all.push(DataSource { source: "intel".into(), age: Some(age), status });
        }
    }
    for list in tripoint_intel::guardlist::store::list_checked(&context.data_dir) {
        if let Some(alarm) = list.alarm {
            all.push(DataSource { source: format!("guard list {}", list.list), age: None, status: alarm });
        }
    }
    let left_out = tripoint_intel::guardlist::Texts::load(&context.data_dir).left_out;
    if left_out > 0 {
        let status = format!("{left_out} patterns are not in force: there are more than 256");
        all.push(DataSource { source: "guard patterns".into(), age: None, status });
    }
    for feed in tripoint_intel::list(&context.data_dir) {
        let ok = || format!("ok, {}", output::counted(feed.count, "indicator"));
        let status = feed.trouble(now).unwrap_or_else(ok);
        let age = feed.last_success.map(|at| now.since(at).as_secs());
        all.push(DataSource { source: format!("feed {}", feed.feed), age, status });
    }
    if let Some(file) = crate::bundle::unfinished(&context.data_dir) {
        let status = format!("the import of {file} was cut short: import it again");
        all.push(DataSource { source: "bundle".into(), age: None, status });
    }
    all.extend(rules(context, now));
    if let Some(status) = tripoint_server::authority_trouble(&context.data_dir, now) {
        all.push(DataSource { source: "TLS".into(), age: None, status });
    }
    match vulns::mapped(&context.data_dir, tripoint_vuln::Database::open) {
        Ok(Some((generation, database))) => {
            let newest =
                tripoint_vuln::image_files(&context.data_dir).iter().map(|(newest, _)| *newest).max().unwrap_or(0);
            if newest > generation {
                let status = format!("image {newest} is damaged, image {generation} is in force");
                all.push(DataSource { source: "vuln".into(), age: None, status });
            }
            all.extend(advisory_sources(&context.data_dir, &database.sources(), patience, now));
        }
        Ok(None) => all.push(DataSource { source: "vuln".into(), age: None, status: vulns::NOTHING_LOADED.into() }),
        Err(error) => all.push(DataSource { source: "vuln".into(), age: None, status: error.to_string() }),
    }
    all
}

/// The rules of evidence that are configured.
fn rules(context: &Context, now: Timestamp) -> Option<DataSource> {
    let config = context.config().ok()?.config;
    let image = tripoint_agent::rules::image_of(&config.evidence, &context.data_dir)?;
    let told = match tripoint_agent::rules::read(&image) {
        Ok(found) => {
            Told { built: Some(found.built), status: format!("ok, {}", tripoint_agent::rules::counted(&found)) }
        }
        Err(error) => Told { built: None, status: format!("{}: {error}", image.display()) },
    };
    Some(told.health(now))
}

fn text(report: &Report) -> anyhow::Result<()> {
    output::line(&format!("kernel {}   data {}   server {}", report.kernel, report.data_dir, report.server))?;
    if let Some(fingerprint) = &report.ca_sha256 {
        output::line(&format!("TLS: `tripoint server ca`, sha256={fingerprint}"))?;
    }
    if let Some(Confinement { state, abi, lost }) = &report.confined {
        let by = if *abi > 0 { format!(" by landlock {abi}") } else { String::new() };
        let not = if lost.is_empty() { String::new() } else { format!("; not held back: {}", lost.join(", ")) };
        output::line(&format!("server confined: {state}{by}{not}"))?;
    }
    let rows = report.capabilities.iter().map(|c| vec![c.name.clone(), c.status.clone(), c.lost.clone()]);
    output::table(&["CAPABILITY", "STATUS", "WITHOUT IT"], rows.collect())?;
    let age = |age: Option<u64>| {
        age.map_or_else(|| "-".into(), |s| if s < 7200 { format!("{} min", s / 60) } else { format!("{} h", s / 3600) })
    };
    let rows = report.data.iter().map(|d| vec![d.source.clone(), age(d.age), d.status.clone()]);
    output::table(&["DATA", "AGE", "STATUS"], rows.collect())?;
    if !report.permit_ranges.is_empty() {
        output::line(&format!("special ranges permitted: {}", report.permit_ranges.join(", ")))?;
    }
    if let Some(crowdsec) = &report.crowdsec {
        let trouble = crowdsec.trouble.as_ref().map(|trouble| format!(": {trouble}")).unwrap_or_default();
        output::line(&format!(
            "blocks for CrowdSec at {}: {}{trouble}; {} handed over, {} released",
            crowdsec.url, crowdsec.state, crowdsec.pushed, crowdsec.released
        ))?;
    }
    for agent in &report.agents {
        let Some(health) = &agent.health else { continue };
        output::line(&format!(
            "agent {}: sensor {}, firewall {}, mode {}",
            agent.agent.host, health.sensor, health.firewall, health.mode
        ))?;
        for c in health.capabilities.iter().filter(|c| c.status != "ok") {
            output::line(&format!("  {} {}: without {}", c.name, c.status, c.lost))?;
        }
        for data in health.data.iter().filter(|data| data.source == FROM_SERVER) {
            output::line(&format!("  {}: {}, confirmed {} ago", data.source, data.status, age(data.age)))?;
        }
        for data in health.data.iter().filter(|data| data.source == SOURCE) {
            output::line(&format!("  {}: {}", data.source, data.status))?;
        }
        let losses: Vec<String> = health.losses.iter().map(|(name, count)| format!("{name} {count}")).collect();
        for gap in health.gaps.iter().rev().take(5) {
            output::line(&format!("  blind for {} records from {} to {}: {}", gap.count, gap.from, gap.to, gap.why))?;
        }
        output::line(&format!("  lost: {}", losses.join(", ")))?;
        let counters: Vec<String> = health.counters.iter().map(|(name, count)| format!("{name} {count}")).collect();
        output::line(&format!("  counted: {}", counters.join(", ")))?;
    }
    Ok(())
}
