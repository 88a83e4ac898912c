//! Does a file become answers?

use super::*;
use crate::images::open_newest;
use crate::lookup::{Verdict, lookup};

fn write(folder: &Path, name: &str, text: &str) -> std::path::PathBuf {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    path
}

#[test]
fn a_plain_list_becomes_answers_and_poison_does_not() {
    let data = tempfile::tempdir().unwrap();
    let permit = ["203.0.113.0/24".parse().unwrap()];
    let context = Context { data_dir: data.path(), permit_ranges: &permit, own: &[], now: Timestamp(1) };
    let text = "# list\n203.0.113.66\n0.0.0.0/0\n10.0.0.0/8\n203.0.113.70:443\nrubbish\n";
    let path = write(data.path(), "list.txt", text);
    let options = ImportOptions { name: "mine".into(), category: Some(Category::C2), ..ImportOptions::default() };
    let report = import(&path, &options, &context).unwrap();
    assert_eq!((report.format.as_str(), report.read, report.imported, report.refused), ("plain-list", 5, 2, 3));
    let lines: Vec<u64> = report.refusals.iter().map(|refusal| refusal.line).collect();
    assert_eq!(lines, [3, 4, 6]);
    let (_, index) = open_newest(data.path()).unwrap();
    assert_eq!(lookup(&index, "203.0.113.66", Timestamp(2)).verdict, Verdict::Bad);
    assert_eq!(lookup(&index, "10.0.0.1", Timestamp(2)).verdict, Verdict::Unknown);
    let json = serde_json::to_string(&report).unwrap();
    assert!(json.starts_with("{\"source\":") && json.contains("\"refusals\":[{\"file\":"), "{json}");

    let strict = ImportOptions { strict: true, name: "other".into(), ..options.clone() };
    assert_eq!(import(&path, &strict, &context).unwrap().imported, 0);
    assert_eq!(crate::store::list(data.path()).len(), 1);

    // A second import of the same name replaces the first.
    let path = write(data.path(), "list.txt", "203.0.113.67\n");
    import(&path, &options, &context).unwrap();
    let (generation, index) = open_newest(data.path()).unwrap();
    assert_eq!((generation, index.len()), (2, 1));
}

/// Real feeds, when their folder is at hand: `TRIPOINT_TEST_DATA`.
#[test]
fn real_feeds_load() {
    let Some(folder) = std::env::var_os("TRIPOINT_TEST_DATA") else {
        println!("skipped: TRIPOINT_TEST_DATA is not set");
        return;
    };
    let folder = Path::new(&folder).join("intel");
    let data = tempfile::tempdir().unwrap();
    let context = Context { data_dir: data.path(), permit_ranges: &[], own: &[], now: Timestamp(1) };
    for (file, format, least) in [
        ("ipsum/ipsum.txt.gz", "ipsum", 10_000),
        ("bitwire/inbound-ipv6.txt", "plain-list", 500),
        ("threatfox/ips-2026-08-22.txt.gz", "plain-list", 5_000),
        ("spamhaus/drop.txt", "plain-list", 500),
        ("spamhaus/drop_ipv6.txt", "plain-list", 20),
        ("shadowwhisperer/threats-part.csv.gz", "csv", 1_000),
        ("zeek-intel/cobaltstrike_ips.intel", "csv", 1_000),
        ("maltrail/static-trails.tar.gz", "maltrail", 1_000),
        ("spamhaus/asn_drop.json", "spamhaus-asn", 0),
        ("stix/threat-reports/apt1.json", "stix", 2),
        ("stix/threat-reports/poisonivy.json", "stix", 20),
    ] {
        let options = ImportOptions { name: file.replace('/', "_"), ..ImportOptions::default() };
        let report = import(&folder.join(file), &options, &context).unwrap();
        println!(
            "{file}: {} read {} imported {} refused {}",
            report.format, report.read, report.imported, report.refused
        );
        for refusal in report.refusals.iter().take(3) {
            println!("  {}: {}", refusal.line, refusal.reason);
        }
        assert_eq!(report.format, format, "{file}");
        assert_eq!(report.imported + report.refused, report.read, "{file}");
        assert!(report.imported >= least, "{file}: {}", report.imported);
    }
    let table = fs::File::open(folder.join("shadowwhisperer/threats-part.csv.gz")).unwrap();
    let mut text = String::new();
    flate2::read::GzDecoder::new(table).read_to_string(&mut text).unwrap();
    let with_cve = text.lines().filter(|line| line.contains("CVE-")).count();
    let status = crate::store::status(data.path(), "shadowwhisperer_threats-part.csv.gz").unwrap();
    // All but the header.
    assert_eq!(status.count + status.refused + 1, text.lines().count() as u64);
    let (mut cves, mut dated) = (0, 0);
    let copy = crate::store::copy_path(data.path(), &status.feed);
    crate::store::read_copy(&copy, &mut |indicator| {
        cves += usize::from(!indicator.cves.is_empty());
        dated += u64::from(indicator.first_seen.is_some() && indicator.last_seen.is_some());
    })
    .unwrap();
    assert_eq!((cves, dated), (with_cve, status.count));
    let (_, index) = open_newest(data.path()).unwrap();
    println!("{} claims", index.len());
}

#[test]
fn a_guard_list_never_becomes_a_feed() {
    let folder = tempfile::tempdir().unwrap();
    let context = Context { data_dir: folder.path(), permit_ranges: &[], own: &[], now: Timestamp(1) };
    let list = r#"{"description": "of all", "list": ["93.184.216.0/24"], "name": "Example CDN", "type": "cidr", "version": 1}"#;
    let path = write(folder.path(), "cdn.json", list);
    let options = ImportOptions { name: "cdn".into(), ..ImportOptions::default() };
    let strict = ImportOptions { strict: true, ..options.clone() };
    let refused = import(&path, &strict, &context).unwrap();
    assert_eq!((refused.imported, refused.refused), (0, 1));
    assert!(refused.refusals[0].reason.contains("guard import"), "{}", refused.refusals[0].reason);
    let report = import(&path, &options, &context).unwrap();
    assert_eq!((report.format.as_str(), report.read, report.imported), (GUARD_LIST, 1, 1));
    let lists = guardlist::store::list(folder.path());
    assert!(lists.iter().any(|list| list.list == "cdn" && list.count == 1));
    assert!(crate::list(folder.path()).is_empty(), "no feed came of it");
}
