//! Which package is hit by which advisory, and what does whose word say about it?

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::package::PackageState;
use crate::time::Timestamp;

/// What the advisory says about this version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum FindingState {
    /// Vulnerable.
    Affected,
    /// Said to be not affected.
    NotAffected,
    /// The fix is in this version.
    Fixed,
    /// Affected, and the distribution says it will not fix it.
    WontFix,
    /// Affected, and the distribution finds it too minor for an advisory of its own (Debian's no-dsa).
    NoDsa,
    /// Affected, and the fix waits for a later update.
    Postponed,
    /// Nobody has decided yet.
    UnderInvestigation,
}

impl FindingState {
    /// Whether the version is vulnerable, whatever its keeper means to do about it.
    pub fn is_vulnerable(self) -> bool {
        matches!(self, Self::Affected | Self::WontFix | Self::NoDsa | Self::Postponed)
    }
}

/// A package of this host is hit by an advisory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Finding {
    /// The package.
    pub purl: String,
    /// The package's name, for people.
    #[serde(default)]
    pub name: String,
    /// The package's version.
    #[serde(default)]
    pub version: String,
    /// The advisory's id.
    pub id: String,
    /// CVE ids: the advisory's id, aliases and upstream ids that are CVEs; sorted.
    pub cves: Vec<String>,
    /// What the advisory says.
    pub state: FindingState,
    /// How present the package is.
    #[serde(default)]
    pub presence: PackageState,
    /// The version that lies on disk, where a process still runs this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_disk: Option<String>,
    /// The first version that carries the fix.
    pub fixed: Option<String>,
    /// Severity by source (`nvd`, `debian`, `ghsa` …): a CVSS vector, a score or a word.
    #[serde(default)]
    pub severity: BTreeMap<String, String>,
    /// Highest CVSS base score, tenths (98 = 9.8); `None` when no source gives a vector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cvss_tenths: Option<u8>,
    /// Listed in CISA's catalogue of known exploited vulnerabilities.
    #[serde(default)]
    pub known_exploited: bool,
    /// EPSS probability of exploitation in 30 days, parts per 10,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epss_bp: Option<u16>,
    /// The exact command that installs the fix.
    #[serde(default)]
    pub fix_command: Option<String>,
    /// The data source that published the advisory.
    #[serde(default)]
    pub source: String,
    /// Where the package was found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// When the package was installed in this version, where its package manager says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub installed: Option<Timestamp>,
}
