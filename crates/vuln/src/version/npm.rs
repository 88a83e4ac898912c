//! Which of two npm versions is newer, and does one satisfy an npm range?

use std::cmp::Ordering;

use super::{digits, semver};

/// node-semver's order is semantic versioning's.
pub(crate) fn order(a: &str, b: &str) -> Ordering {
    semver::order(a.trim(), b.trim())
}

/// Whether `version` satisfies `range` as node-semver says: alternatives by `||`, each a set of
/// comparators; a pre-release only where a comparator names one of the same numbers.
pub(crate) fn satisfies(version: &str, range: &str, bare: Bare) -> Result<bool, &'static str> {
    let mut hit = false;
    for alternative in range.split("||") {
        let comparators = expand(alternative.trim(), bare)?;
        hit |= holds(version, &comparators);
    }
    Ok(hit)
}

/// What a version without a sign means: itself, or as Cargo has it, all that it is compatible with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bare {
    /// npm's.
    Exact,
    /// Cargo's.
    Caret,
}

/// `<`, `<=`, `>`, `>=`, `=` and a whole version.
type Comparator = (&'static str, String);

fn holds(version: &str, comparators: &[Comparator]) -> bool {
    let inside = comparators.iter().all(|(operator, bound)| {
        let by_version = semver::order(version, bound);
        match *operator {
            "<" => by_version.is_lt(),
            "<=" => by_version.is_le(),
            ">" => by_version.is_gt(),
            ">=" => by_version.is_ge(),
            _ => by_version.is_eq(),
        }
    });
    let (numbers, pre) = semver::split(version);
    inside
        && (pre.is_empty()
            || comparators.iter().any(|(_, bound)| {
                let (bound_numbers, bound_pre) = semver::split(bound);
                !bound_pre.is_empty() && bound_pre != "0" && semver::numbers(numbers, bound_numbers).is_eq()
            }))
}

fn expand(alternative: &str, bare: Bare) -> Result<Vec<Comparator>, &'static str> {
    if let Some((from, to)) = alternative.split_once(" - ") {
        let mut out = lower(&Partial::read(from.trim())?);
        let to = Partial::read(to.trim())?;
        out.extend(if to.is_whole() { vec![("<=", to.whole())] } else { upper(&to, to.known()) });
        return Ok(out);
    }
    let mut out = Vec::new();
    let mut words = alternative.split_whitespace().peekable();
    while let Some(word) = words.next() {
        let split = word.find(|c: char| !"<>=~^".contains(c)).unwrap_or(word.len());
        let (operator, mut version) = word.split_at(split);
        if version.is_empty() {
            version = words.next().unwrap_or("");
        }
        let partial = Partial::read(version)?;
        if operator == "~>" && bare == Bare::Caret {
            // Elixir's: all but the last number stay.
            out.extend(lower(&partial));
            out.extend(upper(&partial, partial.known().saturating_sub(1).max(1)));
            continue;
        }
        let caret = operator.is_empty() && bare == Bare::Caret && !version.contains('*');
        comparator(if caret { "^" } else { operator }, &partial, &mut out)?;
    }
    Ok(out)
}

