//! How does each publisher write its list?
//!
//! A format is one file and one line in `FORMATS`; its fixtures lie in `fixtures/feed/<name>/`.

mod category;
mod columns;
mod crowdsec;
mod csv;
mod ipsum;
mod json;
pub(crate) mod lenient;
mod maltrail;
mod misp;
mod pattern;
mod plain_list;
mod spamhaus_asn;
mod stix;
mod suricata_dataset;
mod suricata_iprep;

use std::io::Read;

use tripoint_model::{AppliesTo, Category, Indicator, Observable, Parsed, Timestamp};
use tripoint_unpack::bounded_lines;

use crate::rules::Rules;

pub use category::category_of;
pub use columns::Columns;
pub(crate) use csv::{separator, split};
pub(crate) use lenient::Whole;
pub(crate) use misp::{Misp, is_uuid};

/// Every format, in the order in which they are tried on unknown input.
pub const FORMATS: &[&dyn FeedFormat] = &[
    &misp::Misp,
    &stix::Stix,
    &crowdsec::CrowdSec,
    &spamhaus_asn::SpamhausAsn,
    &json::Json,
    &maltrail::Maltrail,
    &ipsum::Ipsum,
    &suricata_iprep::SuricataIprep,
    &suricata_dataset::SuricataDataset,
    &csv::Csv,
    &plain_list::PlainList,
];

/// How one publisher writes its list. Parsing never fails as a whole.
pub trait FeedFormat: Sync {
    /// The name used in configuration, kebab-case, and of its fixture folder.
    fn name(&self) -> &'static str;
    /// Whether text that begins like this is in this format.
    fn detect(&self, head: &str) -> bool;
    /// Reads what it can; an entry it cannot read is refused, not fatal.
    fn parse(&self, input: &mut dyn Read, reading: &mut Reading<'_>);
}

/// The format called `name`.
pub fn format(name: &str) -> Option<&'static dyn FeedFormat> {
    FORMATS.iter().copied().find(|format| format.name() == name)
}

/// Shows each line that is not blank; one that cannot be read is refused.
fn each_line(
    input: &mut dyn Read,
    line_bytes_max: usize,
    reading: &mut Reading<'_>,
    mut show: impl FnMut(u64, &str, &mut Reading<'_>),
) {
    let mut lines = bounded_lines(input, line_bytes_max);
    while let Some((number, line)) = lines.next_line() {
        match line {
            Ok(line) if line.trim().is_empty() => {}
            Ok(line) => show(number, line, reading),
            // After a failed read no line follows.
            Err(error) => reading.refuse(number, error.to_string()),
        }
    }
}

/// What the feed's owner states about all of its entries.
#[derive(Clone, Debug)]
pub struct Defaults {
    /// The category of entries that state none.
    pub category: Category,
    /// The direction of entries that state none.
    pub direction: AppliesTo,
    /// The confidence of entries that state none, 0 to 100.
    pub confidence: u8,
    /// Where the columns of a table are; empty means: found by their names.
    pub columns: Columns,
}

impl Default for Defaults {
    fn default() -> Self {
        Self {
            category: Category::Malicious,
            direction: AppliesTo::Both,
            confidence: CONFIDENCE_DEFAULT,
            columns: Columns::default(),
        }
    }
}

/// Confidence where nobody states one.
pub const CONFIDENCE_DEFAULT: u8 = 50;

/// Entries that one feed may hold; the rest is refused. Several times the largest public lists, and
/// some 400 MB while one is being read.
pub const ENTRIES_MAX: usize = 2_000_000;

/// Autonomous systems that one feed may name; ASN-DROP has some four hundred.
pub const SYSTEMS_MAX: usize = 4096;

/// An autonomous system, and where it is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedSystem {
    /// The file.
    pub file: String,
    /// Its line, or the number of the element.
    pub line: u64,
    /// The system's number.
    pub number: u32,
}

/// One file being read: what is known about it, and what it gave so far.
pub struct Reading<'a> {
    /// The file's name for refusals.
    pub file: String,
    /// What holds for entries that do not say.
    pub defaults: &'a Defaults,
    /// What may not enter.
    pub rules: Rules<'a>,
    /// The moment from which durations count.
    pub now: Timestamp,
    /// The result.
    pub parsed: Parsed<Indicator>,
    /// Autonomous systems among what was accepted: whether they can be used, tables tell.
    pub systems: Vec<NamedSystem>,
    /// Elements that claim nothing (what is lifted, data about the list): neither read nor refused.
    pub passed_over: u64,
    /// Documents that turned out to be guard lists, and were refused as a whole.
    pub guard_lists: u64,
    /// Why the input was not read to its end.
    pub broken: Option<String>,
}

impl<'a> Reading<'a> {
    /// Nothing read so far.
    pub fn new(file: &str, defaults: &'a Defaults, rules: Rules<'a>, now: Timestamp) -> Self {
        Self {
            file: file.to_owned(),
            defaults,
            rules,
            now,
            parsed: Parsed::default(),
            systems: Vec::new(),
            passed_over: 0,
            guard_lists: 0,
            broken: None,
        }
    }

    /// An indicator with the feed's defaults.
    pub fn indicator(&self, observable: Observable) -> Indicator {
        Indicator::new(observable, self.defaults.category, self.defaults.direction, self.defaults.confidence)
    }

    /// Takes one entry that became several indicators (a range becomes networks): all or none.
    pub fn accept_all(&mut self, line: u64, indicators: Vec<Indicator>) {
        if self.is_full() {
            return self.refuse(line, format!("a feed may hold at most {ENTRIES_MAX} entries"));
        }
        if let Some(reason) = indicators.iter().find_map(|one| self.rules.refusal(&one.observable)) {
            return self.refuse(line, reason);
        }
        self.parsed.read += 1;
        self.parsed.accepted.extend(indicators);
    }

    /// Takes one entry, unless a rule refuses it.
    pub fn accept(&mut self, line: u64, indicator: Indicator) {
        if self.is_full() {
            return self.refuse(line, format!("a feed may hold at most {ENTRIES_MAX} entries"));
        }
        if let Some(reason) = self.rules.refusal(&indicator.observable) {
            return self.refuse(line, reason);
        }
        if let Observable::System(number) = indicator.observable {
            if self.systems.len() >= SYSTEMS_MAX {
                return self.refuse(line, format!("a feed may name at most {SYSTEMS_MAX} autonomous systems"));
            }
            self.systems.push(NamedSystem { file: self.file.clone(), line, number });
        }
        self.parsed.accept(indicator);
    }

    /// Records an entry that cannot be used.
    pub fn refuse(&mut self, line: u64, reason: impl Into<String>) {
        self.parsed.refuse(&self.file, line, reason);
    }

    /// Whether reading on would be of no use.
    pub fn is_full(&self) -> bool {
        self.parsed.accepted.len() >= ENTRIES_MAX
    }
}

#[cfg(test)]
mod tests;
