//! Which versions does a publisher's own notation of ranges mean, as events of an advisory?

use crate::evaluate::EventKind;
use crate::version::{self, Scheme, VERSION_BYTES_MAX};

/// From (itself included, unless `after`) up to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Interval {
    from: Option<String>,
    after: bool,
    to: Option<String>,
    to_included: bool,
}

/// One range's events.
pub(super) type Events = Vec<(u8, String)>;

impl Interval {
    /// Below a version, at or above another; either may be missing.
    pub(super) fn between(from: Option<&str>, below: Option<&str>) -> Self {
        Self { from: from.map(str::to_owned), to: below.map(str::to_owned), ..Self::default() }
    }

    /// The events of the versions inside. What begins after a version begins with it here: the
    /// events know no other beginning, and one version too many is better than one too few.
    pub(super) fn events(&self) -> Events {
        let mut out = vec![(EventKind::Introduced as u8, self.from.clone().unwrap_or_else(|| "0".to_owned()))];
        if let Some(to) = &self.to {
            let kind = if self.to_included { EventKind::LastAffected } else { EventKind::Fixed };
            out.push((kind as u8, to.clone()));
        }
        out
    }

    fn narrow(&mut self, scheme: Scheme, other: Self) {
        if let Some(from) = other.from
            && self.from.as_ref().is_none_or(|own| scheme.order(&from, own).is_gt())
        {
            (self.from, self.after) = (Some(from), other.after);
        }
        if let Some(to) = other.to
            && self.to.as_ref().is_none_or(|own| scheme.order(&to, own).is_lt())
        {
            (self.to, self.to_included) = (Some(to), other.to_included);
        }
    }
}

/// Reads `>= 1.0, < 1.2 || = 2.0`, `~> 2.3`, `[1.0,2.0)`; alternatives by `||`.
pub(super) fn parse(scheme: Scheme, text: &str) -> Result<Vec<Interval>, String> {
    if text.len() > TEXT_BYTES_MAX {
        return Err("a range of more than 16 KiB".to_owned());
    }
    if text.trim_start().starts_with(['[', '(']) {
        return brackets(text);
    }
    text.split("||").map(|part| conjunction(scheme, part)).collect()
}

/// What the texts say together.
pub(super) fn all<'t>(scheme: Scheme, texts: impl IntoIterator<Item = &'t String>) -> Result<Vec<Interval>, String> {
    let mut out = Vec::new();
    for text in texts {
        out.extend(parse(scheme, text).map_err(|reason| format!("{text:.64}: {reason}"))?);
        if out.len() > INTERVALS_MAX {
            return Err(format!("more than {INTERVALS_MAX} ranges"));
        }
    }
    Ok(out)
}

/// Constraints that all hold.
fn conjunction(scheme: Scheme, text: &str) -> Result<Interval, String> {
    let mut out = Interval::default();
    let mut any = false;
    for token in tokens(text) {
        let (operator, version) = token;
        let version = checked(version)?;
        if version == "*" && operator.is_empty() {
            any = true;
            continue;
        }
        out.narrow(scheme, constraint(operator, version)?);
        any = true;
    }
    if any { Ok(out) } else { Err("an empty range".to_owned()) }
}

/// Operators with the version that follows, whether spaces or commas stand between them.
fn tokens(text: &str) -> Vec<(&str, &str)> {
    let mut out = Vec::new();
    let mut rest = text.trim_start_matches([' ', ',', '\t']);
    while !rest.is_empty() {
        let end = rest.find(|c: char| !"<>=~^!".contains(c)).unwrap_or(rest.len());
        let (operator, tail) = rest.split_at(end);
        let tail = tail.trim_start();
        let end = tail.find([' ', ',', '\t', '<', '>', '=']).unwrap_or(tail.len());
        let (version, tail) = tail.split_at(end);
        out.push((operator, version));
        if version.is_empty() && operator.is_empty() {
            break;
        }
        rest = tail.trim_start_matches([' ', ',', '\t']);
    }
    out
}

fn constraint(operator: &str, version: &str) -> Result<Interval, String> {
    let own = || Some(version.to_owned());
    Ok(match operator {
        ">=" => Interval { from: own(), ..Interval::default() },
        ">" => Interval { from: own(), after: true, ..Interval::default() },
        "<" => Interval { to: own(), ..Interval::default() },
        "<=" => Interval { to: own(), to_included: true, ..Interval::default() },
        "" | "=" | "==" => Interval { from: own(), to: own(), to_included: true, after: false },
        "~>" => {
            Interval { from: own(), to: Some(bump(version, parts(version).saturating_sub(2))?), ..Interval::default() }
        }
        "~" => Interval { from: own(), to: Some(bump(version, parts(version).min(2) - 1)?), ..Interval::default() },
        "^" => {
            let zeros = version.split('.').take_while(|part| *part == "0").count();
            Interval { from: own(), to: Some(bump(version, zeros.min(parts(version) - 1))?), ..Interval::default() }
        }
        other => return Err(format!("an unknown operator {other:.8}")),
    })
}

fn parts(version: &str) -> usize {
    version.split(['-', '+']).next().unwrap_or_default().split('.').count().max(1)
}

/// The version with the number at a place one higher and nothing behind it.
fn bump(version: &str, place: usize) -> Result<String, String> {
    let mut numbers: Vec<&str> = version.split(['-', '+']).next().unwrap_or_default().split('.').collect();
    numbers.truncate(place + 1);
    let last: u64 = numbers.pop().and_then(|last| last.parse().ok()).ok_or("a range of no numbers")?;
    let last = last.checked_add(1).ok_or("a number too large")?.to_string();
    numbers.push(&last);
    Ok(numbers.join("."))
}

