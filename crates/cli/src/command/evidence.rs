//! `tripoint evidence`: what do logs say of attacks?

pub(super) mod apart;
mod rules;
pub(super) mod sources;

use std::io::Read;
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::path::Path;

use anyhow::Context as _;
use ipnet::IpNet;
use tripoint_evidence::log::pattern::{self, Pattern};
use tripoint_evidence::log::{self, FORMATS, LogFormat};
use tripoint_evidence::scan::{Counts, Options, scan};
use tripoint_evidence::stamp::{self, Clock};
use tripoint_model::Attempt;
use tripoint_unpack::{Limits, Source};

use crate::arguments::{Evidence, ScanLogs};
use crate::context::{Context, now};
use crate::exit::{Exit, WrongUsage};
use crate::output;

pub fn run(context: &Context, command: Evidence) -> anyhow::Result<Exit> {
    match command {
        Evidence::Scan(options) => scan_logs(context, &options),
        Evidence::Rules(command) => rules::run(context, &command),
    }
}

fn scan_logs(context: &Context, asked: &ScanLogs) -> anyhow::Result<Exit> {
    let proxies = asked.proxy.iter().map(|text| network(text)).collect::<anyhow::Result<Vec<_>>>()?;
    let is_proxy = |address: IpAddr| proxies.iter().any(|net| net.contains(&address));
    let zone = stamp::zone(&asked.tz).ok_or_else(|| WrongUsage(format!("{:?} is no time zone", asked.tz)))?;
    let pack = sources::pack(&asked.rules, context.quiet)?;
    let format = Format::named(&asked.format)?;
    let options = Options {
        format: format.reader(),
        clock: Clock { year: asked.year, zone, now: now() },
        pack: pack.as_ref().unwrap_or_else(|| tripoint_evidence::attempt::pack()),
        is_proxy: &is_proxy,
    };
    let mut total = Counts::default();
    let mut failed = Vec::new();
    for file in &asked.files {
        match one(context, file, &options) {
            Ok(counts) => total.add(counts),
            Err(error) => {
                let said = format!("{}: {}", file.display(), output::causes(&error));
                eprintln!("{}", tripoint_model::text::visible(&said));
                failed.push(said);
            }
        }
    }
    if !context.quiet {
        eprintln!(
            "{}, {} of a known format, {}{}",
            output::counted(total.lines, "line"),
            total.entries,
            output::counted(total.hits, "finding"),
            if total.cut > 0 { format!(", {} cut", total.cut) } else { String::new() }
        );
        if total.forgotten > 0 {
            let forgotten = output::counted(total.forgotten, "match");
            eprintln!("{forgotten} of Sigma correlations found no room and were forgotten");
        }
        if total.peers_forgotten > 0 {
            let forgotten = output::counted(total.peers_forgotten, "peer");
            eprintln!("{forgotten} found no room among those whose lines are counted: series of theirs may be missed");
        }
    }
    Ok(match failed.len() {
        0 => Exit::Fine,
        all if all == asked.files.len() => Exit::Failed,
        _ => Exit::Partial,
    })
}

fn network(text: &str) -> anyhow::Result<IpNet> {
    let address = text.parse::<IpAddr>().map(IpNet::from);
    address.or_else(|_| text.parse()).map_err(|_| WrongUsage(format!("{text:?} is no address or network")).into())
}

/// The format that was asked for.
enum Format {
    Auto,
    Known(&'static dyn LogFormat),
    /// Made of a server's configuration or of a pattern.
    Made(Pattern),
}

impl Format {
    fn named(name: &str) -> anyhow::Result<Self> {
        if name == "auto" {
            return Ok(Self::Auto);
        }
        if let Some((kind @ ("grok" | "log_format"), pattern)) = name.split_once(':') {
            let text = match pattern.strip_prefix('@') {
                Some(file) => bounded(Path::new(file))?,
                None => pattern.to_owned(),
            };
            let compile = if kind == "grok" { pattern::grok } else { pattern::compile };
            let made = compile(text.trim_end_matches(['\n', '\r']));
            return Ok(Self::Made(made.map_err(|error| WrongUsage(format!("the {kind} pattern: {error}")))?));
        }
        let known = || FORMATS.iter().map(|format| format.name()).collect::<Vec<_>>().join(", ");
        let found = log::format(name).ok_or_else(|| {
            WrongUsage(format!("{name:?} is no format; known are: auto, grok:…, log_format:…, {}", known()))
        })?;
        Ok(Self::Known(found))
    }

    fn reader(&self) -> Option<&dyn LogFormat> {
        match self {
            Self::Auto => None,
            Self::Known(format) => Some(*format),
            Self::Made(pattern) => Some(pattern),
        }
    }
}

/// The text of a file with a pattern; one that is longer than any pattern is refused when it is compiled.
fn bounded(file: &Path) -> anyhow::Result<String> {
    anyhow::ensure!(std::fs::metadata(file)?.is_file(), "{} is no regular file", file.display());
    let mut text = String::new();
    std::fs::File::open(file)?.take(1 << 20).read_to_string(&mut text)?;
    Ok(text)
}

/// Searches one file; only a regular one, as a pipe or a device never ends.
fn one(context: &Context, file: &Path, options: &Options<'_>) -> anyhow::Result<Counts> {
    let mut printed = Ok(());
    let mut show = |hit: Attempt| {
        if printed.is_ok() {
            printed = print(context, &hit);
        }
    };
    let mut counts = Counts::default();
    if file == Path::new("-") {
        counts = scan(std::io::stdin().lock(), "-", options, &mut show)?;
    } else {
        let about = std::fs::metadata(file)?;
        anyhow::ensure!(about.is_file(), "not a regular file");
        let name = file.display().to_string();
        let mut outcome = Ok(());
        // A log may be larger than any archive of anything else, and is read line by line.
        let limits =
            Limits { out_bytes_max: u64::MAX, entry_bytes_max: u64::MAX, ratio_max: u64::MAX, ..Limits::default() };
        tripoint_unpack::entries(Source::Path(file), &name, &limits, &mut |entry, input: &mut dyn Read| {
            let inner =
                if entry == name || name.strip_suffix(".gz") == Some(entry) { name.clone() } else { entry.to_owned() };
            match scan(input, &inner, options, &mut show) {
                Ok(more) => counts.add(more),
                Err(error) => outcome = Err(error),
            }
            if outcome.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        outcome.context("it could not be read to its end")?;
    }
    printed?;
    Ok(counts)
}

fn print(context: &Context, hit: &Attempt) -> anyhow::Result<()> {
    if context.json {
        return output::json_line(hit);
    }
    let time = hit.time.map_or("-".into(), output::time);
    let remote = hit.remote.map_or("-".into(), |remote| remote.to_string());
    let cves = hit.cves.join(" ");
    let verdict = output::word(&hit.verdict);
    output::line(&format!(
        "{}:{}  {time}  {remote}  {verdict}  {} ({}) {cves}",
        hit.file, hit.line, hit.family, hit.rule
    ))?;
    if let Some(sigma) = &hit.sigma {
        output::line(&format!("    Sigma, {}: {}", sigma.level, sigma.title))?;
    }
    output::line(&format!("    {}", hit.raw))
}
