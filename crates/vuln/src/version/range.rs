//! Does a version lie in a range, written as `vers:` or in the scheme's own form?

use std::cmp::Ordering;

use super::{Scheme, digits, npm, pep440};

/// Whether `version` lies in `range` (`vers:…`, or the ecosystem's own notation).
pub(crate) fn satisfies(scheme: Scheme, version: &str, range: &str) -> Result<bool, &'static str> {
    let range = range.trim();
    if range.is_empty() {
        return Err("the range is empty");
    }
    if let Some(vers) = range.strip_prefix("vers:") {
        let (named, constraints) = vers.split_once('/').ok_or("a vers range is vers:SCHEME/CONSTRAINTS")?;
        if Scheme::from_name(named) != Some(scheme) {
            return Err("the vers range names another scheme");
        }
        return in_vers(scheme, version, constraints);
    }
    match scheme {
        Scheme::Npm => npm::satisfies(version, range),
        Scheme::Pep440 => all(range.split(','), |one| in_specifier(version, one.trim())),
        Scheme::Maven | Scheme::NuGet if range.contains(['[', '(']) => in_intervals(scheme, version, range),
        Scheme::NuGet => Ok(scheme.order(version, range).is_ge()),
        Scheme::Composer => any(range.split("||"), |one| in_comparators(scheme, version, one)),
        _ => in_comparators(scheme, version, range),
    }
}

fn all<'a>(
    parts: impl Iterator<Item = &'a str>,
    holds: impl Fn(&str) -> Result<bool, &'static str>,
) -> Result<bool, &'static str> {
    let mut hit = true;
    for part in parts {
        hit &= holds(part)?;
    }
    Ok(hit)
}

fn any<'a>(
    parts: impl Iterator<Item = &'a str>,
    holds: impl Fn(&str) -> Result<bool, &'static str>,
) -> Result<bool, &'static str> {
    let mut hit = false;
    for part in parts {
        hit |= holds(part)?;
    }
    Ok(hit)
}

/// The containment rules of the vers specification.
fn in_vers(scheme: Scheme, version: &str, constraints: &str) -> Result<bool, &'static str> {
    if constraints == "*" {
        return Ok(true);
    }
    if constraints.trim_matches('|').is_empty() {
        return Err("a vers range needs a constraint, or * for every version");
    }
    let mut bounds: Vec<(&str, String)> = Vec::new();
    for constraint in constraints.split('|').filter(|constraint| !constraint.is_empty()) {
        let (operator, bound) = operator(constraint);
        let bound = percent_decode(bound)?;
        if bound.is_empty() || constraint.chars().any(char::is_whitespace) {
            return Err("a constraint of the vers range has no version or has a space");
        }
        let by_version = scheme.order(version, &bound);
        match operator {
            "" | "=" | "<=" | ">=" if by_version.is_eq() => return Ok(true),
            "!=" if by_version.is_eq() => return Ok(false),
            "<" | "<=" | ">" | ">=" => bounds.push((operator, bound)),
            "" | "=" | "!=" => {}
            _ => return Err("an operator that vers does not have"),
        }
    }
    if bounds.is_empty() {
        // Only exclusions: everything else is in.
        return Ok(constraints.split('|').all(|constraint| constraint.starts_with("!=")));
    }
    bounds.sort_by(|a, b| scheme.order(&a.1, &b.1));
    let below = |bound: &(&str, String)| scheme.order(version, &bound.1) == Ordering::Less;
    let above = |bound: &(&str, String)| scheme.order(version, &bound.1) == Ordering::Greater;
    let first_hit = bounds.first().is_some_and(|first| first.0.starts_with('<') && below(first));
    let last_hit = bounds.last().is_some_and(|last| last.0.starts_with('>') && above(last));
    let pair_hit = bounds
        .windows(2)
        .any(|pair| pair[0].0.starts_with('>') && pair[1].0.starts_with('<') && above(&pair[0]) && below(&pair[1]));
    Ok(first_hit || last_hit || pair_hit)
}

fn percent_decode(text: &str) -> Result<String, &'static str> {
    if !text.contains('%') {
        return Ok(text.to_owned());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|byte| char::from(byte).to_digit(16));
        let (Some(high), Some(low)) = (digit(), digit()) else {
            return Err("a broken % escape in the range");
        };
        bytes.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
    }
    String::from_utf8(bytes).map_err(|_| "a % escape in the range is not UTF-8")
}

