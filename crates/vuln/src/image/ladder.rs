//! Where does a version stand among all those that a package's advisories name?
//!
//! They are sorted once, while the image is built. A question then compares its version with a few
//! of them, and every range afterwards by number alone: whose rules order versions, and how long
//! they take, matters once for a question instead of once for each bound of each range.
//!
//! Layout: count, the end of each text within the bytes that follow, the bytes.

use super::cursor::Cursor;
use crate::version::Scheme;

/// The versions of a package, oldest first; equal ones in different spellings stand together.
#[derive(Clone, Copy)]
pub(super) struct Ladder<'d> {
    ends: &'d [u8],
    texts: &'d [u8],
}

/// Between which rungs a version stands: those below `from` are older, those from `to` on newer,
/// those between equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    from: u32,
    to: u32,
}

impl Standing {
    /// Whether the version is newer than that of a rung.
    pub(super) fn is_above(self, rung: u32) -> bool {
        self.from > rung
    }

    /// How the version compares with that of a rung.
    pub(super) fn order(self, rung: u32) -> std::cmp::Ordering {
        if rung < self.from {
            std::cmp::Ordering::Greater
        } else if rung < self.to {
            std::cmp::Ordering::Equal
        } else {
            std::cmp::Ordering::Less
        }
    }
}

impl<'d> Ladder<'d> {
    /// Reads it and leaves the cursor behind it.
    pub(super) fn read(cursor: &mut Cursor<'d>) -> Option<Self> {
        let count = cursor.u32()? as usize;
        let ends = cursor.take(count.checked_mul(4)?)?;
        let length = ends.last_chunk().map_or(0, |last| u32::from_le_bytes(*last));
        Some(Self { ends, texts: cursor.take(length as usize)? })
    }

    /// The version of a rung.
    pub(super) fn text(&self, rung: u32) -> Option<&'d str> {
        let from = if rung == 0 { 0 } else { self.end(rung - 1)? };
        std::str::from_utf8(self.texts.get(from..self.end(rung)?)?).ok()
    }

    fn end(&self, rung: u32) -> Option<usize> {
        let at = (rung as usize).checked_mul(4)?;
        Some(u32::from_le_bytes(self.ends.get(at..at + 4)?.try_into().ok()?) as usize)
    }

    /// Where a version stands; bytes that are no ladder put it anywhere.
    pub(super) fn standing(&self, scheme: Scheme, version: &str) -> Standing {
        let count = u32::try_from(self.ends.len() / 4).unwrap_or(0);
        let order = |rung: u32| scheme.order(version, self.text(rung).unwrap_or_default());
        let (mut low, mut high) = (0, count);
        let mut equal = None;
        while low < high {
            let middle = low.midpoint(high);
            match order(middle) {
                std::cmp::Ordering::Greater => low = middle + 1,
                std::cmp::Ordering::Equal => {
                    equal = Some(middle);
                    break;
                }
                std::cmp::Ordering::Less => high = middle,
            }
        }
        let Some(found) = equal else { return Standing { from: low, to: low } };
        let from = (low..found).rev().take_while(|rung| order(*rung).is_eq()).last().unwrap_or(found);
        let to = (found + 1..high).take_while(|rung| order(*rung).is_eq()).last().unwrap_or(found) + 1;
        Standing { from, to }
    }
}

/// Sorts versions and writes them down; the texts come back in the order of their rungs.
#[cfg(feature = "advisories")]
pub(super) fn write<'t>(
    out: &mut Vec<u8>,
    scheme: Scheme,
    mut versions: Vec<&'t str>,
) -> Result<Vec<&'t str>, super::write::TooLarge> {
    use super::write::{put, size};
    use crate::version;

    versions.sort_unstable();
    versions.dedup();
    version::sort(&mut versions, &|a, b| scheme.order(a, b));
    put(out, size(versions.len())?);
    let mut end = 0;
    for version in &versions {
        end += version.len();
        put(out, size(end)?);
    }
    versions.iter().for_each(|version| out.extend_from_slice(version.as_bytes()));
    Ok(versions)
}

#[cfg(all(test, feature = "advisories"))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Some rules go round in a circle: for pacman 1 is 1-a0 and 1-a1, which are not the same. No place in a row is right
    /// then, and the ladder promises none.
    fn is_an_order(scheme: Scheme, versions: &[String], version: &String) -> bool {
        let all: Vec<&String> = versions.iter().chain([version]).collect();
        let not_above = |a: &str, b: &str| scheme.order(a, b).is_le();
        all.iter()
            .all(|a| all.iter().all(|b| !not_above(a, b) || all.iter().all(|c| !not_above(b, c) || not_above(a, c))))
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_standing_compares_as_the_version_does(
            versions in proptest::collection::vec("[0-2](\\.[0-2]){0,2}(-?(a|rc)[0-1])?", 0..12),
            version in "[0-2](\\.[0-2]){0,2}(-?(a|rc)[0-1])?",
            scheme in 0..crate::version::SCHEMES.len(),
        ) {
            let scheme = crate::version::SCHEMES[scheme].0;
            prop_assume!(is_an_order(scheme, &versions, &version));
            let mut bytes = Vec::new();
            let rungs = write(&mut bytes, scheme, versions.iter().map(String::as_str).collect()).expect("small");
            let mut cursor = Cursor { bytes: &bytes, at: 0 };
            let ladder = Ladder::read(&mut cursor).expect("whole");
            prop_assert_eq!(cursor.at, bytes.len());
            let standing = ladder.standing(scheme, &version);
            for (rung, text) in (0..).zip(rungs) {
                prop_assert_eq!(ladder.text(rung), Some(text));
                prop_assert_eq!(standing.order(rung), scheme.order(&version, text), "{} {}", version, text);
            }
        }
    }
}
