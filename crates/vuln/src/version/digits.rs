//! Which of two runs of decimal digits is the larger number, however long they are?

use std::cmp::Ordering;

/// Compares as whole numbers of any length; an empty run is zero.
pub(crate) fn order(a: &str, b: &str) -> Ordering {
    let a = a.trim_start_matches('0');
    let b = b.trim_start_matches('0');
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

/// Whether the run stands for zero (empty included).
pub(crate) fn is_zero(a: &str) -> bool {
    a.bytes().all(|byte| byte == b'0')
}

/// Whether the text is one or more ASCII digits.
pub(crate) fn is_number(a: &str) -> bool {
    !a.is_empty() && a.bytes().all(|byte| byte.is_ascii_digit())
}

/// Cuts off the leading run of bytes that satisfy `keep` (ASCII classes only).
pub(crate) fn take(text: &str, keep: impl Fn(u8) -> bool) -> (&str, &str) {
    let mut end = text.bytes().position(|byte| !keep(byte)).unwrap_or(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.split_at(end)
}

/// For schemes whose versions are numbers first: `v`, `=` and Go's `go` may stand before them.
pub(crate) fn check(version: &str) -> Result<(), &'static str> {
    let bare = version.trim_start_matches(['v', 'V', '=']);
    let bare = bare.strip_prefix("go").unwrap_or(bare);
    let begins = bare.as_bytes().first().is_some_and(u8::is_ascii_digit);
    if begins { Ok(()) } else { Err("it does not begin with a number") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_longer_than_any_integer_are_ordered() {
        let big = "9".repeat(60);
        assert_eq!(order(&big, &format!("1{big}")), Ordering::Less);
        assert_eq!(order("007", "7"), Ordering::Equal);
        assert_eq!(order("", "0"), Ordering::Equal);
    }
}
