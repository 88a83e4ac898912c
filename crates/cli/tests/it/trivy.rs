//! Do closed sets of advisories, installed packages and expected findings that others published come out the same?
//!
//! The advisories are translated to OSV; what differs from the expected findings stands with its reason in
//! `golden/trivy-differences.txt`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::bench::Bench;
use crate::real;

#[test]
fn published_closed_sets_come_out_the_same() {
    let Some(data) = real::data() else { return };
    let sets = data.join("inventory/trivy-fixtures");
    let bench = Bench::new();
    let advisories = osv(&sets.join("db"));
    assert!(advisories.len() > 20, "{}", advisories.len());
    let lines: String = advisories.iter().map(|one| format!("{one}\n")).collect();
    bench.write("osv.jsonl", lines);
    let report = bench.run(&["vulns", "import", "osv.jsonl", "--json"]).expect(0).json();
    assert_eq!(report["refused"], 0, "{report}");

    let mut differences = String::new();
    for (golden, make) in SETS {
        let root = format!("roots/{golden}");
        let expected = expected(&sets.join(format!("golden/{golden}.json.golden")));
        let found = match make {
            Root::Folder(folder) => findings(&bench, sets.join(folder).to_str().unwrap()),
            Root::Made(make) => {
                make(&bench, &root);
                findings(&bench, &root)
            }
        };
        println!("{golden}: {} expected, {} found", expected.len(), found.len());
        for one in expected.difference(&found) {
            differences.push_str(&format!("{golden}: not found: {one}\n"));
        }
        for one in found.difference(&expected) {
            differences.push_str(&format!("{golden}: found beyond: {one}\n"));
        }
    }
    let explained = include_str!("../golden/trivy-differences.txt");
    let explained: String =
        explained.lines().filter(|line| !line.starts_with('#')).map(|line| format!("{line}\n")).collect();
    assert_eq!(differences, explained);
}

