//! Are OVAL's criteria evaluated as OpenSCAP does, and are definitions for another release refused?

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use crate::bench::Bench;
use crate::real;

#[test]
fn definitions_are_as_true_as_openscap_says() {
    let Some(data) = real::data() else { return };
    let bench = Bench::new();
    let database = data.join("inventory/rpm/cbl-mariner-2.0.rpmdb.sqlite.gz");
    bench.write("root/var/lib/rpm/rpmdb.sqlite", real::unpacked_bytes(&database));
    bench.write("root/etc/os-release", "ID=mariner\nVERSION_ID=\"2.0\"\n");
    let file = data.join("vuln/oval/azurelinux-3.0-oval.xml.gz");
    let evaluate = ["vulns", "evaluate", file.to_str().unwrap(), "--root", "root"];

    let refused = bench.run(&evaluate).expect(1);
    assert!(refused.err.contains("is for Azure Linux 3, but root is Azure Linux 2"), "{}", refused.err);
    assert_eq!(refused.out, "");

    let told = bench.run(&[&evaluate[..], &["--force", "--json"]].concat()).expect(0).json();
    assert_eq!(told["packages"], 129);
    let ours: BTreeMap<String, String> = told["definitions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["id"].as_str().unwrap().to_owned(), one["result"].as_str().unwrap().to_owned()))
        .collect();
    println!("{} definitions, {} true, {} unknown", ours.len(), told["true"], told["unknown"]);
    assert_eq!((ours.len(), &told["unknown"]), (1222, &0.into()));

    // What its advisories say of release 3 is not said of release 2.
    bench.run(&["vulns", "import", file.to_str().unwrap(), "-q"]).expect(0);
    let scanned = bench.run(&["scan", "--root", "root", "--json"]).expect(0).json();
    assert_eq!(scanned["packages"].as_array().unwrap().len(), 129);
    assert_eq!(scanned["findings"], serde_json::json!([]));

    let plain = bench.write("oval.xml", real::unpacked_bytes(&file));
    match openscap(&bench.path("root"), &plain, &bench.path("home")) {
        Some(theirs) => assert_eq!(ours, theirs),
        None => println!("skipped: oscap is not here to compare with"),
    }
}

/// Each definition's id and result.
fn openscap(root: &Path, file: &Path, home: &Path) -> Option<BTreeMap<String, String>> {
    std::fs::create_dir_all(home).unwrap();
    // Debian's rpm looks for the database in the user's home.
    std::fs::write(home.join(".rpmmacros"), "%_dbpath /var/lib/rpm\n").unwrap();
    let told = Command::new("oscap")
        .args(["oval", "eval", "--skip-valid"])
        .arg(file)
        .env("HOME", home)
        .env("OSCAP_PROBE_ROOT", root)
        .output()
        .ok()?;
    let said = String::from_utf8(told.stdout).ok()?;
    let lines = said.lines().filter_map(|line| line.strip_prefix("Definition ")?.rsplit_once(": "));
    Some(lines.map(|(id, result)| (id.to_owned(), result.to_owned())).collect())
}

/// A publisher that rebuilt a package for one architecture only: the other's fix is told as it is.
#[test]
fn a_fix_counts_on_its_architecture_only() {
    let bench = Bench::new();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vuln/fixtures/advisory/oval/good-architectures.in");
    bench.write("elsa.xml", std::fs::read(file).unwrap());
    bench.run(&["vulns", "import", "elsa.xml"]).expect(0);
    let purl = |arch: &str| format!("pkg:rpm/oracle/demo@1.2-3.el9?arch={arch}&distro=oraclelinux-9.4");
    let asked =
        ["x86_64", "i686", "aarch64", "noarch"].map(|arch| format!("{{\"purl\":\"{}\"}}\n", purl(arch))).concat();
    let told = bench.feed(&["vulns", "query", "--stdin", "--json"], asked.as_bytes()).expect(0).lines();
    let open: Vec<usize> = told.iter().map(|answer| answer["cves"].as_array().unwrap().len()).collect();
    assert_eq!(open, [0, 0, 1, 1], "{told:#?}");
    assert_eq!(told[2]["findings"][0]["fixed"], "1.2-4.el9");

    let component =
        |arch: &str| serde_json::json!({"type": "library", "name": "demo", "version": "1.2-3.el9", "purl": purl(arch)});
    let bom = serde_json::json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [component("x86_64"), component("aarch64")]});
    bench.write("bom.json", bom.to_string());
    let found = bench.run(&["scan", "--sbom", "bom.json", "--json"]).expect(0).json();
    let purls: Vec<&str> =
        found["findings"].as_array().unwrap().iter().map(|one| one["purl"].as_str().unwrap()).collect();
    assert_eq!(purls, [purl("aarch64")]);
}
