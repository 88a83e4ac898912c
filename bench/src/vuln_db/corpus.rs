//! A database of advisories in the shape of the real one, and what is asked of it: the same in every run.

use std::collections::HashSet;
use std::io::Write;

use anyhow::Result;
use serde_json::json;

/// A package and a version to ask about.
#[derive(Debug)]
pub struct Question {
    pub ecosystem: &'static str,
    pub name: String,
    pub version: String,
}

/// How an ecosystem writes: its name, its share of the advisories in percent, the kind of its ranges.
const ECOSYSTEMS: [(&str, usize, &str); 4] =
    [("Debian:12", 40, "ECOSYSTEM"), ("PyPI", 25, "ECOSYSTEM"), ("npm", 20, "SEMVER"), ("Maven", 15, "ECOSYSTEM")];

/// Packages of an ecosystem that have advisories.
const PACKAGES: u32 = 20_000;

/// What one advisory says.
struct Record {
    ecosystem: usize,
    package: usize,
    introduced: u32,
    fixed: Option<u32>,
}

pub struct Corpus {
    records: Vec<Record>,
}

impl Corpus {
    /// Few packages have hundreds of advisories and most have one or two, as in the real databases.
    pub fn new(count: usize) -> Self {
        let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
        let records = (0..count).map(|_| {
            let ecosystem = dice.ecosystem();
            let introduced = if dice.below(3) == 0 { dice.below(200) } else { 0 };
            let fixed = (dice.below(25) > 0).then(|| introduced + 1 + dice.below(200));
            Record { ecosystem, package: dice.package(), introduced, fixed }
        });
        Self { records: records.collect() }
    }

    /// One OSV record a line.
    pub fn write(&self, out: &mut impl Write) -> Result<()> {
        for (number, record) in self.records.iter().enumerate() {
            let (ecosystem, _, kind) = ECOSYSTEMS[record.ecosystem];
            let mut events = vec![json!({"introduced": version(record.ecosystem, record.introduced)})];
            events.extend(record.fixed.map(|fixed| json!({"fixed": version(record.ecosystem, fixed)})));
            // PyPI's records also list every version.
            let listed: Vec<String> = match (ecosystem, record.fixed) {
                ("PyPI", Some(fixed)) => {
                    (record.introduced..fixed).step_by(4).map(|step| version(record.ecosystem, step)).collect()
                }
                _ => Vec::new(),
            };
            let cve = format!("CVE-20{:02}-{}", 10 + number % 17, 1000 + number / 17);
            let line = json!({
                "schema_version": "1.6.0", "id": format!("DEMO-{number}"), "aliases": [cve],
                "modified": "2026-01-01T00:00:00Z",
                "summary": format!("Improper neutralisation of input number {number} in a parser of the component"),
                "severity": [{"type": "CVSS_V3", "score": VECTORS[number % VECTORS.len()]}],
                "affected": [{
                    "package": {"ecosystem": ecosystem, "name": name(record.ecosystem, record.package)},
                    "ranges": [{"type": kind, "events": events}], "versions": listed,
                }],
            });
            writeln!(out, "{line}")?;
        }
        Ok(())
    }

    /// What stands on a server: well-known packages before others, four of five from the distribution, nine of ten
    /// newer than every fix.
    pub fn host(&self, packages: usize) -> Vec<Question> {
        let mut dice = Dice(0xd1b5_4a32_d192_ed03);
        let (mut seen, mut out) = (HashSet::new(), Vec::new());
        while out.len() < packages {
            let ecosystem = if dice.below(5) > 0 { 0 } else { 1 + dice.below(3) as usize };
            let package = dice.package();
            let step = if dice.below(10) > 0 { 1_000 } else { dice.below(400) };
            if seen.insert((ecosystem, package)) {
                out.push(question(ecosystem, package, step));
            }
        }
        out
    }

    /// Any package at any version; a fifth of them has no advisory.
    pub fn questions(&self, count: usize) -> Vec<Question> {
        let mut dice = Dice(0x2545_f491_4f6c_dd1d);
        let any = PACKAGES + PACKAGES / 4;
        (0..count).map(|_| question(dice.ecosystem(), dice.below(any) as usize, dice.below(400))).collect()
    }
}

fn question(ecosystem: usize, package: usize, step: u32) -> Question {
    Question {
        ecosystem: ECOSYSTEMS[ecosystem].0,
        name: name(ecosystem, package),
        version: version(ecosystem, step.max(1)),
    }
}

fn name(ecosystem: usize, package: usize) -> String {
    match ECOSYSTEMS[ecosystem].0 {
        "Maven" => format!("org.example.group{}:package-{package}", package % 100),
        _ => format!("package-{package}"),
    }
}

/// The versions of a package, oldest first.
fn version(ecosystem: usize, step: u32) -> String {
    if step == 0 {
        return "0".to_owned();
    }
    let (major, minor, patch) = (step / 50, step / 5 % 10, step % 5);
    match ECOSYSTEMS[ecosystem].0 {
        "Debian:12" => format!("1:{major}.{minor}.{patch}+dfsg-{}+deb12u{}", 1 + step % 3, step % 7),
        _ => format!("{major}.{minor}.{patch}"),
    }
}

/// A repeatable source of numbers (xorshift64*).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: u32) -> u32 {
        (((self.next() >> 32) * u64::from(end)) >> 32) as u32
    }

    fn ecosystem(&mut self) -> usize {
        let mut left = self.below(100) as usize;
        for (number, (_, share, _)) in ECOSYSTEMS.iter().enumerate() {
            if left < *share {
                return number;
            }
            left -= share;
        }
        0
    }

    /// A package, the first far more often than the last.
    fn package(&mut self) -> usize {
        let part = f64::from(self.below(1 << 20)) / f64::from(1 << 20);
        (part * part * part * f64::from(PACKAGES)) as usize
    }
}

const VECTORS: [&str; 4] = [
    "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
    "CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:H/I:N/A:N",
    "CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:N/I:N/A:H",
    "CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N",
];
