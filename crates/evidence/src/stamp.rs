//! What moment does a log's time stamp mean?
//!
//! Programs leave out the year, the zone, or both; a `Clock` says what is to be taken for them.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};
use tripoint_model::Timestamp;

/// What stamps leave unsaid.
#[derive(Clone, Debug)]
pub struct Clock {
    /// The year of stamps without one; `None`: the latest that does not lie after `now`.
    pub year: Option<i16>,
    /// The zone of stamps without one.
    pub zone: TimeZone,
    /// The moment before which everything was written.
    pub now: Timestamp,
}

impl Clock {
    /// UTC, and years that end at `now`.
    pub fn at(now: Timestamp) -> Self {
        Self { year: None, zone: TimeZone::UTC, now }
    }

    /// This host's zone, and years that end at `now`.
    pub fn here(now: Timestamp) -> Self {
        Self { zone: TimeZone::try_system().unwrap_or(TimeZone::UTC), ..Self::at(now) }
    }

    fn local(&self, civil: DateTime) -> Option<Timestamp> {
        let zoned = civil.to_zoned(self.zone.clone()).ok()?;
        Some(Timestamp(zoned.timestamp().as_microsecond()))
    }

    /// A stamp without a year.
    fn yearless(&self, month: i8, day: i8, time: Time) -> Option<Timestamp> {
        let in_year = |year: i16| self.local(Date::new(year, month, day).ok()?.to_datetime(time));
        if let Some(year) = self.year {
            return in_year(year);
        }
        let now = jiff::Timestamp::from_microsecond(self.now.0).ok()?.to_zoned(self.zone.clone());
        // A day ahead is a clock or a zone that is off, not a year.
        let latest = Timestamp(self.now.0.saturating_add(DAY_MICROS));
        let years = (0..8).map(|back| now.year() - back);
        years.filter_map(in_year).find(|time| *time <= latest)
    }
}

const DAY_MICROS: i64 = 86_400_000_000;

/// A zone by its name in the database of zones or as an offset: `Europe/Berlin`, `+02:00`, `UTC`.
pub fn zone(name: &str) -> Option<TimeZone> {
    if matches!(name, "UTC" | "Z" | "utc") {
        return Some(TimeZone::UTC);
    }
    let bytes = name.as_bytes();
    let sign = match bytes.first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return TimeZone::get(name).ok(),
    };
    let colon = usize::from(bytes.get(3) == Some(&b':'));
    let minutes = if bytes.len() == 3 { 0 } else { digits(bytes, 3 + colon, 2)? };
    Some(TimeZone::fixed(Offset::from_seconds(sign * (digits(bytes, 1, 2)? * 3600 + minutes * 60)).ok()?))
}

/// Reads the stamp that a line begins with; gives the rest of the line, blanks trimmed.
pub fn leading<'l>(line: &'l str, clock: &Clock) -> Option<(Timestamp, &'l str)> {
    let bracketed = line.starts_with('[');
    let text = if bracketed { &line[1..] } else { line };
    let found = iso(text, clock)
        .or_else(|| month_first(text, clock))
        .or_else(|| week_day_first(text, clock))
        .or_else(|| compact(text, clock))
        .or_else(|| epoch(text));
    let (time, rest) = found?;
    let rest = if bracketed { rest.trim_start().strip_prefix(']')? } else { rest };
    Some((time, rest.trim_start()))
}

/// Reads the stamp behind a mark that some programs begin with: `(W) `, `[notice] `, `WARN: `, `[Nest] 7  - `, `I0613 `.
pub fn behind_mark<'l>(line: &'l str, clock: &Clock) -> Option<(Timestamp, &'l str)> {
    let text = line.trim_start();
    let rest = match text.as_bytes().first()? {
        b'(' => text.split_once(')')?.1,
        b'[' => text.split_once(']')?.1,
        _ => text.split_once(char::is_whitespace).filter(|(mark, _)| mark.len() <= 12)?.1,
    };
    let rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '-' || c == ':');
    let again = || leading(rest.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start_matches([' ', '-']), clock);
    leading(rest, clock).or_else(again)
}

