//! Which constraints does a scheme's own notation stand for (gem, conan, nginx, openssl, dpkg and
//! whatever else says `>= 1.0, < 2`)?

use super::super::{Scheme, digits};
use super::{Constraint, Operator, bumped, interval, operator};

/// Alternatives, each a list of constraints that all hold.
pub(crate) fn read(scheme: Scheme, range: &str) -> Result<Vec<Vec<Constraint>>, &'static str> {
    let range = range.trim();
    match scheme {
        Scheme::Maven | Scheme::NuGet if range.contains(['[', '(']) => interval::read(range),
        Scheme::NuGet if range.starts_with(|c: char| c.is_ascii_digit()) => Ok(vec![nuget(range)]),
        Scheme::Nginx => range.split(',').map(str::trim).filter(|one| !one.is_empty()).map(nginx).collect(),
        Scheme::OpenSsl if !range.contains(['<', '>', '=']) => {
            let versions = range.split(',').map(str::trim).filter(|one| !one.is_empty());
            Ok(versions.map(|one| vec![Constraint::new(Operator::Equal, one)]).collect())
        }
        Scheme::Conan => {
            let range = range.split(',').next().unwrap_or(range);
            range.split("||").map(|one| words(scheme, one)).collect()
        }
        _ => range.split("||").map(|one| words(scheme, one)).collect(),
    }
}

/// A bare version is the least; `1.0.*` is what begins so.
fn nuget(range: &str) -> Vec<Constraint> {
    match range.strip_suffix(".*") {
        Some(stem) => vec![
            Constraint::new(Operator::From, stem),
            Constraint::new(Operator::Below, &format!("{}-0", bumped(stem, usize::MAX))),
        ],
        None => vec![Constraint::new(Operator::From, range)],
    }
}

/// nginx's own advisories: `1.5.0+`, `0.7.52-0.8.39`, one version, or `all`. An even second number
/// is a stable branch: `+` ends with it.
fn nginx(one: &str) -> Result<Vec<Constraint>, &'static str> {
    if one.starts_with(['<', '>', '=', '!']) {
        return words(Scheme::Nginx, one);
    }
    if one.eq_ignore_ascii_case("all") {
        return Ok(vec![Constraint::new(Operator::From, "0")]);
    }
    if let Some(from) = one.strip_suffix('+') {
        let mut out = vec![Constraint::new(Operator::From, from)];
        let minor = from.split('.').nth(1).and_then(|minor| minor.bytes().last());
        if minor.is_some_and(|digit| digit.is_ascii_digit() && digit % 2 == 0) {
            out.push(Constraint::new(Operator::Below, &format!("{}.0", bumped(from, 2))));
        }
        return Ok(out);
    }
    Ok(match one.split_once('-') {
        Some((low, high)) => {
            vec![Constraint::new(Operator::From, low.trim()), Constraint::new(Operator::UpTo, high.trim())]
        }
        None => vec![Constraint::new(Operator::Equal, one)],
    })
}

/// `>= 1.0, < 2`, also by spaces or in brackets as Debian has it; `~>`, `^`, `~` and `1.*` where used.
fn words(scheme: Scheme, range: &str) -> Result<Vec<Constraint>, &'static str> {
    let mut out = Vec::new();
    let mut words = range.split([',', ' ', '|', '(', ')']).filter(|word| !word.is_empty());
    while let Some(word) = words.next() {
        if matches!(word, "*" | "*-" | "and") {
            if scheme == Scheme::Conan {
                out.push(Constraint::new(Operator::From, "0.0.0"));
            }
            continue;
        }
        let (sign, mut bound) = operator(word);
        if bound.is_empty() {
            bound = words.next().ok_or("an operator without a version")?;
        }
        if scheme == Scheme::Conan {
            bound = bound.strip_suffix('-').unwrap_or(bound);
        }
        word_to(scheme, sign, bound, &mut out)?;
    }
    Ok(out)
}

fn word_to(scheme: Scheme, sign: &str, bound: &str, out: &mut Vec<Constraint>) -> Result<(), &'static str> {
    let operator = match sign {
        "<" | "<<" => Operator::Below,
        "<=" => Operator::UpTo,
        ">" | ">>" => Operator::Above,
        ">=" => Operator::From,
        "!=" => Operator::Unequal,
        // apk's fuzzy match: what begins so.
        "~" | "=~" | "~=" if scheme == Scheme::Apk => {
            out.push(Constraint::new(Operator::From, bound));
            out.push(end(scheme, bumped(bound, usize::MAX)));
            return Ok(());
        }
        "" | "=" | "==" => match bound.strip_suffix(".*") {
            Some(stem) => {
                out.push(Constraint::new(Operator::From, stem));
                out.push(end(scheme, bumped(stem, usize::MAX)));
                return Ok(());
            }
            None => Operator::Equal,
        },
        "^" => {
            let core = core(bound);
            let first = core.split('.').position(|part| !digits::is_zero(part));
            out.push(Constraint::new(Operator::From, bound));
            out.push(end(scheme, bumped(core, first.map_or(usize::MAX, |at| at + 1))));
            return Ok(());
        }
        "~>" | "~" => {
            // Gem's drops the last number, conan's and npm's keep two.
            let parts = core(bound).split('.').count();
            let keep = if sign == "~" && parts > 1 { 2 } else { parts.saturating_sub(1).max(1) };
            out.push(Constraint::new(Operator::From, bound));
            out.push(end(scheme, bumped(core(bound), keep)));
            return Ok(());
        }
        _ => return Err("an operator that this scheme does not have"),
    };
    out.push(Constraint::new(operator, bound));
    Ok(())
}

/// The end that such a range does not reach, nor any pre-release of it.
fn end(scheme: Scheme, bumped: String) -> Constraint {
    if scheme == Scheme::Conan {
        return Constraint::new(Operator::Below, &format!("{bumped}-"));
    }
    Constraint { operator: Operator::Below, version: bumped, whole: true }
}

fn core(bound: &str) -> &str {
    let bare = bound.trim_start_matches(['v', 'V']);
    // Letters between dots are a gem's pre-release; numbers before them stay.
    let core = digits::take(bare, |byte| byte.is_ascii_digit() || byte == b'.').0;
    core.trim_end_matches('.')
}
