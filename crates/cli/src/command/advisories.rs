//! `tripoint vulns sync|sources|status|forget`: where do advisories come from, and how old are they?

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde::Serialize;
use tripoint_agent::config::Config;
use tripoint_inventory::{Distro, Root};
use tripoint_model::Timestamp;
use tripoint_model::text::visible;
use tripoint_vuln::status::{self, span};
use tripoint_vuln::sync::{Catalogue, Descriptor, Fetcher, Host, Step, SyncOptions, SyncReport, SyncState, Target};
use tripoint_vuln::{Database, Freshness, ImportContext, SourceStatus};

use crate::confine::Fetching;
use crate::context::{Context, fetch_settings, now};
use crate::exit::{Exit, WrongUsage};
use crate::output;

/// The built-in sources and what the user's own file changes.
fn catalogue(data_dir: &Path) -> anyhow::Result<Catalogue> {
    let system = PathBuf::from(tripoint_agent::config::SYSTEM_FOLDER);
    for path in [data_dir.join("advisories.toml"), system.join("advisories.toml")] {
        if path.exists() {
            let name = path.display().to_string();
            let text = std::fs::read_to_string(&path).with_context(|| name.clone())?;
            return Ok(Catalogue::read(Some((&text, &name)))?);
        }
    }
    Ok(Catalogue::read(None)?)
}

/// This host as advisories know it.
fn host() -> Host {
    let distro = Root::open(Path::new("/")).ok().and_then(|root| Distro::of(&root)).unwrap_or_default();
    Host {
        id: distro.id,
        like: distro.like,
        version: distro.version,
        codename: distro.codename,
        arch: std::env::consts::ARCH.to_owned(),
    }
}

/// What was asked for: names, `NAME:RELEASE` or URLs.
fn named(catalogue: &Catalogue, host: &Host, words: &[String]) -> anyhow::Result<Vec<Target>> {
    let mut targets = Vec::new();
    for word in words {
        if word.contains("://") {
            targets.push(tripoint_vuln::sync::unlisted(word));
            continue;
        }
        let (name, release) = word.split_once(':').map_or((word.as_str(), None), |(name, r)| (name, Some(r)));
        let Some(source) = catalogue.sources.iter().find(|source| source.name == name) else {
            let known: Vec<&str> = catalogue.sources.iter().map(|source| source.name.as_str()).collect();
            let message = format!("no source {name:?}; known are: {}; or give a URL", known.join(", "));
            return Err(WrongUsage(message).into());
        };
        targets.push(host.target(source, release).map_err(WrongUsage)?);
    }
    Ok(targets)
}

pub fn sync(context: &Context, words: &[String], force: bool, accept: bool) -> anyhow::Result<Exit> {
    let (catalogue, host) = (catalogue(&context.data_dir)?, host());
    let mut unknown = Vec::new();
    let targets = if words.is_empty() {
        let wanted = catalogue.sources.iter().filter(|source| source.is_wanted(&host));
        wanted.filter_map(|source| host.target(source, None).map_err(|reason| unknown.push(reason)).ok()).collect()
    } else {
        named(&catalogue, &host, words)?
    };
    for reason in &unknown {
        eprintln!("{reason}");
    }
    let config = context.config()?.config;
    let fetcher = Fetcher::new(fetch_settings(&config)).context("set up fetching")?;
    confine(context, &config, &targets, &catalogue);
    let options = SyncOptions { mirrors: &catalogue.mirrors, force, accept };
    let inner = ImportContext { data_dir: context.data_dir.clone(), now: now() };
    let mut talk = Talk::new(context.quiet);
    let reports =
        tripoint_vuln::sync::sync(&targets, &options, &fetcher, &inner, &mut |source, step| talk.say(source, step))?;
    talk.end();
    if context.json {
        output::json(&reports)?;
    } else {
        table(&reports)?;
    }
    let bad = |report: &&SyncReport| matches!(report.state, SyncState::Failed | SyncState::Held);
    Ok(match reports.iter().filter(bad).count() {
        0 if unknown.is_empty() => Exit::Fine,
        failed if failed == reports.len() => Exit::Failed,
        _ => Exit::Partial,
    })
}

