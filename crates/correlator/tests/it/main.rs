//! Do the stories under `scenarios/` end in the alerts that are written beside them, in any order?
//!
//! Each folder holds `facts.ndjson` (one fact a line) and `alerts.json` (every alert at the end,
//! whole). `UPDATE=1` rewrites the latter.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use tripoint_correlator::{Correlator, WITHDRAWN, Weights};
use tripoint_model::{Alert, Fact};

fn scenarios() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios");
    let mut folders: Vec<PathBuf> =
        fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    assert!(folders.len() >= 15, "only {} stories", folders.len());
    folders
}

fn facts(folder: &Path) -> Vec<Fact> {
    let path = folder.join("facts.ndjson");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines()
        .enumerate()
        .map(|(index, line)| {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{}:{}: {error}", path.display(), index + 1))
        })
        .collect()
}

/// The last state of each alert that was ever returned, withdrawn ones left out, and what stands.
fn run(facts: &[Fact]) -> (Vec<Alert>, Vec<Alert>) {
    let mut correlator = Correlator::new("web1", Weights::default());
    let mut said: std::collections::BTreeMap<_, Alert> = Default::default();
    for fact in facts {
        for alert in correlator.observe(fact) {
            said.insert(alert.id.clone(), alert);
        }
    }
    said.retain(|_, alert| alert.suppressed_by.as_deref() != Some(WITHDRAWN));
    (said.into_values().collect(), correlator.alerts())
}

#[test]
fn every_story_ends_as_written() {
    for folder in scenarios() {
        let facts = facts(&folder);
        let (said, standing) = run(&facts);
        assert_eq!(said, standing, "{}: what was said is what stands", folder.display());
        let mut text = serde_json::to_string_pretty(&standing).unwrap();
        text.push('\n');
        let golden = folder.join("alerts.json");
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&golden, &text).unwrap();
        }
        let expected = fs::read_to_string(&golden).unwrap_or_default();
        assert!(text == expected, "{} differs from\n{text}", golden.display());
    }
}

#[test]
fn any_order_of_the_facts_ends_the_same() {
    for folder in scenarios() {
        let facts = facts(&folder);
        let (_, expected) = run(&facts);
        let name = folder.display().to_string();
        let mut runner = TestRunner::new(Config { cases: 400, failure_persistence: None, ..Config::default() });
        let shuffled = Just(facts).prop_shuffle();
        let result = runner.run(&shuffled, |facts| {
            let (said, standing) = run(&facts);
            prop_assert_eq!(&standing, &expected, "{}", name);
            prop_assert_eq!(&said, &standing, "{}: what was said is what stands", name);
            Ok(())
        });
        result.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn facts_twice_change_nothing() {
    for folder in scenarios() {
        let facts = facts(&folder);
        let (_, expected) = run(&facts);
        let twice: Vec<Fact> = facts.iter().chain(&facts).cloned().collect();
        assert_eq!(run(&twice).1, expected, "{}", folder.display());
    }
}

#[test]
fn every_fact_is_written_as_it_is_read() {
    for folder in scenarios() {
        for fact in facts(&folder) {
            let text = serde_json::to_string(&fact).unwrap();
            assert_eq!(serde_json::from_str::<Fact>(&text).unwrap(), fact);
        }
    }
}
