//! Does a Python version satisfy PEP 440 specifiers?

use super::super::{digits, pep440};

/// Every specifier between commas must hold.
pub(crate) fn satisfies(version: &str, range: &str) -> Result<bool, &'static str> {
    super::all(range.split(',').filter(|one| !one.trim().is_empty()), |one| holds(version, one.trim()))
}

fn holds(version: &str, specifier: &str) -> Result<bool, &'static str> {
    let (operator, bound) = super::operator(specifier);
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
        ">" => by_version.is_gt() && (is_post(bound) || !(is_post(version) && same_release(version, bound))),
        "~=" => {
            let stem = pep440::Version::read(bound).ok_or("not a Python version in the range")?;
            let release = stem.release();
            let Some((_, kept)) = release.split_last().filter(|(_, kept)| !kept.is_empty()) else {
                return Err("~= needs at least two numbers");
            };
            by_version.is_ge() && has_release(version, &stem.with_epoch(&kept.join(".")))?
        }
        _ => return Err("an operator that PEP 440 does not have"),
    })
}

fn is_prerelease(version: &str) -> bool {
    pep440::Version::read(version).is_some_and(|version| version.is_prerelease())
}

fn is_post(version: &str) -> bool {
    pep440::Version::read(version).is_some_and(|version| version.is_post())
}

fn same_release(a: &str, b: &str) -> bool {
    let (Some(a), Some(b)) = (pep440::Version::read(a), pep440::Version::read(b)) else { return false };
    let whole = |version: &pep440::Version| version.with_epoch(&version.release().join("."));
    pep440::order(&whole(&a), &whole(&b)).is_eq()
}

fn has_release(version: &str, stem: &str) -> Result<bool, &'static str> {
    let stem = pep440::Version::read(stem).ok_or("not a Python version in the range")?;
    let Some(version) = pep440::Version::read(version) else { return Ok(false) };
    let zero = "0".to_owned();
    Ok(version.same_epoch(&stem)
        && stem
            .release()
            .iter()
            .enumerate()
            .all(|(at, number)| digits::order(version.release().get(at).unwrap_or(&zero), number).is_eq()))
}
