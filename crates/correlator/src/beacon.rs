//! Do the connections come like the ticks of a clock?

use tripoint_model::Timestamp;

/// 0 (no pattern) to 100 (a clock) for at least four moments; `None` for fewer. It is 100 less the
/// mean deviation from the median interval, in percent of that interval.
pub(crate) fn score(opened: &[Timestamp]) -> Option<u8> {
    if opened.len() < 4 {
        return None;
    }
    let mut moments: Vec<i64> = opened.iter().map(|at| at.0).collect();
    moments.sort_unstable();
    let mut intervals: Vec<i64> = moments.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).collect();
    intervals.sort_unstable();
    let median = intervals[intervals.len() / 2];
    if median < SHORTEST_US {
        return Some(0);
    }
    let deviations: i128 = intervals.iter().map(|interval| i128::from((interval - median).abs())).sum();
    let percent = deviations * 100 / (intervals.len() as i128 * i128::from(median));
    Some(u8::try_from(100 - percent.min(100)).unwrap_or(0))
}

/// Bursts closer than this are one program opening several connections, not a beacon.
const SHORTEST_US: i64 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_a_wobble_and_a_crowd() {
        let at = |seconds: &[i64]| seconds.iter().map(|s| Timestamp::from_seconds(*s)).collect::<Vec<_>>();
        assert_eq!(score(&at(&[0, 60, 120])), None);
        assert_eq!(score(&at(&[180, 0, 60, 120, 240])), Some(100));
        assert_eq!(score(&at(&[0, 57, 121, 180, 243])), Some(96));
        assert_eq!(score(&at(&[0, 1, 500, 501, 4000])), Some(0));
        assert_eq!(score(&at(&[7, 7, 7, 7])), Some(0));
    }
}
