//! `tripoint vulns`: what is known to be vulnerable?

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use tripoint_linux::mapped::MappedFile;
use tripoint_vuln::{
    CveAnswer, Database, ImageBytes, ImageError, ImportContext, ImportError, ImportOptions, QueryAnswer,
};

use super::{advisories, evaluate, versions};
use crate::arguments::Vulns;
use crate::context::{Context, now};
use crate::exit::{Exit, WrongUsage};
use crate::{input, output};

/// What every surface says when there is nothing to match against.
pub const NOTHING_LOADED: &str = "no advisories loaded: run `tripoint vulns sync`, or `vulns import FILE`";

pub fn run(context: &Context, command: Vulns) -> anyhow::Result<Exit> {
    match command {
        Vulns::Import { files, format, source } => import(context, &files, ImportOptions { format, source }),
        Vulns::Sync { sources, force, accept, unencrypted } => {
            if let Some(url) = sources.iter().find(|url| !unencrypted && tripoint_fetch::is_clear(url)) {
                let why = "is plain http, which anybody on the way can change: use https, or say --unencrypted";
                return Err(WrongUsage(format!("{url} {why}")).into());
            }
            advisories::sync(context, &sources, force, accept)
        }
        Vulns::Sources => advisories::list(context),
        Vulns::Status => advisories::status(context),
        Vulns::Forget { source } => advisories::forget(context, &source),
        Vulns::Lookup { cve } => lookup(context, &cve),
        Vulns::Query { ecosystem, name, version, stdin } => query(context, ecosystem, name, version, stdin),
        Vulns::Evaluate { file, root, force } => evaluate::run(context, &file, &root, force),
        Vulns::Compare { words, stdin } => versions::compare(context, &words, stdin),
        Vulns::Satisfies { words, stdin } => versions::satisfies(context, &words, stdin),
    }
}

/// Opens the database; says so when there is none, or when what is in it is old. Every byte is checked: what was not
/// written answers nothing.
pub fn database(context: &Context) -> anyhow::Result<Option<Database>> {
    let opened = mapped(&context.data_dir, Database::open)?.map(|(_, database)| database);
    match &opened {
        None => eprintln!("{NOTHING_LOADED}"),
        Some(database) => advisories::warn_of_age(context, database)?,
    }
    Ok(opened)
}

/// Maps the newest image that `open` takes, and says which it does not; processes share its memory.
pub fn mapped(
    data_dir: &Path,
    open: fn(ImageBytes) -> Result<Database, ImageError>,
) -> Result<Option<(u64, Database)>, ImageError> {
    tripoint_vuln::open_latest_with(data_dir, |path| {
        let bytes = File::open(path).and_then(|file| MappedFile::open(&file));
        let bytes = bytes.map_err(|source| ImageError::Io { path: path.to_owned(), source })?;
        open(Arc::new(bytes)).inspect_err(|error| eprintln!("{}: {error}; it is passed over", path.display()))
    })
}

fn import(context: &Context, files: &[PathBuf], options: ImportOptions) -> anyhow::Result<Exit> {
    let inner = ImportContext { data_dir: context.data_dir.clone(), now: now() };
    let mut said = std::time::Instant::now();
    let mut progress = |file: &std::path::Path, read: u64| {
        if !context.quiet && said.elapsed().as_millis() > 500 {
            said = std::time::Instant::now();
            eprintln!("{}: {read} records", file.display());
        }
    };
    let report = tripoint_vuln::import(files, &options, &inner, &mut progress).map_err(|error| match error {
        ImportError::UnknownFormat(_) => WrongUsage(error.to_string()).into(),
        error => anyhow::Error::from(error),
    })?;
    if context.json {
        output::json(&report)?;
    } else {
        match report.imported {
            0 => output::line(&format!("{}: nothing imported", report.source))?,
            some => output::line(&format!(
                "{}: {some} of {} records in force ({})",
                report.source, report.read, report.format
            ))?,
        }
        output::refusals(&report.refusals, report.refused);
    }
    Ok(if report.imported > 0 { Exit::Fine } else { Exit::Failed })
}

