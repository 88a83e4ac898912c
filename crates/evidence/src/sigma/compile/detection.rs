//! When does a rule match, in tests of fields?

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashMap};

use rsigma_parser::{
    ConditionExpr, Detection, Detections, FilterRule, Quantifier, SelectorPattern, SigmaRule as Written,
    detection_name_matches,
};

use super::super::bounds::{TESTS_MAX, too_many_tests};
use super::super::rule::{About, SigmaRule, Test};
use super::super::source::Source;
use super::simplify::{Left, simplified};
use super::{At, Unused, filter, in_use, item, logsource};

/// A rule that can be used, and what is left out of it.
pub(super) fn rule(
    written: &Written,
    about: About,
    filters: &[(At, FilterRule)],
) -> Result<(SigmaRule, String), Unused> {
    in_use(written.status)?;
    let source = logsource::source(&written.logsource)?;
    if written.detection.timeframe.is_some() {
        return Err(Unused::Wrong("a timeframe means nothing without a correlation".into(), "timeframe".into()));
    }
    let left = Cell::new(TESTS_MAX);
    let mut when = vec![condition(&written.detection, &source, &left)?];
    for (_, one) in filters.iter().filter(|(_, one)| filter::concerns(one, written)) {
        when.push(condition(&one.detection, &source, &left)?);
    }
    let when = if when.len() == 1 { when.remove(0) } else { Test::All(when) };
    let mut missing = BTreeSet::new();
    let when = match simplified(when, &source, &mut missing) {
        Left::Some(when) => when,
        Left::Never if missing.is_empty() => {
            return Err(Unused::Wrong("it can never match".into(), "condition".into()));
        }
        Left::Never => {
            let names: Vec<String> = missing.into_iter().collect();
            return Err(Unused::Skip(format!("lines of this source do not hold {}", names.join(", "))));
        }
        Left::Always => return Err(Unused::Wrong("it matches every line".into(), "condition".into())),
    };
    let names: Vec<String> = missing.into_iter().collect();
    let left_out =
        if names.is_empty() { String::new() } else { format!("lines of this source do not hold {}", names.join(", ")) };
    Ok((SigmaRule { about, source, when, told: true }, left_out))
}

/// The condition of a rule or a filter; of several each alone is enough. `left` is how many tests there may be yet.
fn condition(written: &Detections, source: &Source, left: &Cell<usize>) -> Result<Test, Unused> {
    let of = Of { written, source, made: RefCell::default(), left };
    let mut tests = Vec::new();
    for condition in &written.conditions {
        tests.push(of.expression(condition)?);
    }
    Ok(if tests.len() == 1 { tests.remove(0) } else { Test::Any(tests) })
}

/// What a condition speaks of.
struct Of<'w> {
    written: &'w Detections,
    source: &'w Source,
    /// Selections by their names: a condition may name one again and again.
    made: RefCell<HashMap<&'w str, Test>>,
    left: &'w Cell<usize>,
}

impl<'w> Of<'w> {
    fn expression(&self, asked: &ConditionExpr) -> Result<Test, Unused> {
        self.count(1)?;
        let each = |parts: &[ConditionExpr]| {
            parts.iter().map(|part| self.expression(part)).collect::<Result<Vec<Test>, Unused>>()
        };
        Ok(match asked {
            ConditionExpr::And(parts) => Test::All(each(parts)?),
            ConditionExpr::Or(parts) => Test::Any(each(parts)?),
            ConditionExpr::Not(part) => Test::Not(Box::new(self.expression(part)?)),
            ConditionExpr::Identifier(name) => self.named(name)?,
            ConditionExpr::Selector { quantifier, pattern } => self.several(quantifier, pattern)?,
        })
    }

    fn several(&self, quantifier: &Quantifier, pattern: &SelectorPattern) -> Result<Test, Unused> {
        let is_meant = |name: &str| match pattern {
            SelectorPattern::Them => !name.starts_with('_'),
            SelectorPattern::Pattern(pattern) => detection_name_matches(pattern, name),
        };
        let mut names: Vec<&String> = self.written.named.keys().filter(|name| is_meant(name)).collect();
        names.sort();
        if names.is_empty() {
            let reason = format!("\"{quantifier} of {pattern}\" means no selection");
            return Err(Unused::Wrong(reason, "condition".into()));
        }
        let tests = names.into_iter().map(|name| self.named(name)).collect::<Result<Vec<Test>, Unused>>()?;
        Ok(match quantifier {
            Quantifier::Any | Quantifier::Count(1) => Test::Any(tests),
            Quantifier::All => Test::All(tests),
            Quantifier::Count(0) => {
                return Err(Unused::Wrong("\"0 of\" asks for nothing".into(), "condition".into()));
            }
            Quantifier::Count(count) => Test::AtLeast(u32::try_from(*count).unwrap_or(u32::MAX), tests),
        })
    }

    /// The selection of that name.
    fn named(&self, name: &str) -> Result<Test, Unused> {
        let Some((name, found)) = self.written.named.get_key_value(name) else {
            let reason = format!("the condition names {name:?}, which is not there");
            return Err(Unused::Wrong(reason, "condition".into()));
        };
        if let Some(made) = self.made.borrow().get(name.as_str()) {
            self.count(made.count())?;
            return Ok(made.clone());
        }
        let made = selection(name, found, self.source)?;
        self.count(made.count())?;
        self.made.borrow_mut().insert(name, made.clone());
        Ok(made)
    }

    fn count(&self, tests: usize) -> Result<(), Unused> {
        let left = self.left.get().checked_sub(tests).ok_or_else(|| Unused::wrong(too_many_tests()))?;
        self.left.set(left);
        Ok(())
    }
}

fn selection(name: &str, written: &Detection, source: &Source) -> Result<Test, Unused> {
    let empty = || Unused::Wrong(format!("the selection {name:?} is empty"), format!("{name}:"));
    match written {
        Detection::AllOf(items) if items.is_empty() => Err(empty()),
        Detection::AnyOf(parts) | Detection::And(parts) if parts.is_empty() => Err(empty()),
        Detection::Keywords(values) if values.is_empty() => Err(empty()),
        Detection::AllOf(items) => {
            Ok(Test::All(items.iter().map(|one| item::test(one, source)).collect::<Result<_, _>>()?))
        }
        Detection::AnyOf(parts) => each(name, parts, source).map(Test::Any),
        Detection::And(parts) => each(name, parts, source).map(Test::All),
        Detection::Keywords(values) => item::keywords(values),
        Detection::ArrayMatch { field, .. } => {
            Err(Unused::Wrong(format!("{field}: lists inside a field are not known here"), field.clone()))
        }
        Detection::Conditional { .. } => Err(Unused::wrong("conditions inside a selection are not known here")),
    }
}

fn each(name: &str, parts: &[Detection], source: &Source) -> Result<Vec<Test>, Unused> {
    parts.iter().map(|part| selection(name, part, source)).collect()
}
