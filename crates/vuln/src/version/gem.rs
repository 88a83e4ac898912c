//! Which of two RubyGems versions is newer?

use std::cmp::Ordering;

use super::digits;

/// Segments of digits or letters; letters (a pre-release) are older than any number.
pub(crate) fn order(a: &str, b: &str) -> Ordering {
    let a = segments(a);
    let b = segments(b);
    for at in 0..a.len().max(b.len()) {
        let x = a.get(at).copied().unwrap_or("0");
        let y = b.get(at).copied().unwrap_or("0");
        let by_segment = match (digits::is_number(x), digits::is_number(y)) {
            (true, true) => digits::order(x, y),
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => x.cmp(y),
        };
        if by_segment.is_ne() {
            return by_segment;
        }
    }
    Ordering::Equal
}

/// The runs of digits and of letters, without zeros that end the release or the whole.
fn segments(version: &str) -> Vec<&str> {
    let mut rest = version.trim();
    let mut out: Vec<&str> = Vec::new();
    while let Some(&first) = rest.as_bytes().first() {
        let (run, next) = if first.is_ascii_digit() {
            digits::take(rest, |byte| byte.is_ascii_digit())
        } else if first.is_ascii_alphabetic() {
            digits::take(rest, |byte| byte.is_ascii_alphabetic())
        } else if first == b'-' {
            // RubyGems reads `1.0-x` as `1.0.pre.x`.
            out.push("pre");
            rest = &rest[1..];
            continue;
        } else {
            let skip = rest.chars().next().map_or(1, char::len_utf8);
            rest = &rest[skip..];
            continue;
        };
        out.push(run);
        rest = next;
    }
    let letters = out.iter().position(|run| !digits::is_number(run)).unwrap_or(out.len());
    let mut tail = out.split_off(letters);
    for runs in [&mut out, &mut tail] {
        while runs.last().is_some_and(|run| digits::is_zero(run)) {
            runs.pop();
        }
    }
    out.append(&mut tail);
    out
}
