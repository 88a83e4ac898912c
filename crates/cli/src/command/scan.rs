//! `tripoint scan`: what is vulnerable here?

use std::collections::BTreeMap;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::Context as _;
use tripoint_inventory::{CoverageStatus, HostInventory, Inventory, ScanOptions};
use tripoint_model::text::visible;
use tripoint_model::{Finding, Timestamp};
use tripoint_vuln::Database;

use super::vulns;
use crate::arguments::{FailOn, Scan};
use crate::context::{Context, now};
use crate::exit::{Exit, WrongUsage};
use crate::output;
use crate::report::{self, DatabaseInfo, Document, Format};

pub fn run(context: &Context, options: &Scan) -> anyhow::Result<Exit> {
    let name = options.format.as_deref().unwrap_or(if context.json { "json" } else { "table" });
    let format = report::FORMATS
        .iter()
        .find(|format| format.name == name)
        .ok_or_else(|| WrongUsage(format!("unknown format {name:?}; known: {}", report::names().join(" "))))?;
    let time = report_time()?;
    let database = vulns::database(context)?;
    let inventory = look(context, options)?;
    let mut findings = findings(database.as_ref(), &inventory);
    if options.only_fixed {
        findings.retain(|finding| finding.fixed.is_some() && finding.state.is_vulnerable());
    }
    let info = database.as_ref().map(|d| DatabaseInfo { built: d.built(), sources: d.sources() });
    let document = Document { schema: 1, inventory: &inventory, findings: &findings, database: info, time };
    write(format, &document, options.output.as_deref())?;
    if format.name != "json" {
        for coverage in
            inventory.coverage.iter().filter(|c| c.status != CoverageStatus::Complete && !c.reason.is_empty())
        {
            eprintln!("{}: {}", visible(&coverage.cataloger), visible(&coverage.reason));
        }
    }
    if !inventory.has_database() {
        eprintln!("{}: no package database found", inventory.root);
    }
    say_unscored(options, &findings);
    Ok(exit(options, database.is_some(), &inventory, &findings))
}

/// What is installed: in a root filesystem, in use on this host, or in a bill of materials.
fn look(context: &Context, options: &Scan) -> anyhow::Result<Inventory> {
    if let Some(file) = &options.sbom {
        return Ok(tripoint_inventory::sbom::read(file)?);
    }
    if options.in_use {
        return in_use();
    }
    let mut said = std::time::Instant::now();
    let mut progress = |entries: usize| {
        if !context.quiet && said.elapsed().as_secs() >= 1 {
            said = std::time::Instant::now();
            eprintln!("{entries} files looked at");
        }
    };
    let mut inventory = tripoint_inventory::scan(&options.root, &ScanOptions::default(), &mut progress)?;
    if options.root == Path::new("/") {
        mark_in_use(&mut inventory);
    }
    Ok(inventory)
}

/// The moment that reports carry: that of a reproducible build where one is set, else now.
fn report_time() -> anyhow::Result<Timestamp> {
    match std::env::var("SOURCE_DATE_EPOCH") {
        Err(_) => Ok(now()),
        Ok(text) => match text.trim().parse() {
            Ok(seconds) => Ok(Timestamp::from_seconds(seconds)),
            Err(_) => Err(WrongUsage("SOURCE_DATE_EPOCH is not a number of seconds".into()).into()),
        },
    }
}

fn write(format: &Format, document: &Document<'_>, file: Option<&Path>) -> anyhow::Result<()> {
    let mut out: Box<dyn Write> = match file {
        Some(path) => {
            let file = std::fs::File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
            Box::new(BufWriter::new(file))
        }
        None => Box::new(BufWriter::new(std::io::stdout().lock())),
    };
    (format.write)(document, &mut out)?;
    Ok(out.flush()?)
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
