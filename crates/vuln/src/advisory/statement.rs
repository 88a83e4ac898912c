//! What can a publisher say: of packages, of a CVE's severity, of exploitation?

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tripoint_model::{Ecosystem, FindingState};

use crate::subject::NameKind;

/// One thing that a publisher says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Statement {
    /// Versions of packages are affected, or not.
    #[serde(rename = "a")]
    Advisory(Box<Advisory>),
    /// A CVE is known to be exploited (KEV): id and the date it was added.
    #[serde(rename = "k")]
    Exploited(String, String),
    /// How probable exploitation is (EPSS): id and parts per 10,000.
    #[serde(rename = "e")]
    Likelihood(String, u16),
    /// How severe somebody finds a CVE, whichever package carries it.
    #[serde(rename = "s")]
    Severity(Box<Severity>),
}

/// A word on a CVE's severity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Severity {
    /// The CVE.
    pub cve: String,
    /// Who says so: `nvd`, `redhat`, `ssvc`.
    pub source: String,
    /// A CVSS vector or a word.
    pub value: String,
    /// CVSS base score in tenths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenths: Option<u8>,
}

/// Whose word counts where two speak of the same package and the same CVE.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Authority {
    /// The software's makers, or a catalogue of all software.
    Upstream,
    /// A record that somebody translated from another.
    #[default]
    Converted,
    /// Who keeps the package: the distribution's own tracker.
    Keeper,
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
    /// Whose word it is.
    #[serde(default, skip_serializing_if = "is_default")]
    pub authority: Authority,
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
    /// What the name names.
    #[serde(default, skip_serializing_if = "is_default")]
    pub kind: NameKind,
    /// Module and stream (`nodejs:18`); empty outside modules.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub module: String,
    /// Architectures, joined by commas; empty for all.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub arch: String,
    /// What is said of the versions below.
    #[serde(default = "affected", skip_serializing_if = "is_affected")]
    pub state: FindingState,
    /// Event kinds (0 introduced, 1 fixed, 2 last affected, 3 limit) and versions, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ranges: Vec<Vec<(u8, String)>>,
    /// Versions that no range covers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<String>,
}

impl Affected {
    /// Says of no version yet that it is affected.
    pub fn new(ecosystem: Ecosystem, release: &str, name: &str) -> Self {
        Self {
            ecosystem,
            release: crate::naming::release(ecosystem, release),
            name: crate::naming::package(ecosystem, name).into_owned(),
            kind: NameKind::Any,
            module: String::new(),
            arch: String::new(),
            state: FindingState::Affected,
            ranges: Vec::new(),
            versions: Vec::new(),
        }
    }

    /// Every version before this one is meant; an empty fix means all.
    #[must_use]
    pub fn below(mut self, fix: &str) -> Self {
        let mut range = vec![(0, "0".to_owned())];
        if !fix.is_empty() {
            range.push((1, fix.to_owned()));
        }
        self.ranges.push(range);
        self
    }

    /// Says this of every version.
    #[must_use]
    pub fn always(mut self, state: FindingState) -> Self {
        self.state = state;
        self.below("")
    }

    /// With a name of this kind.
    #[must_use]
    pub fn named(mut self, kind: NameKind) -> Self {
        self.kind = kind;
        self
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn affected() -> FindingState {
    FindingState::Affected
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_affected(state: &FindingState) -> bool {
    *state == FindingState::Affected
}
