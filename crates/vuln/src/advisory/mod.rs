//! What do publishers state about vulnerabilities, and in which formats can it be read?

pub(crate) mod csaf;
mod cve5;
mod debian;
mod document;
mod epss;
mod ghsa;
mod intervals;
mod kev;
pub(crate) mod listed;
mod nvd;
mod osv;
mod oval;
mod packages;
mod records;
mod retire;
mod rustsec;
mod secdb;
mod statement;
mod streams;
mod trackers;
mod updateinfo;
mod vex;
pub(crate) mod xml;
mod yaml;

use std::io::BufRead;

pub use statement::{Advisory, Affected, Authority, Severity, Statement};

/// Every format, in the order in which a file's first bytes are tried.
pub const FORMATS: &[&dyn AdvisoryFormat] = &[
    &epss::Epss,
    &cve5::Cve5,
    &nvd::Nvd,
    &kev::Kev,
    &vex::OpenVex,
    &vex::CycloneDx,
    &csaf::Csaf,
    &secdb::SecDb,
    &debian::Tracker,
    &updateinfo::UpdateInfo,
    &oval::OvalFile,
    &ghsa::Ghsa,
    &packages::Php,
    &packages::Ruby,
    &packages::GitLab,
    &rustsec::RustSec,
    &retire::Retire,
    &trackers::Arch,
    &trackers::Photon,
    &trackers::Euvd,
    &osv::Osv,
];

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
    /// Takes a further statement of a record that is counted already.
    fn add(&mut self, statement: Statement);
    /// Notes an entry that could not be used at all.
    fn refuse(&mut self, file: &str, line: u64, reason: String);
    /// Notes a part of an entry that could not be used while the rest was.
    fn refuse_part(&mut self, file: &str, line: u64, reason: String);
    /// Notes a time that the publisher states: of the whole file, or of a record's last change.
    fn published(&mut self, time: &str) {
        let _ = time;
    }
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
