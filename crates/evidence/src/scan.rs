//! What does a log hold of attacks?
//!
//! Every entry is read once: the rules are asked of what a prefilter lets through, the series see all.

use std::io::Read;
use std::net::IpAddr;

use tripoint_model::attempt::{Attempt, BySigma, RAW_BYTES_MAX, ShownBy};
use tripoint_model::{Timestamp, Verdict};

use crate::aims;
use crate::entry::{Entry, Outcome, Said};

use crate::lines::Lines;
use crate::log::{FORMATS, LogFormat};
use crate::pack::Pack;
use crate::pack::rule::Rule;
use crate::series::{self, Found, Series};
use crate::service::session::Sessions;
use crate::sigma::correlate::{Run, Told};
use crate::stamp::Clock;

/// How a log is to be read.
pub struct Options<'o> {
    /// The format; `None`: found line by line.
    pub format: Option<&'o dyn LogFormat>,
    /// What time stamps leave unsaid.
    pub clock: Clock,
    /// The rules.
    pub pack: &'o Pack,
    /// Whether headers of this peer are believed.
    pub is_proxy: &'o dyn Fn(IpAddr) -> bool,
}

/// What was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Lines.
    pub lines: u64,
    /// Entries that a format more telling than plain text took.
    pub entries: u64,
    /// Lines of which the end was left out.
    pub cut: u64,
    /// Findings.
    pub hits: u64,
    /// Matches of Sigma correlations that were forgotten for want of room.
    pub forgotten: u64,
    /// Peers of whom series forgot what they had seen, for want of room.
    pub peers_forgotten: u64,
}

impl Counts {
    /// Adds those of another file.
    pub fn add(&mut self, other: Self) {
        self.lines += other.lines;
        self.entries += other.entries;
        self.cut += other.cut;
        self.hits += other.hits;
        self.forgotten += other.forgotten;
        self.peers_forgotten += other.peers_forgotten;
    }
}

/// Searches one log from its beginning to its end and shows each finding.
pub fn scan(
    input: impl Read,
    file: &str,
    options: &Options<'_>,
    show: &mut dyn FnMut(Attempt),
) -> std::io::Result<Counts> {
    let mut reader = Scan::new(file, options, show);
    let mut lines = Lines::new(input);
    while let Some(line) = lines.next_line()? {
        reader.line(line.number, line.offset, &line.text);
    }
    let mut counts = reader.end();
    counts.cut = lines.cut;
    Ok(counts)
}

/// A log that is read line by line.
pub struct Scan<'s, 'o> {
    file: &'s str,
    options: &'s Options<'o>,
    show: &'s mut dyn FnMut(Attempt),
    series: Vec<Box<dyn Series>>,
    sigma: Option<Run<'o>>,
    /// Whom processes of sshd named.
    sessions: Sessions,
    /// What the lines look like by the server's configuration, which is tried before all others.
    preferred: Option<&'o dyn LogFormat>,
    /// The format of the line before, which is tried first.
    last: usize,
    /// Lines that belong together, as far as they came.
    pending: Option<Pending<'o>>,
    counts: Counts,
    /// The time of the earliest entry.
    earliest: Option<Timestamp>,
    /// What is looked through, line by line.
    room: String,
}

struct Pending<'o> {
    format: &'o dyn LogFormat,
    number: u64,
    offset: u64,
    text: String,
}

/// Bytes of lines that belong together.
const ENTRY_BYTES_MAX: usize = 1 << 20;

impl<'s, 'o> Scan<'s, 'o> {
    /// Nothing read so far.
    pub fn new(file: &'s str, options: &'s Options<'o>, show: &'s mut dyn FnMut(Attempt)) -> Self {
        let series = series::started();
        Self {
            file,
            options,
            show,
            series,
            sigma: options.pack.sigma().map(Run::new),
            sessions: Sessions::default(),
            preferred: None,
            last: 0,
            pending: None,
            counts: Counts::default(),
            earliest: None,
            room: String::new(),
        }
    }

    /// The same with a format that is tried first; lines that are not in it are read as any others.
    pub fn preferring(mut self, format: Option<&'o dyn LogFormat>) -> Self {
        self.preferred = format;
        self
    }

    /// Whether an entry waits for its further lines.
    pub fn is_waiting(&self) -> bool {
        self.pending.is_some()
    }

    /// The time of the earliest entry so far; nothing where none has one.
    pub fn earliest(&self) -> Option<Timestamp> {
        self.earliest
    }

    /// What was waiting is whole; gives what was read.
    pub fn end(mut self) -> Counts {
        self.flush();
        self.counts.peers_forgotten = self.series.iter().map(|series| series.forgotten()).sum();
        self.counts.forgotten = self.sigma.as_ref().map_or(0, Run::forgotten);
        self.counts
    }