/// The moment that one value means: any shape that a line may begin with, or seconds, milli-, micro- or nanoseconds
/// since 1970.
pub fn value(text: &str, clock: &Clock) -> Option<Timestamp> {
    let text = text.trim();
    let whole = text.split('.').next()?;
    if !whole.is_empty() && whole.bytes().all(|byte| byte.is_ascii_digit()) && (9..=19).contains(&whole.len()) {
        let number: i64 = whole.parse().ok()?;
        return match whole.len() {
            9..=10 => seconds(text),
            11..=13 => Some(Timestamp(number.checked_mul(1000)?)),
            14..=16 => Some(Timestamp(number)),
            _ => Some(Timestamp(number / 1000)),
        };
    }
    leading(text, clock).map(|(time, _)| time).or_else(|| clf(text, clock))
}

/// `10/Oct/2000:13:55:36 -0700`, as Apache and nginx write it.
pub fn clf(text: &str, clock: &Clock) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    if bytes.len() < 20 || bytes[2] != b'/' || bytes[6] != b'/' || bytes[11] != b':' {
        return None;
    }
    let date = Date::new(digits(bytes, 7, 4)? as i16, month(text.get(3..6)?)?, digits(bytes, 0, 2)? as i8).ok()?;
    let (time, rest) = clock_time(text.get(12..)?)?;
    finish(date.to_datetime(time), rest.trim_start(), clock).map(|(time, _)| time)
}

/// `2026-01-02T03:04:05.678+01:00`, with a blank for the `T`, a comma for the point, slashes for the dashes.
fn iso<'l>(text: &'l str, clock: &Clock) -> Option<(Timestamp, &'l str)> {
    let bytes = text.as_bytes();
    let dash = *bytes.get(4)?;
    if !matches!(dash, b'-' | b'/' | b'.') || bytes.get(7) != Some(&dash) {
        return None;
    }
    let date = Date::new(digits(bytes, 0, 4)? as i16, digits(bytes, 5, 2)? as i8, digits(bytes, 8, 2)? as i8).ok()?;
    let (b'T' | b't' | b' ' | b'_' | b'-' | b':') = *bytes.get(10)? else { return None };
    let (time, rest) = clock_time(text.get(11..)?.trim_start())?;
    finish(date.to_datetime(time), rest, clock)
}

/// `Jan  2 03:04:05`, as syslog writes it, also with a year before or behind the time.
fn month_first<'l>(text: &'l str, clock: &Clock) -> Option<(Timestamp, &'l str)> {
    let month = month(text.get(..3)?)?;
    let rest = text.get(3..)?.strip_prefix(' ')?.trim_start();
    let (day, rest) = number(rest)?;
    let day = i8::try_from(day).ok()?;
    let rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
    let year_ahead = number(rest).filter(|(year, after)| (1970..=9999).contains(year) && !after.starts_with(':'));
    let (year, rest) = match year_ahead {
        Some((year, after)) => (Some(year), after.trim_start_matches([' ', ','])),
        None => (None, rest),
    };
    let (time, rest) = clock_time(rest)?;
    let behind = number(rest.trim_start()).filter(|(year, after)| {
        year_ahead.is_none()
            && (1970..=9999).contains(year)
            && after.starts_with([' ', ']', ':'])
            && rest.starts_with(' ')
    });
    match year.or(behind.map(|(year, _)| year)) {
        Some(year) => {
            let rest = behind.map_or(rest, |(_, after)| after);
            finish(Date::new(i16::try_from(year).ok()?, month, day).ok()?.to_datetime(time), rest, clock)
        }
        None => Some((clock.yearless(month, day, time)?, rest)),
    }
}

/// `Wed Oct 11 14:32:52.123456 2000` and `Wed, 11 Oct 2000 14:32:52 +0000`.
fn week_day_first<'l>(text: &'l str, clock: &Clock) -> Option<(Timestamp, &'l str)> {
    let rest = text.get(3..)?;
    if !WEEK_DAYS.contains(&text.get(..3)?) {
        return None;
    }
    let rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
    if let Some(found) = month_first(rest, clock) {
        return Some(found);
    }
    day_first(rest, clock)
}

/// `11 Oct 2000 14:32:52`, also with dashes or slashes: `11-Oct-2000 14:32:52`.
fn day_first<'l>(text: &'l str, clock: &Clock) -> Option<(Timestamp, &'l str)> {
    let (day, rest) = number(text)?;
    let gap = rest.chars().next().filter(|c| matches!(c, ' ' | '-' | '/'))?;
    let rest = rest.strip_prefix(gap)?;
    let month = month(rest.get(..3)?)?;
    let (year, rest) = number(rest.get(3..)?.strip_prefix(gap)?)?;
    let (time, rest) = clock_time(rest.trim_start_matches([' ', ':']))?;
    let date = Date::new(i16::try_from(year).ok()?, month, i8::try_from(day).ok()?).ok()?;
    finish(date.to_datetime(time), rest, clock)
}