fn operator(text: &str) -> (&str, &str) {
    let split = text.find(|c: char| !"<>=~^!".contains(c)).unwrap_or(text.len());
    (&text[..split], text[split..].trim())
}

/// `>= 1.0, < 2`, also by spaces; dpkg's `<<` and `>>`; `~>`, `^`, `~` and `1.*` where used.
fn in_comparators(scheme: Scheme, version: &str, range: &str) -> Result<bool, &'static str> {
    let mut hit = true;
    let mut words = range.split([',', ' ', '|']).filter(|word| !word.is_empty());
    while let Some(word) = words.next() {
        if word == "*" {
            continue;
        }
        let (operator, mut bound) = operator(word);
        if bound.is_empty() {
            bound = words.next().ok_or("an operator without a version")?;
        }
        let by_version = scheme.order(version, bound);
        hit &= match operator {
            "<" | "<<" => by_version.is_lt(),
            "<=" => by_version.is_le(),
            ">" | ">>" => by_version.is_gt(),
            ">=" => by_version.is_ge(),
            "!=" => by_version.is_ne(),
            "" | "=" | "==" => match bound.strip_suffix(".*") {
                Some(stem) => starts_with(version, stem),
                None if operator.is_empty() && scheme == Scheme::SemVer => caret(scheme, version, bound, by_version),
                None => by_version.is_eq(),
            },
            "^" => caret(scheme, version, bound, by_version),
            "~>" | "~" => {
                let parts = bound.split('-').next().unwrap_or(bound).split('.').count();
                let keep = if operator == "~" && parts > 2 { 2 } else { parts.saturating_sub(1).max(1) };
                by_version.is_ge() && below_bumped(scheme, version, bound, keep)
            }
            _ => return Err("an operator that this scheme does not have"),
        };
    }
    Ok(hit)
}

fn caret(scheme: Scheme, version: &str, bound: &str, by_version: Ordering) -> bool {
    let core = bound.trim_start_matches('v').split(['-', '+']).next().unwrap_or(bound);
    let parts: Vec<&str> = core.split('.').collect();
    let keep = parts.iter().position(|part| !digits::is_zero(part)).map_or(parts.len(), |at| at + 1);
    by_version.is_ge() && below_bumped(scheme, version, core, keep)
}

/// Whether the version is older than the bound with its `keep`-th number raised by one.
fn below_bumped(scheme: Scheme, version: &str, bound: &str, keep: usize) -> bool {
    let mut parts: Vec<String> = bound.split('.').take(keep).map(str::to_owned).collect();
    if let Some(last) = parts.last_mut() {
        let (number, _) = digits::take(last, |byte| byte.is_ascii_digit());
        *last = number.parse::<u64>().unwrap_or(u64::MAX - 1).saturating_add(1).to_string();
    }
    let bumped = parts.join(".");
    scheme.order(version, &bumped).is_lt() && !starts_with(version, &bumped)
}

/// Whether the version begins with these dotted numbers (`1.2` begins `1.2.3` and `1.2-rc1`).
fn starts_with(version: &str, stem: &str) -> bool {
    let version = version.trim_start_matches('v');
    version.strip_prefix(stem).is_some_and(|rest| !rest.as_bytes().first().is_some_and(u8::is_ascii_digit))
}

/// Interval notation of Maven and NuGet: `[1.0,2.0),[3.0]`.
fn in_intervals(scheme: Scheme, version: &str, range: &str) -> Result<bool, &'static str> {
    let mut rest = range;
    let mut hit = false;
    while !rest.is_empty() {
        let end = rest.find([']', ')']).ok_or("an interval is not closed")?;
        let open = rest.as_bytes()[0];
        if !matches!(open, b'[' | b'(') {
            return Err("an interval begins with [ or (");
        }
        let (inner, closed) = (&rest[1..end], rest.as_bytes()[end] == b']');
        hit |= match inner.split_once(',') {
            None => scheme.order(version, inner.trim()).is_eq(),
            Some((low, high)) => {
                let (low, high) = (low.trim(), high.trim());
                let by_low = scheme.order(version, low);
                let by_high = scheme.order(version, high);
                (low.is_empty() || by_low.is_gt() || (open == b'[' && by_low.is_eq()))
                    && (high.is_empty() || by_high.is_lt() || (closed && by_high.is_eq()))
            }
        };
        rest = rest[end + 1..].trim_start_matches([',', ' ']);
    }
    Ok(hit)
}

