//! Which of two semantic versions is newer, in the order that OSV uses: total and tolerant?

use std::cmp::Ordering;

use super::digits;

/// Numbers (missing ones are 0), then pre-release; build metadata never counts.
pub(crate) fn order(a: &str, b: &str) -> Ordering {
    let (core_a, pre_a) = split(a);
    let (core_b, pre_b) = split(b);
    numbers(core_a, core_b).then_with(|| prerelease(pre_a, pre_b))
}

/// The dotted numbers and the pre-release of a version, without `v` and build metadata.
pub(crate) fn split(version: &str) -> (&str, &str) {
    let version = version.trim_start_matches(['v', 'V', '=']);
    let version = version.split_once('+').map_or(version, |(version, _)| version);
    version.split_once('-').unwrap_or((version, ""))
}

/// Dotted components: numbers by size, anything else after numbers, by text.
pub(crate) fn numbers(a: &str, b: &str) -> Ordering {
    let mut a = a.split('.');
    let mut b = b.split('.');
    loop {
        let by_part = match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (x, y) => component(x.unwrap_or("0"), y.unwrap_or("0")),
        };
        if by_part.is_ne() {
            return by_part;
        }
    }
}

fn component(a: &str, b: &str) -> Ordering {
    let (number_a, rest_a) = digits::take(a, |byte| byte.is_ascii_digit());
    let (number_b, rest_b) = digits::take(b, |byte| byte.is_ascii_digit());
    // "0alpha" is odd but real: the number first, then text as a pre-release would.
    digits::order(number_a, number_b).then_with(|| match (rest_a.is_empty(), rest_b.is_empty()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) => rest_a.cmp(rest_b),
    })
}

/// Pre-releases: none is newest; identifiers in turn, numbers before words, the longer one newer.
pub(crate) fn prerelease(a: &str, b: &str) -> Ordering {
    match (a.is_empty(), b.is_empty()) {
        (true, true) => return Ordering::Equal,
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    let mut a = a.split('.');
    let mut b = b.split('.');
    loop {
        let by_part = match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(x), Some(y)) => match (digits::is_number(x), digits::is_number(y)) {
                (true, true) => digits::order(x, y),
                (true, false) => Ordering::Less,
                (false, true) => Ordering::Greater,
                (false, false) => x.cmp(y),
            },
        };
        if by_part.is_ne() {
            return by_part;
        }
    }
}
