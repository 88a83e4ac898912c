//! With what was an alert judged, and what has changed since it was raised?
//!
//! Lists, advisories and installed software change while an alert waits. `Raised` keeps what was known when it was
//! raised; `differences` says in words what became of that.

mod differences;
mod software;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use differences::{Differences, differences, factors};
pub use software::{OpenAlert, OpenPackage, PackageNow, Software};

use crate::alert::Alert;
use crate::finding::{Finding, FindingState};
use crate::indicator::Category;
use crate::observable::Observable;
use crate::package::PackageState;
use crate::severity::Severity;
use crate::time::Timestamp;

/// Which edition of an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Edition {
    /// When it was built: the later one knows more.
    pub built: Timestamp,
    /// Its number in the data folder of whoever judged (`intel.12`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
}

/// Whether lists, advisories and software speak louder or softer than when it was raised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Trend {
    /// As then.
    #[default]
    Same,
    /// Softer.
    Milder,
    /// Louder.
    Worse,
}

impl Trend {
    /// The text form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Milder => "milder",
            Self::Worse => "worse",
        }
    }
}

/// With what an alert was judged when its judgement last changed, and what changed since it was raised.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Judgement {
    /// The lists; nothing where none were there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intel: Option<Edition>,
    /// The advisories; nothing where none were there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vuln: Option<Edition>,
    /// Since when it is judged otherwise than when it was raised. Filled by the server only, like all that follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<Timestamp>,
    /// How it is judged now, against then.
    #[serde(default)]
    pub trend: Trend,
    /// What changed since, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub since: Vec<String>,
    /// What was known then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raised: Option<Box<Raised>>,
}

/// What an alert rested on at a moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Raised {
    /// When.
    pub at: Timestamp,
    /// The lists it was judged with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intel: Option<Edition>,
    /// The advisories.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vuln: Option<Edition>,
    /// How bad it was, with its arithmetic.
    pub severity: Severity,
    /// How sure.
    pub confidence: u8,
    /// What each list said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<RaisedClaim>,
    /// What the application was vulnerable to, worst first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<RaisedFinding>,
}

/// What a list said.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RaisedClaim {
    /// The list.
    pub feed: String,
    /// Of what.
    pub matched: Observable,
    /// What it called it.
    pub category: Category,
    /// How sure it was, 0 to 100.
    pub confidence: u8,
}

/// A vulnerability that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RaisedFinding {
    /// The package.
    pub purl: String,
    /// Its name, for people.
    #[serde(default)]
    pub name: String,
    /// Its version.
    #[serde(default)]
    pub version: String,
    /// The advisory.
    pub id: String,
    /// How people call it: its first CVE, else the advisory.
    pub label: String,
    /// Whether it was known to be exploited.
    #[serde(default)]
    pub known_exploited: bool,
    /// Highest CVSS base score, tenths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cvss_tenths: Option<u8>,
    /// How present the package was.
    #[serde(default)]
    pub presence: PackageState,
    /// The version that lay on disk, where the process ran another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_disk: Option<String>,
    /// When the package was installed in this version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub installed: Option<Timestamp>,
}

impl RaisedFinding {
    /// The package as a finding names it, of which nothing is said.
    pub fn package(&self) -> Finding {
        Finding {
            purl: self.purl.clone(),
            name: self.name.clone(),
            version: self.version.clone(),
            id: String::new(),
            cves: Vec::new(),
            state: FindingState::NotAffected,
            presence: self.presence,
            on_disk: self.on_disk.clone(),
            fixed: None,
            severity: BTreeMap::new(),
            cvss_tenths: None,
            known_exploited: false,
            epss_bp: None,
            fix_command: None,
            source: String::new(),
            paths: Vec::new(),
            installed: self.installed,
        }
    }
}

impl Raised {
    /// What an alert rests on as it stands.
    pub fn of(alert: &Alert, at: Timestamp) -> Self {
        let claims = alert.claims.iter().map(|claim| RaisedClaim {
            feed: claim.feed.clone(),
            matched: claim.matched.clone(),
            category: claim.category,
            confidence: claim.confidence,
        });
        let vulnerable = alert.findings.iter().filter(|finding| finding.state.is_vulnerable());
        let findings = vulnerable.map(|finding| RaisedFinding {
            purl: finding.purl.clone(),
            name: finding.name.clone(),
            version: finding.version.clone(),
            id: finding.id.clone(),
            label: finding.cves.first().unwrap_or(&finding.id).clone(),
            known_exploited: finding.known_exploited,
            cvss_tenths: finding.cvss_tenths,
            presence: finding.presence,
            on_disk: finding.on_disk.clone(),
            installed: finding.installed,
        });
        let judged = alert.judged.as_deref();
        Self {
            at,
            intel: judged.and_then(|judged| judged.intel),
            vuln: judged.and_then(|judged| judged.vuln),
            severity: alert.severity.clone(),
            confidence: alert.confidence,
            claims: claims.collect(),
            findings: findings.collect(),
        }
    }

    /// What lists, advisories and software add to the sum.
    fn judged_points(&self) -> i32 {
        let judged = self.severity.factors.iter().filter(|factor| is_judged(&factor.name));
        judged.map(|factor| i32::from(factor.points)).sum()
    }

    /// How `self` speaks against what was known before. One that is newly known to be exploited is worse whatever the
    /// sum says.
    pub fn trend_since(&self, before: &Self) -> Trend {
        let was = |id: &str| before.findings.iter().any(|old| old.known_exploited && old.label == id);
        if self.findings.iter().any(|finding| finding.known_exploited && !was(&finding.label)) {
            return Trend::Worse;
        }
        match self.judged_points().cmp(&before.judged_points()) {
            std::cmp::Ordering::Less => Trend::Milder,
            std::cmp::Ordering::Equal => Trend::Same,
            std::cmp::Ordering::Greater => Trend::Worse,
        }
    }

    /// Whether it runs none of the vulnerable code any more.
    pub fn is_mended(&self) -> bool {
        self.severity.factors.iter().any(|factor| factor.name == MENDED)
    }
}

/// Whether a factor of the severity rests on lists, advisories or software; the others rest on what happened.
pub fn is_judged(factor: &str) -> bool {
    factor.starts_with("category-") || JUDGED.contains(&factor)
}

/// Factors that rest on lists, advisories or software, beside the categories.
pub const JUDGED: &[&str] = &[
    "claim-confidence",
    "corroboration",
    "claim-old",
    "claim-very-old",
    "guard-listed",
    "targeted-cve",
    "known-exploited",
    "epss-high",
    "cvss-critical",
    "cvss-high",
    "cvss-medium",
    "code-loaded",
    "code-stale",
    MENDED,
    "code-not-loaded",
];

/// The factor of an application that was begun anew without its vulnerable code.
pub const MENDED: &str = "code-mended";
