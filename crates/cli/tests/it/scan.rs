//! Does a scan find what lies in a root filesystem, and say what it could not see?

use std::path::PathBuf;

use crate::bench::{Bench, gzip, tar, zip};
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

pub fn with_advisories() -> Bench {
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

/// One frame of one block that is stored as it is (RFC 8878).
fn zstd(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0x28, 0xb5, 0x2f, 0xfd, 0xa0];
    out.extend(u32::try_from(bytes.len()).unwrap().to_le_bytes());
    out.extend(&u32::try_from(bytes.len() << 3 | 1).unwrap().to_le_bytes()[..3]);
    out.extend(bytes);
    out
}

/// A Docker archive: a base layer, and one that replaces the status file and hides a module.
fn image(bench: &Bench) {
    let status = |version: &str| STATUS.replace("1:2.0-3", version);
    let module: &[u8] = br#"{"name":"cart-lib","version":"1.2.2"}"#;
    let base = tar(&[
        ("etc/os-release", RELEASE.as_bytes()),
        ("var/lib/dpkg/status", status("1:2.0-3").as_bytes()),
        ("srv/app/node_modules/cart-lib/package.json", module),
        ("srv/old/node_modules/cart-lib/package.json", module),
        ("srv/shop/log4j-core-2.14.1.jar", &jar()),
    ]);
    let top = gzip(&tar(&[("var/lib/dpkg/status", status("1:2.0-3+deb12u1").as_bytes()), ("srv/.wh.old", b"")]));
    let manifest = br#"[{"Config":"c.json","RepoTags":["shop:1"],"Layers":["a/layer.tar","b/layer.tar"]}]"#;
    let archive = tar(&[("a/layer.tar", &zstd(&base)), ("b/layer.tar", &top), ("manifest.json", manifest)]);
    bench.write("image.tar.gz", gzip(&archive));
    bench.write("image.tar", archive);
}

#[test]
fn an_image_is_its_layers_over_each_other() {
    let mut bench = with_advisories();
    image(&bench);
    let told = bench.tell(&["scan", "--image", "image.tar", "--json"]).expect(0);
    let report = told.json();
    assert_eq!((&report["root"], &report["distro"]["id"]), (&"image.tar".into(), &"debian".into()));
    let found: Vec<&str> =
        report["findings"].as_array().unwrap().iter().map(|f| f["cves"][0].as_str().unwrap()).collect();
    assert_eq!(found, ["CVE-2021-44228", "CVE-2024-0003"], "the upper layer has the fix of shopd");
    let modules = report["packages"].as_array().unwrap().iter().find(|p| p["name"] == "cart-lib").unwrap();
    assert_eq!(modules["paths"].as_array().unwrap().len(), 1, "the upper layer hides the other");
    let packed = bench.run(&["scan", "--image", "image.tar.gz", "--json"]).expect(0);
    assert_eq!(packed.out.replace(".tar.gz", ".tar"), told.out);
    bench.run(&["scan", "--image", "image.tar", "--fail-on", "any"]).expect(2);
    bench.tell(&["scan", "--image", "missing.tar"]).expect(1);
    bench.write("page.html", "<!doctype html>");
    bench.tell(&["scan", "--image", "page.html"]).expect(1);
    bench.tell(&["scan", "--image", "image.tar", "--root", "/"]).expect(64);
    bench.golden("scan-image");
}

#[test]
fn a_hostile_image_costs_its_layer_only() {
    let bench = with_advisories();
    let mut zeros = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut zeros, &tar(&[("srv/zeros", &vec![0; 64 << 20])])).unwrap();
    let zeros = zeros.finish().unwrap();
    let good = tar(&[("etc/os-release", RELEASE.as_bytes()), ("var/lib/dpkg/status", STATUS.as_bytes())]);
    let manifest = br#"[{"Layers":["bomb","good"]}]"#;
    bench.write("image.tar", tar(&[("bomb", &zeros), ("good", &good), ("manifest.json", manifest)]));
    let told = bench.run(&["scan", "--image", "image.tar", "--json"]).expect(3);
    let line = &told.json()["coverage"][0];
    assert_eq!((&line["cataloger"], &line["status"]), (&"image".into(), &"partial".into()), "{told:?}");
    assert!(!told.json()["findings"].as_array().unwrap().is_empty());
    assert!(told.peak_kib < 64 << 10, "{} KiB", told.peak_kib);
    assert_eq!(std::fs::read_dir(bench.path(".")).unwrap().count(), 4, "nothing was unpacked");
}

