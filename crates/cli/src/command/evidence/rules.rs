//! `tripoint evidence rules`: what do attacks look like, and are somebody's rules in order?

use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use tripoint_evidence::attempt::{self, examples};
use tripoint_evidence::pack::Pack;
use tripoint_evidence::pack::rule::Rule;
use tripoint_evidence::sigma::compile::{Listed, State, misjudged};
use tripoint_evidence::sigma::image::Image;

use super::apart;
use super::sources::{self, Sources, tell};
use crate::arguments::{CompileRules, Rules};
use crate::context::{Context, now};
use crate::exit::Exit;
use crate::output;

pub(super) fn run(context: &Context, command: &Rules) -> anyhow::Result<Exit> {
    match command {
        Rules::List(files) => list(context, &read(files.path.as_deref())?),
        Rules::Test(files) => test(context, &read(files.path.as_deref())?, files.path.is_none()),
        Rules::Check(files) => check(context, &read(files.path.as_deref())?),
        Rules::Compile(asked) => compile(context, asked),
    }
}

fn read(path: Option<&Path>) -> anyhow::Result<Sources> {
    let Some(path) = path else {
        let mut own = Sources::default();
        own.own.rules = attempt::rules().collect();
        return Ok(own);
    };
    sources::read(path, &mut sources::taken())
}

fn outcome(is_fine: bool) -> Exit {
    if is_fine { Exit::Fine } else { Exit::Failed }
}

fn tell_all(found: &Sources) -> bool {
    tell(&found.own.faults);
    tell(&found.sigma.faults);
    found.own.faults.is_empty() && found.sigma.faults.is_empty()
}

fn list(context: &Context, found: &Sources) -> anyhow::Result<Exit> {
    let is_fine = tell_all(found);
    if context.json {
        found.own.rules.iter().try_for_each(output::json_line)?;
        found.sigma.listed.iter().try_for_each(output::json_line)?;
        return Ok(outcome(is_fine));
    }
    if !found.own.rules.is_empty() || found.sigma.files == 0 {
        let row = |rule: &Rule| vec![rule.id.clone(), rule.family.clone(), rule.attack.join(" "), rule.cves.join(" ")];
        output::table(&["RULE", "TECHNIQUE", "ATT&CK", "CVES"], found.own.rules.iter().map(row).collect())?;
    }
    if found.sigma.files > 0 {
        let row = |rule: &Listed| {
            let about = &rule.about;
            let state = match (rule.state, rule.reason.as_str()) {
                (State::Loaded, "") => "loaded".to_owned(),
                (State::Loaded, reason) => format!("loaded in part: {reason}"),
                (State::Skipped, reason) => format!("skipped: {reason}"),
            };
            let level = about.level.as_str().to_owned();
            vec![about.id.clone(), level, about.attack.join(" "), about.cves.join(" "), about.title.clone(), state]
        };
        let head = ["SIGMA RULE", "LEVEL", "ATT&CK", "CVES", "TITLE", "STATE"];
        output::table(&head, found.sigma.listed.iter().map(row).collect())?;
    }
    Ok(outcome(is_fine))
}

fn check(context: &Context, found: &Sources) -> anyhow::Result<Exit> {
    let faults = found.own.faults.iter().chain(&found.sigma.faults);
    for fault in faults.clone() {
        if context.json {
            output::json_line(fault)?;
        } else {
            output::line(&format!("{}:{}: {}", fault.file, fault.line, fault.reason))?;
        }
    }
    if !context.quiet {
        if found.own.files > 0 || found.sigma.files == 0 {
            let fine = output::counted(found.own.rules.len() as u64, "rule");
            eprintln!("{fine} in order, {}", output::counted(found.own.faults.len() as u64, "fault"));
        }
        if found.sigma.files > 0 {
            eprintln!("{}", sources::counted(&found.sigma));
        }
    }
    Ok(outcome(faults.count() == 0))
}

/// Judges the examples; `built_in`: those of the rules that come with Tripoint too.
fn test(context: &Context, found: &Sources, built_in: bool) -> anyhow::Result<Exit> {
    let is_fine = tell_all(found);
    let pack = Pack::new(found.own.rules.iter().cloned())?;
    let (mut asked, mut wrong) = (0, 0);
    let mut judged = |id: &str, is_attack: bool, text: &str| {
        wrong += 1;
        if context.json {
            return output::json_line(&serde_json::json!({"rule": id, "attack": is_attack, "text": text}));
        }
        let what = if is_attack { "does not find" } else { "finds the innocent" };
        output::line(&format!("{id} {what}: {text}"))
    };
    if built_in {
        let (all, misjudged) = examples::judge();
        asked += all;
        misjudged.iter().try_for_each(|one| judged(one.family, one.is_attack, one.line))?;
    }
    for rule in &found.own.rules {
        asked += rule.attacks.len() + rule.innocents.len();
        for (is_attack, text) in pack.misjudged(rule) {
            judged(&rule.id, is_attack, text)?;
        }
    }
    asked += found.sigma.listed.iter().map(|rule| rule.attacks.len() + rule.innocents.len()).sum::<usize>();
    for (id, is_attack, text) in misjudged(&found.sigma)? {
        judged(&id, is_attack, &text)?;
    }
    if !context.quiet {
        eprintln!("{}, {wrong} judged wrongly", output::counted(asked as u64, "example"));
    }
    Ok(outcome(wrong == 0 && is_fine))
}

fn compile(context: &Context, asked: &CompileRules) -> anyhow::Result<Exit> {
    let written = sources::written(&asked.path)?;
    if let Some(user) = &asked.user {
        apart::give_up_root(user)?;
    }
    let found = written.read(&mut sources::taken());
    let is_whole = found.sigma.faults.is_empty();
    let image = sources::usable(&asked.path, found, now(), context.quiet)?;
    let bytes = bytes_of(&image)?;
    if asked.out == Path::new("-") {
        std::io::stdout().write_all(&bytes).context("write to standard output")?;
        return Ok(outcome_of(is_whole));
    }
    put(&bytes, &asked.out)?;
    let bytes = bytes.len();
    let (sigma, correlations, rules) = (image.sigma.len(), image.correlations.len(), image.rules.len());
    if context.json {
        let out = asked.out.display().to_string();
        let built = image.built;
        output::json(&serde_json::json!({
            "file": out, "bytes": bytes, "built": built, "sigma": sigma, "correlations": correlations, "rules": rules,
        }))?;
    } else {
        let counted = tripoint_agent::rules::counted(&image);
        output::line(&format!("{}: {bytes} bytes, {counted}", asked.out.display()))?;
    }
    Ok(outcome_of(is_whole))
}

fn outcome_of(is_whole: bool) -> Exit {
    if is_whole { Exit::Fine } else { Exit::Partial }
}

/// The bytes of an image. What the agent would refuse is refused here.
fn bytes_of(image: &Image) -> anyhow::Result<Vec<u8>> {
    let bytes = image.write()?;
    Image::read(&bytes)?.pack()?;
    Ok(bytes)
}

/// Writes an image beside its place and renames it, so that nobody reads half of one.
pub(super) fn put(bytes: &[u8], out: &Path) -> anyhow::Result<()> {
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let said = || format!("write {}", out.display());
    let mut file = tempfile::NamedTempFile::new_in(folder).with_context(said)?;
    file.write_all(bytes).with_context(said)?;
    file.as_file().sync_all().with_context(said)?;
    file.persist(out).map_err(|error| error.error).with_context(said)?;
    Ok(())
}
