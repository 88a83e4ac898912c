//! Which of two RPM versions is newer (epoch:version-release, with `~` and `^`)?

use std::cmp::Ordering;

use super::digits;

/// Epoch (missing is 0), version, release (missing is lowest).
pub(crate) fn order(a: &str, b: &str) -> Ordering {
    let (epoch_a, version_a, release_a) = split(a);
    let (epoch_b, version_b, release_b) = split(b);
    digits::order(epoch_a, epoch_b).then_with(|| part(version_a, version_b)).then_with(|| {
        match (release_a, release_b) {
            (Some(a), Some(b)) => part(a, b),
            (a, b) => a.is_some().cmp(&b.is_some()),
        }
    })
}

/// As rpm judges a dependency: where the version or the bound has no release, releases do not count.
pub(crate) fn order_to_bound(version: &str, bound: &str) -> Ordering {
    let (epoch_a, version_a, release_a) = split(version);
    let (epoch_b, version_b, release_b) = split(bound);
    digits::order(epoch_a, epoch_b).then_with(|| part(version_a, version_b)).then_with(|| {
        match (release_a, release_b) {
            (Some(a), Some(b)) => part(a, b),
            _ => Ordering::Equal,
        }
    })
}

/// What cannot be an epoch:version-release. A colon after anything but a number is part of the version.
pub(crate) fn check(version: &str) -> Result<(), &'static str> {
    match version.split_once(':') {
        Some((epoch, "")) if digits::is_number(epoch) => Err("nothing after the epoch"),
        _ => Ok(()),
    }
}

fn split(version: &str) -> (&str, &str, Option<&str>) {
    let (epoch, rest) = match version.split_once(':') {
        Some((epoch, rest)) if epoch.bytes().all(|byte| byte.is_ascii_digit()) => (epoch, rest),
        _ => ("", version),
    };
    let (version, release) = match rest.rsplit_once('-') {
        Some((version, release)) => (version, Some(release)),
        None => (rest, None),
    };
    (epoch, version, release)
}

fn part(mut a: &str, mut b: &str) -> Ordering {
    let separator = |byte: u8| !byte.is_ascii_alphanumeric() && byte != b'~' && byte != b'^';
    loop {
        a = digits::take(a, separator).1;
        b = digits::take(b, separator).1;
        match (a.strip_prefix('~'), b.strip_prefix('~')) {
            (Some(rest_a), Some(rest_b)) => {
                (a, b) = (rest_a, rest_b);
                continue;
            }
            (Some(_), None) => return Ordering::Less,
            (None, Some(_)) => return Ordering::Greater,
            (None, None) => {}
        }
        match (a.strip_prefix('^'), b.strip_prefix('^')) {
            (Some(rest_a), Some(rest_b)) => {
                (a, b) = (rest_a, rest_b);
                continue;
            }
            // A caret is newer than the end, older than anything else.
            (Some(_), None) => return if b.is_empty() { Ordering::Greater } else { Ordering::Less },
            (None, Some(_)) => return if a.is_empty() { Ordering::Less } else { Ordering::Greater },
            (None, None) => {}
        }
        if a.is_empty() || b.is_empty() {
            return a.len().cmp(&b.len());
        }
        let by_segment = segment(&mut a, &mut b);
        if by_segment.is_ne() {
            return by_segment;
        }
    }
}

fn segment(a: &mut &str, b: &mut &str) -> Ordering {
    let numeric = |text: &str| text.as_bytes().first().is_some_and(u8::is_ascii_digit);
    match (numeric(a), numeric(b)) {
        (true, true) => {
            let (number_a, rest_a) = digits::take(a, |byte| byte.is_ascii_digit());
            let (number_b, rest_b) = digits::take(b, |byte| byte.is_ascii_digit());
            (*a, *b) = (rest_a, rest_b);
            digits::order(number_a, number_b)
        }
        (false, false) => {
            let (text_a, rest_a) = digits::take(a, |byte| byte.is_ascii_alphabetic());
            let (text_b, rest_b) = digits::take(b, |byte| byte.is_ascii_alphabetic());
            (*a, *b) = (rest_a, rest_b);
            text_a.cmp(text_b)
        }
        // A number is newer than letters.
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
    }
}
