//! How is a value read that TOML has no type for, and which key was meant?

use std::time::Duration;

use serde::Deserialize;

/// A time span in words: `20ms`, `5s`, `10m`, `1h`, `7d`.
pub(super) fn span<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    read_span(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

/// The same, or what is wrong with the text.
pub(super) fn read_span(text: &str) -> Result<Duration, String> {
    let digits = text.trim().trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits
        .parse()
        .map_err(|_| format!("{text:?} is no time span; write \"20ms\", \"5s\", \"10m\", \"1h\" or \"7d\""))?;
    let unit_ms = match &text.trim()[digits.len()..] {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        other => return Err(format!("unknown unit {other:?}; use ms, s, m, h or d")),
    };
    Ok(Duration::from_millis(number.saturating_mul(unit_ms)))
}

/// A list, or one text with commas (as the environment gives it).
pub(super) fn list<'de, D: serde::Deserializer<'de>, T: std::str::FromStr>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
        Many(Vec<String>),
        One(String),
    }
    let words = match OneOrMany::deserialize(deserializer)? {
        OneOrMany::Many(words) => words,
        OneOrMany::One(text) => {
            text.split(',').map(|word| word.trim().to_owned()).filter(|word| !word.is_empty()).collect()
        }
    };
    let parse = |word: &String| word.parse().map_err(|_| serde::de::Error::custom(format!("{word:?} cannot be read")));
    words.iter().map(parse).collect()
}

/// A value in words; an empty text is none.
pub(super) fn some<'de, D: serde::Deserializer<'de>, T: std::str::FromStr<Err = String>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(serde::de::Error::custom) }
}

/// The known key that shares most letters in order, if any is close.
pub(super) fn nearest<'a>(key: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let distance = |other: &str| {
        let (a, b): (Vec<char>, Vec<char>) = (key.chars().collect(), other.chars().collect());
        let mut row: Vec<usize> = (0..=b.len()).collect();
        for (i, x) in a.iter().enumerate() {
            let mut diagonal = row[0];
            row[0] = i + 1;
            for (j, y) in b.iter().enumerate() {
                let cost = diagonal + usize::from(x != y);
                diagonal = row[j + 1];
                row[j + 1] = cost.min(row[j] + 1).min(diagonal + 1);
            }
        }
        row[b.len()]
    };
    known.map(|name| (name, distance(name))).filter(|(_, d)| *d <= 4).min_by_key(|(_, d)| *d).map(|(name, _)| name)
}
