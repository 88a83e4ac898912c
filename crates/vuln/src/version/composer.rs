//! Which of two Composer (Packagist) versions is newer, in the order of PHP's version_compare?

use std::cmp::Ordering;

use super::digits;

/// Parts in turn; words have their own ranks around numbers.
pub(crate) fn order(a: &str, b: &str) -> Ordering {
    let a = parts(a);
    let b = parts(b);
    for at in 0..a.len().max(b.len()) {
        let by_part = match (a.get(at), b.get(at)) {
            (Some(x), Some(y)) => part(x, y),
            // What remains on one side: a number makes it newer, a word is weighed against `#`.
            (Some(x), None) => rest(x),
            (None, Some(y)) => rest(y).reverse(),
            (None, None) => Ordering::Equal,
        };
        if by_part.is_ne() {
            return by_part;
        }
    }
    Ordering::Equal
}

fn rest(part: &str) -> Ordering {
    if digits::is_number(part) { Ordering::Greater } else { rank(part).cmp(&RANK_NUMBER) }
}

fn part(a: &str, b: &str) -> Ordering {
    match (digits::is_number(a), digits::is_number(b)) {
        (true, true) => digits::order(a, b),
        (false, false) => rank(a).cmp(&rank(b)),
        (true, false) => RANK_NUMBER.cmp(&rank(b)),
        (false, true) => rank(a).cmp(&RANK_NUMBER),
    }
}

fn rank(word: &str) -> u8 {
    match word {
        word if word.starts_with("dev") => 1,
        word if word.starts_with('a') => 2,
        word if word.starts_with('b') => 3,
        word if word.starts_with("RC") || word.starts_with("rc") => 4,
        "#" => RANK_NUMBER,
        word if word.starts_with("pl") || word.starts_with('p') => 6,
        _ => 0,
    }
}

fn parts(version: &str) -> Vec<&str> {
    let version = version.trim_start_matches(['v', 'V']);
    let mut rest = version;
    let mut out = Vec::new();
    while let Some(&first) = rest.as_bytes().first() {
        if first.is_ascii_digit() {
            let (run, next) = digits::take(rest, |byte| byte.is_ascii_digit());
            out.push(run);
            rest = next;
        } else if first.is_ascii_alphabetic() {
            let (run, next) = digits::take(rest, |byte| byte.is_ascii_alphabetic());
            out.push(run);
            rest = next;
        } else {
            let skip = rest.chars().next().map_or(1, char::len_utf8);
            rest = &rest[skip..];
        }
    }
    out
}

/// Where a plain number stands among the words.
const RANK_NUMBER: u8 = 5;