/// Maven's and NuGet's `[1.0,2.0),[3.0]`.
fn brackets(text: &str) -> Result<Vec<Interval>, String> {
    let mut out = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let close = rest.find([']', ')']).ok_or("a bracket without an end")?;
        let (inside, tail) = rest.split_at(close);
        let after = inside.starts_with('(');
        let inside = inside.get(1..).unwrap_or_default();
        let to_included = tail.starts_with(']');
        let side = |text: &str| (!text.trim().is_empty()).then(|| checked(text.trim()).map(str::to_owned)).transpose();
        out.push(match inside.split_once(',') {
            Some((from, to)) => Interval { from: side(from)?, after, to: side(to)?, to_included },
            None => Interval { from: side(inside)?, to: side(inside)?, to_included: true, after: false },
        });
        rest = tail.get(1..).unwrap_or_default().trim_start_matches([' ', ',', '|']);
        if !rest.is_empty() && !rest.starts_with(['[', '(']) {
            return Err("brackets and operators are mixed".to_owned());
        }
    }
    Ok(out)
}

fn checked(version: &str) -> Result<&str, String> {
    let version = version.trim();
    if version.is_empty() || version.len() > VERSION_BYTES_MAX || version.chars().any(char::is_control) {
        return Err("a version is missing, too long or has control characters".to_owned());
    }
    Ok(version)
}

/// Everything outside of the intervals: what is vulnerable where a publisher lists what is safe.
pub(super) fn outside(scheme: Scheme, mut safe: Vec<Interval>) -> Vec<Events> {
    let first = |interval: &Interval| interval.from.clone();
    version::sort(&mut safe, &|a, b| match (first(a), first(b)) {
        (Some(a), Some(b)) => scheme.order(&a, &b),
        (a, b) => a.is_some().cmp(&b.is_some()),
    });
    let mut out = Vec::new();
    // Where the versions that nothing has called safe yet begin.
    let mut open: Option<String> = Some("0".to_owned());
    for interval in safe {
        let Some(begins) = open.clone() else { break };
        if let Some(from) = &interval.from
            && (begins == "0" || scheme.order(from, &begins).is_gt())
        {
            let kind = if interval.after { EventKind::LastAffected } else { EventKind::Fixed };
            out.push(vec![(EventKind::Introduced as u8, begins.clone()), (kind as u8, from.clone())]);
        }
        open = match interval.to {
            Some(to) if begins == "0" || scheme.order(&to, &begins).is_gt() => Some(to),
            Some(_) => Some(begins),
            None => None,
        };
    }
    if let Some(begins) = open {
        out.push(vec![(EventKind::Introduced as u8, begins)]);
    }
    out
}

/// A package has a few hundred versions, most of them safe.
const INTERVALS_MAX: usize = 10_000;
const TEXT_BYTES_MAX: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::is_affected;

    fn is_in(scheme: Scheme, ranges: &[Events], version: &str) -> bool {
        ranges.iter().any(|range| is_affected(scheme, version, range))
    }

    #[test]
    fn notations_mean_versions() {
        for (scheme, text, inside, without) in [
            (
                Scheme::SemVer,
                ">= 1.0, < 1.2 || = 2.0.0",
                &["1.0.0", "1.1.9", "2.0.0"][..],
                &["0.9.0", "1.2.0", "2.0.1"][..],
            ),
            (Scheme::Gem, ">=3.0.0 <3.2.15", &["3.0.0"], &["3.2.15"]),
            (Scheme::Gem, "~> 2.3.15", &["2.3.15", "2.3.99"], &["2.4.0", "2.3.14"]),
            (Scheme::Gem, "~> 2", &["2.0", "2.9"], &["3.0"]),
            (Scheme::Maven, "(,1.0],[2.0,3.0)", &["0.1", "1.0", "2.5"], &["1.1", "3.0"]),
            (Scheme::SemVer, "^0.2.3", &["0.2.9"], &["0.3.0", "0.2.2"]),
            (Scheme::SemVer, "~1.2.3", &["1.2.9"], &["1.3.0"]),
        ] {
            let ranges: Vec<Events> = parse(scheme, text).expect(text).iter().map(Interval::events).collect();
            for version in inside {
                assert!(is_in(scheme, &ranges, version), "{version} in {text}");
            }
            for version in without {
                assert!(!is_in(scheme, &ranges, version), "{version} not in {text}");
            }
        }
        for bad in ["", "< ", "!1", "[1", "~> x", "^", ">"] {
            assert!(parse(Scheme::SemVer, bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_not_safe_is_vulnerable() {
        let safe = ["~> 2.3.15", ">= 3.1.0", "< 1.0"].iter().flat_map(|text| parse(Scheme::Gem, text).expect(text));
        let ranges = outside(Scheme::Gem, safe.collect());
        for (version, expected) in [
            ("0.9", false),
            ("1.0", true),
            ("2.3.14", true),
            ("2.3.15", false),
            ("2.4", true),
            ("3.0.9", true),
            ("3.1.0", false),
        ] {
            assert_eq!(is_in(Scheme::Gem, &ranges, version), expected, "{version}");
        }
        assert!(is_in(Scheme::Gem, &outside(Scheme::Gem, Vec::new()), "1"));
    }
}
