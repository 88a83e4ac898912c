//! Do guard lists keep the innocent from being blocked, and say why?

use std::collections::BTreeMap;

use crate::bench::{Bench, gzip};
use crate::real::data;

const CDN: &str = r#"{"description":"A content network","list":["45.66.8.0/28","45.66.7.8","rubbish","0.0.0.0/0"],"matching_attributes":["ip-src","ip-dst"],"name":"List of known ranges of Content Example","type":"cidr","version":20250102}"#;
const SHOPS: &str =
    r#"{"type":"hostname","name":"Shops","version":1,"matching_attributes":["domain"],"list":[".shop.example"]}"#;
const PARTS: &str = r#"{"list":["pages-of-"],"matching_attributes":["domain"],"name":"Pages","type":"substring"}"#;
const PATTERNS: &str =
    r#"{"list":["/^cdn[0-9]+\\.example$/i","/(?=a)/"],"matching_attributes":["domain"],"name":"Names","type":"regex"}"#;
const HOLES: &str = r#"{"list":["45.66.9.9"],"matching_attributes":["ip-dst"],"name":"List of known sinkholes","type":"cidr","version":1}"#;

#[test]
fn guarded_addresses_are_shown_and_never_exported() {
    let mut bench = Bench::new();
    bench.tell(&["intel", "guard", "list"]).expect(0);
    for (file, text) in [("shops/list.json", SHOPS), ("parts.json", PARTS), ("names.json", PATTERNS)] {
        bench.write(file, text);
    }
    bench.write("cdn.json.gz", gzip(CDN.as_bytes()));
    bench.write("holes.json", HOLES);
    bench.write("own.txt", "# ours\n45.66.10.10\nours.example\nlocalhost\n");
    bench.write("page.json", "<!DOCTYPE html><html>");
    let feed = "45.66.7.8\n45.66.8.0/24\n45.66.9.9\n45.66.10.10\n45.66.11.11\nwww.shop.example\ncdn7.example\npages-of-x.example\n";
    bench.write("feed.txt", feed);
    bench.tell(&["intel", "guard", "import", "cdn.json.gz", "shops/list.json"]).expect(0);
    bench.tell(&["intel", "lookup", "45.66.7.8"]).expect(0);
    bench.run(&["intel", "import", "feed.txt", "--name", "feed", "--category", "c2", "--confidence", "90"]).expect(0);
    bench.tell(&["intel", "guard", "import", "parts.json", "names.json", "holes.json", "own.txt", "--json"]).expect(0);
    bench.tell(&["intel", "guard", "import", "page.json", "own.txt"]).expect(3);
    bench.tell(&["intel", "guard", "import", "page.json", "--json"]).expect(1);
    bench.tell(&["intel", "guard", "import", "missing.json"]).expect(1);
    bench.tell(&["intel", "guard", "import", "own.txt", "--name", "../up"]).expect(64);
    bench.tell(&["intel", "guard", "import", "own.txt", "--purpose", "tarot"]).expect(64);
    bench.tell(&["intel", "import", "own.txt", "--name", "guard"]).expect(64);
    bench.tell(&["intel", "guard", "list"]).expect(0);
    bench.tell(&["intel", "guard", "list", "--json"]).expect(0);
    let asked = ["45.66.7.8", "45.66.8.9", "45.66.9.9", "45.66.11.11", "www.shop.example", "cdn7.example"];
    bench.tell(&[&["intel", "lookup", "pages-of-x.example"], &asked[..]].concat()).expect(0);
    bench.tell(&["intel", "lookup", "45.66.7.8", "45.66.9.9", "--json"]).expect(0);
    bench.tell(&["intel", "export", "txt"]).expect(0);
    bench.tell(&["intel", "guard", "forget", "own"]).expect(0);
    bench.tell(&["intel", "guard", "forget", "own", "--json"]).expect(1);
    bench.tell(&["intel", "guard", "forget", "public-dns"]).expect(64);
    bench.tell(&["intel", "export", "txt"]).expect(0);
    bench.golden("intel-guard");
}

/// MISP publishes about as many lists as its archive holds folders.
#[test]
fn every_published_list_is_imported_or_refused_in_words() {
    let Some(data) = data() else { return };
    let bench = Bench::new();
    let archive = data.join("intel/misp-warninglists/lists.tar.gz");
    let told = bench.run(&["intel", "guard", "import", archive.to_str().unwrap(), "--json"]);
    let reports = told.json();
    let reports = reports.as_array().unwrap();
    let mut purposes: BTreeMap<&str, u64> = BTreeMap::new();
    for report in reports {
        let number = |key: &str| report[key].as_u64().unwrap();
        assert_eq!(number("imported") + number("refused"), number("read"), "{}", report["list"]);
        assert_eq!(report["refusals"].as_array().unwrap().is_empty(), number("refused") == 0, "{}", report["list"]);
        assert!(number("imported") > 0, "{}: {}", report["list"], report["refusals"][0]);
        *purposes.entry(report["purpose"].as_str().unwrap()).or_default() += number("imported");
        if number("refused") > 0 {
            let (list, reason) = (&report["list"], &report["refusals"][0]["reason"]);
            println!("{list}: {} of {} refused, the first: {reason}", number("refused"), number("read"));
        }
    }
    println!("{} lists, {purposes:?}, {} KiB", reports.len(), told.peak_kib);
    told.expect(0);
    assert!(reports.len() >= 120, "{}", reports.len());
    let told = bench.run(&["intel", "lookup", "--json", "104.16.0.1", "10.0.0.1", "8.8.8.8", "52.95.110.1"]).expect(0);
    let verdicts: Vec<_> = told.lines().iter().map(|line| line["verdict"].as_str().unwrap().to_owned()).collect();
    assert_eq!(verdicts, ["guarded", "unknown", "guarded", "guarded"]);
    println!("lookup: {} KiB", told.peak_kib);
    assert!(told.peak_kib < 256 << 10, "{} KiB", told.peak_kib);
}
