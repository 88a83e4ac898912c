//! `tripoint intel`: who is known to be bad?

use std::fs::Permissions;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tripoint_intel::choice::Choices;
use tripoint_intel::export::{self, Wish};
use tripoint_intel::load::LoadError;
use tripoint_intel::store::StoreError;
use tripoint_intel::{Descriptor, Fetcher, ImportError, ImportOptions, SyncOptions, SyncState};
use tripoint_model::{AppliesTo, Category};

use crate::arguments::Intel;
use crate::context::{Context, fetch_settings, now, own_addresses};
use crate::exit::{Exit, WrongUsage};
use crate::output;

mod feeds;
mod guard;
mod lookup;
mod meetings;
mod networks;
mod online;
mod page;
mod told;
mod trusted;

pub use page::owner;
pub use told::{feeds_of, images_of, indicators_of, systems_of};

/// What every surface says when there is nothing to match against.
pub const NOTHING_LOADED: &str = "no intelligence loaded: run `tripoint intel sync`";

/// Whether there is no image, or one of guard lists alone.
pub fn nothing_loaded(context: &Context) -> bool {
    tripoint_intel::images::generations(&context.data_dir).is_empty()
        || tripoint_intel::list(&context.data_dir).is_empty()
}

pub fn run(context: &Context, command: Intel) -> anyhow::Result<Exit> {
    match command {
        Intel::Import { file, name, format, category, direction, confidence, strict } => {
            let category = category.as_deref().map(category_named).transpose()?;
            let direction = direction.as_deref().map(direction_named).transpose()?;
            let options =
                ImportOptions { name, format, category, direction, confidence, strict, ..ImportOptions::default() };
            import(context, &file, &options)
        }
        Intel::Sync { feeds, force, accept } => sync(context, &feeds, force, accept),
        Intel::List => list(context),
        Intel::Feeds => feeds::show(context),
        Intel::Enable { feeds, key_file } => feeds::choose(context, &feeds, true, key_file.as_deref()),
        Intel::Disable { feeds } => feeds::choose(context, &feeds, false, None),
        Intel::Export { format, min_confidence, direction, category, output } => {
            let direction = direction.as_deref().map(direction_named).transpose()?;
            let category = category.as_deref().map(category_named).transpose()?;
            let wish = Wish { at: now(), min_confidence, direction, category };
            export(context, &format, &wish, output.as_deref())
        }
        Intel::Guard(command) => guard::run(context, command),
        Intel::Lookup(command) => lookup::run(context, &command),
        Intel::Networks(command) => networks::run(context, command),
    }
}

fn known<'a, T>(text: &str, value: Option<T>, what: &str, all: impl Iterator<Item = &'a str>) -> anyhow::Result<T> {
    value.ok_or_else(|| {
        WrongUsage(format!("{text:?} is no {what}; known are: {}", all.collect::<Vec<_>>().join(", "))).into()
    })
}

fn category_named(text: &str) -> anyhow::Result<Category> {
    known(text, Category::parse(text), "category", Category::ALL.iter().map(|(_, name)| *name))
}

fn direction_named(text: &str) -> anyhow::Result<AppliesTo> {
    known(text, AppliesTo::parse(text), "direction", ["in", "out", "both"].into_iter())
}

/// Writes what is bad now for another program; a file appears whole or not at all.
fn export(context: &Context, format: &str, wish: &Wish, file: Option<&Path>) -> anyhow::Result<Exit> {
    let names = export::FORMATS.iter().map(|format| format.name());
    let found = export::FORMATS.iter().copied().find(|known| known.name() == format);
    let format = known(format, found, "format", names)?;
    let verdicts = export::verdicts(&context.data_dir, wish)?;
    let mut text = Vec::new();
    let left = export::write(format, &verdicts, wish.at, &mut text)?;
    match file {
        None => std::io::stdout().lock().write_all(&text)?,
        Some(path) => {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            // Readable for whoever the other program runs as, as far as the umask lets it.
            let whole = tempfile::Builder::new().permissions(Permissions::from_mode(0o644)).tempfile_in(folder);
            let mut whole = whole.with_context(|| format!("cannot write into {}", folder.display()))?;
            whole.write_all(&text)?;
            whole.persist(path).with_context(|| format!("cannot write {}", path.display()))?;
        }
    }
    if verdicts.feeds == 0 {
        eprintln!("{NOTHING_LOADED}");
    }
    let left_out = [
        (left, "cannot be said in this format"),
        (verdicts.guarded, "on guard lists"),
        (verdicts.systems, "autonomous systems, too broad to block"),
    ];
    for (count, why) in left_out {
        if count > 0 {
            eprintln!("left out, {why}: {count}");
        }
    }
    for feed in &verdicts.damaged {
        eprintln!("{feed}: the stored copy is damaged; import or sync it again");
    }
    Ok(if verdicts.damaged.is_empty() { Exit::Fine } else { Exit::Failed })
}

