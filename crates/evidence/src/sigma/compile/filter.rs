//! Which rules does a filter narrow?

use rsigma_parser::{FilterRule, FilterRuleTarget, SigmaRule};

use super::{Names, logsource};

/// Whether a filter's condition must hold too where this rule matches.
pub(super) fn concerns(filter: &FilterRule, rule: &SigmaRule) -> bool {
    let named = match &filter.rules {
        FilterRuleTarget::Any => true,
        FilterRuleTarget::Specific(names) => {
            let is_it = |name: &String| {
                Some(name) == rule.id.as_ref() || Some(name) == rule.name.as_ref() || *name == rule.title
            };
            names.iter().any(is_it)
        }
    };
    named && filter.logsource.as_ref().is_none_or(|wide| logsource::holds(wide, &rule.logsource))
}

/// What is wrong with a filter that would go unnoticed: a rule that it names and that is not there.
pub(super) fn check(filter: &FilterRule, names: &Names) -> Result<(), String> {
    match &filter.rules {
        FilterRuleTarget::Any => Ok(()),
        FilterRuleTarget::Specific(wanted) if wanted.is_empty() => Err("the filter names no rule".into()),
        FilterRuleTarget::Specific(wanted) => match wanted.iter().find(|name| !names.contains_key(*name)) {
            Some(name) => Err(format!("the filter names the rule {name:?}, which is not there")),
            None => Ok(()),
        },
    }
}
