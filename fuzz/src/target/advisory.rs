//! Does any advisory format fall over what a publisher wrote?

use tripoint_vuln::advisory::{AdvisoryFormat, FORMATS, Sink, Statement, by_name, detect};

use super::Target;
use crate::seed;

/// Every format, by the first byte.
pub const ANY: Target = Target { name: "advisory", run: any, seeds: any_seeds };
/// Whatever the first bytes say that it is.
pub const DETECT: Target = Target { name: "advisory-detect", run: detected, seeds: || seed::contents(FIXTURES) };
/// The formats most is written in have a target each.
pub const OSV: Target = Target { name: "osv", run: |data| named("osv", data), seeds: || seeds_of("osv") };
pub const CSAF: Target = Target { name: "csaf", run: |data| named("csaf", data), seeds: || seeds_of("csaf") };
pub const OVAL: Target = Target { name: "oval", run: |data| named("oval", data), seeds: || seeds_of("oval") };
pub const NVD: Target = Target { name: "nvd", run: |data| named("nvd", data), seeds: || seeds_of("nvd") };
pub const CVE: Target = Target { name: "cve", run: |data| named("cve", data), seeds: || seeds_of("cve") };
pub const UPDATEINFO: Target =
    Target { name: "updateinfo", run: |data| named("updateinfo", data), seeds: || seeds_of("updateinfo") };

fn any(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    // Half of the numbers mean the format read as YAML, where it knows that.
    let file = if *first < 128 { "x.json" } else { "x.yaml" };
    if let Some(format) = FORMATS.get(usize::from(first % 128) % FORMATS.len()) {
        read(*format, file, rest);
    }
}

fn named(name: &str, data: &[u8]) {
    let format = by_name(name).unwrap_or_else(|| panic!("no format {name}"));
    read(format, "x", data);
}

fn detected(data: &[u8]) {
    if let Some(format) = detect("x", data) {
        read(format, "x", data);
    }
}

/// Each line of a refusal must be one that a person can find.
fn read(format: &dyn AdvisoryFormat, file: &str, mut data: &[u8]) {
    struct Counted;
    impl Sink for Counted {
        fn accept(&mut self, statement: Statement) {
            std::hint::black_box(&statement);
        }
        fn add(&mut self, statement: Statement) {
            std::hint::black_box(&statement);
        }
        fn refuse(&mut self, _file: &str, _line: u64, reason: String) {
            assert!(!reason.is_empty());
        }
        fn refuse_part(&mut self, _file: &str, _line: u64, reason: String) {
            assert!(!reason.is_empty());
        }
    }
    format.read(file, &mut data, &mut Counted);
}

fn any_seeds() -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    for (number, format) in FORMATS.iter().enumerate() {
        for (path, content) in seed::files(&format!("{FIXTURES}/{}", format.name())) {
            let yaml = path.to_string_lossy().contains(".yaml");
            out.push(seed::chosen(if yaml { 128 + number } else { number }, &content));
        }
    }
    out
}

fn seeds_of(name: &str) -> Vec<Vec<u8>> {
    seed::contents(&format!("{FIXTURES}/{name}"))
}

const FIXTURES: &str = "crates/vuln/fixtures/advisory";
