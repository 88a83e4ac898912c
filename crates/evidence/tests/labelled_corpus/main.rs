//! How many attacks among very many innocent lines are found, and how many innocent lines are taken for one?
//!
//! The corpus is made here, the same each time: attacks by vulnerability, each in several spellings, among lines that
//! people, programs and search engines send. A tenth of a million innocent lines, or as many as
//! `TRIPOINT_INNOCENT_LINES` says (`cargo xtask soak`: a million).

#[path = "../support/mod.rs"]
mod support;

mod attacks;
mod innocents;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use attacks::{EXPLOITS, SPELLINGS, spelled};
use innocents::innocent;
use support::found_in_line;

fn mixed(number: u64) -> u64 {
    let mut x = number.wrapping_add(77).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x ^ (x >> 29)
}

fn attack_line(target: &str, seed: u64) -> String {
    let status = [200, 200, 404, 302, 403][(seed >> 30) as usize % 5];
    let agent = words::AGENTS[(seed >> 20) as usize % words::AGENTS.len()].replace('"', "\\\"");
    let target = target.replace('\\', "\\\\").replace('"', "\\\"");
    format!(
        "198.51.100.{} - - [{:02}/Oct/2025:13:55:36 +0000] \"GET {target} HTTP/1.1\" {status} {} \"-\" \"{agent}\"",
        seed & 255,
        1 + seed % 28,
        seed >> 50
    )
}

/// What was found of the attacks.
#[derive(Default)]
struct Recall {
    all: usize,
    found: usize,
    /// By a rule that names the vulnerability.
    named: usize,
    families: BTreeMap<&'static str, usize>,
    missed: BTreeSet<String>,
}

fn recall() -> Recall {
    let mut recall = Recall::default();
    for (cve, target) in EXPLOITS {
        for number in 0..SPELLINGS {
            let line = attack_line(&spelled(target, number), mixed(number as u64 + 1000));
            let rules = found_in_line(&line);
            recall.all += 1;
            recall.found += usize::from(!rules.is_empty());
            let by_name = rules.iter().find(|rule| rule.cves.iter().any(|one| one == cve));
            recall.named += usize::from(by_name.is_some());
            if let Some(rule) = by_name.or(rules.first()) {
                *recall.families.entry(rule.family.as_str()).or_default() += 1;
            }
            if by_name.is_none() {
                recall.missed.insert(line);
            }
        }
    }
    recall
}

/// Of the numbers, how many lines are flagged, and by which rules, with the first line of each.
fn flagged(numbers: std::ops::Range<u64>) -> (usize, BTreeMap<&'static str, (usize, String)>) {
    let (mut flagged, mut rules) = (0, BTreeMap::new());
    for number in numbers {
        let line = innocent(number);
        let found = found_in_line(&line);
        flagged += usize::from(!found.is_empty());
        if !found.is_empty() && std::env::var_os("SHOW_MISSES").is_some() {
            println!("flagged {:?} {line}", support::ids(&found));
        }
        for rule in found {
            rules.entry(rule.id.as_str()).or_insert_with(|| (0, line.clone())).0 += 1;
        }
    }
    (flagged, rules)
}

#[test]
fn attacks_are_found_among_innocent_lines() {
    let asked = std::env::var("TRIPOINT_INNOCENT_LINES").ok().and_then(|lines| lines.parse().ok());
    let innocents: u64 = asked.unwrap_or(100_000);
    let recall = recall();
    let half = innocents / 2;
    let (first, second) = std::thread::scope(|scope| {
        let other = scope.spawn(|| flagged(half..innocents));
        (flagged(0..half), other.join().unwrap())
    });
    let flagged = first.0 + second.0;
    for (rule, (count, line)) in first.1.iter().chain(&second.1) {
        println!("{count} flagged by {rule}: {line}");
    }
    recall.families.iter().for_each(|(family, count)| println!("{family}: {count}"));
    recall.missed.iter().for_each(|line| println!("not by its CVE: {line}"));
    let share = |part: usize, whole: usize| part as f64 / whole as f64;
    let precision = share(recall.found, recall.found + flagged);
    println!(
        "{} attacks by {} CVEs among {innocents} lines: recall {:.4}, by their CVE {}, flagged {flagged}, precision {precision:.4}",
        recall.all,
        EXPLOITS.len(),
        share(recall.found, recall.all),
        recall.named,
    );
    assert!(recall.all >= 500 && EXPLOITS.len() >= 40);
    assert!(share(recall.found, recall.all) >= 0.99 && share(recall.named, recall.all) >= 0.99);
    assert!(precision >= 0.99);
}
