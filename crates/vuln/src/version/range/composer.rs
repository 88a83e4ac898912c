//! Does a Composer (Packagist) version satisfy a constraint?

use std::cmp::Ordering;

use super::super::{composer, digits};

/// Alternatives by `||`, each a list by commas or spaces, or a hyphenated pair.
pub(crate) fn satisfies(version: &str, range: &str) -> Result<bool, &'static str> {
    super::any(range.split('|').filter(|one| !one.trim().is_empty()), |one| {
        if let Some((low, high)) = one.split_once(" - ") {
            let (low, high) = (low.trim(), high.trim());
            let upper = if numbers(high) >= 3 || has_stability(high) {
                compare(version, high).is_le()
            } else {
                compare(version, &format!("{}-dev", bumped(high, numbers(high))?)).is_lt()
            };
            return Ok(from(version, low) && upper);
        }
        let words: Vec<&str> = one.split([',', ' ']).filter(|word| !word.is_empty()).collect();
        let mut at = words.iter();
        let mut hit = true;
        while let Some(word) = at.next() {
            let (operator, bound) = super::operator(word);
            let bound = if bound.is_empty() { at.next().ok_or("an operator without a version")? } else { bound };
            hit &= holds(version, operator, bound.split(['@', '#']).next().unwrap_or(bound))?;
        }
        Ok(hit)
    })
}

fn holds(version: &str, operator: &str, bound: &str) -> Result<bool, &'static str> {
    if matches!(bound, "*" | "" | "x" | "X") {
        return Ok(true);
    }
    if let Some(stem) = [".*", ".x", ".X"].iter().find_map(|end| bound.strip_suffix(end)) {
        let stem = stem.trim_end_matches(".*");
        let inside = within(version, stem, numbers(stem))?;
        return Ok(if operator == "!=" { !inside } else { inside });
    }
    let order = compare(version, bound);
    Ok(match operator {
        // A bound without a stability stands before all that is called by its numbers.
        "<" => compare(version, &least(bound)).is_lt(),
        ">=" => from(version, bound),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        "" | "=" | "==" => order.is_eq(),
        "!=" | "<>" => order.is_ne(),
        "^" => {
            let parts = core(bound);
            let first = parts.split('.').position(|part| !digits::is_zero(part));
            within(version, bound, first.map_or(numbers(bound), |at| at + 1))?
        }
        "~" | "~>" => within(version, bound, numbers(bound).saturating_sub(1).max(1))?,
        _ => return Err("an operator that Composer does not have"),
    })
}

/// From the bound to before the next of its first `keep` numbers.
fn within(version: &str, bound: &str, keep: usize) -> Result<bool, &'static str> {
    Ok(from(version, bound) && compare(version, &format!("{}-dev", bumped(bound, keep)?)).is_lt())
}

fn from(version: &str, bound: &str) -> bool {
    compare(version, &least(bound)).is_ge()
}

fn least(bound: &str) -> String {
    if has_stability(bound) || bound.starts_with("dev-") { bound.to_owned() } else { format!("{bound}-dev") }
}

/// Composer fills the numbers up to four before PHP compares them.
fn compare(a: &str, b: &str) -> Ordering {
    composer::order(&filled(a), &filled(b))
}

fn filled(version: &str) -> String {
    let bare = version.trim_start_matches(['v', 'V']);
    let core = core(bare);
    if core.is_empty() {
        return version.to_owned();
    }
    let missing = 4usize.saturating_sub(core.split('.').count());
    format!("{core}{}{}", ".0".repeat(missing), &bare[core.len()..])
}

fn core(version: &str) -> &str {
    let bare = version.trim_start_matches(['v', 'V']);
    let core = digits::take(bare, |byte| byte.is_ascii_digit() || byte == b'.').0;
    core.trim_end_matches('.')
}

fn numbers(version: &str) -> usize {
    core(version).split('.').count()
}

fn has_stability(version: &str) -> bool {
    let bare = version.trim_start_matches(['v', 'V']);
    bare[core(bare).len()..].split('+').next().is_some_and(|rest| rest.chars().any(|c| c.is_ascii_alphabetic()))
}

fn bumped(bound: &str, keep: usize) -> Result<String, &'static str> {
    let core = core(bound);
    if core.is_empty() {
        return Err("not a Composer version in the constraint");
    }
    Ok(super::bumped(core, keep))
}