fn comparator(operator: &str, partial: &Partial<'_>, out: &mut Vec<Comparator>) -> Result<(), &'static str> {
    let known = partial.known();
    match operator {
        "" | "=" if partial.is_whole() => out.push(("=", partial.whole())),
        "" | "=" | "==" => out.extend(lower(partial).into_iter().chain(upper(partial, known))),
        "^" => {
            let first = partial.numbers[..known].iter().position(|number| !digits::is_zero(number));
            let keep = first.map_or(known, |at| at + 1).min(known.max(1));
            out.extend(lower(partial));
            out.extend(upper(partial, keep.min(known)));
        }
        "~" | "~>" => {
            out.extend(lower(partial));
            out.extend(upper(partial, known.min(2)));
        }
        ">" if known == 3 => out.push((">", partial.whole())),
        ">" => match upper(partial, known).pop() {
            Some((_, bound)) => out.push((">=", bound.trim_end_matches("-0").to_owned())),
            None => out.push(("<", "0.0.0-0".to_owned())),
        },
        ">=" => out.extend(lower(partial)),
        "<" => out.push(("<", if known == 3 { partial.whole() } else { format!("{}-0", partial.whole()) })),
        "<=" if known == 3 => out.push(("<=", partial.whole())),
        "<=" => out.extend(upper(partial, known)),
        _ => return Err("an operator that npm ranges do not have"),
    }
    Ok(())
}

fn lower(partial: &Partial<'_>) -> Vec<Comparator> {
    if partial.known() == 0 { Vec::new() } else { vec![(">=", partial.whole())] }
}

/// The bound above all versions that share the first `keep` numbers.
fn upper(partial: &Partial<'_>, keep: usize) -> Vec<Comparator> {
    // More may be asked for than was written: `~> .` names no number at all.
    let keep = keep.min(partial.known());
    if keep == 0 {
        return Vec::new();
    }
    let mut bound: Vec<String> = partial.numbers.iter().take(keep).map(|number| (*number).to_owned()).collect();
    if let Some(last) = bound.last_mut() {
        *last = last.parse::<u64>().map_or_else(|_| format!("{last}0"), |number| number.saturating_add(1).to_string());
    }
    bound.resize(3, "0".to_owned());
    vec![("<", format!("{}-0", bound.join(".")))]
}

/// A version of which later numbers may be missing or `x`.
struct Partial<'a> {
    numbers: Vec<&'a str>,
    pre: &'a str,
}

impl<'a> Partial<'a> {
    fn read(text: &'a str) -> Result<Self, &'static str> {
        let (numbers, pre) = semver::split(text);
        let mut out = Vec::new();
        for number in numbers.split('.').take(3) {
            if matches!(number, "" | "x" | "X" | "*") {
                break;
            }
            if !digits::is_number(number) {
                return Err("not an npm version in the range");
            }
            out.push(number);
        }
        Ok(Self { numbers: out, pre })
    }

    fn known(&self) -> usize {
        self.numbers.len()
    }

    fn is_whole(&self) -> bool {
        self.known() == 3
    }

    fn whole(&self) -> String {
        let mut numbers = self.numbers.clone();
        numbers.resize(3, "0");
        let numbers = numbers.join(".");
        if self.pre.is_empty() { numbers } else { format!("{numbers}-{}", self.pre) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_what_npm_says() {
        for (version, range, expected) in [
            ("1.2.3", "^1.2.0", true),
            ("2.0.0", "^1.2.0", false),
            ("2.0.0-rc.1", "^1.2.0", false),
            ("0.2.5", "^0.2.3", true),
            ("0.3.0", "^0.2.3", false),
            ("0.0.4", "^0.0.3", false),
            ("1.2.9", "~1.2.3", true),
            ("1.3.0", "~1.2.3", false),
            ("1.9.9", "~1", true),
            ("1.2.3", "1.x || >=2.5.0 || 5.0.0 - 7.2.3", true),
            ("7.2.4", "1.x || 5.0.0 - 7.2.3", false),
            ("7.9.0", "5.0.0 - 7", true),
            ("1.2.3-alpha.7", ">1.2.3-alpha.3", true),
            ("3.4.5-alpha.9", ">1.2.3-alpha.3", false),
            ("9.9.9", "*", true),
            ("1.2.3", ">= 1.2 <1.3", true),
            ("1.3.0", ">1.2", true),
            ("1.2.9", ">1.2", false),
        ] {
            assert_eq!(satisfies(version, range, Bare::Exact), Ok(expected), "{version} in {range}");
        }
        assert!(satisfies("1.0.0", "latest", Bare::Exact).is_err());
    }
}
