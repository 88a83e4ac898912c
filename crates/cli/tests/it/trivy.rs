//! Do closed sets of advisories, installed packages and expected findings that others published come out the same?
//!
//! The advisories are translated to OSV; what differs from the expected findings stands with its reason in
//! `golden/trivy-differences.txt`. The images themselves are not part of what was published: folders are scanned as
//! they are, and the packages of the images are installed anew, as empty ones of the same names and versions, by
//! `dpkg` and `rpm` themselves; only Alpine's database is written by hand, as `apk` is nowhere but on Alpine.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

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
    let mut judged: Vec<&str> = Vec::new();
    for (golden, make) in SETS {
        let root = format!("roots/{golden}");
        let expected = expected(&sets.join(format!("golden/{golden}.json.golden")));
        let found = match make {
            Root::Folder(folder) => findings(&bench, sets.join(folder).to_str().unwrap()),
            Root::Made(make) => match make(&bench, &root) {
                Ok(()) => findings(&bench, bench.path(&root).to_str().unwrap()),
                Err(missing) => {
                    println!("skipped: {golden}: {missing}");
                    continue;
                }
            },
        };
        judged.push(*golden);
        println!("{golden}: {} expected, {} found", expected.len(), found.len());
        for one in expected.difference(&found) {
            differences.push_str(&format!("{golden}: not found: {one}\n"));
        }
        for one in found.difference(&expected) {
            differences.push_str(&format!("{golden}: found beyond: {one}\n"));
        }
    }
    let explained = include_str!("../golden/trivy-differences.txt");
    let is_judged = |line: &&str| !line.starts_with('#') && judged.iter().any(|golden| line.starts_with(*golden));
    let explained: String = explained.lines().filter(is_judged).map(|line| format!("{line}\n")).collect();
    assert_eq!(differences, explained);
}

enum Root {
    /// Scanned as it is.
    Folder(&'static str),
    /// Its packages of interest are installed first; or why they cannot be.
    Made(fn(&Bench, &str) -> Result<(), String>),
}

const SETS: &[(&str, Root)] = &[
    ("alpine-310", Root::Made(alpine)),
    ("almalinux-8", Root::Made(almalinux)),
    ("debian-buster", Root::Made(debian)),
    ("gomod", Root::Folder("repo/gomod")),
    ("npm", Root::Folder("repo/npm")),
    ("ubuntu-1804", Root::Made(ubuntu)),
];

fn alpine(bench: &Bench, root: &str) -> Result<(), String> {
    bench.write(&format!("{root}/etc/os-release"), "ID=alpine\nVERSION_ID=3.10.2\n");
    let entry = |name: &str, version: &str, origin: &str| format!("P:{name}\nV:{version}\nA:x86_64\no:{origin}\n\n");
    let text = entry("libcrypto1.1", "1.1.1c-r0", "openssl")
        + &entry("libssl1.1", "1.1.1c-r0", "openssl")
        + &entry("musl", "1.1.22-r3", "musl");
    bench.write(&format!("{root}/lib/apk/db/installed"), text);
    Ok(())
}

fn debian(bench: &Bench, root: &str) -> Result<(), String> {
    bench.write(&format!("{root}/etc/os-release"), "ID=debian\nVERSION_ID=\"10\"\n");
    dpkg(bench, root, &[("bash", "5.0-4", ""), ("libidn2-0", "2.0.5-1", "libidn2"), ("apt", "1.8.2", "")])
}

fn ubuntu(bench: &Bench, root: &str) -> Result<(), String> {
    bench.write(&format!("{root}/etc/os-release"), "ID=ubuntu\nVERSION_ID=\"18.04\"\n");
    let e2fsprogs = "1.44.1-1ubuntu1.1";
    let packages = [
        ("bash", "4.4.18-2ubuntu1.2", ""),
        ("e2fsprogs", e2fsprogs, ""),
        ("libcom-err2", e2fsprogs, "e2fsprogs"),
        ("libext2fs2", e2fsprogs, "e2fsprogs"),
        ("libss2", e2fsprogs, "e2fsprogs"),
    ];
    dpkg(bench, root, &packages)
}

/// Builds the packages and lets dpkg install them below the root.
fn dpkg(bench: &Bench, root: &str, packages: &[(&str, &str, &str)]) -> Result<(), String> {
    for file in ["status", "available", "info/format", "updates/.keep"] {
        bench.write(&format!("{root}/var/lib/dpkg/{file}"), if file == "info/format" { "1\n" } else { "" });
    }
    let mut install = Command::new("dpkg");
    install.arg("--root").arg(bench.path(root)).args(["--force-all", "--install"]);
    for (name, version, source) in packages {
        let folder = format!("{root}.debs/{name}");
        let source = if source.is_empty() { String::new() } else { format!("Source: {source}\n") };
        let control = format!(
            "Package: {name}\n{source}Version: {version}\nArchitecture: amd64\nMaintainer: x <x@example.org>\nDescription: x\n"
        );
        bench.write(&format!("{folder}/DEBIAN/control"), control);
        let file = bench.path(&format!("{root}.debs/{name}.deb"));
        done(Command::new("dpkg-deb").args(["-Znone", "--build"]).arg(bench.path(&folder)).arg(&file))?;
        install.arg(file);
    }
    done(&mut install)
}

/// Builds the package and lets rpm note it in its database.
fn almalinux(bench: &Bench, root: &str) -> Result<(), String> {
    bench.write(&format!("{root}/etc/os-release"), "ID=almalinux\nVERSION_ID=\"8.5\"\n");
    let spec = "Name: openssl\nEpoch: 1\nVersion: 1.1.1k\nRelease: 4.el8\nSummary: x\nLicense: x\n%description\nx\n\
                %package libs\nSummary: x\n%description libs\nx\n%files libs\n";
    let spec = bench.write(&format!("{root}.rpms/openssl.spec"), spec);
    let top = format!("_topdir {}", bench.path(&format!("{root}.rpms")).display());
    let mut build = Command::new("rpmbuild");
    done(build.args(["-bb", "--quiet", "--target", "x86_64", "--define", &top]).arg(spec))?;
    let place = bench.path(&format!("{root}/var/lib/rpm"));
    std::fs::create_dir_all(&place).map_err(|error| error.to_string())?;
    let package = bench.path(&format!("{root}.rpms/RPMS/x86_64/openssl-libs-1.1.1k-4.el8.x86_64.rpm"));
    done(Command::new("rpm").args(["-i", "--justdb", "--nodeps", "--ignorearch", "--dbpath"]).arg(place).arg(package))
}

/// Runs a package manager's own tool; why not, where it is missing. That it fails is a fault of the test.
fn done(command: &mut Command) -> Result<(), String> {
    let told = command.output().map_err(|error| format!("{}: {error}", command.get_program().display()))?;
    assert!(told.status.success(), "{command:?}: {}", String::from_utf8_lossy(&told.stderr));
    Ok(())
}

/// `name version CVE fix`, once for each place it was found at.
fn findings(bench: &Bench, root: &str) -> BTreeSet<String> {
    let told = bench.run(&["scan", "--root", root, "--json"]);
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
