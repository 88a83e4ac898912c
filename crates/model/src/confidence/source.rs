//! What is known of a source besides what it says?

use serde::{Deserialize, Serialize};

/// A share of hundred; whole unless said otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Percent(pub u8);

impl Default for Percent {
    fn default() -> Self {
        Self(100)
    }
}

impl Percent {
    /// Whether it is all of it.
    pub fn is_whole(&self) -> bool {
        self.0 >= 100
    }
}

/// How far a source is believed, and whose words it repeats.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Source {
    /// How much of what it says is right, by its descriptor.
    #[serde(default, skip_serializing_if = "Percent::is_whole")]
    pub reliability: Percent,
    /// The lists that its entries come from; nothing: it is a list of its own. Sources that share one are dependent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub origins: Vec<String>,
    /// Whether it has not been confirmed for so long that its entries cannot count as listed still.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stale: bool,
    /// What people said of its claims of this category.
    #[serde(default, skip_serializing_if = "Verdicts::is_none")]
    pub verdicts: Verdicts,
}

impl Source {
    /// The lists that the word of this feed comes from; its own name where it is a list of its own.
    pub fn origins_of<'a>(&'a self, feed: &'a String) -> &'a [String] {
        if self.origins.is_empty() { std::slice::from_ref(feed) } else { &self.origins }
    }

    /// Whether nothing particular is known.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}

/// What closed alerts said of a source's claims of one category.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Verdicts {
    /// Closed as real.
    pub confirmed: u32,
    /// Closed as false.
    pub wrong: u32,
}

impl Verdicts {
    /// Whether nobody said anything.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// How much of the source's claims is believed after them: as if two alerts had been right before anybody looked,
    /// so that one mistake costs a third and not everything; never less than a fifth, because people err too.
    pub fn believed(self) -> Percent {
        let right = u64::from(self.confirmed) + 2;
        let share = right * 100 / (right + u64::from(self.wrong));
        // At most 100 by construction.
        Percent((share as u8).max(BELIEVED_MIN))
    }
}

const BELIEVED_MIN: u8 = 20;
