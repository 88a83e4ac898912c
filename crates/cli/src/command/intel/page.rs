//! One address as a person reads it: is it bad, who says so, who was it, what does it belong to?

use std::fmt::Write as _;

use tripoint_intel::Verdict;
use tripoint_intel::guardlist::Listed;
use tripoint_intel::lookup::{AnswerClaim, ClaimState};
use tripoint_intel::networks::Network;
use tripoint_intel::online::OnlineAnswer;
use tripoint_model::{Factor, Timestamp};

use super::lookup::Page;
use super::networks::NO_TABLE;
use crate::output;

/// The whole page. What is in it is foreign text; the caller makes it harmless.
pub(super) fn whole(page: &Page, no_table: bool, at: Timestamp) -> String {
    let answer = &page.about.answer;
    let mut out = String::new();
    let o = &mut out;
    let verdict = output::word(&answer.verdict);
    if let Some(error) = &answer.error {
        let _ = writeln!(o, "{}  {verdict}  {error}", answer.address);
        return out;
    }
    let _ = writeln!(o, "{}  {verdict}  confidence {}", answer.address, answer.confidence);
    let _ = writeln!(o, "  {}", why(page));
    let of = |state: ClaimState| answer.claims.iter().filter(move |claim| claim.state == Some(state));
    section(o, "SAYS WHO", of(ClaimState::Current).map(long_claim));
    let before = of(ClaimState::Expired).chain(of(ClaimState::Withdrawn)).take(LINES_MAX);
    section(o, "HISTORY", before.map(long_claim));
    section(o, "GUARD LISTS", answer.guard.iter().map(|hit| format!("{} ({})", hit.list, hit.range)));
    let term = |term: &Factor| format!("{:+4}  {}: {}", term.points, term.name, term.reason);
    section(o, "CONFIDENCE", answer.why.iter().map(term));
    let damaged = |feed: &String| format!("{feed}: its history is damaged here; more may have been withdrawn");
    section(o, "HISTORY IS INCOMPLETE", page.about.history_damaged.iter().map(damaged));
    let label = |label: &Listed| format!("{}: {} ({})", label.purpose.as_str(), label.list, label.range);
    section(o, "ALSO ON", answer.labels.iter().map(label));
    let no_table = (no_table && answer.network.is_none()).then(|| NO_TABLE.to_owned());
    section(o, "NETWORK", answer.network.as_ref().map(owner).or(no_table).into_iter());
    let cves = (!page.about.cves.is_empty()).then(|| page.about.cves.join(", "));
    section(o, "SAID TO EXPLOIT", cves.into_iter());
    section(o, "RELATED", related(page));
    section(o, "OUR HOSTS", meetings(page));
    section(o, "ONLINE", page.about.online.iter().map(|answer| online(answer, at)));
    out
}

/// Lines of a section; `--json` has them all.
const LINES_MAX: usize = 20;

/// The verdict in a sentence.
fn why(page: &Page) -> String {
    let claims = &page.about.answer.claims;
    let feeds = |state: ClaimState| {
        let mut feeds: Vec<&str> =
            claims.iter().filter(|claim| claim.state == Some(state)).map(|claim| claim.feed.as_str()).collect();
        feeds.sort_unstable();
        feeds.dedup();
        feeds.len() as u64
    };
    let [now, over, gone] = [ClaimState::Current, ClaimState::Expired, ClaimState::Withdrawn]
        .map(|state| output::counted(feeds(state), "feed"));
    let mut text = match page.about.answer.verdict {
        Verdict::Bad => format!("called bad now by {now}"),
        Verdict::Guarded if feeds(ClaimState::Current) == 0 => "shared infrastructure on a guard list".to_owned(),
        Verdict::Guarded => {
            format!("shared infrastructure on a guard list; called bad by {now}: look before you block")
        }
        Verdict::Expired => format!("called bad once by {over}, not now"),
        Verdict::Unknown => "no feed in force calls it bad".to_owned(),
        Verdict::Invalid => String::new(),
    };
    if feeds(ClaimState::Withdrawn) > 0 {
        let _ = write!(text, "; {gone} listed it before");
    }
    text
}

