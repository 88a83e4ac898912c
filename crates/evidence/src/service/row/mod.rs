//! Which of the messages that one pattern describes is this?
//!
//! Most services tell of a log-in in one sentence. Each is a row: its name, a text that the message holds for sure, a
//! pattern, and what it means. All texts are searched at once, and only the rows of those found are asked. User names
//! stand in messages as strangers sent them, so patterns are anchored where the peer's address stands.

mod database;
mod files;
mod mail;
mod network;
mod remote;
mod voice;
mod web;

use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, MatchKind};
use regex::Regex;

use super::Told;
use crate::entry::Outcome;
use crate::log::leading_address;

/// One kind of message.
#[derive(Clone, Copy)]
pub struct Row {
    /// The service, kebab-case.
    pub service: &'static str,
    /// What stands in every such message.
    holds: &'static str,
    /// The message; `<peer>` is the peer, `(?P<user>…)` the account.
    pattern: &'static str,
    /// What it means.
    outcome: Outcome,
}

const fn failed(service: &'static str, holds: &'static str, pattern: &'static str) -> Row {
    Row { service, holds, pattern, outcome: Outcome::Failed }
}

const fn unknown(service: &'static str, holds: &'static str, pattern: &'static str) -> Row {
    Row { service, holds, pattern, outcome: Outcome::UnknownUser }
}

const fn accepted(service: &'static str, holds: &'static str, pattern: &'static str) -> Row {
    Row { service, holds, pattern, outcome: Outcome::Accepted }
}

const fn refused(service: &'static str, holds: &'static str, pattern: &'static str) -> Row {
    Row { service, holds, pattern, outcome: Outcome::Refused }
}

/// Every table. The first row that fits is taken.
const TABLES: &[&[Row]] =
    &[mail::ROWS, database::ROWS, remote::ROWS, files::ROWS, web::ROWS, voice::ROWS, network::ROWS];

/// Every row.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    TABLES.iter().copied().flatten()
}

struct Engine {
    texts: AhoCorasick,
    rows: Vec<(&'static Row, Regex)>,
}

/// Rows asked of one message.
const ASKED_MAX: usize = 16;

/// What a message says by the first row that fits it.
pub(crate) fn read(message: &str) -> Option<Told<'_>> {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    let engine = ENGINE.get_or_init(Engine::new);
    let mut wanted: Vec<usize> = Vec::new();
    for found in engine.texts.find_overlapping_iter(message) {
        let at = found.pattern().as_usize();
        if !wanted.contains(&at) {
            wanted.push(at);
        }
        if wanted.len() >= ASKED_MAX {
            break;
        }
    }
    wanted.sort_unstable();
    wanted.into_iter().find_map(|at| {
        let (row, pattern) = &engine.rows[at];
        let found = pattern.captures(message)?;
        let remote = found.name("ip").and_then(|ip| leading_address(ip.as_str())).map(|(address, _)| address);
        let user = found.name("user").map_or("", |user| user.as_str());
        Some(Told::log_in(row.service, remote, user.trim(), row.outcome))
    })
}

impl Engine {
    fn new() -> Self {
        let rows: Vec<(&'static Row, Regex)> = rows().map(|row| (row, row.compiled())).collect();
        let texts = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .build(rows.iter().map(|(row, _)| row.holds))
            .unwrap_or_else(|error| panic!("the texts of services' messages: {error}"));
        Self { texts, rows }
    }
}

impl Row {
    /// `<peer>` takes names too: a message names its peer as the service resolved it.
    fn compiled(&self) -> Regex {
        let pattern = self.pattern.replace("<peer>", r"\[?(?P<ip>[\w.:%-]+)\]?");
        // Programs that write for a terminal end their lines with its colours.
        let pattern = pattern.replace(r"\s*$", r"(?:\s|\x1b\[[\d;]*m)*$");
        Regex::new(&pattern).unwrap_or_else(|error| panic!("{}: {error}", self.service))
    }
}

#[cfg(test)]
mod tests;
