//! Which of two versions is newer where no package manager rules (openssl `1.1.1w`, nginx, the kernel)?

use std::cmp::Ordering;

use super::digits;

/// Runs of digits and of letters in turn. Words for what comes before a release sort before its end,
/// every other word (a patch letter, `p1`, `post`) after it, numbers after words; zeros that end a
/// run of numbers say nothing, nor does the sign between two runs.
pub(crate) fn order(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (Runs::new(a), Runs::new(b));
    loop {
        let by_run = match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (x, y) => run(x, y),
        };
        if by_run.is_ne() {
            return by_run;
        }
    }
}

fn run(a: Option<&str>, b: Option<&str>) -> Ordering {
    match (a, b) {
        (Some(x), Some(y)) if digits::is_number(x) && digits::is_number(y) => digits::order(x, y),
        (x, y) => rank(x).cmp(&rank(y)).then_with(|| word(x.unwrap_or_default(), y.unwrap_or_default())),
    }
}

/// Texts without regard to case.
fn word(a: &str, b: &str) -> Ordering {
    let lower = |text: &'_ str| text.bytes().map(|byte| byte.to_ascii_lowercase()).collect::<Small>();
    lower(a).cmp(&lower(b))
}

/// The first letters of a word, on the stack: nothing is allocated to compare.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Small([u8; WORD_BYTES_MAX]);

impl FromIterator<u8> for Small {
    fn from_iter<I: IntoIterator<Item = u8>>(bytes: I) -> Self {
        let mut out = [0; WORD_BYTES_MAX];
        for (place, byte) in out.iter_mut().zip(bytes) {
            *place = byte;
        }
        Self(out)
    }
}

/// Before the release, its end, after it, a further number.
fn rank(run: Option<&str>) -> u8 {
    match run {
        None => BEFORE_MAX + 1,
        Some(run) if digits::is_number(run) => BEFORE_MAX + 3,
        Some(run) => match BEFORE.iter().find(|(word, _)| word.eq_ignore_ascii_case(run)) {
            Some((_, rank)) => *rank,
            None => BEFORE_MAX + 2,
        },
    }
}

/// The runs of a version; a run of zeros is left out where only zeros, a word or the end follow.
struct Runs<'a> {
    rest: &'a str,
}

impl<'a> Runs<'a> {
    fn new(version: &'a str) -> Self {
        let bare = version.strip_prefix(['v', 'V']).filter(|rest| starts_with_digit(rest));
        Self { rest: bare.unwrap_or(version) }
    }

    fn take(rest: &'a str) -> Option<(&'a str, &'a str)> {
        let at = rest.find(|c: char| c.is_ascii_alphanumeric())?;
        let rest = &rest[at..];
        let cut = if starts_with_digit(rest) {
            digits::take(rest, |byte| byte.is_ascii_digit())
        } else {
            digits::take(rest, |byte| byte.is_ascii_alphabetic())
        };
        Some(cut)
    }
}

impl<'a> Iterator for Runs<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let (first, after) = Self::take(self.rest)?;
        if !digits::is_number(first) || !digits::is_zero(first) {
            self.rest = after;
            return Some(first);
        }
        let mut ahead = after;
        while let Some((run, next)) = Self::take(ahead) {
            if !digits::is_number(run) {
                // Zeros before a word: the word is next.
                self.rest = next;
                return Some(run);
            }
            if !digits::is_zero(run) {
                self.rest = after;
                return Some(first);
            }
            ahead = next;
        }
        self.rest = "";
        None
    }
}

fn starts_with_digit(text: &str) -> bool {
    text.as_bytes().first().is_some_and(u8::is_ascii_digit)
}

/// Words for what comes before a release, by age.
const BEFORE: &[(&str, u8)] =
    &[("dev", 0), ("snapshot", 0), ("alpha", 1), ("beta", 2), ("milestone", 3), ("pre", 4), ("preview", 4), ("rc", 5)];
const BEFORE_MAX: u8 = 5;
/// Words that differ only after so many letters are the same word.
const WORD_BYTES_MAX: usize = 32;
