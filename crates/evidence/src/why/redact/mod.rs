//! Which parts of a line are secrets, and must never be shown?
//!
//! By what names them (`key`), by what they look like (`shape`), by how random they are (`entropy`), by where they stand
//! in an address (`address`). Rather too much than too little: what was searched for stays readable, the rest may go.

mod address;
mod entropy;
mod key;
mod shape;

use std::ops::Range;

/// What stands for a secret.
pub const REDACTED: &str = "[redacted]";

/// Longer lines are not to be shown: whoever wants one redacted cuts it to what was found.
pub const LINE_BYTES_MAX: usize = 16 << 10;

/// Reads a file line by line, as secrets go over several.
#[derive(Debug, Default)]
pub struct Redactor {
    in_key: bool,
    next_is_secret: bool,
    /// A block of YAML: all lines that are indented deeper than this.
    block: Option<usize>,
}

/// What the lines before say of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing.
    Free,
    /// All of it is a secret.
    Secret,
    /// Its value is a secret: the line before was its name.
    Value,
}

impl Redactor {
    /// Takes notice of the next line.
    pub fn see(&mut self, line: &str) -> State {
        if line.contains("-----BEGIN") {
            self.in_key = line.contains("PRIVATE KEY") || line.contains("SECRET");
        }
        let was_key = self.in_key;
        if line.contains("-----END") {
            self.in_key = false;
        }
        let indent = line.len() - line.trim_start().len();
        if self.block.is_some_and(|block| indent <= block && !line.trim().is_empty()) {
            self.block = None;
        }
        let announced = std::mem::take(&mut self.next_is_secret);
        let in_block = self.block.is_some();
        if !in_block && line.len() <= LINE_BYTES_MAX {
            match key::announces(line) {
                Some(key::Announced::Next) => self.next_is_secret = true,
                Some(key::Announced::Block) => self.block = Some(indent),
                None => {}
            }
        }
        match (was_key || in_block, announced) {
            (true, _) => State::Secret,
            (_, true) => State::Value,
            _ => State::Free,
        }
    }

    /// A line without its secrets. `keep`: what was searched for.
    pub fn redact(&self, state: State, line: &str, keep: &[Range<usize>]) -> String {
        let mut secrets = match state {
            State::Secret => std::iter::once(0..line.len()).collect(),
            State::Value => vec![key::value_of(line)],
            State::Free => Vec::new(),
        };
        if state != State::Secret {
            key::find(line, &mut secrets);
            shape::find(line, &mut secrets);
            address::find(line, &mut secrets);
            entropy::find(line, &mut secrets);
        }
        cover(line, secrets, keep)
    }
}

/// One text by itself, several lines allowed.
pub fn text(text: &str, keep: &dyn Fn(&str) -> Vec<Range<usize>>) -> String {
    let mut redactor = Redactor::default();
    let lines = text.lines().map(|line| {
        let state = redactor.see(line);
        redactor.redact(state, line, &keep(line))
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn cover(line: &str, mut secrets: Vec<Range<usize>>, keep: &[Range<usize>]) -> String {
    secrets.retain(|secret| !secret.is_empty());
    secrets.sort_by_key(|secret| secret.start);
    let mut merged: Vec<Range<usize>> = Vec::new();
    for secret in secrets {
        match merged.last_mut() {
            Some(last) if secret.start <= last.end => last.end = last.end.max(secret.end),
            _ => merged.push(secret),
        }
    }
    let mut out = String::with_capacity(line.len());
    let mut at = 0;
    for secret in merged {
        out.push_str(&line[at..secret.start]);
        out.push_str(REDACTED);
        for kept in keep.iter().filter(|kept| kept.start >= secret.start && kept.end <= secret.end) {
            out.push_str(&line[kept.clone()]);
            out.push_str(REDACTED);
        }
        // A kept part that only begins in the secret goes on after it.
        at = secret.end;
    }
    out.push_str(&line[at..]);
    out
}

#[cfg(test)]
mod tests;