/// Gives up what fetching these does not need.
fn confine(context: &Context, config: &Config, targets: &[Target], catalogue: &Catalogue) {
    let sources = targets.iter().map(|target| &target.descriptor);
    let own = sources.clone().flat_map(|source| source.urls.iter().chain(&source.mirrors));
    let urls = own.chain(catalogue.mirrors.iter().flat_map(|mirror| &mirror.to)).map(String::as_str);
    let keys = sources.filter_map(|source| source.key_file.as_deref());
    Fetching::new(context, config, &["vuln", "images"]).at(urls).read(keys).begin();
}

fn table(reports: &[SyncReport]) -> anyhow::Result<()> {
    let row = |report: &SyncReport| {
        let counts = |count: u64| if report.read > 0 { count.to_string() } else { "-".to_owned() };
        vec![
            report.source.clone(),
            output::word(&report.state),
            report.records.to_string(),
            counts(report.read),
            counts(report.imported),
            counts(report.refused),
            report.reason.clone().unwrap_or_default(),
        ]
    };
    let head = ["SOURCE", "STATE", "IN FORCE", "READ", "IMPORTED", "REFUSED", "REASON"];
    output::table(&head, reports.iter().map(row).collect())?;
    for report in reports {
        output::refusals(&report.refusals, report.refused);
    }
    Ok(())
}

/// Says on stderr how far things are: in place on a terminal, else a line now and then.
struct Talk {
    quiet: bool,
    terminal: bool,
    source: String,
    said: Instant,
}

impl Talk {
    fn new(quiet: bool) -> Self {
        Self { quiet, terminal: std::io::stderr().is_terminal(), source: String::new(), said: Instant::now() }
    }

    fn say(&mut self, source: &str, step: Step) {
        let (is_new, pause) = (self.source != source, if self.terminal { 200 } else { 5000 });
        if self.quiet || (!is_new && self.said.elapsed() < Duration::from_millis(pause)) {
            return;
        }
        source.clone_into(&mut self.source);
        self.said = Instant::now();
        let text = match step {
            _ if is_new && !self.terminal => format!("{source} …"),
            Step::Bytes(have, Some(of)) if of > 0 => {
                format!("{source}: {} of {} ({} %)", size(have), size(of), have.saturating_mul(100) / of)
            }
            Step::Bytes(have, _) => format!("{source}: {}", size(have)),
            Step::Records(read) => format!("{source}: {}", output::counted(read, "record")),
        };
        if self.terminal { eprint!("\r\x1b[K{}", visible(&text)) } else { eprintln!("{}", visible(&text)) }
    }

    fn end(&self) {
        if self.terminal && !self.source.is_empty() {
            eprint!("\r\x1b[K");
        }
    }
}

/// `12.3 MiB`.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{} KiB", bytes >> 10),
        _ => format!("{}.{} MiB", bytes >> 20, ((bytes >> 10) % 1024) * 10 / 1024),
    }
}

#[derive(Serialize)]
struct Known<'a> {
    source: &'a str,
    wanted: bool,
    hosts: &'a [String],
    urls: &'a [String],
    format: Option<&'a str>,
    refresh_seconds: u64,
    bytes_max: u64,
    licence: Option<&'a str>,
}

pub fn list(context: &Context) -> anyhow::Result<Exit> {
    let (catalogue, host) = (catalogue(&context.data_dir)?, host());
    let known = |source: &'_ Descriptor| -> Vec<String> {
        let wanted = if source.is_wanted(&host) { "yes" } else { "no" };
        let hosts = if source.hosts.is_empty() { "by name".to_owned() } else { source.hosts.join(" ") };
        let refresh = span(source.refresh);
        vec![source.name.clone(), wanted.to_owned(), hosts, refresh, source.licence.clone().unwrap_or_default()]
    };
    if context.json {
        let all: Vec<Known<'_>> = catalogue
            .sources
            .iter()
            .map(|source| Known {
                source: &source.name,
                wanted: source.is_wanted(&host),
                hosts: &source.hosts,
                urls: &source.urls,
                format: source.format.as_deref(),
                refresh_seconds: source.refresh.as_secs(),
                bytes_max: source.bytes_max,
                licence: source.licence.as_deref(),
            })
            .collect();
        output::json(&all)?;
    } else {
        output::table(
            &["SOURCE", "FETCHED HERE", "FOR", "EVERY", "LICENCE"],
            catalogue.sources.iter().map(known).collect(),
        )?;
    }
    Ok(Exit::Fine)
}

