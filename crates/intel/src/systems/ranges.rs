//! What is left of some ranges when others are taken out?

/// First and last address, `first <= last`.
pub(crate) type Range = (u128, u128);

/// The same addresses in order, in as few ranges as can be.
pub(crate) fn merged(mut ranges: Vec<Range>) -> Vec<Range> {
    ranges.sort_unstable();
    let mut out: Vec<Range> = Vec::with_capacity(ranges.len());
    for (first, last) in ranges {
        match out.last_mut() {
            Some((_, end)) if end.checked_add(1).is_none_or(|next| first <= next) => *end = last.max(*end),
            _ => out.push((first, last)),
        }
    }
    out
}

/// What of `ranges` lies in no hole. Both are merged.
pub(crate) fn without(ranges: &[Range], holes: &[Range]) -> Vec<Range> {
    let mut out = Vec::with_capacity(ranges.len());
    for (first, last) in ranges {
        let mut from = *first;
        let mut ended = false;
        let begin = holes.partition_point(|(_, end)| end < first);
        for (hole, end) in holes[begin..].iter().take_while(|(hole, _)| hole <= last) {
            if from < *hole {
                out.push((from, hole - 1));
            }
            match end.checked_add(1).filter(|next| next <= last) {
                Some(next) => from = next,
                None => ended = true,
            }
        }
        if !ended {
            out.push((from, *last));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn set(ranges: &[Range], shift: u128) -> BTreeSet<u128> {
        ranges.iter().flat_map(|(first, last)| first - shift..=last - shift).collect()
    }

    proptest! {
        /// Fails when an end is off by one, at the upper end of the space too.
        #[test]
        fn the_rest_is_what_is_in_no_hole(
            ranges in proptest::collection::vec((0_u128..48, 0_u128..48), 0..10),
            holes in proptest::collection::vec((0_u128..48, 0_u128..48), 0..10),
            top in any::<bool>(),
        ) {
            let shift = if top { u128::MAX - 47 } else { 0 };
            let shifted = |all: Vec<(u128, u128)>| -> Vec<Range> {
                all.into_iter().map(|(a, b)| (shift + a.min(b), shift + a.max(b))).collect()
            };
            let (ranges, holes) = (shifted(ranges), shifted(holes));
            let expected: BTreeSet<u128> = &set(&ranges, shift) - &set(&holes, shift);
            let (ranges, holes) = (merged(ranges), merged(holes));
            prop_assert!(ranges.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0));
            prop_assert_eq!(set(&without(&ranges, &holes), shift), expected);
        }
    }
}