/// One PEP 440 specifier.
fn in_specifier(version: &str, specifier: &str) -> Result<bool, &'static str> {
    let (operator, bound) = operator(specifier);
    if bound.is_empty() {
        return Err("a specifier without a version");
    }
    if operator == "===" {
        return Ok(version.eq_ignore_ascii_case(bound));
    }
    if let Some(stem) = bound.strip_suffix(".*") {
        return match operator {
            "==" => has_release(version, stem),
            "!=" => has_release(version, stem).map(|hit| !hit),
            _ => Err("only == and != take a trailing .*"),
        };
    }
    let exact = if bound.contains('+') { version } else { version.split('+').next().unwrap_or(version) };
    let by_version = pep440::order(exact, bound);
    Ok(match operator {
        "==" | "=" | "" => by_version.is_eq(),
        "!=" => by_version.is_ne(),
        "<=" => by_version.is_le(),
        ">=" => by_version.is_ge(),
        "<" => by_version.is_lt() && !(is_prerelease(version) && !is_prerelease(bound) && same_release(version, bound)),
        ">" => {
            by_version.is_gt()
                && (bound.contains("post") || !(version.contains("post") && same_release(version, bound)))
        }
        "~=" => {
            let stem = pep440::Version::read(bound).ok_or("not a Python version in the range")?;
            let release = stem.release();
            if release.len() < 2 {
                return Err("~= needs at least two numbers");
            }
            by_version.is_ge() && has_release(version, &release[..release.len() - 1].join("."))?
        }
        _ => return Err("an operator that PEP 440 does not have"),
    })
}

fn is_prerelease(version: &str) -> bool {
    pep440::Version::read(version).is_some_and(|version| version.is_prerelease())
}

fn same_release(a: &str, b: &str) -> bool {
    let (Some(a), Some(b)) = (pep440::Version::read(a), pep440::Version::read(b)) else { return false };
    pep440::order(&a.release().join("."), &b.release().join(".")).is_eq()
}

fn has_release(version: &str, stem: &str) -> Result<bool, &'static str> {
    let stem = pep440::Version::read(stem).ok_or("not a Python version in the range")?;
    let Some(version) = pep440::Version::read(version) else { return Ok(false) };
    let zero = "0".to_owned();
    Ok(stem
        .release()
        .iter()
        .enumerate()
        .all(|(at, number)| digits::order(version.release().get(at).unwrap_or(&zero), number).is_eq()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_notation_is_understood() {
        for (scheme, version, range, expected) in [
            (Scheme::Npm, "1.0.0", "vers:npm/*", true),
            (Scheme::Pep440, "1.0.0", "vers:pypi/<=1.3.0|3.0.0", true),
            (Scheme::Pep440, "2.0.0", "vers:pypi/<=1.3.0|3.0.0", false),
            (Scheme::Pep440, "3.0", "vers:pypi/<=1.3.0|3.0.0", true),
            (Scheme::Pep440, "1.5", "vers:pypi/>=1|!=1.5|<2", false),
            (Scheme::Dpkg, "1.0~rc1", "<< 1.0", true),
            (Scheme::Dpkg, "1:1.0", ">= 2.0", true),
            (Scheme::Pep440, "1.4.5", "~=1.4", true),
            (Scheme::Pep440, "2.0", "~=1.4", false),
            (Scheme::Pep440, "2.0rc1", "<2.0", false),
            (Scheme::Pep440, "1.1.post1", "==1.1.*", true),
            (Scheme::Maven, "1.5", "[1.0,2.0),[3.0]", true),
            (Scheme::Maven, "2.0", "[1.0,2.0),[3.0]", false),
            (Scheme::NuGet, "1.5", "1.0", true),
            (Scheme::Gem, "2.0.9", "~> 2.0.8", true),
            (Scheme::Gem, "2.1", "~> 2.0.8", false),
            (Scheme::Composer, "1.9", "^1.2 || ^3", true),
            (Scheme::SemVer, "1.9.0", "1.2", true),
            (Scheme::Rpm, "1:2-3", ">1:2-2,<=1:2-3", true),
        ] {
            assert_eq!(satisfies(scheme, version, range), Ok(expected), "{version} in {range}");
        }
        for range in ["", "vers:npm/1", "vers:pypi", "vers:pypi/>= 1", "vers:pypi/>%2", "~~~1", "=="] {
            assert!(satisfies(Scheme::Pep440, "1", range).is_err(), "{range}");
        }
        assert!(satisfies(Scheme::Maven, "1", "[1,2").is_err());
    }
}
