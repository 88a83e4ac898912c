//! From when until when does a certificate hold?

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp as Moment};
use rcgen::{CertificateParams, date_time_ymd};

use tripoint_model::Timestamp;

use super::TlsError;

/// From the day before `now` until the midnight (UTC) so many days later: the moment when it ends.
pub(super) fn set_span(params: &mut CertificateParams, now: Timestamp, days: i64) -> Result<Timestamp, TlsError> {
    let parts = |date: Date| (i32::from(date.year()), date.month().unsigned_abs(), date.day().unsigned_abs());
    let (year, month, day) = parts(date(now, -BACKDATED_DAYS)?);
    params.not_before = date_time_ymd(year, month, day);
    let end = date(now, days)?;
    let (year, month, day) = parts(end);
    params.not_after = date_time_ymd(year, month, day);
    let midnight = end.to_zoned(TimeZone::UTC).map_err(|_| TlsError::Clock)?;
    Ok(Timestamp(midnight.timestamp().as_microsecond()))
}

fn date(now: Timestamp, days: i64) -> Result<Date, TlsError> {
    let today = Moment::from_microsecond(now.0).map_err(|_| TlsError::Clock)?.to_zoned(TimeZone::UTC).date();
    today.checked_add(Span::new().days(days)).map_err(|_| TlsError::Clock)
}

/// A client whose clock is a day late still takes a new certificate.
const BACKDATED_DAYS: i64 = 1;