    /// Takes the next line.
    pub fn line(&mut self, number: u64, offset: u64, text: &str) {
        self.counts.lines += 1;
        if let Some(pending) = &mut self.pending {
            if pending.format.continues(&pending.text, text) && pending.text.len() + text.len() < ENTRY_BYTES_MAX {
                pending.text.push('\n');
                pending.text.push_str(text);
                return;
            }
            self.flush();
        }
        let Some((format, read)) = self.format_of(text) else { return };
        if format.begins(text) {
            self.pending = Some(Pending { format, number, offset, text: text.to_owned() });
        } else if let Some(entry) = read.or_else(|| self.read(format, text)) {
            self.entry(format, entry, number, offset, text);
        }
    }

    /// Takes what was waiting for more lines.
    fn flush(&mut self) {
        if let Some(pending) = self.pending.take() {
            let Pending { format, number, offset, text } = pending;
            if let Some(entry) = self.read(format, &text) {
                self.entry(format, entry, number, offset, &text);
            }
        }
    }

    /// The format of a line, and what it says where that is known by then: the format of the line before, else the
    /// first that can read it.
    fn format_of<'t>(&mut self, text: &'t str) -> Option<(&'o dyn LogFormat, Option<Entry<'t>>)> {
        if let Some(format) = self.options.format {
            return Some((format, None));
        }
        let clock = &self.options.clock;
        if let Some(found) = self.preferred.and_then(|format| Some((format, Some(format.read(text, clock)?)))) {
            return Some(found);
        }
        let reads = |number: usize| {
            let format = FORMATS[number];
            let entry = if format.begins(text) { None } else { Some(format.read(text, clock)?) };
            Some((number, format, entry))
        };
        let plain = FORMATS.len() - 1;
        let as_before = if self.last == plain { None } else { reads(self.last) };
        let (number, format, entry) = as_before.or_else(|| (0..FORMATS.len()).find_map(reads))?;
        self.last = number;
        Some((format, entry))
    }

    /// What a text says. It may begin like those of a format and still be none: then it is plain text, unless only
    /// that format is wanted.
    fn read<'t>(&self, format: &dyn LogFormat, text: &'t str) -> Option<Entry<'t>> {
        let clock = &self.options.clock;
        let as_text = || FORMATS[FORMATS.len() - 1].read(text, clock);
        format.read(text, clock).or_else(|| if self.options.format.is_none() { as_text() } else { None })
    }

    fn entry<'t>(&mut self, format: &dyn LogFormat, mut entry: Entry<'t>, number: u64, offset: u64, text: &'t str) {
        self.counts.entries += u64::from(format.name() != FORMATS[FORMATS.len() - 1].name());
        self.sessions.join(&mut entry, text);
        let spoken_for = self.believe(&mut entry);
        let place = Place { number, offset, text, claimed: spoken_for };
        let outcome = if let Said::LogIn(log_in) = &entry.said { log_in.outcome } else { Outcome::Accepted };
        match outcome {
            Outcome::Failed | Outcome::UnknownUser => self.tell(self.hit(&entry, &place, FAILED_LOG_IN)),
            Outcome::Refused => {
                let mut hit = self.hit(&entry, &place, REFUSED);
                (hit.family, hit.attack, hit.verdict) = ("probing".into(), vec!["T1595".into()], Verdict::Probed);
                self.tell(hit);
            }
            Outcome::Accepted => {}
        }
        if self.options.pack.may_match(&entry, &mut self.room) {
            for attempt in self.attempts(&entry, &place) {
                self.tell(attempt);
            }
        }
        self.earliest = self.earliest.into_iter().chain(entry.time).min();
        let at = entry.time.unwrap_or(self.options.clock.now);
        if let Some(mut sigma) = self.sigma.take() {
            for told in sigma.see(&entry, format.name(), text, at, number) {
                let mut hit = self.hit(&entry, &place, EMPTY);
                by_sigma(&mut hit, told);
                self.tell(hit);
            }
            self.sigma = Some(sigma);
        }
        for found in self.see(&entry, at, number) {
            let mut hit = self.hit(&entry, &place, EMPTY);
            found_in(&mut hit, found);
            self.tell(hit);
        }
    }

    fn see(&mut self, entry: &Entry<'_>, at: Timestamp, number: u64) -> Vec<Found> {
        self.series.iter_mut().filter_map(|series| series.see(entry, at, number)).collect()
    }

    /// Who it was: behind a proxy that is known, whom its header names; else headers are a claim.
    fn believe(&self, entry: &mut Entry<'_>) -> Option<IpAddr> {
        let is_proxy = self.options.is_proxy;
        let origin = entry.claimed.iter().rev().copied().find(|address| !is_proxy(*address));
        match entry.remote {
            Some(remote) if is_proxy(remote) => {
                entry.remote = origin.or(entry.remote);
                None
            }
            _ => entry.claimed.first().copied(),
        }
    }

    /// One attempt for each technique, whatever number of its rules match.
    fn attempts(&self, entry: &Entry<'_>, place: &Place<'_>) -> Vec<Attempt> {
        let mut attempts: Vec<Attempt> = Vec::new();
        for rule in self.options.pack.matching(entry) {
            let mut found = self.matched(entry, place, rule);
            match attempts.iter_mut().find(|known| known.family == found.family) {
                Some(known) => {
                    known.verdict = known.verdict.max(found.verdict);
                    known.reasons.append(&mut found.reasons);
                    found.cves.retain(|cve| !known.cves.contains(cve));
                    known.cves.append(&mut found.cves);
                    found.attack.retain(|id| !known.attack.contains(id));
                    known.attack.append(&mut found.attack);
                }
                None => attempts.push(found),
            }
        }
        if !attempts.is_empty() {
            let aims = aims::of(entry);
            attempts.iter_mut().for_each(|attempt| attempt.aims.clone_from(&aims));
        }
        attempts
    }

    fn matched(&self, entry: &Entry<'_>, place: &Place<'_>, rule: &Rule) -> Attempt {
        let mut hit = self.hit(entry, place, EMPTY);
        hit.family = rule.family.clone();
        hit.attack = rule.attack.clone();
        hit.cves = rule.cves.clone();
        hit.rule = rule.id.clone();
        hit.verdict = rule.verdict;
        hit.reasons.push(format!("{} matches what was sent", rule.id));
        if let Said::Request(request) = &entry.said
            && rule.served
            && request.status.is_some_and(|status| (200..=206).contains(&status))
            && request.bytes != Some(0)
        {
            hit.verdict = Verdict::LikelySucceeded;
            hit.reasons.push(format!("it was answered with status {}", request.status.unwrap_or_default()));
        }
        hit
    }

    fn hit(&self, entry: &Entry<'_>, place: &Place<'_>, (rule, reason): (&'static str, &str)) -> Attempt {
        Attempt {
            kind: ShownBy::Line,
            file: self.file.to_owned(),
            line: place.number,
            offset: place.offset,
            lines: Vec::new(),
            time: entry.time,
            remote: entry.remote,
            claimed_remote: place.claimed,
            family: "brute-force".to_owned(),
            attack: vec!["T1110".to_owned()],
            cves: Vec::new(),
            aims: Vec::new(),
            verdict: Verdict::Attempted,
            rule: rule.to_owned(),
            reasons: if reason.is_empty() { Vec::new() } else { vec![reason.to_owned()] },
            raw: tripoint_model::text::truncate(place.text, RAW_BYTES_MAX).0.to_owned(),
            sigma: None,
        }
    }

    fn tell(&mut self, hit: Attempt) {
        self.counts.hits += 1;
        (self.show)(hit);
    }
}

