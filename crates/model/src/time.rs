//! What moment is meant? Microseconds since the Unix epoch, UTC, written as RFC 3339.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A moment: microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The moment of a system clock reading. Only the edges (binaries) read clocks.
    pub fn from_system(time: SystemTime) -> Self {
        match time.duration_since(UNIX_EPOCH) {
            Ok(after) => Self(i64::try_from(after.as_micros()).unwrap_or(i64::MAX)),
            Err(before) => Self(-i64::try_from(before.duration().as_micros()).unwrap_or(i64::MAX)),
        }
    }

    /// Whole seconds since the epoch.
    pub fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    /// This moment moved later by `by`, saturating.
    pub fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX)))
    }

    /// This moment moved earlier by `by`, saturating.
    pub fn minus(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(by.as_micros()).unwrap_or(i64::MAX)))
    }

    /// The time from `earlier` to this moment; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

/// Text that is not an RFC 3339 time.
#[derive(Debug, thiserror::Error)]
#[error("not an RFC 3339 time: {0:?}")]
pub struct TimeError(pub String);

impl FromStr for Timestamp {
    type Err = TimeError;

    /// Reads RFC 3339 (`2026-11-23T05:06:07.5Z`), with a space for the `T`, or a bare date (midnight UTC).
    fn from_str(text: &str) -> Result<Self, TimeError> {
        let text = text.trim();
        let bad = || TimeError(text.chars().take(64).collect());
        if let Ok(time) = text.parse::<jiff::Timestamp>() {
            return Ok(Self(time.as_microsecond()));
        }
        if let Ok(civil) = text.parse::<jiff::civil::DateTime>() {
            let zoned = civil.to_zoned(jiff::tz::TimeZone::UTC).map_err(|_| bad())?;
            return Ok(Self(zoned.timestamp().as_microsecond()));
        }
        let date: jiff::civil::Date = text.parse().map_err(|_| bad())?;
        let zoned = date.to_zoned(jiff::tz::TimeZone::UTC).map_err(|_| bad())?;
        Ok(Self(zoned.timestamp().as_microsecond()))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(time) => write!(f, "{time}"),
            Err(_) => f.write_str(if self.0 < 0 { "-9999-01-01T00:00:00Z" } else { "9999-12-31T23:59:59Z" }),
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_shapes_that_feeds_use() {
        for (text, micros) in [
            ("1970-01-01T00:00:01Z", 1_000_000),
            ("1970-01-01T01:00:00+01:00", 0),
            ("1970-01-01 00:00:02", 2_000_000),
            ("1970-01-02", 86_400_000_000),
        ] {
            assert_eq!(text.parse::<Timestamp>().unwrap().0, micros, "{text}");
        }
        assert!("yesterday".parse::<Timestamp>().is_err());
    }

    #[test]
    fn display_reads_back() {
        let time = Timestamp(1_795_000_000_123_456);
        assert_eq!(time.to_string().parse::<Timestamp>().unwrap(), time);
    }
}
