//! Which of two Conan (C and C++) versions is newer?

use std::cmp::Ordering;

use super::digits;

/// Numbers and words between dots, pre-release after `-`, build after `+`; zeros at the end of each
/// say nothing. `2-` is the oldest of all that is called 2.
pub(crate) fn order(a: &str, b: &str) -> Ordering {
    let (main_a, pre_a, build_a) = split(a);
    let (main_b, pre_b, build_b) = split(b);
    items(main_a, main_b)
        .then_with(|| match (pre_a, pre_b) {
            (Some(x), Some(y)) => items(x, y),
            (x, y) => y.is_some().cmp(&x.is_some()),
        })
        .then_with(|| match (build_a, build_b) {
            (Some(x), Some(y)) => items(x, y),
            (x, y) => x.is_some().cmp(&y.is_some()),
        })
}

fn split(version: &str) -> (&str, Option<&str>, Option<&str>) {
    let (version, build) = match version.split_once('+') {
        Some((version, build)) => (version, Some(build)),
        None => (version, None),
    };
    match version.split_once('-') {
        Some((main, pre)) => (main, Some(pre), build),
        None => (version, None, build),
    }
}

fn items(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (trimmed(a).split('.'), trimmed(b).split('.'));
    loop {
        let by_item = match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (Some(x), Some(y)) => item(x, y),
            (x, y) => x.is_some().cmp(&y.is_some()),
        };
        if by_item.is_ne() {
            return by_item;
        }
    }
}

/// Numbers by size, words after numbers, what is both by its number first. (Conan compares mixed
/// ones as text, by which 9 < 10 < 1a < 9; a circle is of no use to anybody.)
fn item(a: &str, b: &str) -> Ordering {
    let (number_a, rest_a) = digits::take(a, |byte| byte.is_ascii_digit());
    let (number_b, rest_b) = digits::take(b, |byte| byte.is_ascii_digit());
    let is_word = |number: &str, rest: &str| number.is_empty() && !rest.is_empty();
    is_word(number_a, rest_a)
        .cmp(&is_word(number_b, rest_b))
        .then_with(|| digits::order(number_a, number_b))
        .then_with(|| rest_a.cmp(rest_b))
}

fn trimmed(mut text: &str) -> &str {
    loop {
        let (head, last) = text.rsplit_once('.').unwrap_or(("", text));
        if !digits::is_zero(last) || text.is_empty() {
            return text;
        }
        text = head;
    }
}
