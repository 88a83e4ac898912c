//! `tripoint evidence rules`: what do attacks look like, and are somebody's rules in order?

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tripoint_evidence::attempt;
use tripoint_evidence::pack::Pack;
use tripoint_evidence::pack::folder::{self, Fault, Read};
use tripoint_evidence::pack::rule::Rule;

use crate::arguments::Rules;
use crate::context::Context;
use crate::exit::{Exit, WrongUsage};
use crate::output;

pub(super) fn run(context: &Context, command: &Rules) -> anyhow::Result<Exit> {
    match command {
        Rules::List(files) => list(context, &read(files.path.as_deref())?),
        Rules::Test(files) => test(context, &read(files.path.as_deref())?),
        Rules::Check(files) => check(context, &read(files.path.as_deref())?),
    }
}

/// The rules that come with Tripoint and those of files; nothing where there are no files.
pub(super) fn with(paths: &[PathBuf]) -> anyhow::Result<Option<Pack>> {
    if paths.is_empty() {
        return Ok(None);
    }
    let mut rules: Vec<Rule> = attempt::rules().collect();
    let mut taken: BTreeSet<String> = rules.iter().map(|rule| rule.id.clone()).collect();
    for path in paths {
        let read = folder::read(path, &mut taken).with_context(|| path.display().to_string())?;
        tell(&read.faults);
        if !read.faults.is_empty() {
            return Err(WrongUsage(format!("{}: not every rule can be used", path.display())).into());
        }
        rules.extend(read.rules);
    }
    Ok(Some(Pack::new(rules)?))
}

fn read(path: Option<&Path>) -> anyhow::Result<Read> {
    let Some(path) = path else {
        return Ok(Read { rules: attempt::rules().collect(), ..Read::default() });
    };
    let mut taken = attempt::rules().map(|rule| rule.id).collect();
    folder::read(path, &mut taken).with_context(|| path.display().to_string())
}

fn tell(faults: &[Fault]) {
    for fault in faults {
        let said = format!("{}:{}: {}", fault.file, fault.line, fault.reason);
        eprintln!("{}", tripoint_model::text::visible(&said));
    }
}

fn outcome(is_fine: bool) -> Exit {
    if is_fine { Exit::Fine } else { Exit::Failed }
}

fn list(context: &Context, read: &Read) -> anyhow::Result<Exit> {
    tell(&read.faults);
    if context.json {
        for rule in &read.rules {
            output::json_line(rule)?;
        }
    } else {
        let row = |rule: &Rule| vec![rule.id.clone(), rule.family.clone(), rule.attack.join(" "), rule.cves.join(" ")];
        output::table(&["RULE", "TECHNIQUE", "ATT&CK", "CVES"], read.rules.iter().map(row).collect())?;
    }
    Ok(outcome(read.faults.is_empty()))
}

fn check(context: &Context, read: &Read) -> anyhow::Result<Exit> {
    for fault in &read.faults {
        if context.json {
            output::json_line(fault)?;
        } else {
            output::line(&format!("{}:{}: {}", fault.file, fault.line, fault.reason))?;
        }
    }
    if !context.quiet {
        let fine = output::counted(read.rules.len() as u64, "rule");
        eprintln!("{fine} in order, {}", output::counted(read.faults.len() as u64, "fault"));
    }
    Ok(outcome(read.faults.is_empty()))
}

fn test(context: &Context, read: &Read) -> anyhow::Result<Exit> {
    tell(&read.faults);
    let pack = Pack::new(read.rules.iter().cloned())?;
    let (mut asked, mut wrong) = (0, 0);
    for rule in &read.rules {
        asked += rule.attacks.len() + rule.innocents.len();
        for (is_attack, text) in pack.misjudged(rule) {
            wrong += 1;
            if context.json {
                output::json_line(&serde_json::json!({"rule": rule.id, "attack": is_attack, "text": text}))?;
            } else {
                let what = if is_attack { "does not find" } else { "finds the innocent" };
                output::line(&format!("{} {what}: {text}", rule.id))?;
            }
        }
    }
    if !context.quiet {
        eprintln!("{}, {wrong} judged wrongly", output::counted(asked as u64, "example"));
    }
    Ok(outcome(wrong == 0 && read.faults.is_empty()))
}
