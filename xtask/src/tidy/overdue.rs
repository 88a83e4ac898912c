//! Is a part of somebody else's used longer with a known fault than we said it would be?
//!
//! `cargo deny check advisories` refuses every part with a known advisory, but those in `deny.toml` under `ignore`. Each
//! entry there says how bad it is and since when it is known, and so until when it may stand: the times are those of
//! `docs/reference/security.md`.

use serde::Deserialize;

use super::Text;

const FILE: &str = "deny.toml";
const PAGE: &str = "docs/reference/security.md";

/// How bad, and how many days it may stand.
const TIMES: &[(&str, i64)] = &[("critical", 2), ("high", 7), ("medium", 30), ("low", 90), ("unmaintained", 180)];

#[derive(Deserialize)]
struct Deny {
    #[serde(default)]
    advisories: Advisories,
}

#[derive(Default, Deserialize)]
struct Advisories {
    #[serde(default)]
    ignore: Vec<toml::Value>,
}

/// Entries that say too little, or stand too long; and times that the page does not say. `today` in days since 1970.
pub fn check(texts: &[Text], today: i64) -> Vec<String> {
    let text_of = |path: &str| texts.iter().find(|text| text.path == path).map_or("", |text| text.text.as_str());
    let mut broken: Vec<String> = TIMES
        .iter()
        .map(|(level, days)| format!("| {level} | {days} days |"))
        .filter(|row| !text_of(PAGE).contains(row))
        .map(|row| format!("{PAGE} does not say `{row}`"))
        .collect();
    let deny: Deny = match toml::from_str(text_of(FILE)) {
        Ok(deny) => deny,
        Err(error) => return vec![format!("{FILE}: {}", error.message())],
    };
    broken.extend(deny.advisories.ignore.iter().filter_map(|entry| wrong(entry, today)));
    broken
}

/// What is wrong with an entry: `{ id = "RUSTSEC-…", reason = "high, known 2026-11-30: why it does not reach us" }`.
fn wrong(entry: &toml::Value, today: i64) -> Option<String> {
    let of = |key: &str| entry.get(key).and_then(toml::Value::as_str);
    let id = of("id").or(entry.as_str()).unwrap_or("an entry");
    let told = || {
        let (head, why) = of("reason")?.split_once(": ")?;
        let (level, since) = head.split_once(", known ")?;
        let (_, days) = TIMES.iter().find(|(known, _)| *known == level)?;
        (why.trim().len() >= WHY_MIN).then_some((level, *days, day(since)?))
    };
    let Some((level, days, since)) = told() else {
        let levels: Vec<&str> = TIMES.iter().map(|(level, _)| *level).collect();
        let rule = format!("reason = \"LEVEL, known YYYY-MM-DD: why it can wait\" with LEVEL of {}", levels.join(", "));
        return Some(format!("{FILE}: {id} needs {rule}"));
    };
    let over = today - since - days;
    (over > 0).then(|| format!("{FILE}: {id} is {level} and should have been mended {over} days ago"))
}

/// Days from 1970 to a date (the algorithm of Howard Hinnant's `days_from_civil`).
fn day(text: &str) -> Option<i64> {
    let mut parts = text.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || text.len() != 10 {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

/// `not reached`.
const WHY_MIN: usize = 10;

#[cfg(test)]
mod tests {
    use super::super::text;
    use super::*;

    fn page() -> String {
        TIMES.iter().map(|(level, days)| format!("| {level} | {days} days |\n")).collect()
    }

    #[test]
    fn a_part_with_a_known_fault_is_overdue_when_its_time_is_over() {
        let told = |ignore: &str, today: &str| {
            let deny = format!("[advisories]\nyanked = \"deny\"\nignore = [{ignore}]\n");
            check(&[text(FILE, &deny), text(PAGE, &page())], day(today).unwrap())
        };
        let one = |reason: &str| format!("{{ id = \"RUSTSEC-2026-0001\", reason = \"{reason}\" }}");
        assert!(told("", "2026-11-30").is_empty());
        for (level, days) in TIMES {
            let entry = one(&format!("{level}, known 2026-02-27: we never call that function"));
            let last = day("2026-02-27").unwrap() + days;
            let deny = format!("[advisories]\nignore = [{entry}]\n");
            let at = |today| check(&[text(FILE, &deny), text(PAGE, &page())], today);
            assert!(at(last).is_empty(), "{level}");
            assert!(at(last + 1)[0].contains("should have been mended 1 days ago"), "{level}: {:?}", at(last + 1));
        }
        for bad in [
            "\"RUSTSEC-2026-0001\"".to_owned(),
            "{ id = \"RUSTSEC-2026-0001\" }".to_owned(),
            one("high: later"),
            one("high, known soon: we never call it"),
            one("high, known 2026-13-01: we never call it"),
            one("awful, known 2026-11-30: we never call it"),
            one("high, known 2026-11-30: later"),
        ] {
            assert!(told(&bad, "2026-11-30")[0].contains("needs reason"), "{bad}");
        }
        assert!(check(&[text(FILE, ""), text(PAGE, "")], 0)[0].contains("does not say `| critical | 2 days |`"));
        assert!(!check(&[text(FILE, "ignore = ["), text(PAGE, &page())], 0).is_empty());
    }

    #[test]
    fn days_are_counted_as_the_calendar_does() {
        for (text, expected) in [
            ("1970-01-01", 0),
            ("1970-01-02", 1),
            ("2000-02-29", 11_016),
            ("2000-03-01", 11_017),
            ("2026-11-30", 20_787),
        ] {
            assert_eq!(day(text), Some(expected), "{text}");
        }
        for bad in ["", "2026-11", "2026-00-01", "2026-1-1", "yesterday"] {
            assert_eq!(day(bad), None, "{bad}");
        }
    }
}
