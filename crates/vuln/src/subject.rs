//! Of which packages does an entry of an advisory speak, and which package is asked about?

use serde::{Deserialize, Serialize};
use tripoint_model::{Ecosystem, FindingState};

/// What the name of an entry names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NameKind {
    /// A source or a binary package, whichever bears it.
    #[default]
    Any,
    /// A source package: every binary package built from it is meant.
    Source,
    /// A binary package only.
    Binary,
}

impl NameKind {
    /// The kind of a stored number.
    pub(crate) fn of(number: u8) -> Self {
        match number {
            1 => Self::Source,
            2 => Self::Binary,
            _ => Self::Any,
        }
    }

    /// Whether both can name the same package.
    pub(crate) fn meets(self, other: Self) -> bool {
        self == Self::Any || other == Self::Any || self == other
    }
}

/// The package that is asked about, in the image's spelling.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Whose package.
    pub ecosystem: Ecosystem,
    /// Release of the distribution; empty asks of all.
    pub release: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
    /// What the name names.
    pub kind: NameKind,
    /// Module and stream (`nodejs:18`); empty for a package of no module, `None` when unknown.
    pub module: Option<&'a str>,
    /// Its architecture; empty when unknown.
    pub arch: &'a str,
}

impl Asked<'_> {
    /// Whether an entry with these bounds speaks of the package.
    pub(crate) fn is_meant(&self, release: &str, kind: NameKind, module: &str, arches: &str) -> bool {
        (release.is_empty() || self.release.is_empty() || release == self.release)
            && kind.meets(self.kind)
            && (module.is_empty() || self.module.is_none_or(|own| same_stream(own, module)))
            && (arches.is_empty() || self.arch.is_empty() || arches.split(',').any(|arch| arch == self.arch))
    }
}

/// A package's label goes on with version and context of the module's build.
fn same_stream(label: &str, module: &str) -> bool {
    label.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
}

/// The state of a stored number.
pub(crate) fn state_of(number: u8) -> FindingState {
    STATES.get(usize::from(number)).copied().unwrap_or(FindingState::Affected)
}

/// The number of a state in the image.
#[cfg(feature = "advisories")]
pub(crate) fn state_number(state: FindingState) -> u8 {
    STATES.iter().position(|known| *known == state).and_then(|at| u8::try_from(at).ok()).unwrap_or(0)
}

/// How much a state weighs where one advisory says two things of a version.
pub(crate) fn weight(state: FindingState) -> u8 {
    match state {
        FindingState::Affected => 6,
        FindingState::WontFix => 5,
        FindingState::Postponed => 4,
        FindingState::NoDsa => 3,
        FindingState::UnderInvestigation => 2,
        FindingState::NotAffected => 1,
        FindingState::Fixed => 0,
    }
}

const STATES: [FindingState; 7] = [
    FindingState::Affected,
    FindingState::NotAffected,
    FindingState::Fixed,
    FindingState::WontFix,
    FindingState::NoDsa,
    FindingState::Postponed,
    FindingState::UnderInvestigation,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_kept() {
        let asked = Asked {
            ecosystem: Ecosystem::RedHat,
            release: "8",
            name: "nodejs",
            version: "1",
            kind: NameKind::Binary,
            module: Some("nodejs:18:8090:ab"),
            arch: "x86_64",
        };
        assert!(asked.is_meant("8", NameKind::Any, "nodejs:18", "aarch64,x86_64"));
        assert!(!asked.is_meant("8", NameKind::Any, "nodejs:1", ""));
        assert!(!asked.is_meant("9", NameKind::Any, "", ""));
        assert!(!asked.is_meant("8", NameKind::Source, "", ""));
        assert!(!asked.is_meant("8", NameKind::Binary, "", "aarch64"));
        assert!(!Asked { module: Some(""), ..asked }.is_meant("", NameKind::Any, "nodejs:18", ""));
        assert!(Asked { module: None, ..asked }.is_meant("", NameKind::Any, "nodejs:20", ""));
    }
}
