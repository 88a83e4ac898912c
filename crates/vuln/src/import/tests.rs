//! Do imports survive hostile files, replace what they said before, and agree with public answers?

use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;

use serde::Deserialize;
use tripoint_model::{Ecosystem, Package, PackageState};

use super::*;
use crate::image::{Database, image_files, open_latest};
use crate::matching::match_package;
use crate::query::{lookup_cve, query, query_purl};

fn context(folder: &tempfile::TempDir) -> ImportContext {
    ImportContext { data_dir: folder.path().join("data"), now: Timestamp(1_795_000_000_000_000) }
}

fn take(folder: &tempfile::TempDir, files: &[PathBuf]) -> ImportReport {
    import(files, &ImportOptions::default(), &context(folder), &mut |_, _| {}).expect("import")
}

fn file(folder: &tempfile::TempDir, name: &str, content: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, content).expect("write");
    path
}

fn database(folder: &tempfile::TempDir) -> Database {
    open_latest(&context(folder).data_dir).expect("open").expect("image").1
}

const FIXTURE: &[u8] = include_bytes!("../../fixtures/advisory/osv/good.in");
const HOSTILE: &[u8] = include_bytes!("../../fixtures/advisory/osv/hostile.in");

#[test]
fn what_is_imported_can_be_asked() {
    let folder = tempfile::tempdir().expect("tempdir");
    let files = [
        file(&folder, "osv.json", FIXTURE),
        file(&folder, "kev.json", include_bytes!("../../fixtures/advisory/kev/good.in")),
        file(&folder, "epss.csv", include_bytes!("../../fixtures/advisory/epss/good.in")),
    ];
    let report = take(&folder, &files);
    assert_eq!((report.read, report.imported, report.refused), (6, 6, 0), "{report:?}");
    assert_eq!((report.source.as_str(), report.format.as_str()), ("osv,kev,epss", "epss,kev,osv"));
    let database = database(&folder);
    let answer = query(&database, "Debian:12", "demo", "1.2-3");
    assert_eq!(answer.cves, ["CVE-2026-10000", "CVE-2026-10001"]);
    assert_eq!(answer.findings[0].fixed, Some("1.2-3+deb12u1"));
    assert!(query(&database, "Debian:12", "demo", "1.2-3+deb12u1").findings.is_empty());
    assert!(query(&database, "Debian:11", "demo", "1.2-3").findings.is_empty());
    assert_eq!(query(&database, "Debian", "demo", "1.2-3").findings.len(), 1);
    assert_eq!(query(&database, "pypi", "demo_package", "0.9rc1").findings.len(), 1);
    assert_eq!(query_purl(&database, "pkg:pypi/Demo.Package@1.2").findings.len(), 1);
    assert!(query(&database, "npm", "demo", "1.0.0").findings.is_empty(), "withdrawn");
    assert!(query(&database, "Amiga", "demo", "1").error.is_some());
    assert!(query(&database, "Debian", "demo", "").error.is_some());
    let cve = lookup_cve(&database, "cve-2026-10001").expect("known");
    assert!(cve.known_exploited && cve.epss_bp == Some(9438) && cve.advisories.len() == 1, "{cve:?}");
    assert_eq!(cve.advisories[0].packages[0].ecosystem, "Debian:12");
    let package = Package {
        purl: "pkg:deb/debian/libdemo1@1.2-3".into(),
        ecosystem: Ecosystem::Debian,
        release: "12".into(),
        name: "libdemo1".into(),
        version: "1.2-3".into(),
        source: "demo".into(),
        source_version: "1.2-3".into(),
        module: String::new(),
        paths: Vec::new(),
        state: PackageState::Loaded,
        installed: None,
    };
    let found = match_package(&database, &package);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].cvss_tenths, Some(98));
    assert!(found[0].known_exploited && found[0].epss_bp == Some(9438));
    assert_eq!(found[0].fix_command.as_deref(), Some("apt-get install --only-upgrade libdemo1=1.2-3+deb12u1"));
}

/// A package of a module's stream, as rpm's database labels it.
fn of_module(label: &str) -> Package {
    Package {
        purl: "pkg:rpm/redhat/demo@1-1.module%2Bel8?arch=x86_64".into(),
        ecosystem: Ecosystem::AlmaLinux,
        release: "8".into(),
        name: "demo".into(),
        version: "1-1.module+el8".into(),
        source: "demo".into(),
        source_version: "1-1.module+el8".into(),
        module: label.into(),
        paths: Vec::new(),
        state: PackageState::Installed,
        installed: None,
    }
}

