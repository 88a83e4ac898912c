//! What do an application's logs say of one peer?
//!
//! From the newest generation to older ones, until everything is read, the time wanted lies before the log, or a bound
//! is met; what was not read is said. Lines that do not name the peer are passed over unread, so that nothing of
//! anybody else is taken.

mod bounded;

use std::cell::Cell;
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::time::SystemTime;

use memchr::memmem::Finder;
use tripoint_model::{Attempt, LogEvidence, LogLine, ReadLog, Timestamp};
use tripoint_unpack::{Limits, Source};

use crate::journal::{self, Journal};
use crate::lines::Lines;
use crate::locate::{Log, generations, open};
use crate::log::{FORMATS, LogFormat, pattern};
use crate::scan::{Options, Scan};
use bounded::Bounded;

/// What is wanted.
pub struct Query<'q> {
    /// The peer.
    pub peer: IpAddr,
    /// Generations that were last written before this are not opened.
    pub since: Option<Timestamp>,
    /// Unpacked bytes of one log and its generations.
    pub bytes_max: u64,
    /// Whether to stop now.
    pub is_over: &'q dyn Fn() -> bool,
}

/// Bytes of lines that are passed over between two looks at the clock.
const CLOCK_BYTES: u64 = 64 << 10;

/// Attempts that are kept.
pub const ATTEMPTS_MAX: usize = 200;
const EXAMPLES_MAX: usize = 20;
const EXAMPLE_BYTES_MAX: usize = 512;

/// Searches logs and what they were before they were rotated.
pub fn search(logs: &[Log], query: &Query<'_>, options: &Options<'_>) -> LogEvidence {
    let mut evidence = LogEvidence::default();
    let names = names(query.peer);
    let finders: Vec<Finder<'_>> = names.iter().map(|name| Finder::new(name.as_bytes())).collect();
    for log in logs {
        let mut bytes_left = query.bytes_max;
        for one in generations(log) {
            if (query.is_over)() {
                evidence.missing.push(format!("{}: not read, the time is over", one.path.display()));
                break;
            }
            match file(&one, &finders, query, options, &mut bytes_left, &mut evidence) {
                Ok(ControlFlow::Continue(())) => {}
                Ok(ControlFlow::Break(())) => break,
                Err(reason) => evidence.missing.push(reason),
            }
        }
    }
    evidence.verdict = verdict(&evidence, query.peer);
    evidence
}

/// The ways in which logs write an address.
fn names(peer: IpAddr) -> Vec<String> {
    let mut names = vec![peer.to_string()];
    if let IpAddr::V6(v6) = peer {
        let whole: Vec<String> = v6.segments().iter().map(|part| format!("{part:x}")).collect();
        let padded: Vec<String> = v6.segments().iter().map(|part| format!("{part:04x}")).collect();
        names.extend([whole.join(":"), padded.join(":")]);
        let upper: Vec<String> = names.iter().map(|name| name.to_ascii_uppercase()).collect();
        names.extend(upper);
        names.sort();
        names.dedup();
    }
    names
}

