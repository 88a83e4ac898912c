//! `tripoint intel lookup`: what is said about addresses, now and before?

use std::sync::Arc;

use tripoint_intel::about::{About, about, network};
use tripoint_intel::guardlist::Texts;
use tripoint_intel::networks::Networks;
use tripoint_intel::{Index, LookupAnswer};
use tripoint_model::{Observable, Timestamp};

use super::meetings::{Meetings, meetings};
use super::{NOTHING_LOADED, online, page};
use crate::arguments::Lookup;
use crate::context::{Context, now};
use crate::exit::{Exit, WrongUsage};
use crate::{input, output};

/// The answer for one address: what the data folder tells, and what running programs tell.
#[derive(serde::Serialize)]
pub(super) struct Page {
    #[serde(flatten)]
    pub about: About,
    /// Our hosts' meetings with it; absent where no server answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meetings: Option<Meetings>,
}

pub(super) fn run(context: &Context, command: &Lookup) -> anyhow::Result<Exit> {
    let at: Timestamp = match command.at.as_deref() {
        Some(text) => text.parse().map_err(|error: tripoint_model::time::TimeError| WrongUsage(error.to_string()))?,
        None => now(),
    };
    if command.addresses.is_empty() && !command.stdin {
        let what = match command.online {
            Some(_) => "name at least one address, before --online",
            None => "name at least one address, or give --stdin",
        };
        return Err(WrongUsage(what.to_owned()).into());
    }
    let wanted = match &command.online {
        Some(services) => online::wanted(context, services)?,
        None => Vec::new(),
    };
    let index = open(context)?;
    let texts = Texts::load(&context.data_dir);
    if texts.left_out > 0 {
        eprintln!("too many patterns in guard lists, not in force: {}", texts.left_out);
    }
    let networks = Networks::open(&context.data_dir);
    let mut asker = online::Asker::new(context, &wanted, command.yes)?;
    for (number, address) in command.addresses.iter().enumerate() {
        let answer = tripoint_intel::lookup_with(&index, &|observable| texts.listed(observable), address, at);
        let mut about = about(&index, &networks, &context.data_dir, answer, at);
        about.online = asker.ask(address)?;
        let asked: Option<Observable> = address.parse().ok();
        let meetings = asked.filter(|_| about.answer.error.is_none()).and_then(|asked| meetings(context, &asked));
        let whole = Page { about, meetings };
        if context.json {
            output::json_line(&whole)?;
        } else {
            let gap = if number > 0 { "\n" } else { "" };
            output::line(&format!("{gap}{}", page::whole(&whole, networks.is_empty(), at).trim_end()))?;
        }
    }
    if command.stdin {
        many(context, (&index, &texts), &networks, at)?;
    }
    Ok(Exit::Fine)
}

fn open(context: &Context) -> anyhow::Result<Index> {
    let index = tripoint_intel::images::open_newest(&context.data_dir).map(|(_, index)| index);
    // Guard lists alone make an image too.
    if index.as_ref().is_none_or(|index| index.feeds().is_empty()) {
        eprintln!("{NOTHING_LOADED}");
    }
    let index = match index {
        Some(index) => index,
        None => Index::open(Arc::new(tripoint_intel::image::Builder::default().finish(now())))?,
    };
    Ok(index.with_trust(tripoint_intel::trust::load(&context.data_dir)))
}

/// A line each, and nothing that would have to be searched for in files.
fn many(context: &Context, (index, texts): (&Index, &Texts), networks: &Networks, at: Timestamp) -> anyhow::Result<()> {
    input::each_line(|line| {
        let mut answer = match line {
            Ok(text) => tripoint_intel::lookup_with(index, &|observable| texts.listed(observable), text, at),
            Err(error) => tripoint_intel::lookup::invalid("", error),
        };
        if !networks.is_empty() {
            let asked = answer.canonical.as_ref().and_then(|text| text.parse().ok());
            answer.network = asked.and_then(|asked| network(networks, &asked));
        }
        row(context, &answer)
    })
}

fn row(context: &Context, answer: &LookupAnswer) -> anyhow::Result<()> {
    if context.json {
        return output::json_line(answer);
    }
    let verdict = output::word(&answer.verdict);
    if let Some(error) = &answer.error {
        return output::line(&format!("{}  {verdict}  {error}", answer.address));
    }
    output::line(&format!("{}  {verdict}  confidence {}", answer.address, answer.confidence))?;
    for claim in &answer.claims {
        output::line(&format!("  {}", page::claim(claim)))?;
    }
    for hit in &answer.guard {
        output::line(&format!("  on guard list {} ({})", hit.list, hit.range))?;
    }
    for label in &answer.labels {
        output::line(&format!("  {}: on {} ({})", label.purpose.as_str(), label.list, label.range))?;
    }
    for term in &answer.why {
        output::line(&format!("  {:+4}  {}: {}", term.points, term.name, term.reason))?;
    }
    Ok(())
}
