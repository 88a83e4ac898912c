//! Which passwords does everybody try first?

use std::collections::BTreeSet;

/// Whether a password, in lower case, is one that is tried first: a usual word with trimmings, or next to nothing.
pub(crate) fn is_usual(lower: &str) -> bool {
    let distinct: BTreeSet<char> = lower.chars().collect();
    if distinct.len() < DISTINCT_MIN || is_run(lower) {
        return true;
    }
    // What people put in place of letters, and what they hang on at the end.
    let read: String = lower.chars().map(unmasked).collect();
    let core = |text: &str| text.chars().filter(|c| c.is_alphabetic()).collect::<String>();
    [core(lower), core(&read)].iter().any(|core| is_made_of_words(core))
}

/// `123456789012`, `abcdefghijkl`: each character follows the one before, up or down.
fn is_run(text: &str) -> bool {
    let steps: Vec<i64> = text.chars().zip(text.chars().skip(1)).map(|(a, b)| b as i64 - a as i64).collect();
    let usual = steps.iter().filter(|step| matches!(step, -1..=1)).count();
    usual * 10 >= steps.len() * 8
}

fn unmasked(c: char) -> char {
    match c {
        '0' => 'o',
        '1' | '!' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        other => other,
    }
}

/// Nothing but usual words, one after the other; of less than four letters beside them nothing is made.
fn is_made_of_words(core: &str) -> bool {
    let mut rest = core;
    while let Some(word) = WORDS.iter().find(|word| rest.starts_with(**word)) {
        rest = &rest[word.len()..];
    }
    rest.chars().count() < 4
}

const DISTINCT_MIN: usize = 5;

/// The longer before those that they begin with.
const WORDS: &[&str] = &[
    "passwords",
    "password",
    "passwort",
    "passw",
    "passphrase",
    "pass",
    "motdepasse",
    "contrasena",
    "secret",
    "geheim",
    "letmein",
    "welcome",
    "willkommen",
    "changeme",
    "changeit",
    "change",
    "default",
    "administrator",
    "admin",
    "root",
    "superuser",
    "user",
    "guest",
    "test",
    "testing",
    "demo",
    "login",
    "master",
    "access",
    "security",
    "secure",
    "tripoint",
    "server",
    "linux",
    "ubuntu",
    "debian",
    "redhat",
    "centos",
    "oracle",
    "cisco",
    "company",
    "office",
    "qwertyuiop",
    "qwertzuiop",
    "qwerty",
    "qwertz",
    "azerty",
    "asdfghjkl",
    "asdfgh",
    "asdf",
    "zxcvbnm",
    "zxcvbn",
    "qazwsxedc",
    "qazwsx",
    "iloveyou",
    "monkey",
    "dragon",
    "football",
    "baseball",
    "superman",
    "batman",
    "sunshine",
    "princess",
    "shadow",
    "michael",
    "jordan",
    "summer",
    "winter",
    "spring",
    "autumn",
    "sommer",
    "january",
    "february",
    "march",
    "april",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
    "monday",
    "friday",
    "hello",
    "hallo",
    "freedom",
    "whatever",
    "trustno",
    "starwars",
    "computer",
    "internet",
    "google",
    "the",
    "my",
    "is",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_words_with_trimmings_are_known_and_phrases_are_not() {
        for usual in [
            "password1234",
            "p@ssw0rd!2026",
            "qwertyuiop12",
            "adminadmin12",
            "letmein-2026",
            "123456789012",
            "abcdefghijkl",
            "987654321098",
            "111111111111",
            "tripoint2026!",
            "welcome2summer",
            "202611300815",
            "changeme12345",
            "mypasswordis1",
        ] {
            assert!(is_usual(usual), "{usual}");
        }
        for good in ["three wet owls sing", "k9$vb2-qpz7x", "correct horse battery", "zug-um-acht-verpasst"] {
            assert!(!is_usual(good), "{good}");
        }
    }
}
