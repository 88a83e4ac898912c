//! Does every technique find its attacks and leave its look-alikes alone, with no test code of its own?

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use tripoint_model::Timestamp;

use super::*;
use crate::log;
use crate::stamp::Clock;

fn fixtures(family: &str, kind: &str) -> Vec<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/attempt").join(family);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> =
        paths.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(kind))).collect();
    paths.sort();
    let texts = paths.into_iter().map(|path| (path.clone(), fs::read_to_string(path).unwrap()));
    texts.collect()
}

/// The families that a line of a log is said to be of.
fn families(line: &str) -> BTreeSet<String> {
    let clock = Clock::at(Timestamp(0));
    let entry = log::FORMATS.iter().find_map(|format| format.read(line, &clock)).unwrap();
    let matching = pack().matching(&entry);
    assert!(matching.is_empty() || pack().may_match(&entry, &mut String::new()), "{line}");
    matching.into_iter().map(|rule| rule.family.clone()).collect()
}

#[test]
fn every_attack_is_found_and_no_look_alike() {
    let mut wrong = Vec::new();
    for technique in TECHNIQUES {
        let (mut attacks, mut innocents) = (0, 0);
        for (path, text) in fixtures(technique.family, "attack") {
            for line in text.lines().filter(|line| !line.is_empty()) {
                attacks += 1;
                if !families(line).contains(technique.family) {
                    wrong.push(format!("{}: {line}: {:?}", path.display(), families(line)));
                }
            }
        }
        for (path, text) in fixtures(technique.family, "innocent") {
            for line in text.lines().filter(|line| !line.is_empty()) {
                innocents += 1;
                if !families(line).is_empty() {
                    wrong.push(format!("{}: {line}: {:?}", path.display(), families(line)));
                }
            }
        }
        assert!(attacks >= 5 && innocents >= 3, "{}: {attacks} attacks, {innocents} look-alikes", technique.family);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn names_are_unique_and_well_formed() {
    let mut ids = BTreeSet::new();
    for rule in TECHNIQUES.iter().flat_map(Technique::rules) {
        assert!(ids.insert(rule.id.clone()), "{} is there twice", rule.id);
        let is_name =
            |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        assert!(is_name(&rule.id) && is_name(&rule.family), "{}", rule.id);
        assert!(!rule.attack.is_empty(), "{} names no ATT&CK technique", rule.id);
        for cve in rule.cves.iter() {
            assert!(cve.starts_with("CVE-") && cve.len() >= 13, "{}: {cve}", rule.id);
        }
        let lower = rule.pattern.replace(r"\S", "").replace(r"\W", "").replace(r"\D", "").replace(r"\B", "");
        assert!(!lower.bytes().any(|byte| byte.is_ascii_uppercase()), "{}: texts are in lower case", rule.id);
    }
}

#[test]
fn every_rule_can_be_asked() {
    let rules = TECHNIQUES.iter().flat_map(Technique::rules);
    let refused: Vec<String> = rules.filter_map(|rule| Some(Pack::new([rule]).err()?.to_string())).collect();
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}

#[test]
fn every_family_is_on_the_page() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/attack-techniques.md");
    let text = fs::read_to_string(page).unwrap();
    for technique in TECHNIQUES {
        assert!(text.contains(&format!("| `{}` |", technique.family)), "{}", technique.family);
    }
}