#[derive(Serialize)]
struct Report {
    image: Option<Image>,
    sources: Vec<Row>,
}

#[derive(Serialize)]
struct Image {
    generation: u64,
    built: Timestamp,
    bytes: u64,
    packages: usize,
}

#[derive(Serialize)]
struct Row {
    #[serde(flatten)]
    status: SourceStatus,
    age: Option<u64>,
    freshness: Option<Freshness>,
    next_refresh: Option<Timestamp>,
    trouble: Option<String>,
}

pub fn status(context: &Context) -> anyhow::Result<Exit> {
    let (patience, now) = (context.config()?.config.patience(), now());
    let opened = super::vulns::mapped(&context.data_dir, Database::open)?;
    let image = opened.as_ref().map(|(generation, database)| Image {
        generation: *generation,
        built: database.built(),
        bytes: tripoint_vuln::image_files(&context.data_dir)
            .iter()
            .find(|(number, _)| number == generation)
            .and_then(|(_, path)| std::fs::metadata(path).ok())
            .map_or(0, |found| found.len()),
        packages: database.packages(),
    });
    let built_from = opened.map(|(_, database)| database.sources()).unwrap_or_default();
    let row = |status: SourceStatus| Row {
        age: status.age(now).map(|age| age.as_secs()),
        freshness: status.freshness(&patience, now),
        next_refresh: status.next_refresh(),
        trouble: status.trouble(&patience, now),
        status,
    };
    let report = Report { image, sources: status::all(&context.data_dir, &built_from).into_iter().map(row).collect() };
    if context.json {
        output::json(&report)?;
    } else {
        text(&report)?;
    }
    Ok(if report.sources.iter().any(|row| row.trouble.is_some()) { Exit::Partial } else { Exit::Fine })
}

fn text(report: &Report) -> anyhow::Result<()> {
    match &report.image {
        None => eprintln!("{}", super::vulns::NOTHING_LOADED),
        Some(image) => output::line(&format!(
            "image {}, built {}, {}, {} packages",
            image.generation,
            output::time(image.built),
            size(image.bytes),
            image.packages
        ))?,
    }
    let rows = report.sources.iter().map(|row| {
        let age = row.age.map_or_else(|| "-".to_owned(), |age| span(Duration::from_secs(age)));
        let time = |at: Option<Timestamp>| at.map_or_else(|| "-".to_owned(), output::time);
        vec![
            row.status.source.clone(),
            row.status.records.to_string(),
            age,
            time(row.status.last_success),
            time(row.next_refresh),
            time(row.status.published),
            row.trouble.clone().unwrap_or_else(|| "ok".to_owned()),
            row.status.licence.clone().unwrap_or_default(),
        ]
    });
    if report.sources.is_empty() {
        return Ok(());
    }
    let head = ["SOURCE", "RECORDS", "AGE", "LAST SUCCESS", "NEXT", "PUBLISHED", "STATE", "LICENCE"];
    output::table(&head, rows.collect())
}

pub fn forget(context: &Context, source: &str) -> anyhow::Result<Exit> {
    let inner = ImportContext { data_dir: context.data_dir.clone(), now: now() };
    if tripoint_vuln::forget(source, &inner)? {
        return Ok(Exit::Fine);
    }
    anyhow::bail!("no source {source:?} is in force; `tripoint vulns status` lists them")
}

/// Answers from old advisories are given, and it is said that they are old.
pub fn warn_of_age(context: &Context, database: &Database) -> anyhow::Result<()> {
    let (patience, now) = (context.config()?.config.patience(), now());
    let old: Vec<String> = status::all(&context.data_dir, &database.sources())
        .iter()
        .filter(|source| source.freshness(&patience, now).is_some_and(|freshness| freshness > Freshness::Fresh))
        .filter_map(|source| Some(format!("{} ({})", source.source, source.trouble(&patience, now)?)))
        .collect();
    if !old.is_empty() {
        eprintln!("warning: answers rest on old advisories: {}", visible(&old.join(", ")));
    }
    Ok(())
}
