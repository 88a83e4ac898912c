//! Which of two Arch Linux versions is newer (as `vercmp` says)?

use std::cmp::Ordering;

use super::digits;

/// Epoch, version, and the release where both have one: a missing release equals every release.
pub(crate) fn order(a: &str, b: &str) -> Ordering {
    let (epoch_a, version_a, release_a) = split(a);
    let (epoch_b, version_b, release_b) = split(b);
    digits::order(epoch_a, epoch_b).then_with(|| part(version_a, version_b)).then_with(|| {
        match (release_a, release_b) {
            (Some(a), Some(b)) => part(a, b),
            _ => Ordering::Equal,
        }
    })
}

fn split(version: &str) -> (&str, &str, Option<&str>) {
    let (epoch, rest) = match version.split_once(':') {
        Some((epoch, rest)) if epoch.bytes().all(|byte| byte.is_ascii_digit()) => (epoch, rest),
        _ => ("", version),
    };
    match rest.rsplit_once('-') {
        Some((version, release)) => (epoch, version, Some(release)),
        None => (epoch, rest, None),
    }
}

fn part(mut a: &str, mut b: &str) -> Ordering {
    if a == b {
        return Ordering::Equal;
    }
    loop {
        // Letters right after the last number are a pre-release, after a dot they are not.
        if a.is_empty() || b.is_empty() {
            return ending(a, b);
        }
        let (gap_a, rest_a) = digits::take(a, |byte| !byte.is_ascii_alphanumeric());
        let (gap_b, rest_b) = digits::take(b, |byte| !byte.is_ascii_alphanumeric());
        if rest_a.is_empty() || rest_b.is_empty() {
            return ending(rest_a, rest_b);
        }
        if gap_a.len() != gap_b.len() {
            return gap_a.len().cmp(&gap_b.len());
        }
        let numeric = rest_a.as_bytes()[0].is_ascii_digit();
        if numeric != rest_b.as_bytes()[0].is_ascii_digit() {
            return if numeric { Ordering::Greater } else { Ordering::Less };
        }
        let class = |byte: u8| {
            if numeric { byte.is_ascii_digit() } else { byte.is_ascii_alphabetic() }
        };
        let (segment_a, next_a) = digits::take(rest_a, class);
        let (segment_b, next_b) = digits::take(rest_b, class);
        let by_segment = if numeric { digits::order(segment_a, segment_b) } else { segment_a.cmp(segment_b) };
        if by_segment.is_ne() {
            return by_segment;
        }
        (a, b) = (next_a, next_b);
    }
}

/// One side is used up: letters that remain are a pre-release, numbers a later one.
fn ending(a: &str, b: &str) -> Ordering {
    let letters = |text: &str| text.as_bytes().first().is_some_and(u8::is_ascii_alphabetic);
    match (a.is_empty(), b.is_empty()) {
        (true, true) => Ordering::Equal,
        (true, false) => {
            if letters(b) {
                Ordering::Greater
            } else {
                Ordering::Less
            }
        }
        (false, _) => {
            if letters(a) {
                Ordering::Less
            } else {
                Ordering::Greater
            }
        }
    }
}