fn import(context: &Context, file: &Path, options: &ImportOptions) -> anyhow::Result<Exit> {
    let config = context.config()?.config;
    let own = own_addresses();
    let inner = tripoint_intel::Context {
        data_dir: &context.data_dir,
        permit_ranges: &config.intel.permit_ranges,
        own: &own,
        now: now(),
    };
    let report = tripoint_intel::import(file, options, &inner).map_err(|error| match error {
        ImportError::Load(LoadError::NoSuchFormat(_))
        | ImportError::Store(StoreError::Name(_) | StoreError::Reserved) => WrongUsage(error.to_string()).into(),
        error => anyhow::Error::from(error),
    })?;
    if context.json {
        output::json(&report)?;
    } else {
        match report.imported {
            0 => output::line(&format!("{}: nothing imported", report.feed))?,
            some => output::line(&format!(
                "{}: {some} of {} entries in force ({})",
                report.feed, report.read, report.format
            ))?,
        }
        output::refusals(&report.refusals, report.refused);
    }
    let refused_strictly = options.strict && report.refused > 0;
    Ok(if report.is_success() && !refused_strictly { Exit::Fine } else { Exit::Failed })
}

/// The user's own feeds, else the built-in ones.
fn descriptors(data_dir: &Path) -> anyhow::Result<(Vec<Descriptor>, String)> {
    for path in [data_dir.join("feeds.toml"), PathBuf::from(tripoint_agent::config::SYSTEM_FOLDER).join("feeds.toml")] {
        if path.exists() {
            let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            let name = path.display().to_string();
            return Ok((tripoint_intel::parse_descriptors(&text, &name)?, name));
        }
    }
    let mut feeds = tripoint_intel::built_in()?;
    Choices::load(data_dir)?.apply(&mut feeds);
    Ok((feeds, "the built-in feeds".into()))
}

fn sync(context: &Context, only: &[String], force: bool, accept: bool) -> anyhow::Result<Exit> {
    let config = context.config()?.config;
    let (descriptors, origin) = descriptors(&context.data_dir)?;
    if let Some(unknown) = only.iter().find(|name| descriptors.iter().all(|d| d.name != **name)) {
        let known: Vec<&str> = descriptors.iter().map(|d| d.name.as_str()).collect();
        return Err(WrongUsage(format!("no feed {unknown:?} in {origin}; known are: {}", known.join(", "))).into());
    }
    let own = own_addresses();
    let inner = tripoint_intel::Context {
        data_dir: &context.data_dir,
        permit_ranges: &config.intel.permit_ranges,
        own: &own,
        now: now(),
    };
    let fetcher = Fetcher::new(fetch_settings(&config)).context("set up fetching")?;
    let options = SyncOptions { only, force, accept };
    let wanted = descriptors.iter().filter(|feed| feed.enabled || only.contains(&feed.name));
    feeds::confine(context, &config, wanted);
    let mut say = |name: &str| {
        if !context.quiet {
            eprintln!("{name} …");
        }
    };
    let reports = tripoint_intel::sync(&descriptors, &options, &fetcher, &inner, &mut say)?;
    if context.json {
        output::json(&reports)?;
    } else {
        let rows = reports.iter().map(|report| {
            let state = format!("{:?}", report.state).to_lowercase();
            vec![report.feed.clone(), state, report.count.to_string(), report.reason.clone().unwrap_or_default()]
        });
        output::table(&["FEED", "STATE", "INDICATORS", "REASON"], rows.collect())?;
    }
    let bad = |report: &&tripoint_intel::SyncReport| matches!(report.state, SyncState::Failed | SyncState::Held);
    let failed = reports.iter().filter(bad).count();
    let asked = reports.iter().filter(|report| report.state != SyncState::Disabled).count();
    Ok(match failed {
        0 => Exit::Fine,
        failed if failed == asked => Exit::Failed,
        _ => Exit::Partial,
    })
}

fn list(context: &Context) -> anyhow::Result<Exit> {
    let feeds = tripoint_intel::list(&context.data_dir);
    if context.json {
        output::json(&trusted::shown(&context.data_dir, &feeds))?;
        return Ok(Exit::Fine);
    }
    if feeds.is_empty() {
        eprintln!("{NOTHING_LOADED}");
        return Ok(Exit::Fine);
    }
    let now = now();
    let rows = feeds.iter().map(|feed| {
        let success = feed.last_success.map_or_else(|| "never".into(), output::time);
        let state = feed.trouble(now).unwrap_or_else(|| format!("{:?}", feed.state).to_lowercase());
        vec![feed.feed.clone(), feed.format.clone(), feed.count.to_string(), feed.refused.to_string(), success, state]
    });
    output::table(&["FEED", "FORMAT", "INDICATORS", "REFUSED", "LAST SUCCESS", "STATE"], rows.collect())?;
    Ok(Exit::Fine)
}
