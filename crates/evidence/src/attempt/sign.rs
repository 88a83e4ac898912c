//! How is a rule of the pack that comes with Tripoint written down?

use tripoint_model::Verdict;

use crate::pack::rule::{Part, Rule};

/// One rule of a technique; what it does not say, the technique says.
#[derive(Clone, Copy, Debug)]
pub struct Sign {
    id: &'static str,
    attack: &'static [&'static str],
    cves: &'static [&'static str],
    part: Part,
    pattern: &'static str,
    unless: &'static str,
    verdict: Verdict,
    served: bool,
}

impl Sign {
    /// What is tried: `pattern` anywhere in what the peer sent.
    pub const fn exploit(id: &'static str, pattern: &'static str) -> Self {
        let (part, verdict) = (Part::Any, Verdict::Attempted);
        Self { id, attack: &[], cves: &[], part, pattern, unless: "", verdict, served: false }
    }

    /// What is looked for: `pattern` in the path.
    pub const fn probe(id: &'static str, pattern: &'static str) -> Self {
        Self { part: Part::Path, verdict: Verdict::Probed, ..Self::exploit(id, pattern) }
    }

    /// What is tried at a known vulnerability: `pattern` in path and query.
    pub const fn known(id: &'static str, pattern: &'static str, cves: &'static [&'static str]) -> Self {
        Self { part: Part::Target, cves, ..Self::exploit(id, pattern) }
    }

    /// The same, looked for in `part`.
    pub const fn within(self, part: Part) -> Self {
        Self { part, ..self }
    }

    /// The same, for these vulnerabilities.
    pub const fn cves(self, cves: &'static [&'static str]) -> Self {
        Self { cves, ..self }
    }

    /// The same, as these ATT&CK techniques.
    pub const fn attack(self, attack: &'static [&'static str]) -> Self {
        Self { attack, ..self }
    }

    /// The same, but not where `pattern` matches too.
    pub const fn unless(self, pattern: &'static str) -> Self {
        Self { unless: pattern, ..self }
    }

    /// The same, where an answer with a body means success.
    pub const fn served(self) -> Self {
        Self { served: true, ..self }
    }

    /// As the engine takes it.
    pub(super) fn rule(&self, family: &str, attack: &[&str]) -> Rule {
        let attack = if self.attack.is_empty() { attack } else { self.attack };
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Rule {
            id: self.id.to_owned(),
            family: family.to_owned(),
            attack: owned(attack),
            cves: owned(self.cves),
            part: self.part,
            pattern: self.pattern.to_owned(),
            unless: self.unless.to_owned(),
            verdict: self.verdict,
            served: self.served,
            attacks: Vec::new(),
            innocents: Vec::new(),
        }
    }
}
