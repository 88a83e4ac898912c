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
    numbers: Vec<&'a str>,
    letter: &'a str,
    suffixes: Vec<(i8, &'a str)>,
    hash: &'a str,
    revision: &'a str,
    /// What fits no rule, kept so that different texts stay different.
    rest: &'a str,
}

impl<'a> Version<'a> {
    fn read(text: &'a str) -> Self {
        let (first, mut rest) = digits::take(text, |byte| byte.is_ascii_digit());
        let mut numbers = vec![first];
        while let Some(after) = rest.strip_prefix('.') {
            let (number, next) = digits::take(after, |byte| byte.is_ascii_digit());
            if number.is_empty() {
                break;
            }
            numbers.push(number);
            rest = next;
        }
        let mut letter = "";
        if rest.as_bytes().first().is_some_and(u8::is_ascii_lowercase) {
            (letter, rest) = rest.split_at(1);
        }
        let mut suffixes = Vec::new();
        while let Some(after) = rest.strip_prefix('_') {
            let (word, next) = digits::take(after, |byte| byte.is_ascii_lowercase());
            let Some(rank) = suffix_rank(word) else { break };
            let (number, next) = digits::take(next, |byte| byte.is_ascii_digit());
            suffixes.push((rank, number));
            rest = next;
        }
        let mut hash = "";
        if let Some(after) = rest.strip_prefix('~') {
            (hash, rest) = digits::take(after, |byte| byte.is_ascii_hexdigit());
        }
        let mut revision = "";
        if let Some(after) = rest.strip_prefix("-r") {
            (revision, rest) = digits::take(after, |byte| byte.is_ascii_digit());
        }
        Self { numbers, letter, suffixes, hash, revision, rest }
    }

    fn numbers(&self, other: &Self) -> Ordering {
        for at in 0..self.numbers.len().max(other.numbers.len()) {
            let by_number = match (self.numbers.get(at), other.numbers.get(at)) {
                (Some(x), Some(y)) if at > 0 && (fraction(x) || fraction(y)) => x.cmp(y),
                (Some(x), Some(y)) => digits::order(x, y),
                (x, y) => x.is_some().cmp(&y.is_some()),
            };
            if by_number.is_ne() {
                return by_number;
            }
        }
        Ordering::Equal
    }

    fn suffixes(&self, other: &Self) -> Ordering {
        for at in 0..self.suffixes.len().max(other.suffixes.len()) {
            let (rank_x, number_x) = self.suffixes.get(at).copied().unwrap_or((0, ""));
            let (rank_y, number_y) = other.suffixes.get(at).copied().unwrap_or((0, ""));
            let by_suffix = rank_x.cmp(&rank_y).then_with(|| digits::order(number_x, number_y));
            if by_suffix.is_ne() {
                return by_suffix;
            }
        }
        Ordering::Equal
    }
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