enum Root {
    /// Scanned as it is.
    Folder(&'static str),
    /// The image itself is not published with the set: its packages of interest are written as its manager does.
    Made(fn(&Bench, &str)),
}

const SETS: &[(&str, Root)] = &[
    ("alpine-310", Root::Made(alpine)),
    ("almalinux-8", Root::Made(almalinux)),
    ("debian-buster", Root::Made(debian)),
    ("gomod", Root::Folder("repo/gomod")),
    ("npm", Root::Folder("repo/npm")),
    ("ubuntu-1804", Root::Made(ubuntu)),
];

fn alpine(bench: &Bench, root: &str) {
    bench.write(&format!("{root}/etc/os-release"), "ID=alpine\nVERSION_ID=3.10.2\n");
    let entry = |name: &str, version: &str, origin: &str| format!("P:{name}\nV:{version}\nA:x86_64\no:{origin}\n\n");
    let text = entry("libcrypto1.1", "1.1.1c-r0", "openssl")
        + &entry("libssl1.1", "1.1.1c-r0", "openssl")
        + &entry("musl", "1.1.22-r3", "musl");
    bench.write(&format!("{root}/lib/apk/db/installed"), text);
}

fn debian(bench: &Bench, root: &str) {
    bench.write(&format!("{root}/etc/os-release"), "ID=debian\nVERSION_ID=\"10\"\n");
    dpkg(bench, root, &[("bash", "5.0-4", ""), ("libidn2-0", "2.0.5-1", "libidn2"), ("apt", "1.8.2", "")]);
}

fn ubuntu(bench: &Bench, root: &str) {
    bench.write(&format!("{root}/etc/os-release"), "ID=ubuntu\nVERSION_ID=\"18.04\"\n");
    let e2fsprogs = "1.44.1-1ubuntu1.1";
    let packages = [
        ("bash", "4.4.18-2ubuntu1.2", ""),
        ("e2fsprogs", e2fsprogs, ""),
        ("libcom-err2", e2fsprogs, "e2fsprogs"),
        ("libext2fs2", e2fsprogs, "e2fsprogs"),
        ("libss2", e2fsprogs, "e2fsprogs"),
    ];
    dpkg(bench, root, &packages);
}

fn dpkg(bench: &Bench, root: &str, packages: &[(&str, &str, &str)]) {
    let entry = |(name, version, source): &(&str, &str, &str)| {
        let source = if source.is_empty() { String::new() } else { format!("Source: {source}\n") };
        format!(
            "Package: {name}\nStatus: install ok installed\n{source}Version: {version}\nArchitecture: amd64\nDescription: x\n\n"
        )
    };
    bench.write(&format!("{root}/var/lib/dpkg/status"), packages.iter().map(entry).collect::<String>());
}

/// rpm's own tool writes its database; a bill of materials says the same where it is missing.
fn almalinux(bench: &Bench, root: &str) {
    let purl = "pkg:rpm/alma/openssl-libs@1.1.1k-4.el8?arch=x86_64&distro=alma-8.5&epoch=1&upstream=openssl-1.1.1k-4.el8.src.rpm";
    let bom = json!({"bomFormat": "CycloneDX", "specVersion": "1.5", "components": [
        {"type": "operating-system", "name": "almalinux", "version": "8.5"},
        {"type": "library", "name": "openssl-libs", "version": "1:1.1.1k-4.el8", "purl": purl}]});
    bench.write(&format!("{root}.cdx.json"), bom.to_string());
}

/// `name version CVE fix`, once for each place it was found at.
fn findings(bench: &Bench, root: &str) -> BTreeSet<String> {
    let bom = format!("{root}.cdx.json");
    let of_bom = bench.path(&bom).exists();
    let told = match of_bom {
        true => bench.run(&["scan", "--sbom", &bom, "--json"]),
        false => bench.run(&["scan", "--root", root, "--json"]),
    };
    let report = told.json();
    let mut out = BTreeSet::new();
    for finding in report["findings"].as_array().unwrap().iter().filter(|finding| finding["state"] == "affected") {
        let text = |key: &str| finding[key].as_str().unwrap_or_default().to_owned();
        let cves = finding["cves"].as_array().unwrap();
        let id = cves.first().map_or_else(|| text("id"), |cve| cve.as_str().unwrap().to_owned());
        out.insert(format!("{} {} {id} {}", text("name"), text("version"), text("fixed")));
    }
    out
}

#[derive(Deserialize)]
struct Golden {
    #[serde(rename = "Results")]
    results: Vec<GoldenResult>,
}

#[derive(Deserialize)]
struct GoldenResult {
    #[serde(default, rename = "Vulnerabilities")]
    vulnerabilities: Vec<BTreeMap<String, Value>>,
}

fn expected(golden: &Path) -> BTreeSet<String> {
    let golden: Golden = serde_json::from_slice(&std::fs::read(golden).unwrap()).unwrap();
    let all = golden.results.iter().flat_map(|result| &result.vulnerabilities);
    all.map(|one| {
        let text = |key: &str| one.get(key).and_then(Value::as_str).unwrap_or_default();
        let (name, version) = (text("PkgName"), text("InstalledVersion"));
        format!("{name} {version} {} {}", text("VulnerabilityID"), text("FixedVersion"))
    })
    .collect()
}

/// A level of the set's database: folders of folders of entries.
#[derive(Deserialize)]
struct Level {
    bucket: Option<String>,
    key: Option<String>,
    #[serde(default)]
    pairs: Vec<Level>,
    #[serde(default)]
    value: Option<yaml_serde::Value>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Entry {
    fixed_version: String,
    vulnerable_versions: Vec<String>,
}

/// The set's advisories as OSV.
fn osv(folder: &Path) -> Vec<Value> {
    let mut affected: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let levels: Vec<Level> = yaml_serde::from_str(&text).unwrap_or_default();
        for level in &levels {
            let Some(ecosystem) = level.bucket.as_deref().and_then(ecosystem) else { continue };
            for package in &level.pairs {
                let Some(name) = &package.bucket else { continue };
                for entry in &package.pairs {
                    let Some(id) = &entry.key else { continue };
                    let said: Entry =
                        entry.value.clone().and_then(|value| yaml_serde::from_value(value).ok()).unwrap_or_default();
                    let ranges: Vec<Value> = ranges(&ecosystem, &said);
                    let package = json!({"ecosystem": ecosystem, "name": name});
                    let one = json!({"package": package, "ranges": ranges});
                    affected.entry(id.clone()).or_default().push(one);
                }
            }
        }
    }
    let record = |(id, affected)| {
        json!({"schema_version": "1.6.0", "id": id, "modified": "2024-01-01T00:00:00Z",
            "affected": affected})
    };
    affected.into_iter().map(record).collect()
}

fn ecosystem(bucket: &str) -> Option<String> {
    if let Some((language, _)) = bucket.split_once("::") {
        return Some(
            match language {
                "go" => "Go",
                "npm" => "npm",
                "pip" => "PyPI",
                "composer" => "Packagist",
                _ => return None,
            }
            .to_owned(),
        );
    }
    let (name, release) = bucket.split_once(' ')?;
    Some(match name {
        "alpine" if release != "edge" => format!("Alpine:v{release}"),
        "alma" => format!("AlmaLinux:{release}"),
        "debian" => format!("Debian:{release}"),
        "ubuntu" => format!("Ubuntu:{release}:LTS"),
        _ => return None,
    })
}

fn ranges(ecosystem: &str, entry: &Entry) -> Vec<Value> {
    let kind = if matches!(ecosystem, "Go" | "npm") { "SEMVER" } else { "ECOSYSTEM" };
    if entry.vulnerable_versions.is_empty() {
        let mut events = vec![json!({"introduced": "0"})];
        if !entry.fixed_version.is_empty() {
            events.push(json!({"fixed": entry.fixed_version}));
        }
        return vec![json!({"type": kind, "events": events})];
    }
    let range = |text: &String| {
        let mut events = vec![json!({"introduced": "0"})];
        for bound in text.split(',').map(str::trim) {
            let version = bound.trim_start_matches(['<', '>', '=', ' ']);
            if bound.starts_with(">=") {
                events[0] = json!({"introduced": version});
            } else if bound.starts_with("<=") {
                events.push(json!({"last_affected": version}));
            } else if bound.starts_with('<') {
                events.push(json!({"fixed": version}));
            }
        }
        json!({"type": kind, "events": events})
    };
    entry.vulnerable_versions.iter().map(range).collect()
}
