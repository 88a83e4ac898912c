//! A cause as a person reads it: what it is, what speaks for it, what was found, what would end it.

use tripoint_model::why::{Change, Mention, Starter, WhyName};
use tripoint_model::{Connection, Direction, Why};

use crate::output;
use crate::page::{line, section};

/// The whole page, as lines of which none can be forged by what stands in it.
pub fn whole(connection: &Connection, alert: Option<&str>, why: &Why) -> String {
    let mut out = String::new();
    let o = &mut out;
    let process = connection.process.as_ref();
    let who = process.map_or("an unknown process".to_owned(), |process| {
        format!("{} ({})", process.application().name, process.key.pid)
    });
    let (way, peer) = match connection.direction {
        Direction::Outbound => ("->", connection.remote.to_string()),
        Direction::Inbound => ("<-", format!("{} at {}", connection.remote.ip(), connection.local)),
    };
    line(o, &format!("{who} {way} {peer}{}", connection.names_in_words()));
    let sure = if why.confidence > 0 { format!(", confidence {}", why.confidence) } else { String::new() };
    line(o, &format!("  why: {}{sure}", why.cause.as_words()));
    section(o, "BECAUSE", why.reasons.iter().cloned());
    section(o, "NAMES", why.names.iter().map(name));
    section(o, "CONFIGURATION", why.mentions.iter().flat_map(mention));
    if why.mentions_left_out > 0 {
        line(o, &format!("  and {} more", why.mentions_left_out));
    }
    section(o, "STARTED BY", why.started_by.iter().map(starter));
    if let Some(exposure) = &why.exposure {
        let reach = match exposure.from_internet {
            Some(true) => "reachable from the internet: yes",
            Some(false) => "reachable from the internet: no",
            None => "reachable from the internet: not known",
        };
        let listener = exposure.listener.as_ref().map(|listener| format!("listens on {listener} ({})", exposure.scope));
        let lines = listener.into_iter().chain([reach.to_owned()]);
        let admitted = exposure.admitted_by.iter().map(|by| format!("let in by {by}"));
        section(
            o,
            "EXPOSURE",
            lines.chain(admitted).chain(exposure.reasons.iter().cloned()).chain(exposure.rules.iter().cloned()),
        );
    }
    section(o, "SMALLEST CHANGE", why.changes.iter().flat_map(change));
    section(o, "NOT KNOWN", why.missing.iter().cloned());
    section(o, "ALERT", alert.map(|id| format!("tripoint alerts show {id}")).into_iter());
    out.truncate(out.trim_end().len());
    out
}

/// The cause in a few lines, for a page about more.
pub fn shortly(why: &Why) -> Vec<String> {
    let sure = if why.confidence > 0 { format!(", confidence {}", why.confidence) } else { String::new() };
    let first = format!("{}{sure}", why.cause.as_words());
    let reasons = why.reasons.iter().take(4).map(|reason| format!("because: {reason}"));
    let changes = why.changes.iter().take(1).flat_map(change);
    std::iter::once(first).chain(reasons).chain(why.mentions.iter().take(3).flat_map(mention)).chain(changes).collect()
}

fn name(one: &WhyName) -> String {
    let asker = one.asker.as_ref().map(|asker| format!(" by {asker}")).unwrap_or_default();
    let at = one.at.map(|at| format!(", {}", output::time(at))).unwrap_or_default();
    let answers = if one.answers.is_empty() { String::new() } else { format!(" -> {}", one.answers.join(", ")) };
    format!("{}{answers}  {}{asker}{at}", one.name, one.how.as_words())
}

fn mention(one: &Mention) -> [String; 2] {
    let line = if one.line > 0 { format!(":{}", one.line) } else { String::new() };
    let written = if one.written == "plain" { String::new() } else { format!(" as {}", one.written) };
    let aside = if one.counts { "" } else { " (a comment or refusal)" };
    let whole = format!("{}{line}  {}{aside}  names {}{written}", one.file, one.place, one.matched);
    [whole, format!("    {}", one.text)]
}

fn starter(one: &Starter) -> String {
    let role = one.role.as_ref().map(|role| format!(" [{role}]")).unwrap_or_default();
    format!("{}  {}{role}  {}", one.pid, one.exe, one.command)
}

fn change(one: &Change) -> Vec<String> {
    std::iter::once(one.what.clone()).chain(one.commands.iter().map(|command| format!("  {command}"))).collect()
}
