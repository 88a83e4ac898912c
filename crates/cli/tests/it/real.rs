//! Do published feeds, advisories and package databases go through the program as they are?

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::bench::Bench;

/// The folder of published data, when it is at hand.
pub fn data() -> Option<PathBuf> {
    let folder = std::env::var_os("TRIPOINT_TEST_DATA").map(PathBuf::from);
    if folder.is_none() {
        println!("skipped: TRIPOINT_TEST_DATA is not set");
    }
    folder
}

fn field(line: &str, at: usize) -> &str {
    line.split('\t').nth(at).unwrap_or_default()
}

/// A compressed text.
pub fn unpacked(path: &Path) -> String {
    String::from_utf8(unpacked_bytes(path)).unwrap()
}

/// The content of a compressed file.
pub fn unpacked_bytes(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    flate2::read::MultiGzDecoder::new(std::fs::File::open(path).unwrap()).read_to_end(&mut bytes).unwrap();
    bytes
}

#[test]
fn published_feeds_load() {
    let Some(data) = data() else { return };
    let bench = Bench::new();
    for (file, least) in [
        ("threatfox/ips-2026-08-22.txt.gz", 5000),
        ("spamhaus/drop.txt", 500),
        ("shadowwhisperer/threats-part.csv.gz", 1000),
        ("zeek-intel/cobaltstrike_ips.intel", 1000),
        ("stix/threat-reports/poisonivy.json", 20),
    ] {
        let path = data.join("intel").join(file);
        let name = file.replace('/', "-");
        let told = bench.run(&["intel", "import", path.to_str().unwrap(), "--name", &name, "--json"]).expect(0);
        let report = told.json();
        println!("{file}: {} {} of {}, {} KiB", report["format"], report["imported"], report["read"], told.peak_kib);
        assert!(report["imported"].as_u64() >= Some(least), "{file}: {}", report["imported"]);
    }
    let feeds = bench.run(&["intel", "list", "--json"]).expect(0).json();
    assert_eq!(feeds.as_array().unwrap().len(), 5);
    // Every address of a feed is found again, one line out for one line in.
    let list = unpacked(&data.join("intel/threatfox/ips-2026-08-22.txt.gz"));
    let told = bench.feed(&["intel", "lookup", "--stdin", "--json"], list.as_bytes()).expect(0);
    let answers = told.lines();
    assert_eq!(answers.len(), list.lines().count());
    let bad = answers.iter().filter(|answer| answer["verdict"] == "bad").count();
    assert!(bad * 100 >= answers.len() * 95, "{bad} of {}", answers.len());
}