#[test]
fn what_others_say_changes_findings_and_is_shown() {
    let mut bench = with_advisories();
    bench.write("bom.json", BILL);
    let openvex = |product: &str, status: &str| {
        format!(
            r#"{{"@context":"https://openvex.dev/ns/v0.2.0","@id":"https://example.org/vex/1","author":"Example","timestamp":"2025-01-01T00:00:00Z","version":1,"statements":[{{"vulnerability":{{"name":"CVE-2024-0003"}},"products":[{product}],"status":"{status}","justification":"vulnerable_code_not_in_execute_path","impact_statement":"Never called."}}]}}"#
        )
    };
    let cart = r#"{"@id":"pkg:npm/cart-lib@1.2.2"}"#;
    bench.write("not.json", openvex(cart, "not_affected"));
    bench.write("doubt.json", openvex(cart, "under_investigation"));
    bench.write("other.json", openvex(r#"{"@id":"pkg:npm/cart-lib@1.2.1"}"#, "not_affected"));
    bench.write(
        "elsewhere.json",
        openvex(r#"{"@id":"pkg:oci/shop","subcomponents":[{"@id":"pkg:npm/cart-lib"}]}"#, "not_affected"),
    );
    bench.write("cdx.json", r#"{"bomFormat":"CycloneDX","specVersion":"1.6","serialNumber":"urn:uuid:1","metadata":{"supplier":{"name":"Maker"}},"vulnerabilities":[{"id":"CVE-2024-0001","analysis":{"state":"resolved","detail":"Patched by us."},"affects":[{"ref":"pkg:deb/debian/libshop"}]}]}"#);
    bench.write("csaf.json", r#"{"document":{"category":"csaf_vex","csaf_version":"2.0","publisher":{"name":"Vendor"},"tracking":{"id":"V-1","status":"final"}},"product_tree":{"full_product_names":[{"product_id":"P1","name":"cart-lib","product_identification_helper":{"purl":"pkg:npm/cart-lib@1.2.2"}}]},"vulnerabilities":[{"cve":"CVE-2024-0003","product_status":{"known_not_affected":["P1"]},"flags":[{"label":"component_not_present","product_ids":["P1"]}]}]}"#);
    let scan = |vex: &[&str], more: &[&str]| {
        bench.run(&[&["scan", "--sbom", "bom.json", "--json", "--vex"], vex, more].concat())
    };
    let states = |vex: &[&str]| -> Vec<String> {
        let report = scan(vex, &[]).expect(0).json();
        let said = report["findings"].as_array().unwrap().iter();
        said.map(|f| format!("{} {}", f["cves"][0].as_str().unwrap(), f["state"].as_str().unwrap())).collect()
    };
    let (libshop, cart) = ("CVE-2024-0001", "CVE-2024-0003");
    assert_eq!(states(&["not.json"]), [format!("{libshop} affected"), format!("{cart} not-affected")]);
    assert_eq!(states(&["other.json"]), [format!("{libshop} affected"), format!("{cart} affected")]);
    assert_eq!(states(&["elsewhere.json"]), states(&["other.json"]), "a part of what is not here");
    assert_eq!(states(&["csaf.json", "cdx.json"]), [format!("{libshop} fixed"), format!("{cart} not-affected")]);
    assert_eq!(
        states(&["not.json", "doubt.json"]),
        [format!("{libshop} affected"), format!("{cart} under-investigation")]
    );
    let report = scan(&["csaf.json"], &[]).expect(0).json();
    let word = &report["vex"][0];
    assert_eq!((&word["before"], &word["state"]), (&"affected".into(), &"not-affected".into()));
    assert_eq!((&word["author"], &word["document"]), (&"Vendor".into(), &"V-1".into()));
    assert_eq!(word["justification"], "component_not_present");
    scan(&["not.json", "cdx.json"], &["--fail-on", "any"]).expect(0);
    scan(&["doubt.json", "cdx.json"], &["--fail-on", "any"]).expect(2);
    bench.write("empty.json", "{}");
    bench.tell(&["scan", "--sbom", "bom.json", "--vex", "empty.json"]).expect(1);
    bench.tell(&["scan", "--sbom", "bom.json", "--vex", "missing.json"]).expect(1);
    bench.tell(&["scan", "--sbom", "bom.json", "--vex", "not.json", "cdx.json"]).expect(0);
    bench.golden("scan-vex");
}

/// A program of this test runs; what it runs is said to run, and what to do about it.
#[test]
fn what_runs_here_is_told_with_its_restart() {
    let bench = Bench::new();
    let running = std::process::Command::new("/bin/sleep").arg("300").spawn();
    let (Ok(mut running), Some(status)) = (running, std::fs::read_to_string("/var/lib/dpkg/status").ok()) else {
        println!("skipped: no sleep, or no dpkg here");
        return;
    };
    let paragraph = status.split("\n\n").find(|one| one.starts_with("Package: coreutils\n")).unwrap_or_default();
    let version = paragraph.lines().find_map(|line| line.strip_prefix("Version: ")).unwrap_or_default().to_owned();
    bench.write(
        "advisory.json",
        SHOPD.replace("shopd", "coreutils").replace("1:2.0-3+deb12u1", &format!("{version}+deb12u9")),
    );
    bench.run(&["vulns", "import", "advisory.json"]).expect(0);
    let told = bench.run(&["scan", "--in-use", "--json"]);
    running.kill().unwrap();
    running.wait().unwrap();
    let report = told.json();
    let package = report["packages"].as_array().unwrap().iter().find(|p| p["name"] == "coreutils");
    assert_eq!(package.map(|package| &package["state"]), Some(&"loaded".into()));
    let Some(finding) = report["findings"].as_array().unwrap().iter().find(|f| f["name"] == "coreutils") else {
        println!("skipped: not a Debian 12");
        return;
    };
    let fix = finding["fix_command"].as_str().unwrap();
    assert!(fix.starts_with("apt-get install --only-upgrade coreutils="), "{fix}");
    assert!(fix.contains("restart"), "{fix}");
}

/// A program and what it loads, in a root filesystem of its own.
pub fn cell(bench: &Bench) -> Option<std::process::Child> {
    let libraries = std::process::Command::new("ldd").arg("/bin/sleep").output().ok()?;
    let libraries = String::from_utf8_lossy(&libraries.stdout).into_owned();
    let paths = libraries.split_whitespace().filter(|word| word.starts_with('/')).chain(["/bin/sleep"]);
    for path in paths {
        let copy = bench.path(&format!("cell{path}"));
        std::fs::create_dir_all(copy.parent()?).ok()?;
        std::fs::copy(path, copy).ok()?;
    }
    debian(bench, "cell", STATUS);
    bench.write("cell/var/lib/dpkg/info/shopd.list", "/.\n/bin\n/bin/sleep\n");
    let cell = bench.path("cell");
    let mut child = std::process::Command::new("chroot").arg(cell).args(["/bin/sleep", "300"]).spawn().ok()?;
    // Until the root is changed and the program runs, or could not be.
    for _ in 0..200 {
        std::thread::sleep(std::time::Duration::from_millis(10));
        if child.try_wait().ok()?.is_some() {
            return None;
        }
        let root = std::fs::read_link(format!("/proc/{}/root", child.id()));
        if root.is_ok_and(|root| root.ends_with("cell")) {
            return Some(child);
        }
    }
    let _ = child.kill();
    None
}

#[test]
fn a_containers_root_is_scanned_through_its_process() {
    let bench = with_advisories();
    let Some(mut child) = cell(&bench) else {
        println!("skipped: needs root, chroot and ldd");
        return;
    };
    std::thread::sleep(std::time::Duration::from_millis(100));
    let told = bench.run(&["scan", "--root", &format!("/proc/{}/root", child.id()), "--json"]);
    child.kill().unwrap();
    child.wait().unwrap();
    let report = told.expect(0).json();
    let states: Vec<_> = report["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| (package["name"].as_str().unwrap(), package["state"].as_str().unwrap()))
        .collect();
    assert_eq!(states, [("libshop", "installed"), ("shopd", "loaded")]);
}