/// A claim in one line.
pub(super) fn claim(claim: &AnswerClaim) -> String {
    let seen = claim.last_seen.map(|at| format!(", last seen {at}")).unwrap_or_default();
    let until = claim.valid_until.map(|at| format!(", until {at}")).unwrap_or_default();
    let (what, direction) = (claim.category.as_str(), claim.direction.as_str());
    format!("{}: {what}, {direction}, as {}{seen}{until}", claim.feed, claim.matched)
}

fn long_claim(one: &AnswerClaim) -> String {
    let mut text = claim(one);
    let times = [("first seen", one.first_seen), ("known since", one.known_since), ("withdrawn", one.withdrawn)];
    for (what, at) in times {
        if let Some(at) = at {
            let _ = write!(text, ", {what} {}", output::time(at));
        }
    }
    if let Some(confidence) = one.confidence {
        let _ = write!(text, ", confidence {confidence}");
    }
    if !one.labels.is_empty() {
        let _ = write!(text, " [{}]", one.labels.join(", "));
    }
    text
}

/// An owner in one line.
pub fn owner(network: &Network) -> String {
    let number = network.asn.map(|asn| format!("AS{asn}"));
    let parts = [number, network.name.clone(), network.country.clone(), network.range.clone()];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

fn related(page: &Page) -> impl Iterator<Item = String> {
    let related = page.about.related.iter().flat_map(|related| related.neighbours.iter().chain(&related.labels));
    related.map(|others| {
        let first: Vec<String> = others.first.iter().map(ToString::to_string).collect();
        let more = if others.count > others.first.len() as u64 { ", …" } else { "" };
        format!("{}: {} listed ({}{more})", others.what, others.count, first.join(", "))
    })
}

fn meetings(page: &Page) -> impl Iterator<Item = String> {
    page.meetings.iter().flat_map(|found| {
        let rest = if found.complete { "" } else { " (of the newest alerts alone)" };
        let Some((first, last)) = found.first_seen.zip(found.last_seen) else {
            return vec![format!("no alert names it{rest}")];
        };
        let alerts = output::counted(found.alerts, "alert");
        let (first, last) = (output::time(first), output::time(last));
        let mut lines =
            vec![format!("{alerts}, {}, {first} to {last}{rest}", output::counted(found.connections, "connection"))];
        lines.push(found.applications.iter().cloned().collect::<Vec<_>>().join(", "));
        lines.extend(found.ids.first().map(|id| format!("newest: tripoint alerts show {id}")));
        lines
    })
}

fn online(answer: &OnlineAnswer, at: Timestamp) -> String {
    let Some(said) = &answer.said else {
        return format!("{}: {}", answer.service, answer.error.as_deref().unwrap_or("no answer"));
    };
    let mut text = format!("{}: {}", answer.service, output::word(&said.verdict));
    if let Some(score) = said.score {
        let _ = write!(text, ", score {score}/100");
    }
    if let Some(reports) = said.reports {
        let _ = write!(text, ", {}", output::counted(reports, "report"));
    }
    if let Some(seen) = said.last_seen {
        let _ = write!(text, ", last seen {}", output::time(seen));
    }
    if !said.tags.is_empty() {
        let _ = write!(text, " [{}]", said.tags.join(", "));
    }
    if let Some(asked) = answer.fetched_at.filter(|_| answer.cached) {
        let _ = write!(text, ", asked {} min ago", at.since(asked).as_secs() / 60);
    }
    let _ = write!(text, "  {}", answer.link);
    text
}

fn section(out: &mut String, name: &str, lines: impl Iterator<Item = String>) {
    let mut lines = lines.peekable();
    if lines.peek().is_none() {
        return;
    }
    let _ = writeln!(out, "\n{name}");
    for line in lines {
        let _ = writeln!(out, "  {line}");
    }
}
