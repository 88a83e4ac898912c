//! Does every form tell the same, harmlessly, the same way each time, and as its schema wants it?

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use tripoint_inventory::{Coverage, CoverageStatus, Distro};
use tripoint_model::{Ecosystem, Package, PackageState};

use super::*;

fn package(purl: &str, ecosystem: Ecosystem, name: &str, version: &str, paths: &[&str]) -> Package {
    Package {
        module: String::new(),
        purl: purl.to_owned(),
        ecosystem,
        release: String::new(),
        name: name.to_owned(),
        version: version.to_owned(),
        source: name.to_owned(),
        source_version: version.to_owned(),
        paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        state: PackageState::Loaded,
        installed: None,
    }
}

fn finding(of: &Package, id: &str, state: FindingState) -> Finding {
    Finding {
        purl: of.purl.clone(),
        name: of.name.clone(),
        version: of.version.clone(),
        id: id.to_owned(),
        cves: vec!["CVE-2024-0001".to_owned()],
        state,
        presence: of.state,
        on_disk: None,
        fixed: Some("2.0".to_owned()),
        severity: BTreeMap::from([
            ("debian".to_owned(), "important".to_owned()),
            ("nvd".to_owned(), "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H".to_owned()),
            ("score".to_owned(), "7.5".to_owned()),
        ]),
        cvss_tenths: Some(98),
        known_exploited: true,
        epss_bp: Some(9436),
        fix_command: Some("apt-get install --only-upgrade shopd".to_owned()),
        source: "osv".to_owned(),
        paths: of.paths.clone(),
        installed: of.installed,
    }
}

pub(super) fn sample() -> (Inventory, Vec<Finding>) {
    let packages = vec![
        package("pkg:deb/debian/shopd@1.0?distro=debian-12", Ecosystem::Debian, "shopd", "1.0", &["/usr/sbin/shop d"]),
        package("pkg:maven/a/b@1", Ecosystem::Maven, "a:b", "1", &["/srv/x.jar!/b.jar", "/srv/y.jar"]),
        package("pkg:npm/%3Dcmd@1", Ecosystem::Npm, "=cmd|'/c calc'!A1", "1\u{1b}[2J\u{202e}\u{9b}ü\u{7f}", &[]),
    ];
    let states = [
        FindingState::Affected,
        FindingState::NotAffected,
        FindingState::Fixed,
        FindingState::WontFix,
        FindingState::NoDsa,
        FindingState::Postponed,
        FindingState::UnderInvestigation,
    ];
    let mut findings: Vec<Finding> =
        states.iter().enumerate().map(|(at, state)| finding(&packages[0], &format!("DSA-{at}"), *state)).collect();
    findings.push(finding(&packages[1], "DSA-0", FindingState::Affected));
    let bare = finding(&packages[2], "GHSA-aaaa-bbbb-cccc", FindingState::Affected);
    findings.push(Finding {
        fixed: None,
        fix_command: None,
        cvss_tenths: None,
        known_exploited: false,
        epss_bp: None,
        severity: BTreeMap::new(),
        cves: Vec::new(),
        ..bare
    });
    let distro = Distro { id: "debian".into(), version: "12".into(), name: "Debian 12".into(), ..Distro::default() };
    let line = Coverage { cataloger: "dpkg".into(), status: CoverageStatus::Complete, reason: String::new() };
    let inventory = Inventory {
        root: "/srv/root".into(),
        distro: Some(distro),
        packages,
        coverage: vec![line],
        rejected: Vec::new(),
    };
    (inventory, findings)
}

fn written(format: &Format, inventory: &Inventory, findings: &[Finding]) -> String {
    written_with(format, inventory, findings, &[])
}

pub(super) fn written_with(format: &Format, inventory: &Inventory, findings: &[Finding], vex: &[Word]) -> String {
    let database = Some(DatabaseInfo { built: Timestamp::from_seconds(1_700_000_000), sources: Vec::new() });
    let time = Timestamp::from_seconds(1_735_689_600);
    let document = Document { schema: 1, inventory, findings, vex, not_affected: &[], database, time };
    let mut out = Vec::new();
    (format.write)(&document, &mut out).expect("written");
    String::from_utf8(out).expect("UTF-8")
}

#[test]
fn every_form_is_as_before() {
    let (inventory, findings) = sample();
    for format in FORMATS {
        let said = written(format, &inventory, &findings);
        assert_eq!(said, written(format, &inventory, &findings), "{}: not the same twice", format.name);
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/report/{}.golden", format.name));
        if std::env::var_os("UPDATE").is_some() {
            std::fs::create_dir_all(golden.parent().expect("a folder")).expect("folder");
            std::fs::write(&golden, &said).expect("golden");
        }
        assert_eq!(said, std::fs::read_to_string(&golden).unwrap_or_default(), "{}", format.name);
    }
}

#[test]
fn nothing_in_it_steers_a_terminal_or_a_spreadsheet() {
    let (inventory, findings) = sample();
    for format in FORMATS {
        let said = written(format, &inventory, &findings);
        assert!(!said.contains(['\u{1b}', '\u{202e}', '\u{9b}', '\u{7f}']), "{}: {said:?}", format.name);
    }
    let ndjson = FORMATS.iter().find(|format| format.name == "ndjson").expect("ndjson");
    let read: Vec<Finding> = written(ndjson, &inventory, &findings)
        .lines()
        .map(|line| serde_json::from_str(line).expect("a finding"))
        .collect();
    assert_eq!(read, findings, "escapes mean what they stand for");
    for (text, expected) in [
        ("plain", "plain"),
        ("a,b", "\"a,b\""),
        ("a\"b", "\"a\"\"b\""),
        ("=1+1", "\"'=1+1\""),
        ("+1", "\"'+1\""),
        ("-1", "\"'-1\""),
        ("@scope/x", "\"'@scope/x\""),
        ("\tx", "\"'\tx\""),
        ("\rx", "\"'\rx\""),
        ("a\nb", "\"a\nb\""),
    ] {
        assert_eq!(csv::cell(text), expected);
    }
    assert_eq!(sarif::relative("/srv/a b%/ü.jar"), "srv/a%20b%25/%C3%BC.jar");
}

