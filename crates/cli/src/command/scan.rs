//! `tripoint scan`: what is vulnerable here?

use std::collections::BTreeMap;

use serde::Serialize;
use tripoint_inventory::{CoverageStatus, HostInventory, Inventory, ScanOptions};
use tripoint_model::{Finding, PackageState, Timestamp};
use tripoint_vuln::{Database, SourceInfo};

use super::vulns;
use crate::arguments::{FailOn, Scan};
use crate::context::Context;
use crate::exit::Exit;
use crate::output;

#[derive(Serialize)]
struct Report<'a> {
    schema: u32,
    #[serde(flatten)]
    inventory: &'a Inventory,
    findings: &'a [Finding],
    database: Option<DatabaseInfo>,
}

#[derive(Serialize)]
struct DatabaseInfo {
    built: Timestamp,
    sources: Vec<SourceInfo>,
}

pub fn run(context: &Context, options: &Scan) -> anyhow::Result<Exit> {
    let database = vulns::database(context)?;
    let mut inventory = if options.in_use {
        in_use()?
    } else {
        let mut said = std::time::Instant::now();
        let mut progress = |entries: usize| {
            if !context.quiet && said.elapsed().as_secs() >= 1 {
                said = std::time::Instant::now();
                eprintln!("{entries} files looked at");
            }
        };
        tripoint_inventory::scan(&options.root, &ScanOptions::default(), &mut progress)?
    };
    if options.root == std::path::Path::new("/") && !options.in_use {
        mark_in_use(&mut inventory);
    }
    let findings = findings(database.as_ref(), &inventory);
    if context.json {
        let info = database.as_ref().map(|d| DatabaseInfo { built: d.built(), sources: d.sources() });
        output::json(&Report { schema: 1, inventory: &inventory, findings: &findings, database: info })?;
    } else {
        text(&inventory, &findings, database.is_some())?;
    }
    if !inventory.has_database() {
        eprintln!("{}: no package database found", inventory.root);
    }
    say_unscored(options, &findings);
    Ok(exit(options, database.is_some(), &inventory, &findings))
}

/// A limit cannot judge what no source has scored: said, so that nobody takes silence for safety.
fn say_unscored(options: &Scan, findings: &[Finding]) {
    if !matches!(options.fail_on, Some(FailOn::Medium | FailOn::High | FailOn::Critical)) {
        return;
    }
    let unscored =
        |finding: &&Finding| finding.state.is_vulnerable() && finding.cvss_tenths.is_none() && !finding.known_exploited;
    let count = findings.iter().filter(unscored).count() as u64;
    if count > 0 {
        eprintln!(
            "{} without a score: not held against --fail-on; `--fail-on any` counts them",
            output::counted(count, "finding")
        );
    }
}

fn exit(options: &Scan, advisories: bool, inventory: &Inventory, findings: &[Finding]) -> Exit {
    let over = |finding: &&Finding| finding.state.is_vulnerable() && reaches(finding, options.fail_on);
    if options.fail_on.is_some() && findings.iter().any(|finding| over(&finding)) {
        return Exit::Findings;
    }
    let skipped = inventory.coverage.iter().any(|c| c.status == CoverageStatus::Partial);
    // Without advisories nothing was matched: "no findings" would be a lie that a pipeline believes.
    if !advisories || !inventory.has_database() || skipped { Exit::Partial } else { Exit::Fine }
}

fn reaches(finding: &Finding, limit: Option<FailOn>) -> bool {
    let tenths = finding.cvss_tenths.unwrap_or(0);
    match limit {
        None => false,
        Some(FailOn::Any) => true,
        Some(FailOn::Medium) => tenths >= 40 || finding.known_exploited,
        Some(FailOn::High) => tenths >= 70 || finding.known_exploited,
        Some(FailOn::Critical) => tenths >= 90 || finding.known_exploited,
        Some(FailOn::Exploited) => finding.known_exploited,
    }
}

fn findings(database: Option<&Database>, inventory: &Inventory) -> Vec<Finding> {
    let Some(database) = database else { return Vec::new() };
    let all = inventory.packages.iter().flat_map(|package| tripoint_vuln::match_package(database, package));
    let mut all: Vec<Finding> = all.collect();
    all.sort_by(|a, b| (&a.purl, &a.id).cmp(&(&b.purl, &b.id)));
    all
}

/// What processes run now, on this host.
fn in_use() -> anyhow::Result<Inventory> {
    let host = HostInventory::open(std::path::Path::new("/"))?;
    let mut inventory = host.inventory().clone();
    inventory.packages = running(&host).into_values().collect();
    Ok(inventory)
}

fn running(host: &HostInventory) -> BTreeMap<String, tripoint_model::Package> {
    let mut packages: BTreeMap<String, tripoint_model::Package> = BTreeMap::new();
    for package in living().into_iter().flat_map(|pid| host.packages_of(pid)) {
        let state = package.state;
        let known = packages.entry(package.purl.clone()).or_insert(package);
        known.state = known.state.max(state);
    }
    packages
}

/// Every process that lives now.
fn living() -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").map(|entries| entries.flatten().collect::<Vec<_>>()).unwrap_or_default();
    entries.iter().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// A scan of the running host says which packages are loaded or stale.
fn mark_in_use(inventory: &mut Inventory) {
    let Ok(host) = HostInventory::open(std::path::Path::new("/")) else { return };
    let running = running(&host);
    for package in &mut inventory.packages {
        if let Some(used) = running.get(&package.purl) {
            package.state = used.state;
        }
    }
}

fn text(inventory: &Inventory, findings: &[Finding], advisories: bool) -> anyhow::Result<()> {
    let distro = inventory.distro.as_ref().map_or("unknown system", |distro| distro.name.as_str());
    output::line(&format!("{}: {distro}, {} packages", inventory.root, inventory.packages.len()))?;
    let affected = findings.iter().filter(|finding| finding.state.is_vulnerable());
    let rows: Vec<Vec<String>> = affected
        .map(|finding| {
            let presence = match finding.presence {
                PackageState::Installed => "installed",
                PackageState::Loaded => "loaded",
                PackageState::Stale => "stale",
            };
            let exploited = if finding.known_exploited { "yes" } else { "" };
            let score = finding.cvss_tenths.map(|t| format!("{}.{}", t / 10, t % 10)).unwrap_or_default();
            vec![
                format!("{} {}", finding.name, finding.version),
                presence.into(),
                finding.cves.first().unwrap_or(&finding.id).clone(),
                score,
                exploited.into(),
                finding.fixed.clone().unwrap_or_default(),
                finding.fix_command.clone().unwrap_or_default(),
            ]
        })
        .collect();
    if inventory.packages.is_empty() {
        output::line("nothing to match")?;
    } else if !advisories {
        output::line("not matched: no advisories loaded")?;
    } else if rows.is_empty() {
        output::line("nothing known to be vulnerable")?;
    } else {
        output::table(&["PACKAGE", "STATE", "CVE", "CVSS", "EXPLOITED", "FIXED IN", "FIX"], rows)?;
    }
    for coverage in inventory.coverage.iter().filter(|c| c.status == CoverageStatus::Partial) {
        eprintln!("{}: {}", coverage.cataloger, coverage.reason);
    }
    Ok(())
}
