//! Does a scan find what lies in a root filesystem, and say what it could not see?

use std::path::PathBuf;

use crate::bench::{Bench, zip};
use crate::vulns::{CARTLIB, EXPLOITED, LOG4SHELL, SHOPD, TROLLEY};

const STATUS: &str = "Package: shopd\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1:2.0-3\nSource: shopd-src (1:2.0-3)\n\nPackage: gone\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 1.0\n\nPackage: libshop\nStatus: install ok installed\nArchitecture: amd64\nSource: shopd\nVersion: 1:2.0-3\n";
const RELEASE: &str =
    "ID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n";

/// A Java archive as the component's build lays it out.
pub fn jar() -> Vec<u8> {
    zip(&[
        ("META-INF/MANIFEST.MF", b"Manifest-Version: 1.0\r\nImplementation-Version: 2.14.1\r\n\r\n"),
        (
            "META-INF/maven/org.apache.logging.log4j/log4j-core/pom.properties",
            b"groupId=org.apache.logging.log4j\nartifactId=log4j-core\nversion=2.14.1\n",
        ),
    ])
}

fn debian(bench: &Bench, root: &str, status: &str) {
    bench.write(&format!("{root}/etc/os-release"), RELEASE);
    bench.write(&format!("{root}/var/lib/dpkg/status"), status);
}

fn with_advisories() -> Bench {
    let bench = Bench::new();
    bench.write("advisories.ndjson", [LOG4SHELL, SHOPD, TROLLEY, CARTLIB].join("\n"));
    bench.write("kev.json", EXPLOITED);
    bench.run(&["vulns", "import", "advisories.ndjson", "kev.json"]).expect(0);
    bench
}

