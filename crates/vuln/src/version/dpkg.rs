//! Which of two Debian versions is newer (deb-version(7))?

use std::cmp::Ordering;

use super::digits;

/// Epoch, then upstream version, then revision, each by the Debian rules.
pub(crate) fn order(a: &str, b: &str) -> Ordering {
    let (epoch_a, upstream_a, revision_a) = split(a);
    let (epoch_b, upstream_b, revision_b) = split(b);
    digits::order(epoch_a, epoch_b)
        .then_with(|| part(upstream_a, upstream_b))
        .then_with(|| part(revision_a, revision_b))
}

/// What dpkg itself would refuse.
pub(crate) fn check(version: &str) -> Result<(), &'static str> {
    if let Some((epoch, rest)) = version.split_once(':') {
        if !digits::is_number(epoch) {
            return Err("the epoch before ':' is not a number");
        }
        if digits::order(epoch, "2147483647") == Ordering::Greater {
            return Err("the epoch before ':' is larger than 2147483647");
        }
        if rest.is_empty() {
            return Err("nothing after the epoch");
        }
    }
    let (_, upstream, revision) = split(version);
    if upstream.is_empty() {
        return Err("the upstream version is empty");
    }
    if version.ends_with('-') {
        return Err("the revision after '-' is empty");
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '~' | '-' | ':');
    if upstream.chars().all(allowed) && revision.chars().all(|c| allowed(c) && c != ':') {
        Ok(())
    } else {
        Err("only letters, digits and . + ~ - : may stand in a Debian version")
    }
}

fn split(version: &str) -> (&str, &str, &str) {
    let (epoch, rest) = match version.split_once(':') {
        Some((epoch, rest)) if epoch.bytes().all(|byte| byte.is_ascii_digit()) => (epoch, rest),
        _ => ("", version),
    };
    let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
    (epoch, upstream, revision)
}

fn part(mut a: &str, mut b: &str) -> Ordering {
    while !a.is_empty() || !b.is_empty() {
        let (text_a, rest_a) = digits::take(a, |byte| !byte.is_ascii_digit());
        let (text_b, rest_b) = digits::take(b, |byte| !byte.is_ascii_digit());
        let by_text = text(text_a, text_b);
        if by_text.is_ne() {
            return by_text;
        }
        let (number_a, rest_a) = digits::take(rest_a, |byte| byte.is_ascii_digit());
        let (number_b, rest_b) = digits::take(rest_b, |byte| byte.is_ascii_digit());
        let by_number = digits::order(number_a, number_b);
        if by_number.is_ne() {
            return by_number;
        }
        (a, b) = (rest_a, rest_b);
    }
    Ordering::Equal
}

fn text(a: &str, b: &str) -> Ordering {
    let mut a = a.bytes();
    let mut b = b.bytes();
    loop {
        let (x, y) = (a.next(), b.next());
        let by_weight = weight(x).cmp(&weight(y));
        if by_weight.is_ne() || (x.is_none() && y.is_none()) {
            return by_weight;
        }
    }
}

/// The tilde sorts before the end of the part, letters before everything else.
fn weight(byte: Option<u8>) -> i32 {
    match byte {
        Some(b'~') => -1,
        None => 0,
        Some(byte) if byte.is_ascii_alphabetic() => i32::from(byte),
        Some(byte) => i32::from(byte) + 256,
    }
}