/// `20261011 14:32:52` and MySQL's `261011 14:32:52`.
fn compact<'l>(text: &'l str, clock: &Clock) -> Option<(Timestamp, &'l str)> {
    if let Some(found) = day_first(text, clock) {
        return Some(found);
    }
    let bytes = text.as_bytes();
    let length = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (year, at) = match length {
        8 => (digits(bytes, 0, 4)?, 4),
        6 => (2000 + digits(bytes, 0, 2)?, 2),
        _ => return None,
    };
    let date = Date::new(year as i16, digits(bytes, at, 2)? as i8, digits(bytes, at + 2, 2)? as i8).ok()?;
    let rest = text.get(length..)?;
    let rest = rest.strip_prefix(['T', ' ', '-'])?.trim_start();
    let (time, rest) = clock_time(rest)?;
    finish(date.to_datetime(time), rest, clock)
}

/// Seconds since 1970, with a fraction or without: `1700000000.123`.
fn epoch(text: &str) -> Option<(Timestamp, &str)> {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit() && byte != b'.').unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    let whole = number.split('.').next()?;
    if !(9..=10).contains(&whole.len()) || !rest.starts_with([' ', '\t', ':', ']', ',']) && !rest.is_empty() {
        return None;
    }
    Some((seconds(number)?, rest))
}

/// A number of seconds since 1970 as text.
pub fn seconds(text: &str) -> Option<Timestamp> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let micros = fraction_micros(fraction)?;
    let whole: i64 = whole.parse().ok()?;
    Some(Timestamp(whole.checked_mul(1_000_000)?.checked_add(micros)?))
}

fn fraction_micros(digits: &str) -> Option<i64> {
    let mut micros = 0;
    for at in 0..6 {
        let digit = match digits.as_bytes().get(at) {
            Some(byte) if byte.is_ascii_digit() => i64::from(byte - b'0'),
            Some(_) => return None,
            None => 0,
        };
        micros = micros * 10 + digit;
    }
    Some(micros)
}

/// `14:32:52`, with a fraction or without, and what follows.
fn clock_time(text: &str) -> Option<(Time, &str)> {
    let (hour, rest) = number(text)?;
    let (minute, rest) = number(rest.strip_prefix(':')?)?;
    let (second, mut rest) = number(rest.strip_prefix(':')?)?;
    let mut nanos = 0;
    if let Some(after) = rest.strip_prefix(['.', ',']) {
        let end = after.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(after.len());
        if end > 0 {
            nanos = fraction_micros(&after[..end.min(6)])? * 1000;
            rest = &after[end..];
        }
    }
    // A leap second is the last of its minute here.
    let second = second.min(59);
    let part = |value: i32| i8::try_from(value).ok();
    Some((Time::new(part(hour)?, part(minute)?, part(second)?, i32::try_from(nanos).ok()?).ok()?, rest))
}

/// Takes the zone, where one follows: `Z`, `+01:00`, ` +0100`, ` UTC`, ` GMT`.
fn finish<'l>(civil: DateTime, rest: &'l str, clock: &Clock) -> Option<(Timestamp, &'l str)> {
    let trimmed = rest.trim_start();
    for name in ["Z", "UTC", "GMT"] {
        if let Some(after) = trimmed.strip_prefix(name)
            && !after.starts_with(|c: char| c.is_ascii_alphanumeric())
        {
            return Some((in_offset(civil, 0)?, after));
        }
    }
    let sign = match trimmed.as_bytes().first() {
        Some(b'+') => 1,
        Some(b'-') => -1,
        _ => return Some((clock.local(civil)?, rest)),
    };
    let bytes = trimmed.as_bytes();
    let colon = usize::from(bytes.get(3) == Some(&b':'));
    match (digits(bytes, 1, 2), digits(bytes, 3 + colon, 2)) {
        (Some(hours), Some(minutes)) if hours < 16 && minutes < 60 => {
            let after = trimmed.get(5 + colon..)?;
            Some((in_offset(civil, sign * (hours * 3600 + minutes * 60))?, after))
        }
        // A dash that begins something else.
        _ => Some((clock.local(civil)?, rest)),
    }
}

