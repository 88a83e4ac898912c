//! Which of two Gentoo versions is newer (the Package Manager Specification's rules)?

use std::cmp::Ordering;

use super::digits;

/// Numbers, letter, suffixes, revision.
pub(crate) fn order(a: &str, b: &str) -> Ordering {
    let (a, revision_a) = a.rsplit_once("-r").filter(|(_, r)| digits::is_number(r)).unwrap_or((a, ""));
    let (b, revision_b) = b.rsplit_once("-r").filter(|(_, r)| digits::is_number(r)).unwrap_or((b, ""));
    let (numbers_a, rest_a) = digits::take(a, |byte| byte.is_ascii_digit() || byte == b'.');
    let (numbers_b, rest_b) = digits::take(b, |byte| byte.is_ascii_digit() || byte == b'.');
    let (letter_a, rest_a) = letter(rest_a);
    let (letter_b, rest_b) = letter(rest_b);
    numbers(numbers_a, numbers_b)
        .then_with(|| letter_a.cmp(letter_b))
        .then_with(|| suffixes(rest_a, rest_b))
        .then_with(|| digits::order(revision_a, revision_b))
}

/// The first as a whole number; later ones that begin with 0 as decimal fractions.
fn numbers(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.split('.'), b.split('.'));
    let mut first = true;
    loop {
        let by_number = match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (Some(x), Some(y)) if !first && (x.starts_with('0') || y.starts_with('0')) => {
                x.trim_end_matches('0').cmp(y.trim_end_matches('0'))
            }
            (Some(x), Some(y)) => digits::order(x, y),
            (x, y) => x.is_some().cmp(&y.is_some()),
        };
        if by_number.is_ne() {
            return by_number;
        }
        first = false;
    }
}

fn letter(text: &str) -> (&str, &str) {
    if text.as_bytes().first().is_some_and(u8::is_ascii_alphabetic) { text.split_at(1) } else { ("", text) }
}

fn suffixes(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.split('_').skip(1), b.split('_').skip(1));
    loop {
        let by_suffix = match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (x, y) => {
                let ((rank_x, number_x), (rank_y, number_y)) = (suffix(x), suffix(y));
                rank_x.cmp(&rank_y).then_with(|| digits::order(number_x, number_y))
            }
        };
        if by_suffix.is_ne() {
            return by_suffix;
        }
    }
}

fn suffix(text: Option<&str>) -> (u8, &str) {
    let Some(text) = text else { return (4, "") };
    let (word, number) = digits::take(text, |byte| byte.is_ascii_alphabetic());
    let rank = match word {
        "alpha" => 0,
        "beta" => 1,
        "pre" => 2,
        "rc" => 3,
        "p" => 6,
        _ => 5,
    };
    (rank, digits::take(number, |byte| byte.is_ascii_digit()).0)
}
