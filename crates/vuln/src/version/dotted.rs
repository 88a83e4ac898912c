//! Which of two versions that are only numbers is newer (R, Haskell, and vers' `intdot`)?

use std::cmp::Ordering;

use super::digits;

/// R and Haskell: numbers in turn, `.` and `-` alike; the longer one is newer, zeros or not.
pub(crate) fn order(a: &str, b: &str) -> Ordering {
    let mut a = a.split(['.', '-']);
    let mut b = b.split(['.', '-']);
    loop {
        let by_part = match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (Some(x), Some(y)) => part(x, y),
            (x, y) => x.is_some().cmp(&y.is_some()),
        };
        if by_part.is_ne() {
            return by_part;
        }
    }
}

/// Whole numbers between dots; what is missing is zero, what follows the numbers says nothing.
pub(crate) fn integers(a: &str, b: &str) -> Ordering {
    let mut a = numbers(a).split('.');
    let mut b = numbers(b).split('.');
    loop {
        let by_part = match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (x, y) => digits::order(x.unwrap_or_default(), y.unwrap_or_default()),
        };
        if by_part.is_ne() {
            return by_part;
        }
    }
}

fn numbers(text: &str) -> &str {
    digits::take(text, |byte| byte.is_ascii_digit() || byte == b'.').0
}

/// A number, then whatever text is stuck to it.
fn part(a: &str, b: &str) -> Ordering {
    let (number_a, rest_a) = digits::take(a, |byte| byte.is_ascii_digit());
    let (number_b, rest_b) = digits::take(b, |byte| byte.is_ascii_digit());
    digits::order(number_a, number_b).then_with(|| rest_a.cmp(rest_b))
}