/// Finds a peer in lines, however they write it.
pub struct Finders(Vec<Finder<'static>>);

impl Finders {
    /// Those of one peer.
    pub fn of(peer: IpAddr) -> Self {
        Self(names(peer).iter().map(|name| Finder::new(name.as_bytes()).into_owned()).collect())
    }

    /// Whether a line names the peer.
    pub fn is_named(&self, line: &str) -> bool {
        is_named(line, &self.0)
    }
}

/// Whether a line names the peer, and not one whose address goes on.
fn is_named(line: &str, finders: &[Finder<'_>]) -> bool {
    let bytes = line.as_bytes();
    let mut each = finders.iter();
    each.any(|finder| finder.find_iter(bytes).any(|at| stands_alone(bytes, at, finder.needle())))
}

/// Whether `name`, which stands at `at`, neither goes on nor began before.
fn stands_alone(text: &[u8], at: usize, name: &[u8]) -> bool {
    let end = at + name.len();
    let is_address = name.iter().all(|byte| byte.is_ascii_hexdigit() || b".:".contains(byte));
    let is_six = is_address && name.contains(&b':');
    let is_part = |byte: u8| match (is_six, is_address) {
        (true, _) => byte.is_ascii_hexdigit(),
        (_, true) => byte.is_ascii_digit(),
        _ => byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_',
    };
    let goes_on = |mark: u8| text.get(end) == Some(&mark) && text.get(end + 1).is_some_and(|next| is_part(*next));
    let before = at.checked_sub(1).and_then(|at| text.get(at)).copied();
    // `%2F` before it: an encoded byte has ended there.
    let is_encoded = at
        .checked_sub(3)
        .and_then(|from| text.get(from..at))
        .is_some_and(|code| code[0] == b'%' && code[1..].iter().all(u8::is_ascii_hexdigit));
    let began = !is_encoded && before.is_some_and(|byte| is_part(byte) || (byte == b'.' && !is_six));
    let goes_on = text.get(end).is_some_and(|byte| is_part(*byte)) || goes_on(b'.') || (is_six && goes_on(b':'));
    !began && !goes_on
}

fn file(
    log: &Log,
    finders: &[Finder<'_>],
    query: &Query<'_>,
    options: &Options<'_>,
    bytes_left: &mut u64,
    evidence: &mut LogEvidence,
) -> Result<ControlFlow<()>, String> {
    let path = log.path.display().to_string();
    let file = open(log).map_err(|error| error.to_string())?;
    let written = file.metadata().and_then(|about| about.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    if query.since.is_some_and(|since| Timestamp::from_system(written) < since) {
        return Ok(ControlFlow::Break(()));
    }
    let mut read = ReadLog { file: path.clone(), found: log.how.to_string(), lines: 0, of_peer: 0 };
    let mut failed = None;
    // A pattern that cannot be used takes nothing away: its lines are read like any.
    let made = log.pattern.as_deref().and_then(|pattern| pattern::compile(pattern).ok());
    let preferred = made.as_ref().map(|made| made as &dyn LogFormat);
    let limits =
        Limits { out_bytes_max: u64::MAX, entry_bytes_max: u64::MAX, ratio_max: u64::MAX, ..Limits::default() };
    let outcome = tripoint_unpack::entries(Source::Open(&file), &path, &limits, &mut |_, input| {
        let of = Of { path: &path, preferred, finders, query, options };
        failed = lines(&of, input, bytes_left, &mut read, evidence);
        ControlFlow::Break(())
    });
    evidence.lines += read.of_peer;
    evidence.read.push(read);
    if let Some(reason) = outcome.err().map(|error| error.to_string()).or(failed) {
        return Err(reason);
    }
    Ok(if *bytes_left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
}

/// What is searched, and for whom.
struct Of<'f> {
    path: &'f str,
    preferred: Option<&'f dyn LogFormat>,
    finders: &'f [Finder<'f>],
    query: &'f Query<'f>,
    options: &'f Options<'f>,
}

/// Searches lines until their end or a bound; says why it was not their end.
fn lines(
    of: &Of<'_>,
    input: &mut dyn std::io::Read,
    bytes_left: &mut u64,
    read: &mut ReadLog,
    evidence: &mut LogEvidence,
) -> Option<String> {
    let mut kept = Kept { evidence: &mut *evidence };
    let mut show = |attempt: Attempt| kept.take(attempt, of.query.peer);
    let mut scan = Scan::new(of.path, of.options, &mut show).preferring(of.preferred);
    let mut examples = Vec::new();
    let is_met = Cell::new(false);
    let mut lines = Lines::new(Bounded::new(input, *bytes_left, of.query.is_over, &is_met));
    let (mut failed, mut looked_at) = (None, 0);
    let met = |line: u64| Some(format!("{}: read to line {line} only, a bound was met", of.path));
    loop {
        match lines.next_line() {
            Ok(None) => break,
            Ok(Some(line)) => {
                read.lines += 1;
                *bytes_left = bytes_left.saturating_sub(line.end - line.offset);
                let named = is_named(&line.text, of.finders);
                if named {
                    read.of_peer += 1;
                    if examples.len() < EXAMPLES_MAX {
                        let raw = tripoint_model::text::truncate(&line.text, EXAMPLE_BYTES_MAX).0.to_owned();
                        examples.push(LogLine { file: of.path.to_owned(), line: line.number, raw });
                    }
                }
                // A line that is only passed over costs little; one that is looked at may cost more than the clock.
                looked_at += line.end - line.offset;
                if named || scan.is_waiting() || FORMATS.iter().any(|format| format.begins(&line.text)) {
                    scan.line(line.number, line.offset, &line.text);
                    looked_at += CLOCK_BYTES;
                }
                let is_due = looked_at >= CLOCK_BYTES;
                looked_at = if is_due { 0 } else { looked_at };
                if *bytes_left == 0 || (is_due && (of.query.is_over)()) {
                    failed = met(line.number);
                    break;
                }
            }
            Err(_) if is_met.get() => {
                *bytes_left = 0;
                failed = met(read.lines);
                break;
            }
            Err(error) => {
                failed = Some(format!("{}: {error}", of.path));
                break;
            }
        }
    }
    let forgotten = scan.end().forgotten;
    if forgotten > 0 && failed.is_none() {
        failed =
            Some(format!("{}: {forgotten} matches of Sigma correlations found no room and were forgotten", of.path));
    }
    let room = EXAMPLES_MAX.saturating_sub(evidence.examples.len());
    evidence.examples.extend(examples.into_iter().take(room));
    failed
}

/// Searches the journal, from the newest record back to the time wanted.
pub fn search_journal(journal: &Journal, query: &Query<'_>, options: &Options<'_>) -> LogEvidence {
    let mut evidence = LogEvidence::default();
    let path = journal.to_string();
    let from = query.since.unwrap_or(Timestamp(0));
    let mut records = match journal.read((from, options.clock.now), query.is_over) {
        Ok(records) => records,
        Err(error) => {
            evidence.missing.push(format!("{path}: {error}"));
            return evidence;
        }
    };
    let names = names(query.peer);
    let finders: Vec<Finder<'_>> = names.iter().map(|name| Finder::new(name.as_bytes())).collect();
    let of = Of { path: &path, preferred: None, finders: &finders, query, options };
    let mut bytes_left = query.bytes_max;
    let mut read = ReadLog { file: path.clone(), found: "where its output goes".to_owned(), lines: 0, of_peer: 0 };
    let failed = lines(&of, &mut records, &mut bytes_left, &mut read, &mut evidence);
    evidence.missing.extend(failed);
    for attempt in &mut evidence.attempts {
        attempt.reasons.extend(journal::cursor(&attempt.raw).map(|cursor| format!("journalctl --cursor='{cursor}'")));
    }
    evidence.lines += read.of_peer;
    evidence.read.push(read);
    evidence.verdict = verdict(&evidence, query.peer);
    evidence
}

/// The gravest of what is the peer's.
fn verdict(evidence: &LogEvidence, peer: IpAddr) -> Option<tripoint_model::Verdict> {
    let counts = |attempt: &&Attempt| spoofed(attempt, peer).is_none();
    evidence.attempts.iter().filter(counts).map(|attempt| attempt.verdict).max()
}

/// Says of an attempt that only a header calls the peer's: whoever sent it may have written what it liked, and it says
/// nothing about the peer.
pub fn spoofed(attempt: &Attempt, peer: IpAddr) -> Option<String> {
    let remote = attempt.remote.filter(|remote| *remote != peer)?;
    let is_claimed = attempt.claimed_remote == Some(peer) && !(attempt.is_exploit() && attempt.names(peer, []));
    is_claimed
        .then(|| format!("{peer} stands in a header only, sent by {remote}, which is no known proxy: not believed"))
}

struct Kept<'e> {
    evidence: &'e mut LogEvidence,
}

impl Kept<'_> {
    fn take(&mut self, mut attempt: Attempt, peer: IpAddr) {
        let is_peers = attempt.remote == Some(peer) || attempt.claimed_remote == Some(peer) || attempt.remote.is_none();
        // Somebody else's request that names the peer would have had the server call it.
        let is_for_peer = attempt.is_exploit() && attempt.names(peer, []);
        if is_for_peer {
            attempt.reasons.push(format!("what was sent names {peer}"));
        } else if !is_peers {
            return;
        }
        if let Some(spoof) = spoofed(&attempt, peer) {
            attempt.reasons.push(spoof);
        }
        if self.evidence.attempts.len() < ATTEMPTS_MAX {
            self.evidence.attempts.push(attempt);
        } else {
            self.evidence.attempts_left_out += 1;
        }
    }
}

#[cfg(test)]
mod tests;
