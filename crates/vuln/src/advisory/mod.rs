//! What do publishers state about vulnerabilities, and in which formats can it be read?

mod epss;
mod kev;
mod osv;
mod records;

use std::collections::BTreeMap;
use std::io::BufRead;

use serde::{Deserialize, Serialize};
use tripoint_model::Ecosystem;

/// Every format, in the order in which a file's first bytes are tried.
pub const FORMATS: &[&dyn AdvisoryFormat] = &[&epss::Epss, &kev::Kev, &osv::Osv];

/// How one publisher writes. Reading never fails as a whole.
pub trait AdvisoryFormat: Sync {
    /// The name used by `--format`, kebab-case, and of its fixture folder.
    fn name(&self) -> &'static str;
    /// Whether a file that begins with `head` (up to 64 KiB) is written this way.
    fn recognises(&self, file: &str, head: &[u8]) -> bool;
    /// Reads what it can; what it cannot read is refused, not fatal.
    fn read(&self, file: &str, input: &mut dyn BufRead, out: &mut dyn Sink);
}

/// Where a format puts what it read.
pub trait Sink {
    /// Takes one statement that was understood.
    fn accept(&mut self, statement: Statement);
    /// Notes an entry that could not be used at all.
    fn refuse(&mut self, file: &str, line: u64, reason: String);
    /// Notes a part of an entry that could not be used while the rest was.
    fn refuse_part(&mut self, file: &str, line: u64, reason: String);
}

/// One thing that a publisher says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Statement {
    /// Versions of packages are affected.
    #[serde(rename = "a")]
    Advisory(Box<Advisory>),
    /// A CVE is known to be exploited (KEV): id and the date it was added.
    #[serde(rename = "k")]
    Exploited(String, String),
    /// How probable exploitation is (EPSS): id and parts per 10,000.
    #[serde(rename = "e")]
    Likelihood(String, u16),
}

/// An advisory reduced to what matching needs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Advisory {
    /// Its id.
    pub id: String,
    /// One line for people, cut to 300 bytes.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
    /// CVE ids among its id, aliases and upstream ids; sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cves: Vec<String>,
    /// Severity by source: a CVSS vector or a word.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub severity: BTreeMap<String, String>,
    /// Highest CVSS base score in tenths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cvss_tenths: Option<u8>,
    /// The packages it speaks of; empty when it was withdrawn.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub affected: Vec<Affected>,
}

/// One package of an advisory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Affected {
    /// Whose package.
    pub ecosystem: Ecosystem,
    /// Release of the distribution; empty for all.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub release: String,
    /// Its name as the image spells it.
    pub name: String,
    /// Event kinds (0 introduced, 1 fixed, 2 last affected, 3 limit) and versions, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ranges: Vec<Vec<(u8, String)>>,
    /// Affected versions that no range covers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<String>,
}

/// The format of that name.
pub fn by_name(name: &str) -> Option<&'static dyn AdvisoryFormat> {
    FORMATS.iter().find(|format| format.name() == name).copied()
}

/// The format of a file by its first bytes.
pub fn detect(file: &str, head: &[u8]) -> Option<&'static dyn AdvisoryFormat> {
    FORMATS.iter().find(|format| format.recognises(file, head)).copied()
}

/// Whether the text is a CVE id.
pub(crate) fn is_cve(id: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.len() <= 19 && text.bytes().all(|byte| byte.is_ascii_digit());
    id.strip_prefix("CVE-")
        .and_then(|rest| rest.split_once('-'))
        .is_some_and(|(year, number)| digits(year) && digits(number))
}

#[cfg(test)]
mod tests;