#[test]
fn sarif_places_and_rules_belong_together() {
    let (inventory, findings) = sample();
    let sarif = FORMATS.iter().find(|format| format.name == "sarif").expect("sarif");
    let log: serde_json::Value = serde_json::from_str(&written(sarif, &inventory, &findings)).expect("JSON");
    let run = &log["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().expect("rules");
    let results = run["results"].as_array().expect("results");
    assert_eq!((rules.len(), results.len()), (6, 7));
    let mut prints = std::collections::BTreeSet::new();
    for result in results {
        let at = usize::try_from(result["ruleIndex"].as_u64().expect("an index")).expect("an index");
        assert_eq!(rules[at]["id"], result["ruleId"]);
        assert!(["error", "warning", "note", "none"].contains(&result["level"].as_str().expect("a level")));
        // Only what failed has a level.
        assert_eq!(result["kind"] == "fail", result["level"] != "none", "{result}");
        assert!(!result["locations"].as_array().expect("locations").is_empty());
        prints.insert(result["partialFingerprints"]["advisoryAndPackage/v1"].to_string());
    }
    assert_eq!(prints.len(), results.len());
}

#[test]
fn statements_are_read_back_as_they_were_meant() {
    let (inventory, findings) = sample();
    let findings: Vec<Finding> = findings
        .into_iter()
        .enumerate()
        .filter(|(_, finding)| finding.purl.starts_with("pkg:"))
        // Each about a vulnerability of its own, so that none speaks for another.
        .map(|(at, finding)| Finding { cves: vec![format!("CVE-2024-1000{at}")], ..finding })
        .collect();
    for name in ["openvex", "cyclonedx", "csaf"] {
        let format = FORMATS.iter().find(|format| format.name == name).expect("a format");
        let vex = tripoint_vuln::vex::Vex::read(name, written(format, &inventory, &findings).as_bytes());
        assert!(vex.rejected.is_empty(), "{name}: {:?}", vex.rejected);
        let mut read = findings.clone();
        for finding in &mut read {
            finding.state =
                if finding.state == FindingState::Fixed { FindingState::Affected } else { FindingState::Fixed };
        }
        vex.apply(&mut read, &|_| true);
        for (meant, read) in findings.iter().zip(&read) {
            // VEX knows four states: whoever will not fix it says that it is affected.
            let meant = if meant.state.is_vulnerable() { FindingState::Affected } else { meant.state };
            assert_eq!(read.state, meant, "{name}: {}", read.id);
        }
    }
}

/// The real schemas, judged by a Python validator where there is one.
#[test]
fn documents_are_valid_by_the_real_schemas() {
    let Some(data) = std::env::var_os("TRIPOINT_TEST_DATA") else {
        println!("skipped: TRIPOINT_TEST_DATA is not set");
        return;
    };
    let schemas = Path::new(&data).join("schemas");
    let (inventory, findings) = sample();
    let words = judgment::tests::words(&findings);
    let folder = tempfile::tempdir().expect("a folder");
    for (name, schema) in [
        ("cyclonedx", "cyclonedx/bom-1.6.schema.json"),
        ("spdx", "spdx/spdx-2.3.schema.json"),
        ("openvex", "openvex/openvex.schema.json"),
        ("csaf", "csaf/csaf-2.0.schema.json"),
    ] {
        let format = FORMATS.iter().find(|format| format.name == name).expect("a format");
        let file = folder.path().join(name);
        std::fs::write(&file, written_with(format, &inventory, &findings, &words)).expect("a file");
        let output = Command::new("python3").args(["-c", VALIDATE]).arg(schemas.join(schema)).arg(&file).output();
        match output {
            Ok(told) if told.status.code() == Some(0) => println!("{name}: valid"),
            Ok(told) if told.status.code() == Some(1) => {
                panic!("{name}: {}{}", String::from_utf8_lossy(&told.stdout), String::from_utf8_lossy(&told.stderr))
            }
            _ => println!("skipped: no Python with jsonschema for {name}"),
        }
    }
}

/// Exit 0 valid, 1 not, 9 no validator.
const VALIDATE: &str = r#"
import json, os, sys
try:
    import jsonschema, referencing
except ImportError:
    sys.exit(9)
schema = json.load(open(sys.argv[1]))
def near(uri):
    path = os.path.join(os.path.dirname(sys.argv[1]), uri.rsplit("/", 1)[-1])
    text = json.load(open(path)) if os.path.exists(path) else {}
    return referencing.Resource.from_contents(text, default_specification=referencing.jsonschema.DRAFT7)
registry = referencing.Registry(retrieve=near)
kind = jsonschema.validators.validator_for(schema)
wrong = list(kind(schema, registry=registry, format_checker=kind.FORMAT_CHECKER).iter_errors(json.load(open(sys.argv[2]))))
for error in wrong[:10]:
    print(list(error.absolute_path), error.message[:300])
sys.exit(1 if wrong else 0)
"#;
