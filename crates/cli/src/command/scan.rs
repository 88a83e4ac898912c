//! `tripoint scan`: what is vulnerable here?

mod usage;
mod vex;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::Context as _;
use tripoint_inventory::{CoverageStatus, Inventory, ScanOptions};
use tripoint_model::text::visible;
use tripoint_model::{Finding, FindingState, Timestamp};
use tripoint_vuln::Database;

use super::vulns;
use crate::arguments::{FailOn, Scan};
use crate::context::{Context, now};
use crate::exit::{Exit, WrongUsage};
use crate::output;
use crate::report::{self, DatabaseInfo, Document, Format, Word};

pub use usage::Usage;

pub fn run(context: &Context, options: &Scan) -> anyhow::Result<Exit> {
    let name = options.format.as_deref().unwrap_or(if context.json { "json" } else { "table" });
    let format = report::FORMATS
        .iter()
        .find(|format| format.name == name)
        .ok_or_else(|| WrongUsage(format!("unknown format {name:?}; known: {}", report::names().join(" "))))?;
    let time = report_time()?;
    let out = options.output.as_deref().map(opened).transpose()?;
    let said = vex::read(&options.vex)?;
    let database = vulns::database(context)?;
    let (mut inventory, usage) = look(context, options)?;
    if let Some(usage) = &usage {
        usage.mark(&mut inventory, options.in_use);
    }
    let (mut findings, mut not_affected) = findings(database.as_ref(), &inventory);
    if let (Some(usage), Some(database)) = (&usage, &database) {
        usage.restarts(database, &inventory, &mut findings);
    }
    let words = vex::apply(&said, options.image.is_some(), &inventory, &mut findings);
    if options.only_fixed {
        not_affected.clear();
        findings.retain(|finding| finding.fixed.is_some() && finding.state.is_vulnerable());
    }
    let info = database.as_ref().map(|d| DatabaseInfo { built: d.built(), sources: d.sources() });
    let document = Document {
        schema: 1,
        inventory: &inventory,
        findings: &findings,
        vex: &words.changes,
        not_affected: &not_affected,
        database: info,
        time,
    };
    write(format, &document, out)?;
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
    let partial = database.is_none() || words.partial;
    Ok(exit(options, partial, &inventory, &findings, &words.changes))
}

/// What is installed: in a root filesystem or an image, in use on this host, or in a bill of
/// materials; and what of it runs, where that can be known.
fn look(context: &Context, options: &Scan) -> anyhow::Result<(Inventory, Option<Usage>)> {
    if let Some(file) = &options.sbom {
        return Ok((tripoint_inventory::sbom::read(file)?, None));
    }
    let mut said = std::time::Instant::now();
    let mut progress = |entries: usize| {
        if !context.quiet && said.elapsed().as_secs() >= 1 {
            said = std::time::Instant::now();
            eprintln!("{entries} files looked at");
        }
    };
    if let Some(file) = &options.image {
        return Ok((tripoint_inventory::scan_image(file, &ScanOptions::default(), &mut progress)?, None));
    }
    if options.in_use {
        let usage = Usage::of_host()?;
        let mut inventory = usage.inventory().clone();
        usage.say_skipped(&mut inventory);
        return Ok((inventory, Some(usage)));
    }
    let inventory = tripoint_inventory::scan(&options.root, &ScanOptions::default(), &mut progress)?;
    Ok((inventory, Usage::of_root(&options.root)?))
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

/// A file that a report will be written to.
struct Opened<'o> {
    file: File,
    /// Where it was made for this report; gone again when there is none.
    made: Option<&'o Path>,
}

impl Drop for Opened<'_> {
    fn drop(&mut self) {
        if let Some(path) = self.made {
            // An empty file says nothing false.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Before a long look, not after it; what stood in the file stays until there is a report.
fn opened(path: &Path) -> anyhow::Result<Opened<'_>> {
    let made = File::options().write(true).create_new(true).open(path);
    let opened = match made {
        Ok(file) => Ok(Opened { file, made: Some(path) }),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            File::options().write(true).open(path).map(|file| Opened { file, made: None })
        }
        Err(error) => Err(error),
    };
    opened.with_context(|| format!("cannot write {}", path.display()))
}

fn write(format: &Format, document: &Document<'_>, file: Option<Opened<'_>>) -> anyhow::Result<()> {
    let mut out: Box<dyn Write> = match file {
        Some(mut opened) => {
            opened.made = None;
            let file = opened.file.try_clone()?;
            if file.metadata()?.is_file() {
                file.set_len(0)?;
            }
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

fn exit(options: &Scan, partial: bool, inventory: &Inventory, findings: &[Finding], words: &[Word]) -> Exit {
    // Somebody who looks into it has not said that it is harmless.
    let doubted = |finding: &Finding| {
        finding.state == FindingState::UnderInvestigation
            && words
                .iter()
                .any(|word| word.purl == finding.purl && word.id == finding.id && word.before.is_vulnerable())
    };
    let counts = |finding: &Finding| finding.state.is_vulnerable() || doubted(finding);
    let over = |finding: &&Finding| reaches(finding, options.fail_on) && counts(finding);
    if options.fail_on.is_some() && findings.iter().any(|finding| over(&finding)) {
        return Exit::Findings;
    }
    let skipped = inventory.coverage.iter().any(|c| c.status == CoverageStatus::Partial);
    // Without advisories nothing was matched: "no findings" would be a lie that a pipeline believes.
    if partial || !inventory.has_database() || skipped { Exit::Partial } else { Exit::Fine }
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

fn findings(database: Option<&Database>, inventory: &Inventory) -> (Vec<Finding>, Vec<Finding>) {
    let Some(database) = database else { return Default::default() };
    let (mut all, mut not_affected) = (Vec::new(), Vec::new());
    for said in inventory.packages.iter().flat_map(|package| tripoint_vuln::statements(database, package)) {
        match said.state {
            // What is fixed here is no news.
            FindingState::Fixed => {}
            FindingState::NotAffected if not_affected.len() < report::NOT_AFFECTED_MAX => not_affected.push(said),
            FindingState::NotAffected => {}
            _ => all.push(said),
        }
    }
    for list in [&mut all, &mut not_affected] {
        list.sort_by(|a, b| (&a.purl, &a.id).cmp(&(&b.purl, &b.id)));
    }
    (all, not_affected)
}