#[test]
fn a_notice_on_a_module_is_about_its_own_stream() {
    let folder = tempfile::tempdir().expect("tempdir");
    let notice = r#"<?xml version="1.0"?><updates><update from="errata@almalinux.org" type="security">
        <id>ALSA-2026:1</id><title>demo</title><release>AlmaLinux 8</release>
        <references><reference id="CVE-2026-10020" type="cve"/></references>
        <pkglist><collection short="almalinux-8"><name>almalinux-8</name>
        <module name="demo" stream="20" version="8" context="ab" arch="x86_64"/>
        <package name="demo" version="2" release="1.module+el8" epoch="0" arch="x86_64"/>
        </collection></pkglist></update></updates>"#;
    let report = take(&folder, &[file(&folder, "updateinfo.xml", notice.as_bytes())]);
    assert_eq!((report.read, report.imported), (1, 1), "{report:?}");
    let database = database(&folder);
    let found = |label: &str| match_package(&database, &of_module(label)).len();
    assert_eq!(found("demo:20"), 1);
    assert_eq!(found("demo:20:8090:ab"), 1);
    assert_eq!(found("demo:18"), 0, "another stream");
    assert_eq!(found(""), 1, "of a module that is not known");
}

#[test]
fn a_bad_second_import_leaves_the_last_good_copy() {
    let folder = tempfile::tempdir().expect("tempdir");
    let path = file(&folder, "osv.json", FIXTURE);
    take(&folder, std::slice::from_ref(&path));
    std::fs::write(&path, b"{\"id\":\"X-1\",\"affected\":[").expect("write");
    let report = take(&folder, std::slice::from_ref(&path));
    assert_eq!((report.imported, report.refused), (0, 1));
    assert_eq!(report.refusals[0].file, path.to_string_lossy());
    assert_eq!(query(&database(&folder), "Debian:12", "demo", "1.2-3").findings.len(), 1);
    // A good one that no longer speaks of the package replaces it.
    std::fs::write(&path, br#"{"id":"DEMO-9","modified":"x","affected":[{"package":{"ecosystem":"npm","name":"z"},"versions":["1.0.0"]}]}"#).expect("write");
    for _ in 0..4 {
        assert_eq!(take(&folder, std::slice::from_ref(&path)).imported, 1);
    }
    assert!(query(&database(&folder), "Debian:12", "demo", "1.2-3").findings.is_empty());
    assert_eq!(image_files(&context(&folder).data_dir).len(), 3);
}

#[test]
fn archives_and_hostile_records_are_counted() {
    let folder = tempfile::tempdir().expect("tempdir");
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in [("a.json", FIXTURE), ("sub/b.jsonl", HOSTILE), ("README", b"hello".as_slice())] {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).expect("zip");
        zip.write_all(content).expect("zip");
    }
    let bytes = zip.finish().expect("zip").into_inner();
    let report = take(&folder, &[file(&folder, "all.zip", &bytes)]);
    assert_eq!(report.read, report.imported + report.refused);
    assert!(
        report.imported >= 4
            && report
                .refusals
                .iter()
                .any(|refusal| refusal.file.ends_with("all.zip!/sub/b.jsonl") && refusal.reason.contains("Amiga")),
        "{report:#?}"
    );
    let cut = file(&folder, "cut.zip", &bytes[..bytes.len() / 2]);
    let report = take(&folder, &[cut, folder.path().join("missing.json")]);
    assert!(report.refused >= 2, "{report:#?}");
}

#[test]
fn a_cut_archive_does_not_replace_a_copy_that_has_more() {
    let folder = tempfile::tempdir().expect("tempdir");
    let packed = |count: u32| {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        for number in 0..count {
            let record = format!(
                r#"{{"id":"X-{number}","modified":"x","affected":[{{"package":{{"ecosystem":"npm","name":"z{number}"}},"versions":["1.0.0"]}}]}}"#
            );
            writeln!(out, "{record}").expect("gzip");
        }
        out.finish().expect("gzip")
    };
    let whole = packed(5000);
    let path = file(&folder, "x.jsonl.gz", &whole);
    assert_eq!(take(&folder, std::slice::from_ref(&path)).imported, 5000);
    std::fs::write(&path, &whole[..whole.len() / 2]).expect("write");
    let report = take(&folder, std::slice::from_ref(&path));
    assert_eq!((report.imported, report.refused), (0, report.read), "{report:?}");
    assert!(report.refusals[0].reason.contains("5000 records and stays"), "{:?}", report.refusals[0]);
    assert_eq!(query(&database(&folder), "npm", "z4999", "1.0.0").findings.len(), 1);
    // Where nothing stood before, the good part is better than nothing.
    let fresh = tempfile::tempdir().expect("tempdir");
    let report = take(&fresh, &[file(&fresh, "x.jsonl.gz", &whole[..whole.len() / 2])]);
    assert!(report.imported > 1000 && report.refused >= 1, "{report:?}");
}

#[test]
fn a_damaged_image_is_passed_over() {
    let folder = tempfile::tempdir().expect("tempdir");
    let path = file(&folder, "osv.json", FIXTURE);
    take(&folder, std::slice::from_ref(&path));
    take(&folder, std::slice::from_ref(&path));
    let (_, newest) = image_files(&context(&folder).data_dir).remove(0);
    let good = std::fs::read(&newest).expect("image");
    for at in (0..good.len()).step_by(7) {
        let mut bad = good.clone();
        bad[at] ^= 0x55;
        assert!(Database::open(std::sync::Arc::new(bad)).is_err(), "byte {at}");
        assert!(Database::open(std::sync::Arc::new(good[..at].to_vec())).is_err());
    }
    std::fs::write(&newest, &good[..40]).expect("write");
    assert_eq!(open_latest(&context(&folder).data_dir).expect("open").expect("image").0, 1);
}