/// Every file of the folder says something or says why not, and nothing that was refused goes unnamed.
#[test]
fn every_published_feed_file_is_taken_or_refused_with_its_reasons() {
    let Some(data) = data() else { return };
    let mut files = Vec::new();
    let mut folders = vec![data.join("intel")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    let (mut taken, mut nothing) = (0, Vec::new());
    for path in files {
        // Notices beside the data, a schema, and tables of the Internet's owners.
        if path.extension().is_some_and(|end| end == "md") || path.ends_with("schema.json") || is_in(&path, "asn") {
            continue;
        }
        let bench = Bench::new();
        let told = bench.run(&["intel", "import", path.to_str().unwrap(), "--name", "feed", "--json"]);
        let report = told.json();
        let number = |name: &str| report[name].as_u64().unwrap();
        assert_eq!(number("imported") + number("refused"), number("read"), "{path:?}");
        let refusals = report["refusals"].as_array().unwrap();
        assert_eq!(refusals.len() as u64, number("refused"), "{path:?}: not every refusal is named");
        assert!(refusals.iter().all(|refusal| refusal["reason"].as_str().is_some_and(|text| text.len() > 8)));
        if number("imported") > 0 {
            taken += 1;
            assert_eq!(told.code, 0);
        } else {
            nothing.push(format!("{}: {}", path.display(), refusals[0]["reason"]));
            assert_eq!(told.code, 1);
        }
    }
    println!("{taken} files are taken; of these nothing can be: {nothing:#?}");
    // STIX of files, mails, reports and of 10.0.0.0; systems without a table of their owners.
    assert!(taken >= 30 && nothing.iter().all(|line| line.contains("/stix/") || line.contains("/asn_drop.json")));
}

fn is_in(path: &Path, folder: &str) -> bool {
    path.parent().is_some_and(|parent| parent.ends_with(folder))
}

/// Every line of a list is taken or refused, and a refresh tells exactly what it changed.
#[test]
fn published_lists_count_as_they_are_counted_by_hand() {
    let Some(data) = data() else { return };
    let bench = Bench::new();
    let plain = |file: &str| {
        let path = data.join("intel").join(file);
        let text = if file.ends_with(".gz") { unpacked(&path) } else { std::fs::read_to_string(&path).unwrap() };
        let lines = text.lines().map(|line| line.split([';', '#', '\t']).next().unwrap().trim().to_owned());
        (1_u64..).zip(lines).filter(|(_, line)| !line.is_empty()).collect::<Vec<_>>()
    };
    let import = |file: &str, name: &str| {
        let path = data.join("intel").join(file);
        let told = bench.run(&["intel", "import", path.to_str().unwrap(), "--name", name, "--json"]).expect(0);
        let report = told.json();
        assert_eq!(report["read"].as_u64().unwrap(), plain(file).len() as u64, "{file}");
        let (imported, refused) = (report["imported"].as_u64().unwrap(), report["refused"].as_u64().unwrap());
        assert_eq!(imported + refused, report["read"].as_u64().unwrap(), "{file}");
        println!("{file}: {imported} taken, {refused} refused");
        let lines = report["refusals"].as_array().unwrap().iter().map(|refusal| refusal["line"].as_u64().unwrap());
        lines.collect::<BTreeSet<_>>()
    };
    for file in [
        "ipsum/ipsum.txt.gz",
        "ipsum/level5.txt",
        "bitwire/inbound-ipv6.txt",
        "bitwire/inbound-networks.txt.gz",
        "bitwire/outbound.txt.gz",
        "spamhaus/drop.txt",
        "spamhaus/drop_ipv6.txt",
        "spamhaus/edrop.txt",
    ] {
        import(file, &file.replace('/', "-"));
    }
    let mut former = BTreeSet::new();
    for date in ["2026-05-02", "2026-08-11", "2026-08-21", "2026-08-22"] {
        let file = format!("threatfox/ips-{date}.txt.gz");
        let refused = import(&file, "threatfox");
        let taken = plain(&file).into_iter().filter(|(number, _)| !refused.contains(number));
        let new: BTreeSet<String> = taken.map(|(_, line)| line).collect();
        let feeds = bench.run(&["intel", "list", "--json"]).expect(0).json();
        let feed = feeds.as_array().unwrap().iter().find(|feed| feed["feed"] == "threatfox").unwrap().clone();
        let counted = (new.difference(&former).count() as u64, former.difference(&new).count() as u64);
        println!("{date}: {counted:?}");
        assert_eq!((feed["added"].as_u64().unwrap(), feed["removed"].as_u64().unwrap()), counted, "{date}");
        former = new;
    }
}

/// Events and trails as they were published, against a plain count of what stands in them.
#[test]
fn published_events_and_trails_are_read() {
    let Some(data) = data() else { return };
    let bench = Bench::new();
    for (file, format, least) in [
        ("misp-events/eset-misp-events.tar.gz", "misp", 500),
        ("misp-events/pymisp-test-events.tar.gz", "misp", 5),
        ("maltrail/static-trails.tar.gz", "maltrail", 10_000),
        ("ipsum/ipsum.txt.gz", "ipsum", 10_000),
    ] {
        let path = data.join("intel").join(file);
        let name = file.replace('/', "-");
        let mut arguments = vec!["intel", "import", path.to_str().unwrap(), "--name", &name, "--json"];
        // Beside the events lies a list that is none.
        if format == "misp" {
            arguments.extend(["--format", format]);
        }
        let report = bench.run(&arguments).expect(0).json();
        println!("{file}: {} {} of {}", report["format"], report["imported"], report["read"]);
        assert_eq!(report["format"], format, "{file}");
        assert!(report["imported"].as_u64() >= Some(least), "{file}: {}", report["imported"]);
        assert_eq!(
            report["imported"].as_u64().unwrap() + report["refused"].as_u64().unwrap(),
            report["read"].as_u64().unwrap()
        );
    }
}

#[test]
fn published_advisories_load_and_answer() {
    let Some(data) = data() else { return };
    let bench = Bench::new();
    let vuln = data.join("vuln");
    for (file, least) in [
        ("debian/osv-debian12-derived.jsonl.gz", 100),
        ("osv/go.tar.gz", 100),
        ("osv/bitnami.tar.gz", 100),
        ("osv/almalinux-8-9.tar.gz", 100),
        ("osv/maven-zeppelin.jsonl.gz", 10),
        ("kev/kev-2026-08-08.json.gz", 1000),
    ] {
        let told = bench.run(&["vulns", "import", vuln.join(file).to_str().unwrap(), "--json", "-q"]).expect(0);
        let report = told.json();
        println!("{file}: {} {} of {}, {} KiB", report["format"], report["imported"], report["read"], told.peak_kib);
        assert!(report["imported"].as_u64() >= Some(least), "{file}: {}", report["imported"]);
    }
    let expected: Vec<Value> = unpacked(&vuln.join("debian/queries-expected.jsonl.gz"))
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let questions: String = expected
        .iter()
        .map(|e| {
            serde_json::json!({"ecosystem": e["ecosystem"], "name": e["source"], "version": e["version"]}).to_string()
                + "\n"
        })
        .collect();
    let answers = bench.feed(&["vulns", "query", "--stdin", "--json"], questions.as_bytes()).expect(0).lines();
    assert_eq!(answers.len(), expected.len());
    let wrong: Vec<_> = expected.iter().zip(&answers).filter(|(e, a)| e["expected_cves"] != a["cves"]).collect();
    println!("{} of {} agree", expected.len() - wrong.len(), expected.len());
    assert!(wrong.is_empty(), "{:#?}", &wrong[..wrong.len().min(5)]);
}

#[test]
fn published_roots_are_scanned() {
    let Some(data) = data() else { return };
    let bench = Bench::new();
    let inventory = data.join("inventory");
    bench.write("root/etc/os-release", std::fs::read(inventory.join("debian12/os-release")).unwrap());
    bench.write("root/var/lib/dpkg/status", unpacked(&inventory.join("debian12/dpkg-status.gz")));
    let advisories = data.join("vuln/debian/osv-debian12-derived.jsonl.gz");
    bench.run(&["vulns", "import", advisories.to_str().unwrap(), "-q"]).expect(0);
    let told = bench.run(&["scan", "--root", "root", "--json"]).expect(0);
    let report = told.json();
    let (packages, findings) =
        (report["packages"].as_array().unwrap().len(), report["findings"].as_array().unwrap().len());
    println!("{packages} packages, {findings} findings, {} KiB", told.peak_kib);
    assert!(packages > 100);
    let found = report["findings"].as_array().unwrap().iter().filter(|finding| finding["state"] == "affected");
    let found: BTreeSet<(&str, &str)> = found
        .flat_map(|f| {
            f["cves"].as_array().unwrap().iter().map(|cve| (f["name"].as_str().unwrap(), cve.as_str().unwrap()))
        })
        .collect();
    let expected = unpacked(&inventory.join("debian12/expected-findings-part.tsv.gz"));
    let expected: BTreeSet<(&str, &str)> =
        expected.lines().skip(1).map(|line| (field(line, 0), field(line, 4))).collect();
    println!(
        "{} of {} expected, {} beyond",
        found.intersection(&expected).count(),
        expected.len(),
        found.difference(&expected).count()
    );
    assert_eq!(found, expected);
    for folder in ["dpkg/syft", "app/zeppelin-server"] {
        let root = inventory.join(folder);
        let told = bench.run(&["scan", "--root", root.to_str().unwrap(), "--json"]);
        assert!(told.code == 0 || told.code == 3, "{folder}: {told:?}");
        assert!(!told.err.contains("panicked"), "{told:?}");
        let report = told.json();
        println!("{folder}: {} packages, {}", report["packages"].as_array().unwrap().len(), report["coverage"]);
    }
}

#[test]
fn what_is_reported_of_a_published_root_reads_back_the_same() {
    let Some(data) = data() else { return };
    let bench = Bench::new();
    let inventory = data.join("inventory");
    bench.write("root/etc/os-release", std::fs::read(inventory.join("debian12/os-release")).unwrap());
    bench.write("root/var/lib/dpkg/status", unpacked(&inventory.join("debian12/dpkg-status.gz")));
    let advisories = data.join("vuln/debian/osv-debian12-derived.jsonl.gz");
    bench.run(&["vulns", "import", advisories.to_str().unwrap(), "-q"]).expect(0);
    let findings = |arguments: &[&str]| -> BTreeSet<String> {
        let report = bench.run(&[arguments, &["--json"]].concat()).expect(0).json();
        let all = report["findings"].as_array().unwrap().iter();
        all.map(|f| format!("{} {} {} {} {}", f["name"], f["version"], f["id"], f["state"], f["fixed"])).collect()
    };
    let scanned = findings(&["scan", "--root", "root"]);
    for form in ["cyclonedx", "spdx"] {
        bench.run(&["scan", "--root", "root", "--format", form, "--output", form]).expect(0);
        let read = findings(&["scan", "--sbom", form]);
        println!("{form}: {} findings in the root, {} in the report", scanned.len(), read.len());
        assert_eq!(scanned, read, "{form}");
    }
}