fn lookup(context: &Context, cve: &str) -> anyhow::Result<Exit> {
    let Some(database) = database(context)? else { return Ok(Exit::Failed) };
    let Some(answer) = tripoint_vuln::lookup_cve(&database, cve) else {
        if context.json {
            let cve = cve.to_owned();
            output::json(&CveAnswer {
                cve,
                known_exploited: false,
                epss_bp: None,
                severity: std::collections::BTreeMap::new(),
                advisories: Vec::new(),
            })?;
        }
        eprintln!("nothing is known of {cve}");
        return Ok(Exit::Failed);
    };
    if context.json {
        output::json(&answer)?;
        return Ok(Exit::Fine);
    }
    let exploited = if answer.known_exploited { ", exploited in the wild" } else { "" };
    let epss = answer.epss_bp.map(|bp| format!(", EPSS {:.2} %", f64::from(bp) / 100.0)).unwrap_or_default();
    output::line(&format!("{}{exploited}{epss}", answer.cve))?;
    for advisory in &answer.advisories {
        let summary = if advisory.summary.is_empty() { String::new() } else { format!(": {}", advisory.summary) };
        output::line(&format!("  {} ({}){summary}", advisory.id, advisory.source))?;
        for package in advisory.packages.iter().take(PACKAGES_SHOWN) {
            let fixed = package.fixed.as_ref().map_or("no fix named".to_owned(), |fixed| format!("fixed in {fixed}"));
            output::line(&format!("    {} {}: {fixed}", package.ecosystem, package.name))?;
        }
        if let Some(more) = advisory.packages.len().checked_sub(PACKAGES_SHOWN).filter(|more| *more > 0) {
            output::line(&format!("    and {} (--json lists all)", output::counted(more as u64, "more package")))?;
        }
    }
    Ok(Exit::Fine)
}

/// A kernel's advisory names hundreds.
const PACKAGES_SHOWN: usize = 8;

#[derive(Default, Deserialize)]
struct Question {
    #[serde(default)]
    ecosystem: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    version: String,
    purl: Option<String>,
}

fn query(
    context: &Context,
    ecosystem: Option<String>,
    name: Option<String>,
    version: Option<String>,
    stdin: bool,
) -> anyhow::Result<Exit> {
    let database = database(context)?;
    let mut exit = Exit::Fine;
    let mut tell = |answer: &QueryAnswer, line: bool| -> anyhow::Result<()> {
        if answer.error.is_some() {
            exit = Exit::Failed;
        }
        match (context.json, line) {
            (true, true) => output::json_line(answer),
            (true, false) => output::json(answer),
            (false, _) => text(answer),
        }
    };
    if stdin {
        input::each_line(|line| {
            let question = line.and_then(|line| {
                serde_json::from_str::<Question>(line)
                    .map_err(|error| format!("not {{ecosystem,name,version}} or {{purl}}: {error}"))
            });
            let question = match question {
                Ok(question) => question,
                Err(error) => return tell(&unanswered(&Question::default(), error), true),
            };
            tell(&ask(database.as_ref(), &question), true)
        })?;
        return Ok(exit);
    }
    let (Some(ecosystem), Some(name), Some(version)) = (ecosystem, name, version) else {
        return Err(WrongUsage("give ECOSYSTEM NAME VERSION, or --stdin".into()).into());
    };
    let question = Question { ecosystem, name, version, purl: None };
    tell(&ask(database.as_ref(), &question), false)?;
    Ok(exit)
}

fn ask<'d>(database: Option<&'d Database>, question: &'d Question) -> QueryAnswer<'d> {
    match (database, &question.purl) {
        (None, _) => unanswered(question, NOTHING_LOADED.to_owned()),
        (Some(database), Some(purl)) => tripoint_vuln::query_purl(database, purl),
        (Some(database), None) => {
            tripoint_vuln::query(database, &question.ecosystem, &question.name, &question.version)
        }
    }
}

fn unanswered<'d>(question: &Question, error: String) -> QueryAnswer<'d> {
    QueryAnswer {
        ecosystem: question.ecosystem.clone().into(),
        name: question.purl.as_ref().unwrap_or(&question.name).clone().into(),
        version: question.version.clone().into(),
        cves: Vec::new(),
        findings: Vec::new(),
        error: Some(error),
    }
}

fn text(answer: &QueryAnswer) -> anyhow::Result<()> {
    let about = format!("{} {} {}", answer.ecosystem, answer.name, answer.version);
    if let Some(error) = &answer.error {
        let about = about.split_whitespace().collect::<Vec<_>>().join(" ");
        let colon = if about.is_empty() { "" } else { ": " };
        return output::line(&format!("{about}{colon}error: {error}"));
    }
    if answer.findings.is_empty() {
        return output::line(&format!("{about}: not known to be vulnerable"));
    }
    let (findings, cves) = (answer.findings.len() as u64, answer.cves.len() as u64);
    output::line(&format!("{about}: {}, {}", output::counted(findings, "finding"), output::counted(cves, "CVE")))?;
    let rows = answer.findings.iter().map(|finding| {
        let state = format!("{:?}", finding.state).to_lowercase();
        vec![
            finding.id.to_owned(),
            finding.cves.join(" "),
            state,
            finding.fixed.unwrap_or_default().to_owned(),
            finding.source.to_owned(),
        ]
    });
    output::table(&["ID", "CVES", "STATE", "FIXED IN", "SOURCE"], rows.collect())
}
