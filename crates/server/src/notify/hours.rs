//! Is it a quiet hour, and when does it end?

use std::str::FromStr;

use tripoint_model::Timestamp;

/// Hours of the week, in a zone of fixed distance to UTC.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hours {
    spans: Vec<Span>,
    zone_minutes: i64,
}

/// `mon-fri 22:00-07:00`: begins on these days; over midnight where the end is not later than the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    /// Monday first.
    days: [bool; 7],
    from: i64,
    minutes: i64,
}

impl Hours {
    /// Reads spans and a zone such as `+01:00`; `Z` and nothing are UTC.
    pub(crate) fn new(spans: &[String], zone: &str) -> Result<Self, String> {
        let spans = spans.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
        Ok(Self { spans, zone_minutes: zone_minutes(zone)? })
    }

    /// When the quiet that holds at this moment ends; nothing where it is none. Spans that meet are one.
    pub(crate) fn ends(&self, at: Timestamp) -> Option<Timestamp> {
        let mut end = self.end_of_span(at)?;
        // At most a week of spans that meet: whoever is quiet all the time hears of it weekly.
        while end.since(at).as_secs() < 7 * 24 * 3600 {
            match self.end_of_span(end) {
                Some(later) if later > end => end = later,
                _ => break,
            }
        }
        Some(end)
    }

    fn end_of_span(&self, at: Timestamp) -> Option<Timestamp> {
        let minutes = at.0.div_euclid(60_000_000) + self.zone_minutes;
        let day = minutes.div_euclid(DAY);
        // Today's, and yesterday's that went over midnight.
        let days = [day, day - 1];
        let end = self.spans.iter().flat_map(|span| days.map(|day| span.end_on(day, minutes))).flatten().max()?;
        Some(Timestamp((end - self.zone_minutes) * 60_000_000))
    }
}

impl Span {
    /// Its end where it begins on this day and holds at this minute.
    fn end_on(&self, day: i64, minute: i64) -> Option<i64> {
        // 1970-01-01 was a Thursday.
        let weekday = usize::try_from((day + 3).rem_euclid(7)).ok()?;
        let begins = day * DAY + self.from;
        let ends = begins + self.minutes;
        (*self.days.get(weekday)? && (begins..ends).contains(&minute)).then_some(ends)
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("{text:?} are no hours such as \"22:00-07:00\" or \"sat-sun 00:00-24:00\"");
        let (days, clock) = text.trim().rsplit_once(' ').unwrap_or(("mon-sun", text.trim()));
        let (from, to) = clock.split_once('-').ok_or_else(bad)?;
        let (from, to) = (minutes_of(from).ok_or_else(bad)?, minutes_of(to).ok_or_else(bad)?);
        if from == DAY {
            return Err(bad());
        }
        let minutes = if to > from { to - from } else { to + DAY - from };
        let mut set = [false; 7];
        for part in days.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (day_of(first).ok_or_else(bad)?, day_of(last).ok_or_else(bad)?);
            let mut day = first;
            loop {
                set[day] = true;
                if day == last {
                    break;
                }
                day = (day + 1) % 7;
            }
        }
        Ok(Self { days: set, from, minutes })
    }
}

fn day_of(text: &str) -> Option<usize> {
    DAYS.iter().position(|day| text.trim().eq_ignore_ascii_case(day))
}

/// Of `07:30`; `24:00` is the end of the day.
fn minutes_of(text: &str) -> Option<i64> {
    let (hours, minutes) = text.split_once(':')?;
    let number = |text: &str| (text.len() == 2).then(|| text.parse::<u8>().ok()).flatten().map(i64::from);
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    let all = hours * 60 + minutes;
    (minutes < 60 && all <= DAY).then_some(all)
}

fn zone_minutes(zone: &str) -> Result<i64, String> {
    let bad = || format!("{zone:?} is no distance to UTC such as \"+01:00\"");
    if zone.is_empty() || zone == "Z" {
        return Ok(0);
    }
    let (sign, rest) = match zone.split_at_checked(1) {
        Some(("+", rest)) => (1, rest),
        Some(("-", rest)) => (-1, rest),
        _ => return Err(bad()),
    };
    let minutes = minutes_of(rest).filter(|minutes| *minutes <= 14 * 60).ok_or_else(bad)?;
    Ok(sign * minutes)
}

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const DAY: i64 = 24 * 60;

#[cfg(test)]
mod tests {
    use super::*;

    fn end(spans: &[&str], zone: &str, at: &str) -> Option<String> {
        let spans: Vec<String> = spans.iter().map(|span| (*span).to_owned()).collect();
        Hours::new(&spans, zone).unwrap().ends(at.parse().unwrap()).map(|end| end.to_string())
    }

    #[test]
    fn hours_go_over_midnight_follow_the_zone_and_meet() {
        // 2026-11-20 is a Friday.
        let night = ["22:00-07:00"];
        assert_eq!(end(&night, "", "2026-11-20T21:59:59Z"), None);
        assert_eq!(end(&night, "", "2026-11-20T22:00:00Z").as_deref(), Some("2026-11-21T07:00:00Z"));
        assert_eq!(end(&night, "", "2026-11-21T06:59:59Z").as_deref(), Some("2026-11-21T07:00:00Z"));
        assert_eq!(end(&night, "", "2026-11-21T07:00:00Z"), None);
        assert_eq!(end(&night, "+02:00", "2026-11-20T20:30:00Z").as_deref(), Some("2026-11-21T05:00:00Z"));
        assert_eq!(end(&night, "-05:30", "2026-11-20T22:30:00Z"), None);
        // Friday's night, the weekend, Sunday's night: quiet until Monday.
        let weekend = ["22:00-07:00", "sat-sun 00:00-24:00"];
        assert_eq!(end(&weekend, "", "2026-11-20T23:00:00Z").as_deref(), Some("2026-11-23T07:00:00Z"));
        assert_eq!(
            end(&["fri,sun-mon 08:00-09:00"], "", "2026-11-23T08:30:00Z").as_deref(),
            Some("2026-11-23T09:00:00Z")
        );
        assert_eq!(end(&["fri,sun-mon 08:00-09:00"], "", "2026-11-21T08:30:00Z"), None);
        // Always quiet is told weekly.
        assert_eq!(end(&["00:00-24:00"], "", "2026-11-20T12:00:00Z").as_deref(), Some("2026-11-28T00:00:00Z"));
        assert_eq!(end(&[], "", "2026-11-20T12:00:00Z"), None);
    }

    #[test]
    fn what_is_no_time_is_said() {
        for bad in ["", "22-07", "25:00-07:00", "22:60-07:00", "foo 22:00-07:00", "24:00-07:00", "1:00-2:00", "22:00"] {
            assert!(bad.parse::<Span>().is_err(), "{bad}");
        }
        for bad in ["1", "+1", "+25:00", "CET", "01:00"] {
            assert!(zone_minutes(bad).is_err(), "{bad}");
        }
    }
}
