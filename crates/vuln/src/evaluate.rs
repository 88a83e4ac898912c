//! Is a version affected by the events of a range, as the OSV schema evaluates them?

#[cfg(feature = "advisories")]
use crate::version;
use crate::version::Scheme;

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

/// One event.
pub(crate) type Event<'a> = (EventKind, &'a str);

/// The answer for one range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Judgement<'a> {
    /// The version is affected.
    pub(crate) affected: bool,
    /// The first fix after the version.
    pub(crate) fixed: Option<&'a str>,
}

/// Sorts events by version; those at the same version keep the order of the document.
#[cfg(feature = "advisories")]
pub(crate) fn sort(scheme: Scheme, events: &mut Vec<(u8, String)>) {
    let zero = |event: &(u8, String)| event.0 == 0 && event.1 == "0";
    version::sort(events, &|a, b| zero(b).cmp(&zero(a)).then_with(|| scheme.order(&a.1, &b.1)));
}

/// Evaluates sorted events: `introduced` ≤ v opens, `fixed` ≤ v and `last_affected` < v close.
pub(crate) fn judge<'a>(scheme: Scheme, version: &str, events: impl Iterator<Item = Event<'a>>) -> Judgement<'a> {
    let mut out = Judgement::default();
    let mut limited = false;
    let mut before_limit = false;
    for (kind, at) in events {
        match kind {
            EventKind::Introduced if at == "0" || scheme.order(version, at).is_ge() => out.affected = true,
            EventKind::Fixed if scheme.order(version, at).is_ge() => out.affected = false,
            EventKind::Fixed if out.fixed.is_none() => out.fixed = Some(at),
            EventKind::LastAffected if scheme.order(version, at).is_gt() => out.affected = false,
            EventKind::Limit => {
                limited = true;
                before_limit |= at == "*" || scheme.order(version, at).is_lt();
            }
            _ => {}
        }
    }
    out.affected &= !limited || before_limit;
    out
}

#[cfg(test)]
mod tests {
    use super::EventKind::{Fixed, Introduced, LastAffected, Limit};
    use super::*;

    fn check(version: &str, events: &[Event<'static>], affected: bool, fixed: Option<&str>) {
        let found = judge(Scheme::SemVer, version, events.iter().copied());
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

    #[cfg(feature = "advisories")]
    #[test]
    fn events_may_stand_in_any_order() {
        let mut events: Vec<(u8, String)> =
            [(1, "2.5"), (0, "2.0"), (1, "1.0"), (0, "0")].map(|(kind, at)| (kind, at.to_owned())).to_vec();
        sort(Scheme::SemVer, &mut events);
        let order: Vec<&str> = events.iter().map(|(_, at)| at.as_str()).collect();
        assert_eq!(order, ["0", "1.0", "2.0", "2.5"]);
    }
}
