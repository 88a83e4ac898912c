//! Is each version of a real Java server's dependencies judged as the published advisories list it?

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::bench::Bench;
use crate::real;

#[derive(Deserialize)]
struct Record {
    id: String,
    #[serde(default)]
    aliases: Vec<String>,
    affected: Vec<Affected>,
}

impl Record {
    /// What it is about: records about the same CVEs are one finding.
    fn subject(&self) -> String {
        let cves: BTreeSet<&str> =
            self.aliases.iter().map(String::as_str).filter(|alias| alias.starts_with("CVE-")).collect();
        if cves.is_empty() { self.id.clone() } else { cves.into_iter().collect::<Vec<_>>().join(" ") }
    }
}

#[derive(Deserialize)]
struct Affected {
    package: Package,
    /// Every published version that is affected, written out: what the ranges must come to.
    #[serde(default)]
    versions: Vec<String>,
}

#[derive(Deserialize)]
struct Package {
    ecosystem: String,
    name: String,
}

#[test]
fn every_version_of_a_servers_dependencies_is_judged_as_listed() {
    let Some(data) = real::data() else { return };
    let bench = Bench::new();
    let file = data.join("vuln/osv/maven-zeppelin.jsonl.gz");
    let text = real::unpacked(&file);
    let records: Vec<Record> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    // Without the lists only the ranges can answer.
    let bare: String = text.lines().map(without_versions).collect();
    bench.write("ranges.jsonl", bare);
    let report = bench.run(&["vulns", "import", "ranges.jsonl", "--json"]).expect(0).json();
    assert_eq!((&report["imported"], &report["refused"]), (&records.len().into(), &0.into()));

    let mut listed: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    let mut known: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for record in &records {
        for one in record.affected.iter().filter(|one| one.package.ecosystem == "Maven") {
            known.entry(one.package.name.clone()).or_default().extend(one.versions.iter().cloned());
            listed
                .entry((record.subject(), one.package.name.clone()))
                .or_default()
                .extend(one.versions.iter().cloned());
        }
    }
    for (name, version) in
        universe(&std::fs::read_to_string(data.join("inventory/app/zeppelin-server/universe.yaml")).unwrap())
    {
        known.entry(name).or_default().insert(version);
    }
    let asked: Vec<(&str, &str)> =
        known.iter().flat_map(|(name, all)| all.iter().map(|version| (name.as_str(), version.as_str()))).collect();
    let questions: String = asked
        .iter()
        .map(|(name, version)| {
            serde_json::json!({"ecosystem": "Maven", "name": name, "version": version}).to_string() + "\n"
        })
        .collect();
    let answers = bench.feed(&["vulns", "query", "--stdin", "--json"], questions.as_bytes()).expect(0).lines();
    let (mut judged, mut differences) = (0, String::new());
    for ((name, version), answer) in asked.iter().zip(&answers) {
        let affected = answer["findings"].as_array().unwrap().iter().filter(|finding| finding["state"] == "affected");
        let found: BTreeSet<String> = affected.map(subject).collect();
        for ((subject, _), versions) in listed.iter().filter(|((_, package), _)| package == name) {
            judged += 1;
            let (listed, ours) = (versions.contains(*version), found.contains(subject));
            if listed != ours && !versions.is_empty() {
                differences.push_str(&format!("{subject}: {name} {version}: listed {listed}, by its ranges {ours}\n"));
            }
        }
    }
    println!(
        "{} versions of {} packages, {judged} judgements, {} differ",
        asked.len(),
        known.len(),
        differences.lines().count()
    );
    assert!(judged > 10_000);
    let explained: String = include_str!("../golden/maven-differences.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| format!("{line}\n"))
        .collect();
    assert_eq!(differences, explained);
}

fn subject(finding: &serde_json::Value) -> String {
    let cves: Vec<&str> = finding["cves"].as_array().unwrap().iter().map(|cve| cve.as_str().unwrap()).collect();
    if cves.is_empty() { finding["id"].as_str().unwrap().to_owned() } else { cves.join(" ") }
}

/// The record without its lists, but for packages of which it says nothing else.
fn without_versions(line: &str) -> String {
    let mut record: serde_json::Value = serde_json::from_str(line).unwrap();
    for affected in record["affected"].as_array_mut().unwrap() {
        if affected["ranges"].as_array().is_some_and(|ranges| !ranges.is_empty()) {
            affected.as_object_mut().unwrap().remove("versions");
        }
    }
    format!("{record}\n")
}

/// Packages (two blanks) and beneath them their versions (a tab more).
fn universe(text: &str) -> Vec<(String, String)> {
    let (mut out, mut name) = (Vec::new(), String::new());
    for line in text.lines().skip_while(|line| !line.starts_with("schema")).skip(1) {
        let Some(rest) = line.strip_prefix("  ") else { continue };
        match rest.strip_prefix('\t') {
            None => rest.trim().clone_into(&mut name),
            Some(version) if !version.starts_with('\t') => out.push((name.clone(), version.trim().to_owned())),
            Some(_) => {}
        }
    }
    out
}
