//! How long is `24h`, and is it too long?

use std::time::Duration;

/// How long an action or exception holds when nothing is said: 24 hours.
pub const SPAN_DEFAULT: Duration = Duration::from_secs(24 * 3600);
/// The longest an action or exception may hold: 30 days.
pub const SPAN_MAX: Duration = Duration::from_secs(30 * 24 * 3600);

/// Why a length of time was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpanError {
    /// Not a number followed by a unit.
    #[error("not a length of time such as 90s, 15m, 24h or 30d: {0:?}")]
    Unreadable(String),
    /// Nothing would hold.
    #[error("a length of time must be longer than zero")]
    Zero,
    /// Longer than `SPAN_MAX`.
    #[error("longer than 30d: {0:?}")]
    TooLong(String),
}

/// Reads `90s`, `15m`, `24h`, `30d`, `2w` and sums of them (`1h30m`); nothing without a unit, nothing beyond `SPAN_MAX`.
pub fn parse_span(text: &str) -> Result<Duration, SpanError> {
    bounded(seconds(text)?).map_err(|error| match error {
        SpanError::TooLong(_) => SpanError::TooLong(shown(text)),
        other => other,
    })
}

/// Writes it as `parse_span` reads it, the largest unit first: `1h30m`, `2d`.
pub fn write_span(seconds: u64) -> String {
    let mut rest = seconds;
    let mut written = String::new();
    for (unit, of) in [('d', 86_400), ('h', 3600), ('m', 60), ('s', 1)] {
        if rest >= of {
            written.push_str(&format!("{}{unit}", rest / of));
            rest %= of;
        }
    }
    if written.is_empty() { "0s".into() } else { written }
}

/// The same of any length, for what looks back.
#[cfg(feature = "filter")]
pub(crate) fn parse_any(text: &str) -> Result<Duration, SpanError> {
    seconds(text).map(Duration::from_secs)
}

fn shown(text: &str) -> String {
    text.chars().take(32).collect()
}

fn seconds(text: &str) -> Result<u64, SpanError> {
    let shown = || shown(text);
    let mut seconds: u64 = 0;
    let mut number = String::new();
    for c in text.trim().chars() {
        if c.is_ascii_digit() {
            number.push(c);
            continue;
        }
        let unit = match c {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            'w' => 604_800,
            _ => return Err(SpanError::Unreadable(shown())),
        };
        if number.is_empty() {
            return Err(SpanError::Unreadable(shown()));
        }
        let amount: u64 = number.parse().map_err(|_| SpanError::TooLong(shown()))?;
        number.clear();
        seconds = seconds.saturating_add(amount.saturating_mul(unit));
    }
    if !number.is_empty() || text.trim().is_empty() {
        return Err(SpanError::Unreadable(shown()));
    }
    Ok(seconds)
}

/// The span of `seconds`, or `SPAN_DEFAULT` for `None`, within the limits.
pub fn span_of(seconds: Option<u64>) -> Result<Duration, SpanError> {
    seconds.map_or(Ok(SPAN_DEFAULT), bounded)
}

fn bounded(seconds: u64) -> Result<Duration, SpanError> {
    match Duration::from_secs(seconds) {
        Duration::ZERO => Err(SpanError::Zero),
        span if span > SPAN_MAX => Err(SpanError::TooLong(format!("{seconds}s"))),
        span => Ok(span),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_type_and_refuses_the_rest() {
        for (text, seconds) in [("90s", 90), ("15m", 900), ("24h", 86_400), ("30d", 2_592_000), ("1h30m", 5400)] {
            assert_eq!(parse_span(text), Ok(Duration::from_secs(seconds)), "{text}");
            assert_eq!(parse_span(&write_span(seconds)), Ok(Duration::from_secs(seconds)), "{text}");
        }
        assert_eq!(
            (write_span(5400), write_span(93_601), write_span(0)),
            ("1h30m".into(), "1d2h1s".into(), "0s".into())
        );
        for text in ["", "24", "h", "-1h", "1.5h", "24x", "１h"] {
            assert!(matches!(parse_span(text), Err(SpanError::Unreadable(_))), "{text}");
        }
        assert_eq!(parse_span("0s"), Err(SpanError::Zero));
        for text in ["31d", "721h", "99999999999999999999d", "18446744073709551615w"] {
            assert!(matches!(parse_span(text), Err(SpanError::TooLong(_))), "{text}");
        }
        assert_eq!(span_of(None), Ok(SPAN_DEFAULT));
    }
}