fn in_offset(civil: DateTime, seconds: i32) -> Option<Timestamp> {
    let offset = Offset::from_seconds(seconds).ok()?;
    Some(Timestamp(offset.to_timestamp(civil).ok()?.as_microsecond()))
}

/// A number of one to four digits and what follows.
fn number(text: &str) -> Option<(i32, &str)> {
    let end = text.bytes().take(5).position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len().min(5));
    if end == 0 || end > 4 {
        return None;
    }
    Some((text[..end].parse().ok()?, &text[end..]))
}

fn digits(bytes: &[u8], at: usize, count: usize) -> Option<i32> {
    let part = bytes.get(at..at + count)?;
    part.iter().try_fold(0, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i32::from(byte - b'0')))
}

fn month(name: &str) -> Option<i8> {
    let at = MONTHS.iter().position(|month| month.eq_ignore_ascii_case(name))?;
    i8::try_from(at + 1).ok()
}

const MONTHS: &[&str] = &["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const WEEK_DAYS: &[&str] = &["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

#[cfg(test)]
mod tests {
    use super::*;

    fn clock() -> Clock {
        Clock::at("2026-06-15T12:00:00Z".parse().unwrap())
    }

    #[test]
    fn every_shape_means_its_moment() {
        for (line, time, rest) in [
            ("2026-01-02T03:04:05.678+01:00 x", "2026-01-02T02:04:05.678Z", "x"),
            ("2026-01-02 03:04:05,678 INFO", "2026-01-02T03:04:05.678Z", "INFO"),
            ("2026/01/02 03:04:05 [error] 7#7", "2026-01-02T03:04:05Z", "[error] 7#7"),
            ("2026-01-02 03:04:05 UTC [7] FATAL", "2026-01-02T03:04:05Z", "[7] FATAL"),
            ("2026-01-02 03:04:05.123 -0500 x", "2026-01-02T08:04:05.123Z", "x"),
            ("Jan  2 03:04:05 host sshd[7]: x", "2026-01-02T03:04:05Z", "host sshd[7]: x"),
            ("Dec 31 23:59:59 host x", "2025-12-31T23:59:59Z", "host x"),
            ("Jan 2 2024 03:04:05 host x", "2024-01-02T03:04:05Z", "host x"),
            ("[Wed Oct 11 14:32:52.123456 2000] [core:error]", "2000-10-11T14:32:52.123456Z", "[core:error]"),
            ("[2026-01-02 03:04:05] x", "2026-01-02T03:04:05Z", "x"),
            ("11-Oct-2000 14:32:52.5 x", "2000-10-11T14:32:52.5Z", "x"),
            ("Wed, 11 Oct 2000 14:32:52 +0200 x", "2000-10-11T12:32:52Z", "x"),
            ("261011 14:32:52 [Warning]", "2026-10-11T14:32:52Z", "[Warning]"),
            ("1700000000.25 x", "2023-11-14T22:13:20.25Z", "x"),
        ] {
            let (found, after) = leading(line, &clock()).unwrap_or_else(|| panic!("{line}"));
            assert_eq!((found, after), (time.parse().unwrap(), rest), "{line}");
        }
        for line in
            ["", "[", "2026-01-02", "2026-13-02 03:04:05", "Jan", "Jan 40 03:04:05", "12:00", "[2026-01-02 03:04:05 x"]
        {
            assert!(leading(line, &clock()).is_none(), "{line}");
        }
    }

    #[test]
    fn what_is_left_unsaid_is_taken_from_the_clock() {
        let berlin = Clock { year: Some(2024), zone: TimeZone::fixed(Offset::from_seconds(7200).unwrap()), ..clock() };
        let (time, _) = leading("Dec 31 23:59:59 host x", &berlin).unwrap();
        assert_eq!(time, "2024-12-31T21:59:59Z".parse().unwrap());
        assert_eq!(clf("10/Oct/2000:13:55:36 -0700", &clock()), "2000-10-10T20:55:36Z".parse().ok());
        assert_eq!(clf("10/Oct/2000:13:55:36", &clock()), "2000-10-10T13:55:36Z".parse().ok());
        assert_eq!(clf("10/Foo/2000:13:55:36", &clock()), None);
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in ".{0,60}") {
            let _ = leading(&text, &clock());
            let _ = clf(&text, &clock());
        }
    }
}
