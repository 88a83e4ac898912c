//! Which of two moments is later (RFC 3339)?

use std::cmp::Ordering;

/// By the moment, whatever the offset; what is no moment comes first, by text.
pub(crate) fn order(a: &str, b: &str) -> Ordering {
    match (moment(a), moment(b)) {
        (Some((seconds_a, fraction_a)), Some((seconds_b, fraction_b))) => {
            seconds_a.cmp(&seconds_b).then_with(|| fraction_a.cmp(fraction_b))
        }
        (Some(_), None) => Ordering::Greater,
        (None, Some(_)) => Ordering::Less,
        (None, None) => a.cmp(b),
    }
}

/// What is no moment.
pub(crate) fn check(version: &str) -> Result<(), &'static str> {
    moment(version).map(|_| ()).ok_or("it is no moment such as 2024-01-31T10:00:00Z")
}

/// Seconds since a fixed day, and the digits of the fraction without zeros at its end.
fn moment(text: &str) -> Option<(i64, &str)> {
    let number = |from: usize, to: usize| {
        let digits = text.get(from..to).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
        digits.parse::<i64>().ok()
    };
    let sign = |at: usize, sign: &[u8]| text.as_bytes().get(at).filter(|byte| sign.contains(byte)).map(|_| ());
    sign(4, b"-").and(sign(7, b"-")).and(sign(10, b"Tt ")).and(sign(13, b":")).and(sign(16, b":"))?;
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let rest = text.get(19..)?;
    let (fraction, zone) = match rest.strip_prefix('.') {
        Some(fraction) => fraction.split_at(fraction.find(|c: char| !c.is_ascii_digit()).unwrap_or(fraction.len())),
        None => ("", rest),
    };
    let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    Some((seconds - offset(zone)?, fraction.trim_end_matches('0')))
}

fn offset(zone: &str) -> Option<i64> {
    if matches!(zone, "Z" | "z") {
        return Some(0);
    }
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = zone.strip_prefix(['+', '-'])?.split_once(':')?;
    let number = |text: &str| text.parse::<i64>().ok().filter(|number| text.len() == 2 && (0..60).contains(number));
    Some(sign * (number(hours)? * 3600 + number(minutes)? * 60))
}

/// Days since 1 March of year 0, so that the leap day ends a year.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month < 3 { (year - 1, month + 9) } else { (year, month - 3) };
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + (month * 306 + 5) / 10 + day
}
