//! Which lists name innocent, shared infrastructure, and what does being on one mean?
//!
//! A list that guards keeps its addresses from being blocked automatically. Other lists only say what an address or
//! name is (a sinkhole, a scanner): they guard nothing. The agent asks the image (`Index::guard`); what reads and
//! keeps lists lies behind the feature `feeds`.

mod built_in;
#[cfg(feature = "feeds")]
mod entry;
#[cfg(feature = "feeds")]
pub mod import;
#[cfg(feature = "feeds")]
mod pattern;
#[cfg(feature = "feeds")]
mod purpose;
#[cfg(feature = "feeds")]
mod read;
#[cfg(feature = "feeds")]
pub mod store;
#[cfg(feature = "feeds")]
mod texts;

use serde::{Deserialize, Serialize};
use tripoint_model::{GuardHit, GuardKind};

pub use built_in::BUILT_IN;
#[cfg(feature = "feeds")]
pub use entry::Kind;
#[cfg(feature = "feeds")]
pub use read::{GuardList, read};
#[cfg(feature = "feeds")]
pub use texts::Texts;

/// What being on a list means. Only `Guard` and `Sinkhole` keep anything from being blocked unasked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// Innocent and shared.
    #[default]
    Guard,
    /// Researchers' servers that take the place of bad ones: who asks for them is infected.
    Sinkhole,
    /// Special-purpose ranges, which have rules of their own.
    Special,
    /// Much visited, which says nothing about what strangers put there.
    Popular,
    /// Suffixes under which everybody registers names.
    Suffix,
    /// Names below which strangers rent names.
    Rented,
    /// Who scans the internet in public.
    Scanner,
    /// Data centres and VPN providers: the innocent and the bad side by side.
    Hosting,
    /// Names something by which MISP tells its owner, not what is innocent.
    Known,
    /// Nothing that is seen on a network: hashes, mail addresses, telephone numbers.
    Other,
}

impl Purpose {
    /// Every purpose with its name; the place is its number in the image.
    pub const ALL: &[(Self, &str)] = &[
        (Self::Guard, "guard"),
        (Self::Sinkhole, "sinkhole"),
        (Self::Special, "special"),
        (Self::Popular, "popular"),
        (Self::Suffix, "suffix"),
        (Self::Rented, "rented"),
        (Self::Scanner, "scanner"),
        (Self::Hosting, "hosting"),
        (Self::Known, "known"),
        (Self::Other, "other"),
    ];

    /// The purpose called `name`.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(purpose, _)| *purpose)
    }

    /// Whether policy spares what such a list holds.
    pub fn spares(self) -> bool {
        matches!(self, Self::Guard | Self::Sinkhole)
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(purpose, _)| *purpose == self).map_or("other", |(_, name)| name)
    }
}

/// A list holds the address, network or name that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Listed {
    /// The list's name.
    pub list: String,
    /// The entry of it that matched.
    pub range: String,
    /// What being on it means.
    pub purpose: Purpose,
}

impl From<Listed> for GuardHit {
    fn from(listed: Listed) -> Self {
        let kind = if listed.purpose == Purpose::Sinkhole { GuardKind::Sinkhole } else { GuardKind::Shared };
        Self { list: listed.list, range: listed.range, kind }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_purpose_has_its_number_and_name() {
        for (number, (purpose, name)) in Purpose::ALL.iter().enumerate() {
            assert_eq!((*purpose as usize, Purpose::parse(name)), (number, Some(*purpose)));
            assert_eq!(purpose.as_str(), *name);
        }
    }
}
