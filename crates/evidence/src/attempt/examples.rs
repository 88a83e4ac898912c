//! Do the rules that come with Tripoint find the attacks of their examples and leave their look-alikes alone?

use std::collections::BTreeSet;

use tripoint_model::Timestamp;

use super::pack;
use crate::log;
use crate::stamp::Clock;

/// A technique's examples: lines of logs, one attack or look-alike a line.
#[derive(Clone, Copy, Debug)]
pub struct Examples {
    /// Of which technique.
    pub family: &'static str,
    /// Lines that it has to find.
    pub attacks: &'static str,
    /// Lines in which nothing may be found.
    pub innocents: &'static str,
}

macro_rules! examples {
    ($($family:literal)*) => {
        &[$(Examples {
            family: $family,
            attacks: include_str!(concat!("../../fixtures/attempt/", $family, "/attack.in")),
            innocents: include_str!(concat!("../../fixtures/attempt/", $family, "/innocent.in")),
        }),*]
    };
}

/// One line for each technique.
pub const EXAMPLES: &[Examples] = examples![
    "appliance"
    "command-injection"
    "content-management"
    "crlf-injection"
    "cross-site-scripting"
    "deserialization"
    "expression-injection"
    "file-inclusion"
    "jndi"
    "ldap-injection"
    "management"
    "nosql-injection"
    "open-proxy"
    "path-traversal"
    "php-execution"
    "prototype-pollution"
    "refused-by-firewall"
    "scanner"
    "sensitive-file"
    "shellshock"
    "sql-injection"
    "ssrf"
    "template-injection"
    "web-shell"
    "xml-entity"
];

/// An example that was judged wrongly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misjudged {
    /// Of which technique.
    pub family: &'static str,
    /// Whether it is an attack, which was not found.
    pub is_attack: bool,
    /// The line.
    pub line: &'static str,
}

/// Judges every example; how many there are, and which were judged wrongly.
pub fn judge() -> (usize, Vec<Misjudged>) {
    let (mut asked, mut wrong) = (0, Vec::new());
    for examples in EXAMPLES {
        for (is_attack, text) in [(true, examples.attacks), (false, examples.innocents)] {
            for line in text.lines().filter(|line| !line.is_empty()) {
                asked += 1;
                let found = families(line);
                let is_right = if is_attack { found.contains(examples.family) } else { found.is_empty() };
                if !is_right {
                    wrong.push(Misjudged { family: examples.family, is_attack, line });
                }
            }
        }
    }
    (asked, wrong)
}

/// The families that a line of a log is said to be of.
fn families(line: &str) -> BTreeSet<String> {
    let clock = Clock::at(Timestamp(0));
    let entry = log::FORMATS.iter().find_map(|format| format.read(line, &clock));
    let matching = entry.map(|entry| pack().matching(&entry)).unwrap_or_default();
    matching.into_iter().map(|rule| rule.family.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::TECHNIQUES;
    use super::*;

    #[test]
    fn every_technique_has_examples_and_none_is_judged_wrongly() {
        let mut families: Vec<&str> = TECHNIQUES.iter().map(|technique| technique.family).collect();
        families.sort_unstable();
        assert_eq!(EXAMPLES.iter().map(|examples| examples.family).collect::<Vec<_>>(), families);
        let (asked, wrong) = judge();
        assert!(asked > 300 && wrong.is_empty(), "{asked}: {wrong:#?}");
    }
}
