//! What does a correlation count?

use rsigma_parser::{ConditionOperator, CorrelationCondition, CorrelationRule, CorrelationType, WindowMode};

use super::super::bounds::{COUNT_MAX, MEMBERS_MAX};
use super::super::rule::{About, Correlation, Kind, Member};
use super::{Names, Unused, in_use};

/// Longest stretch of time, seconds.
const SPAN_MAX_S: u64 = 366 * 86_400;

pub(super) fn compile(written: &CorrelationRule, about: About, names: &Names) -> Result<Correlation, Unused> {
    in_use(written.status)?;
    let wrong = |reason: String, word: &str| Unused::Wrong(reason, word.to_owned());
    let kind = match written.correlation_type {
        CorrelationType::EventCount => Kind::EventCount,
        CorrelationType::ValueCount => Kind::ValueCount,
        CorrelationType::Temporal => Kind::Temporal,
        CorrelationType::TemporalOrdered => Kind::TemporalOrdered,
        other => return Err(wrong(format!("correlations of type {} are not known here", other.as_str()), "type:")),
    };
    if written.window != WindowMode::Sliding {
        return Err(wrong(format!("windows are sliding here, not {}", written.window.as_str()), "window"));
    }
    let span_s = written.timespan.seconds;
    if span_s == 0 || span_s > SPAN_MAX_S {
        return Err(wrong(format!("a timespan of {span_s} seconds; from one second to a year"), "timespan"));
    }
    if written.rules.is_empty() || written.rules.len() > MEMBERS_MAX {
        return Err(wrong(format!("it names {} rules, from 1 to {MEMBERS_MAX}", written.rules.len()), "rules:"));
    }
    let of = written.rules.iter().map(|name| member(written, name, names)).collect::<Result<Vec<_>, _>>()?;
    let (at_least, at_most, differ) = threshold(written, kind)?;
    if at_least == 0 || at_least > COUNT_MAX {
        return Err(wrong(format!("it counts to {at_least}, from 1 to {COUNT_MAX}"), "condition"));
    }
    if at_most.is_some_and(|most| most < at_least) {
        return Err(wrong("its condition can never hold".into(), "condition"));
    }
    if kind == Kind::ValueCount && differ.is_empty() {
        return Err(wrong("value_count needs `field` in its condition".into(), "condition"));
    }
    Ok(Correlation { about, kind, of, span_s, at_least, at_most, differ })
}

fn member(written: &CorrelationRule, name: &str, names: &Names) -> Result<Member, Unused> {
    let rule = match names.get(name) {
        None => {
            let reason = format!("it counts the rule {name:?}, which is not there (correlations cannot be counted)");
            return Err(Unused::Wrong(reason, name.to_owned()));
        }
        Some(Err(reason)) => return Err(Unused::Skip(format!("it counts the rule {name:?}: {reason}"))),
        Some(Ok(rule)) => *rule,
    };
    let by = written.group_by.iter().map(|field| {
        let alias = written.aliases.iter().find(|alias| alias.alias == *field);
        alias.and_then(|alias| alias.mapping.get(name)).unwrap_or(field).to_ascii_lowercase()
    });
    Ok(Member { rule, by: by.collect() })
}

type Threshold = (u64, Option<u64>, Vec<String>);

fn threshold(written: &CorrelationRule, kind: Kind) -> Result<Threshold, Unused> {
    let CorrelationCondition::Threshold { predicates, field, percentile: None } = &written.condition else {
        return Err(Unused::Wrong("conditions of correlations are numbers here".into(), "condition".into()));
    };
    let (mut least, mut most) = (None::<u64>, None::<u64>);
    for (operator, number) in predicates {
        let mut at_least = |number: u64| least = Some(least.map_or(number, |known| known.max(number)));
        let mut at_most = |number: u64| most = Some(most.map_or(number, |known| known.min(number)));
        match operator {
            ConditionOperator::Gte => at_least(*number),
            ConditionOperator::Gt => at_least(number.saturating_add(1)),
            ConditionOperator::Eq => {
                at_least(*number);
                at_most(*number);
            }
            ConditionOperator::Lte => at_most(*number),
            ConditionOperator::Lt => at_most(number.saturating_sub(1)),
            ConditionOperator::Neq => {
                return Err(Unused::Wrong("`neq` is known only when the log ends".into(), "neq".into()));
            }
        }
    }
    let Some(mut least) = least else {
        let reason = "it asks for few matches, which is known only when the log ends: gt, gte or eq is needed";
        return Err(Unused::Wrong(reason.into(), "condition".into()));
    };
    // Where nothing else is said, each of the rules must match.
    if matches!(kind, Kind::Temporal | Kind::TemporalOrdered) && least <= 1 {
        least = written.rules.len() as u64;
    }
    let differ = field.iter().flatten().map(|name| name.to_ascii_lowercase()).collect();
    Ok((least, most, differ))
}