#[test]
fn a_root_with_four_ecosystems_is_read_and_matched() {
    let mut bench = with_advisories();
    debian(&bench, "root", STATUS);
    bench.write(
        "root/usr/lib/python3/dist-packages/trolley_kit-1.4.1.dist-info/METADATA",
        "Metadata-Version: 2.1\nName: trolley-kit\nVersion: 1.4.1\n",
    );
    bench.write("root/srv/app/node_modules/cart-lib/package.json", r#"{"name":"cart-lib","version":"1.2.2"}"#);
    bench.write("root/srv/shop/lib/log4j-core-2.14.1.jar", jar());
    let told = bench.tell(&["scan", "--root", "root", "--json"]).expect(0);
    let report = told.json();
    assert_eq!(report["schema"], 1);
    for key in ["root", "distro", "packages", "findings", "coverage", "database"] {
        assert!(!report[key].is_null(), "{key}");
    }
    for package in report["packages"].as_array().unwrap() {
        for key in ["purl", "name", "version", "source", "source_version", "paths", "state"] {
            assert!(package.get(key).is_some(), "{key} of {package}");
        }
    }
    for finding in report["findings"].as_array().unwrap() {
        for key in ["purl", "id", "cves", "state", "fixed", "severity", "fix_command"] {
            assert!(finding.get(key).is_some(), "{key} of {finding}");
        }
    }
    for key in ["built", "sources"] {
        assert!(!report["database"][key].is_null());
    }
    let cves: Vec<&str> =
        report["findings"].as_array().unwrap().iter().map(|f| f["cves"][0].as_str().unwrap()).collect();
    for cve in ["CVE-2021-44228", "CVE-2024-0001", "CVE-2024-0002", "CVE-2024-0003"] {
        assert!(cves.contains(&cve), "{cve} in {cves:?}");
    }
    bench.tell(&["scan", "--root", "root"]).expect(0);
    let told = bench.run(&["scan", "--root", "root", "--fail-on", "high"]).expect(2);
    assert!(told.err.contains("3 findings without a score"), "{told:?}");
    for limit in ["any", "medium", "high", "critical", "exploited"] {
        bench.run(&["scan", "--root", "root", "--fail-on", limit, "--json"]).expect(2);
    }
    bench.golden("scan");
}

#[test]
fn exit_codes_follow_the_precedence() {
    let mut bench = with_advisories();
    bench.write("empty/srv/readme", "nothing here");
    bench.tell(&["scan", "--root", "empty", "--json"]).expect(3);
    bench.tell(&["scan", "--root", "empty"]).expect(3);
    bench.tell(&["scan", "--root", "empty", "--fail-on", "any"]).expect(3);
    bench.tell(&["scan", "--root", "nowhere", "--json"]).expect(1);
    bench.tell(&["scan", "--root", "nowhere", "--fail-on", "any"]).expect(1);
    bench.tell(&["scan", "--root", "empty", "--fail-on", "sometimes"]).expect(64);
    // Findings weigh more than a part that could not be read; without a limit the part counts.
    debian(
        &bench,
        "torn",
        &format!("Package\nrubbish line\nVersion: 1\n\n{STATUS}\nPackage: noversion\nStatus: install ok installed\n"),
    );
    let told = bench.tell(&["scan", "--root", "torn", "--json"]).expect(3);
    let dpkg = told.json()["coverage"].as_array().unwrap().iter().find(|c| c["cataloger"] == "dpkg").unwrap().clone();
    assert_eq!(dpkg["status"], "partial");
    assert!(dpkg["reason"].as_str().unwrap().contains("status:"), "names file and line: {dpkg}");
    assert!(told.json()["packages"].as_array().unwrap().iter().any(|p| p["name"] == "shopd"), "the good part is kept");
    bench.tell(&["scan", "--root", "torn", "--fail-on", "any"]).expect(2);
    bench.tell(&["scan", "--root", "torn", "--fail-on", "exploited"]).expect(3);
    debian(&bench, "fixed", &STATUS.replace("2.0-3", "2.0-3+deb12u1"));
    bench.tell(&["scan", "--root", "fixed", "--fail-on", "any", "--json"]).expect(0);
    bench.golden("scan-exit");
}

#[test]
fn without_advisories_it_says_that_nothing_was_matched() {
    let mut bench = Bench::new();
    debian(&bench, "root", STATUS);
    let told = bench.tell(&["scan", "--root", "root", "--json"]).expect(3);
    assert!(told.err.contains("no advisories loaded"));
    bench.tell(&["scan", "--root", "root", "--fail-on", "any"]).expect(3);
    bench.golden("scan-unmatched");
}

/// A link that leads out of the root, and one that leads in a circle.
#[test]
fn links_do_not_lead_out_of_the_root() {
    let bench = with_advisories();
    debian(&bench, "root", STATUS);
    let outside: PathBuf =
        bench.write("outside/node_modules/cart-lib/package.json", r#"{"name":"cart-lib","version":"1.2.2"}"#);
    std::os::unix::fs::symlink(bench.path("outside"), bench.path("root/srv")).unwrap();
    std::os::unix::fs::symlink("../root", bench.path("root/loop")).unwrap();
    let told = bench.run(&["scan", "--root", "root", "--json"]).expect(0);
    assert!(!told.out.contains("cart-lib"), "{} was read", outside.display());
}

const BILL: &str = r#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{"type":"operating-system","name":"debian","version":"12"},{"type":"library","name":"libshop","version":"1:2.0-3","purl":"pkg:deb/debian/libshop@2.0-3?arch=amd64&epoch=1&upstream=shopd"},{"type":"library","name":"lib","version":"1.2.2","purl":"pkg:npm/cart-lib@1.2.2"},{"type":"library","name":"lib","version":"1.2.3","purl":"pkg:npm/cart-lib@1.2.3"}]}"#;

#[test]
fn a_bill_of_materials_is_matched_as_a_root_is() {
    let mut bench = with_advisories();
    bench.write("bom.json", BILL);
    bench.write("bom.json.gz", crate::bench::gzip(BILL.as_bytes()));
    let told = bench.tell(&["scan", "--sbom", "bom.json", "--json"]).expect(0);
    let report = told.json();
    assert_eq!((report["packages"].as_array().unwrap().len(), report["findings"].as_array().unwrap().len()), (3, 2));
    assert_eq!(report["coverage"][0]["cataloger"], "sbom");
    bench.run(&["scan", "--sbom", "bom.json.gz", "--fail-on", "any"]).expect(2);
    bench.write("odd.json", BILL.replace("pkg:npm/cart-lib@1.2.3", "pkg:moon/hatch@1"));
    bench.tell(&["scan", "--sbom", "odd.json"]).expect(3);
    bench.write("none.json", "{\"bomFormat\":\"CycloneDX\"}");
    bench.tell(&["scan", "--sbom", "none.json"]).expect(3);
    bench.write("page.html", "<!doctype html>");
    bench.tell(&["scan", "--sbom", "page.html"]).expect(1);
    bench.tell(&["scan", "--sbom", "missing.json"]).expect(1);
    bench.tell(&["scan", "--sbom", "bom.json", "--root", "root"]).expect(64);
    bench.golden("scan-sbom");
}

#[test]
fn every_form_of_a_report_is_written_where_it_shall_be() {
    let bench = with_advisories();
    bench.write("bom.json", BILL);
    for form in ["table", "json", "ndjson", "csv", "sarif", "cyclonedx", "spdx", "openvex"] {
        let arguments = ["scan", "--sbom", "bom.json", "--format", form];
        let mut command = bench.command(&arguments);
        let first = command.env("SOURCE_DATE_EPOCH", "1735689600").output().unwrap();
        assert!(first.status.success(), "{form}: {first:?}");
        let output = format!("report.{form}");
        let mut command = bench.command(&[&arguments[..], &["--output", &output]].concat());
        let second = command.env("SOURCE_DATE_EPOCH", "1735689600").output().unwrap();
        assert!(second.status.success() && second.stdout.is_empty(), "{form}: {second:?}");
        assert_eq!(std::fs::read(bench.path(&output)).unwrap(), first.stdout, "{form}");
        assert!(!first.stdout.is_empty());
    }
    bench.run(&["scan", "--sbom", "bom.json", "--format", "tarot"]).expect(64);
    bench.run(&["scan", "--sbom", "bom.json", "--output", "no/such/folder"]).expect(1);
    // What it wrote, it reads.
    for form in ["cyclonedx", "spdx"] {
        let report = bench.run(&["scan", "--sbom", &format!("report.{form}"), "--json"]).expect(0).json();
        assert_eq!(report["packages"].as_array().unwrap().len(), 3, "{form}");
        assert_eq!(report["findings"].as_array().unwrap().len(), 2, "{form}: {report}");
    }
    let all = bench.run(&["scan", "--sbom", "bom.json", "--format", "ndjson"]).expect(0).lines();
    let fixed = bench.run(&["scan", "--sbom", "bom.json", "--format", "ndjson", "--only-fixed"]).expect(0).lines();
    assert!(fixed.len() <= all.len() && fixed.iter().all(|finding| finding["fixed"].is_string()));
}