struct Place<'t> {
    number: u64,
    offset: u64,
    text: &'t str,
    claimed: Option<IpAddr>,
}

const FAILED_LOG_IN: (&str, &str) = ("failed-log-in", "a log-in was refused");
const REFUSED: (&str, &str) = ("refused", "the service refused what was asked of it");
const EMPTY: (&str, &str) = ("", "");

fn by_sigma(hit: &mut Attempt, told: Told<'_>) {
    let about = told.about;
    hit.family = about.family.clone();
    hit.attack = about.attack.clone();
    hit.cves = about.cves.clone();
    hit.rule = about.id.clone();
    hit.verdict = about.verdict;
    hit.reasons.push(told.reason);
    let (title, id, level) = (about.title.clone(), about.id.clone(), about.level.as_str().to_owned());
    hit.sigma = Some(Box::new(BySigma { title, id, level }));
    if let Some(lines) = told.lines {
        hit.kind = ShownBy::Series;
        hit.lines = lines;
    }
}

fn found_in(hit: &mut Attempt, found: Found) {
    hit.kind = ShownBy::Series;
    hit.family = found.family.to_owned();
    hit.attack = found.attack.iter().map(|id| (*id).to_owned()).collect();
    hit.verdict = found.verdict;
    hit.rule = found.rule.to_owned();
    hit.remote = Some(found.remote);
    hit.lines = found.lines;
    hit.reasons.push(found.reason.into_owned());
}
