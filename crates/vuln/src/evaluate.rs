//! Is a version affected by the events of a range, as the OSV schema evaluates them?

use std::cmp::Ordering;

#[cfg(feature = "advisories")]
use crate::version::{self, Scheme};

/// What happens at a version of a range. The numbers are those of the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum EventKind {
    /// Affected from here on; `0` is before everything.
    Introduced = 0,
    /// No longer affected from here on.
    Fixed = 1,
    /// Affected up to and with this one.
    LastAffected = 2,
    /// The range says nothing from here on; `*` is no limit.
    Limit = 3,
}

impl EventKind {
    /// The kind of a stored number.
    pub(crate) fn of(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::Introduced,
            1 => Self::Fixed,
            2 => Self::LastAffected,
            3 => Self::Limit,
            _ => return None,
        })
    }
}

/// The answer for one range; a bound is whatever stands for its version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Judgement<B> {
    /// The version is affected.
    pub(crate) affected: bool,
    /// The first fix after the version.
    pub(crate) fixed: Option<B>,
}

/// Sorts events by version; those at the same version keep the order of the document.
#[cfg(feature = "advisories")]
pub(crate) fn sort(scheme: Scheme, events: &mut Vec<(u8, String)>) {
    let zero = |event: &(u8, String)| event.0 == 0 && event.1 == "0";
    version::sort(events, &|a, b| zero(b).cmp(&zero(a)).then_with(|| scheme.order(&a.1, &b.1)));
}

/// Whether a bound stands outside the order of versions: introduced at `0` is before all of them,
/// the limit `*` after.
#[cfg(feature = "advisories")]
pub(crate) fn is_open(kind: EventKind, at: &str) -> bool {
    matches!((kind, at), (EventKind::Introduced, "0") | (EventKind::Limit, "*"))
}

/// Evaluates sorted events: `introduced` ≤ v opens, `fixed` ≤ v and `last_affected` < v close.
/// A bound is `None` where it stands outside the order; `order` compares the version with it.
pub(crate) fn judge<B: Copy>(
    events: impl Iterator<Item = (EventKind, Option<B>)>,
    order: impl Fn(B) -> Ordering,
) -> Judgement<B> {
    let mut out = Judgement { affected: false, fixed: None };
    let mut limited = false;
    let mut before_limit = false;
    for (kind, bound) in events {
        let is = |wanted: fn(Ordering) -> bool| bound.is_none_or(|bound| wanted(order(bound)));
        match kind {
            EventKind::Introduced if is(Ordering::is_ge) => out.affected = true,
            EventKind::Fixed if is(Ordering::is_ge) => out.affected = false,
            EventKind::Fixed => out.fixed = out.fixed.or(bound),
            EventKind::LastAffected if is(Ordering::is_gt) => out.affected = false,
            EventKind::Limit => {
                limited = true;
                before_limit |= is(Ordering::is_lt);
            }
            EventKind::Introduced | EventKind::LastAffected => {}
        }
    }
    out.affected &= !limited || before_limit;
    out
}

/// Evaluates sorted events as an advisory writes them: kinds and versions.
#[cfg(feature = "advisories")]
pub(crate) fn is_affected(scheme: Scheme, version: &str, events: &[(u8, String)]) -> bool {
    let events = events.iter().filter_map(|(kind, at)| {
        let kind = EventKind::of(*kind)?;
        Some((kind, (!is_open(kind, at)).then_some(at.as_str())))
    });
    judge(events, |at| scheme.order(version, at)).affected
}

#[cfg(all(test, feature = "advisories"))]
mod tests {
    use super::EventKind::{Fixed, Introduced, LastAffected, Limit};
    use super::*;

    fn check(version: &str, events: &[(EventKind, &'static str)], affected: bool, fixed: Option<&str>) {
        let bounds = events.iter().map(|(kind, at)| (*kind, (!is_open(*kind, at)).then_some(*at)));
        let found = judge(bounds, |at| Scheme::SemVer.order(version, at));
        assert_eq!((found.affected, found.fixed), (affected, fixed), "{version} in {events:?}");
    }

    #[test]
    fn ranges_are_read_as_the_schema_says() {
        let two = [(Introduced, "0"), (Fixed, "1.0"), (Introduced, "2.0"), (Fixed, "2.5")];
        check("0.9", &two, true, Some("1.0"));
        check("1.0", &two, false, Some("2.5"));
        check("2.0", &two, true, Some("2.5"));
        check("2.5", &two, false, None);
        let last = [(Introduced, "1.0"), (LastAffected, "1.4")];
        check("1.4", &last, true, None);
        check("1.4.1", &last, false, None);
        check("0.9", &last, false, None);
        let limit = [(Introduced, "0"), (Limit, "3.0")];
        check("2.9", &limit, true, None);
        check("3.0", &limit, false, None);
        check("9", &[(Introduced, "0"), (Limit, "*")], true, None);
        check("1.0.0-rc1", &[(Introduced, "1.0.0-alpha"), (Fixed, "1.0.0")], true, Some("1.0.0"));
    }

    #[test]
    fn events_may_stand_in_any_order() {
        let mut events: Vec<(u8, String)> =
            [(1, "2.5"), (0, "2.0"), (1, "1.0"), (0, "0")].map(|(kind, at)| (kind, at.to_owned())).to_vec();
        sort(Scheme::SemVer, &mut events);
        let order: Vec<&str> = events.iter().map(|(_, at)| at.as_str()).collect();
        assert_eq!(order, ["0", "1.0", "2.0", "2.5"]);
    }
}