#[derive(Deserialize)]
struct Question {
    ecosystem: String,
    source: String,
    version: String,
    expected_cves: BTreeSet<String>,
}

#[test]
fn public_answers_agree() {
    let Some(data) = std::env::var_os("TRIPOINT_TEST_DATA").map(PathBuf::from) else {
        println!("skipped: TRIPOINT_TEST_DATA is not set");
        return;
    };
    let folder = tempfile::tempdir().expect("tempdir");
    let report = take(&folder, &[data.join("vuln/debian/osv-debian12-derived.jsonl.gz")]);
    println!("debian: read {} imported {} refused {}", report.read, report.imported, report.refused);
    assert_eq!((report.refused, report.read), (0, 5536));
    let database = database(&folder);
    let mut text = String::new();
    let packed = data.join("vuln/debian/queries-expected.jsonl.gz");
    entries(Source::Path(&packed), "questions", &LIMITS, &mut |_, content| {
        content.read_to_string(&mut text).expect("text");
        ControlFlow::Continue(())
    })
    .expect("gzip");
    let mut wrong = Vec::new();
    let mut asked = 0;
    for line in text.lines() {
        let question: Question = serde_json::from_str(line).expect("question");
        asked += 1;
        let found: BTreeSet<String> = query(&database, &question.ecosystem, &question.source, &question.version)
            .cves
            .into_iter()
            .map(str::to_owned)
            .collect();
        if found != question.expected_cves {
            wrong.push(format!("{} {}", question.source, question.version));
        }
    }
    println!("debian: {} of {asked} answers agree", asked - wrong.len());
    assert!(asked == 980 && wrong.is_empty(), "{wrong:?}");
}

/// The rows name every fix that Debian has published for packages of a real host.
#[test]
fn public_findings_agree() {
    let Some(data) = std::env::var_os("TRIPOINT_TEST_DATA").map(PathBuf::from) else {
        println!("skipped: TRIPOINT_TEST_DATA is not set");
        return;
    };
    let folder = tempfile::tempdir().expect("tempdir");
    take(&folder, &[data.join("vuln/debian/osv-debian12-derived.jsonl.gz")]);
    let database = database(&folder);
    let mut text = String::new();
    let packed = data.join("inventory/debian12/expected-findings-part.tsv.gz");
    entries(Source::Path(&packed), "findings", &LIMITS, &mut |_, content| {
        content.read_to_string(&mut text).expect("text");
        ControlFlow::Continue(())
    })
    .expect("gzip");
    let mut expected: std::collections::BTreeMap<[String; 4], BTreeSet<(String, String)>> =
        std::collections::BTreeMap::new();
    for line in text.lines().skip(1) {
        let fields: Vec<String> = line.split('\t').map(str::to_owned).collect();
        let [name, version, source, source_version, cve, fixed] = fields.try_into().expect("six fields");
        expected.entry([name, version, source, source_version]).or_default().insert((cve, fixed));
    }
    assert!(expected.len() > 20);
    let mut findings = 0;
    for ([name, version, source, source_version], wanted) in expected {
        let package = Package {
            purl: String::new(),
            ecosystem: Ecosystem::Debian,
            release: "12".into(),
            name: name.clone(),
            version,
            source,
            source_version,
            module: String::new(),
            paths: Vec::new(),
            state: PackageState::Installed,
            installed: None,
        };
        let found: BTreeSet<(String, String)> = match_package(&database, &package)
            .into_iter()
            .map(|finding| (finding.cves[0].clone(), finding.fixed.unwrap_or_default()))
            .collect();
        findings += found.len();
        assert_eq!(found, wanted, "{name}");
    }
    println!("debian: {findings} findings agree");
}

#[test]
fn public_files_import() {
    let Some(data) = std::env::var_os("TRIPOINT_TEST_DATA").map(PathBuf::from) else {
        println!("skipped: TRIPOINT_TEST_DATA is not set");
        return;
    };
    for (name, at_least) in [
        ("vuln/osv/go.tar.gz", 4200),
        ("vuln/osv/almalinux-8-9.tar.gz", 5020),
        ("vuln/osv/bitnami.tar.gz", 5600),
        ("vuln/osv/maven-zeppelin.jsonl.gz", 356),
        ("vuln/kev/kev-2026-08-08.json.gz", 1600),
    ] {
        let folder = tempfile::tempdir().expect("tempdir");
        let report = take(&folder, &[data.join(name)]);
        println!(
            "{name}: read {} imported {} refused {} {:?}",
            report.read,
            report.imported,
            report.refused,
            report.refusals.first()
        );
        assert_eq!(report.read, report.imported + report.refused);
        assert!(report.imported >= at_least, "{name}: {} {:?}", report.imported, report.refusals.first());
    }
}
