//! Which words are too random to be anything but a secret?

use std::ops::Range;

/// Shorter ones are as random by chance.
const LENGTH_LEAST: usize = 16;
/// Bits for each byte; of hex digits there are four at most.
const BITS_LEAST: f64 = 3.2;
const HEX_BITS_LEAST: f64 = 2.8;

pub(super) fn find(line: &str, secrets: &mut Vec<Range<usize>>) {
    // With `/` and `+` as base64 has them; a path is looked at piece by piece.
    words(line, |byte| byte.is_ascii_alphanumeric() || b"+/_-".contains(&byte), &mut |range| {
        if !line[range.clone()].starts_with('/') && is_random(&line[range.clone()]) {
            secrets.push(range);
        }
    });
    words(line, |byte| byte.is_ascii_alphanumeric() || b"+_-".contains(&byte), &mut |range| {
        if is_random(&line[range.clone()]) {
            secrets.push(range);
        }
    });
}

fn words(line: &str, is_part: impl Fn(u8) -> bool, take: &mut dyn FnMut(Range<usize>)) {
    let mut start = None;
    for (at, byte) in line.bytes().chain([b' ']).enumerate() {
        match (is_part(byte), start) {
            (true, None) => start = Some(at),
            (false, Some(begun)) => {
                start = None;
                take(begun..at);
            }
            _ => {}
        }
    }
}

fn is_random(word: &str) -> bool {
    if word.len() < LENGTH_LEAST {
        return false;
    }
    let has = |of: fn(&u8) -> bool| word.bytes().any(|byte| of(&byte));
    let classes = [u8::is_ascii_lowercase, u8::is_ascii_uppercase, u8::is_ascii_digit].map(|of| has(of));
    let classes = classes.into_iter().filter(|has| *has).count();
    if word.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-') && classes > 1 {
        return word.len() >= 24 && entropy(word) >= HEX_BITS_LEAST;
    }
    // Words of a language change their kind of letter seldom, and have vowels.
    let kind = |byte: u8| match byte {
        b'0'..=b'9' => 0,
        b'A'..=b'Z' => 1,
        b'a'..=b'z' => 2,
        _ => 3,
    };
    let bytes = word.as_bytes();
    let is_change = |pair: &&[u8]| kind(pair[0]) != kind(pair[1]) && kind(pair[0]) < 3 && kind(pair[1]) < 3;
    let changes = bytes.windows(2).filter(is_change).count();
    classes >= 2
        && entropy(word) >= BITS_LEAST
        && (classes == 3 && changes * 5 >= word.len() || changes * 3 >= word.len())
}

fn entropy(word: &str) -> f64 {
    let mut counts = [0u32; 256];
    word.bytes().for_each(|byte| counts[usize::from(byte)] += 1);
    let all = word.len() as f64;
    counts.iter().filter(|count| **count > 0).map(|count| f64::from(*count) / all).map(|part| -part * part.log2()).sum()
}

#[cfg(test)]
mod tests {
    use super::is_random;

    #[test]
    fn words_stay_and_noise_goes() {
        for word in [
            "wJalrXUtnFEMIK7MDENGbPxRfiCYz1",
            "9f86d081884c7d659a2feaa0c55ad015",
            "kQ3vT8mZp1Lx7WcR",
            "Zm9vYmFyYmF6cXV4MTIz",
        ] {
            assert!(is_random(word), "{word}");
        }
        for word in [
            "proxy_connect_timeout",
            "Environment=PATH",
            "systemd-journal-remote",
            "/usr/lib/x86_64-linux-gnu",
            "ConnectionRefusedError",
            "application-production-01",
        ] {
            assert!(!is_random(word), "{word}");
        }
    }
}
