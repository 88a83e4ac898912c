//! How bad is it, as a printed sum of named factors?

use std::fmt;

use serde::{Deserialize, Serialize};

/// The five words for a score.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// 0 to 19.
    #[default]
    Informational,
    /// 20 to 39.
    Low,
    /// 40 to 59.
    Medium,
    /// 60 to 79.
    High,
    /// 80 to 100.
    Critical,
}

impl Level {
    /// Each, the least first.
    pub const ALL: [Self; 5] = [Self::Informational, Self::Low, Self::Medium, Self::High, Self::Critical];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Informational => "informational",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// The level of a score.
    pub fn of(score: u8) -> Self {
        match score {
            0..20 => Self::Informational,
            20..40 => Self::Low,
            40..60 => Self::Medium,
            60..80 => Self::High,
            _ => Self::Critical,
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One term of the sum.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Factor {
    /// Which factor, kebab-case.
    pub name: String,
    /// What it adds or takes away.
    pub points: i16,
    /// The evidence, in words.
    pub reason: String,
}

/// A score with its arithmetic.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Severity {
    /// 0 to 100.
    pub score: u8,
    /// The word for it.
    pub level: Level,
    /// The terms, in the order of the table of weights.
    pub factors: Vec<Factor>,
}

impl Severity {
    /// Adds the factors up, clamped to 0..=100.
    pub fn sum(factors: Vec<Factor>) -> Self {
        let total: i32 = factors.iter().map(|factor| i32::from(factor.points)).sum();
        let score = u8::try_from(total.clamp(0, 100)).unwrap_or(100);
        Self { score, level: Level::of(score), factors }
    }
}
