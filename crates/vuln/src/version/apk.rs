//! Which of two Alpine versions is newer (apk-tools' rules)?

use std::cmp::Ordering;

use super::digits;

/// `1.2.3b_rc1_p2~hash-r4`: numbers, letter, suffixes, revision.
pub(crate) fn order(a: &str, b: &str) -> Ordering {
    let a = Version::read(a);
    let b = Version::read(b);
    a.numbers(&b)
        .then_with(|| a.letter.cmp(b.letter))
        .then_with(|| a.suffixes(&b))
        .then_with(|| a.hash.cmp(b.hash))
        .then_with(|| digits::order(a.revision, b.revision))
        .then_with(|| a.rest.cmp(b.rest))
}

struct Version<'a> {
    /// `1.2.3`
    numbers: &'a str,
    letter: &'a str,
    /// `_rc1_p2`
    suffixes: &'a str,
    hash: &'a str,
    revision: &'a str,
    /// What fits no rule, kept so that different texts stay different.
    rest: &'a str,
}

impl<'a> Version<'a> {
    fn read(text: &'a str) -> Self {
        let (numbers, rest) = span(text, digits::take(text, |byte| byte.is_ascii_digit()).1, |rest| {
            let (number, next) = digits::take(rest.strip_prefix('.')?, |byte| byte.is_ascii_digit());
            (!number.is_empty()).then_some(next)
        });
        let lettered = rest.as_bytes().first().is_some_and(u8::is_ascii_lowercase);
        let (letter, rest) = rest.split_at(usize::from(lettered));
        let (suffixes, rest) = span(rest, rest, |rest| {
            let (word, next) = digits::take(rest.strip_prefix('_')?, |byte| byte.is_ascii_lowercase());
            suffix_rank(word).map(|_| digits::take(next, |byte| byte.is_ascii_digit()).1)
        });
        let (hash, rest) = match rest.strip_prefix('~') {
            Some(after) => digits::take(after, |byte| byte.is_ascii_hexdigit()),
            None => ("", rest),
        };
        let (revision, rest) = match rest.strip_prefix("-r") {
            Some(after) => digits::take(after, |byte| byte.is_ascii_digit()),
            None => ("", rest),
        };
        Self { numbers, letter, suffixes, hash, revision, rest }
    }

    fn numbers(&self, other: &Self) -> Ordering {
        let (mut a, mut b) = (self.numbers.split('.'), other.numbers.split('.'));
        let mut first = true;
        loop {
            let by_number = match (a.next(), b.next()) {
                (None, None) => return Ordering::Equal,
                (Some(x), Some(y)) if !first && (fraction(x) || fraction(y)) => x.cmp(y),
                (Some(x), Some(y)) => digits::order(x, y),
                (x, y) => x.is_some().cmp(&y.is_some()),
            };
            if by_number.is_ne() {
                return by_number;
            }
            first = false;
        }
    }

    fn suffixes(&self, other: &Self) -> Ordering {
        let (mut a, mut b) = (self.suffixes.split('_').skip(1), other.suffixes.split('_').skip(1));
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
}

/// What of `text` lies before the place that repeated steps from `rest` reach, and what after.
fn span<'a>(text: &'a str, mut rest: &'a str, step: impl Fn(&'a str) -> Option<&'a str>) -> (&'a str, &'a str) {
    while let Some(next) = step(rest) {
        rest = next;
    }
    text.split_at(text.len() - rest.len())
}

/// A missing suffix stands between the pre-releases and the later ones.
fn suffix(text: Option<&str>) -> (i8, &str) {
    let (word, number) = digits::take(text.unwrap_or_default(), |byte| byte.is_ascii_lowercase());
    (suffix_rank(word).unwrap_or(0), number)
}

/// After the first, a component with a leading zero is compared as a decimal fraction.
fn fraction(number: &str) -> bool {
    number.len() > 1 && number.starts_with('0')
}

fn suffix_rank(word: &str) -> Option<i8> {
    Some(match word {
        "alpha" => -4,
        "beta" => -3,
        "pre" => -2,
        "rc" => -1,
        "cvs" => 1,
        "svn" => 2,
        "git" => 3,
        "hg" => 4,
        "p" => 5,
        _ => return None,
    })
}
