//! Does a version lie in a range, written as `vers:` or in the scheme's own form?

mod composer;
mod interval;
mod native;
mod specifier;
mod vers;

pub use vers::{Operator, Vers};

use super::{Scheme, digits, npm, rpm};

/// A version and how others stand to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Constraint {
    operator: Operator,
    version: String,
    /// An upper bound that keeps its own pre-releases out too (`~> 2.0` ends before `3.0.a`).
    whole: bool,
}

impl Constraint {
    fn new(operator: Operator, version: &str) -> Self {
        Self { operator, version: version.to_owned(), whole: false }
    }

    fn holds(&self, scheme: Scheme, version: &str) -> bool {
        let order = match scheme {
            Scheme::Rpm => rpm::order_to_bound(version, &self.version),
            _ => scheme.order(version, &self.version),
        };
        self.operator.holds(order) && !(self.whole && starts_with(version, &self.version))
    }
}

/// Whether `version` lies in `range` (`vers:…`, or the ecosystem's own notation).
pub(crate) fn satisfies(scheme: Scheme, version: &str, range: &str) -> Result<bool, &'static str> {
    let range = range.trim();
    if range.is_empty() {
        return Err("the range is empty");
    }
    if range.starts_with("vers:") {
        let vers = Vers::read(range)?;
        return if vers.scheme == scheme {
            Ok(vers.contains(version))
        } else {
            Err("the vers range names another scheme")
        };
    }
    match scheme {
        Scheme::Npm => npm::satisfies(version, &range.replace(',', " "), npm::Bare::Exact),
        Scheme::SemVer | Scheme::Pub => {
            let words = range.replace(',', " ").replace(" or ", " || ").replace(" and ", " ");
            npm::satisfies(version, &words, npm::Bare::Caret)
        }
        Scheme::Pep440 => specifier::satisfies(version, range),
        Scheme::Composer => composer::satisfies(version, range),
        _ => {
            let alternatives = native::read(scheme, range)?;
            let holds = |all: &Vec<Constraint>| all.iter().all(|one| one.holds(scheme, version));
            Ok(alternatives.iter().any(holds))
        }
    }
}

/// The `vers:` range of a native one, where its alternatives are intervals apart from each other.
pub(crate) fn to_vers(scheme: Scheme, name: &str, range: &str) -> Result<Vers, &'static str> {
    let constraints: Vec<Constraint> = native::read(scheme, range)?.into_iter().flatten().collect();
    // Such a one could be written, but not be read again.
    if constraints.iter().any(|one| one.version.is_empty() || one.version.starts_with(['~', '^'])) {
        return Err("an operator in the place of a version");
    }
    Ok(Vers::of(scheme, name, constraints))
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

/// The signs before a version, and the version.
fn operator(text: &str) -> (&str, &str) {
    let split = text.find(|c: char| !"<>=~^!".contains(c)).unwrap_or(text.len());
    (&text[..split], text[split..].trim())
}

/// The first `keep` numbers with the last of them raised by one.
fn bumped(numbers: &str, keep: usize) -> String {
    let mut parts: Vec<String> = numbers.split('.').take(keep).map(str::to_owned).collect();
    if let Some(last) = parts.last_mut() {
        let (number, _) = digits::take(last, |byte| byte.is_ascii_digit());
        *last = number.parse::<u64>().unwrap_or(u64::MAX - 1).saturating_add(1).to_string();
    }
    parts.join(".")
}

/// Whether the version begins with these dotted numbers (`1.2` begins `1.2.3` and `1.2-rc1`).
fn starts_with(version: &str, stem: &str) -> bool {
    let version = version.trim_start_matches('v');
    version.strip_prefix(stem).is_some_and(|rest| !rest.as_bytes().first().is_some_and(u8::is_ascii_digit))
}

#[cfg(test)]
mod tests;
