//! What is a Sigma rule once it is compiled?
//!
//! Names of selections, modifiers and conditions are gone: what is left is a tree of tests on fields of an entry. This
//! is what a rule image holds.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use tripoint_model::{Level, Verdict};

use super::source::Source;

/// One detection rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SigmaRule {
    /// Who it is.
    #[serde(flatten)]
    pub about: About,
    /// Which entries it is asked of.
    pub source: Source,
    /// When it matches.
    pub when: Test,
    /// Whether a match is told by itself; one that only correlations ask for is not.
    pub told: bool,
}

/// What a report says of a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// Its `id`; where it has none, its file's name and its line.
    pub id: String,
    /// Its `title`.
    pub title: String,
    /// How bad a match is; our five words are Sigma's.
    pub level: Level,
    /// The technique, as reports name it.
    pub family: String,
    /// ATT&CK techniques.
    pub attack: Vec<String>,
    /// Vulnerabilities that it exploits.
    pub cves: Vec<String>,
    /// What a match means by itself.
    pub verdict: Verdict,
}

/// Where a test looks: a field's name in small letters, or the whole line.
pub type Place = Option<String>;

/// A question that an entry answers with yes or no. A field with several values, or with encodings that were undone,
/// says yes where one of them does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Test {
    /// Every one; yes where there is none.
    All(Vec<Test>),
    /// One at least; no where there is none.
    Any(Vec<Test>),
    /// The opposite.
    Not(Box<Test>),
    /// So many at least.
    AtLeast(u32, Vec<Test>),
    /// The field has a value.
    Has(String),
    /// A text.
    #[serde(rename = "is")]
    Text {
        /// Where.
        place: Place,
        /// How it stands there.
        how: How,
        /// What; small letters unless `cased`.
        text: String,
        /// Whether capitals are told from small letters.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        cased: bool,
    },
    /// A text with gaps: the whole value, from its beginning to its end.
    Like {
        /// Where.
        place: Place,
        /// What; small letters unless `cased`.
        parts: Vec<Part>,
        /// Whether capitals are told from small letters.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        cased: bool,
    },
    /// A regular expression that matches somewhere.
    Pattern {
        /// Where.
        place: Place,
        /// What; flags stand in it.
        pattern: String,
    },
    /// An address of a network.
    Within(String, IpNet),
    /// A number.
    Number {
        /// Where.
        place: Place,
        /// How the value compares to `than`.
        is: Compare,
        /// The number.
        than: f64,
    },
    /// A truth value: `true`, `1`, `yes`, or their opposites.
    Truth(Place, bool),
    /// The same as another field, or holding it.
    Same {
        /// Where.
        field: String,
        /// The other.
        other: String,
        /// How the other's value stands in it.
        how: How,
        /// Whether capitals are told from small letters.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        cased: bool,
    },
    /// A part of a point in time, in UTC.
    Moment(String, Unit, i64),
}

impl Test {
    /// How many tests it is, with those inside it.
    #[cfg(feature = "sigma")]
    pub(super) fn count(&self) -> usize {
        match self {
            Self::All(inner) | Self::Any(inner) | Self::AtLeast(_, inner) => {
                1 + inner.iter().map(Self::count).sum::<usize>()
            }
            Self::Not(inner) => 1 + inner.count(),
            _ => 1,
        }
    }
}

/// How a text stands in a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum How {
    Equals,
    Contains,
    Starts,
    Ends,
}

/// How a number compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum Compare {
    Eq,
    Gt,
    Gte,
    Lt,
    Lte,
}

impl Compare {
    /// Whether `value` compares so.
    pub fn holds(self, value: f64, than: f64) -> bool {
        match self {
            Self::Eq => value == than,
            Self::Gt => value > than,
            Self::Gte => value >= than,
            Self::Lt => value < than,
            Self::Lte => value <= than,
        }
    }
}

/// A piece of a text with gaps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// Itself.
    Text(String),
    /// `?`: one character.
    One,
    /// `*`: any number of characters.
    Many,
}

/// A part of a point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum Unit {
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
}

/// What several matches show together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Correlation {
    /// Who it is.
    #[serde(flatten)]
    pub about: About,
    /// What is counted.
    pub kind: Kind,
    /// The rules whose matches count, by their number, each with the fields that must be the same in all matches.
    pub of: Vec<Member>,
    /// How far apart they may lie, seconds.
    pub span_s: u64,
    /// How many there must be.
    pub at_least: u64,
    /// How many there may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<u64>,
    /// Of `value_count`: the fields whose values must differ.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differ: Vec<String>,
}

/// A rule whose matches count.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// Its number among the rules.
    pub rule: u32,
    /// `group-by`, by the names that this rule's entries have.
    pub by: Vec<String>,
}

/// What a correlation counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Matches.
    EventCount,
    /// Different values.
    ValueCount,
    /// Different rules, in any order.
    Temporal,
    /// Different rules, in the order in which they are named.
    TemporalOrdered,
}
