//! What does a report say of a rule, by its title, level and tags?

use rsigma_parser::{CorrelationRule, SigmaRule};
use tripoint_model::{Level, Verdict};
use yaml_serde::Value;

use super::super::rule::About;
use super::{At, Unused};

/// Techniques that have a name of their own here, the most telling first; all other rules are of the family `sigma`.
const FAMILIES: &[(&str, &str)] = &[("T1505.003", "web-shell"), ("T1110", "brute-force"), ("T1595", "scanner")];
const FAMILY: &str = "sigma";

const ID_BYTES_MAX: usize = 128;
const TITLE_BYTES_MAX: usize = 400;
const TAGS_MAX: usize = 64;
const EXAMPLES_MAX: usize = 100;

pub(super) fn of_rule(rule: &SigmaRule, at: &At) -> Result<About, Unused> {
    about(rule.id.as_deref(), &rule.title, rule.level, &rule.tags, at)
}

pub(super) fn of_correlation(rule: &CorrelationRule, at: &At) -> Result<About, Unused> {
    about(rule.id.as_deref(), &rule.title, rule.level, &rule.tags, at)
}

fn about(
    id: Option<&str>,
    title: &str,
    level: Option<rsigma_parser::Level>,
    tags: &[String],
    at: &At,
) -> Result<About, Unused> {
    let id = match id {
        Some(id) if id.is_empty() || id.len() > ID_BYTES_MAX || id.chars().any(|c| c.is_control() || c == ' ') => {
            return Err(Unused::Wrong(format!("{id:?} is no id"), "id:".into()));
        }
        Some(id) => id.to_owned(),
        None => {
            let name = at.file.rsplit('/').next().unwrap_or(&at.file);
            format!("{name}:{}", at.line)
        }
    };
    let level = match level {
        Some(rsigma_parser::Level::Informational) => Level::Informational,
        Some(rsigma_parser::Level::Low) => Level::Low,
        Some(rsigma_parser::Level::High) => Level::High,
        Some(rsigma_parser::Level::Critical) => Level::Critical,
        Some(rsigma_parser::Level::Medium) | None => Level::Medium,
    };
    let tags: Vec<String> = tags.iter().take(TAGS_MAX).map(|tag| tag.to_ascii_lowercase()).collect();
    let attack: Vec<String> = tags.iter().filter_map(|tag| technique(tag)).collect();
    let family = FAMILIES.iter().find(|(id, _)| attack.iter().any(|found| is_under(found, id)));
    let looks = level <= Level::Low || tags.iter().any(|tag| tag == "attack.reconnaissance");
    Ok(About {
        id,
        title: tripoint_model::text::truncate(title.trim(), TITLE_BYTES_MAX).0.to_owned(),
        level,
        family: family.map_or(FAMILY, |(_, family)| family).to_owned(),
        cves: tags.iter().filter_map(|tag| cve(tag)).collect(),
        verdict: if looks { Verdict::Probed } else { Verdict::Attempted },
        attack,
    })
}

/// `attack.t1190` → `T1190`, `attack.t1505.003` → `T1505.003`; tactics are none.
fn technique(tag: &str) -> Option<String> {
    let id = tag.strip_prefix("attack.t")?;
    let (whole, part) = id.split_once('.').map_or((id, None), |(whole, part)| (whole, Some(part)));
    let is = |text: &str, length: usize| text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
    (is(whole, 4) && part.is_none_or(|part| is(part, 3))).then(|| format!("T{id}"))
}

fn is_under(found: &str, id: &str) -> bool {
    found.strip_prefix(id).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// `cve.2021-44228`, and `cve.2021.44228` as older rules write it.
fn cve(tag: &str) -> Option<String> {
    let id = tag.strip_prefix("cve.")?.trim_start_matches("cve-");
    let (year, number) = id.split_once(['-', '.'])?;
    let is_number = |text: &str| text.len() <= 9 && text.len() >= 4 && text.bytes().all(|byte| byte.is_ascii_digit());
    (year.len() == 4 && is_number(year) && is_number(number)).then(|| format!("CVE-{year}-{number}"))
}

/// A list of texts of a key that Sigma does not know.
pub(super) fn texts(value: Option<&Value>) -> Vec<String> {
    let Some(Value::Sequence(values)) = value else { return Vec::new() };
    values.iter().take(EXAMPLES_MAX).filter_map(|value| value.as_str()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_become_techniques_vulnerabilities_and_a_family() {
        let at = At { file: "a/b.yml".into(), line: 7, text: String::new() };
        let made = |level, tags: &[&str]| {
            let tags: Vec<String> = tags.iter().map(|tag| (*tag).to_owned()).collect();
            let made = about(None, " x ", level, &tags, &at).unwrap();
            format!(
                "{} {} {:?} {} {} {:?}",
                made.id,
                made.family,
                made.level,
                made.attack.join(" "),
                made.cves.join(" "),
                made.verdict
            )
        };
        let tags = ["attack.initial-access", "attack.t1190", "cve.2021-44228", "cve.2020.1234", "attack.t15"];
        let high = Some(rsigma_parser::Level::High);
        assert_eq!(made(high, &tags), "b.yml:7 sigma High T1190 CVE-2021-44228 CVE-2020-1234 Attempted");
        assert_eq!(made(None, &["attack.T1505.003"]), "b.yml:7 web-shell Medium T1505.003  Attempted");
        assert_eq!(
            made(high, &["attack.reconnaissance", "attack.t1595.002"]),
            "b.yml:7 scanner High T1595.002  Probed"
        );
        assert_eq!(made(Some(rsigma_parser::Level::Low), &["attack.t11101"]), "b.yml:7 sigma Low   Probed");
        let old = about(Some("a b"), "x", None, &[], &at);
        assert!(matches!(old, Err(Unused::Wrong(..))));
    }
}
