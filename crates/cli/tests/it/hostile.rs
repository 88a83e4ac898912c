//! Does input made to break it get an answer with file, line and reason, in little memory?

use std::fs::File;
use std::io::Write;

use crate::bench::{Bench, Told, gzip, tar, zip};
use crate::vulns::SHOPD;

/// What any of these may cost, KiB: the database and the index are built in the same process.
const PEAK_MAX_KIB: u64 = 160 << 10;

/// The report, when it was cheap and names each refusal's place.
#[track_caller]
fn report(told: Told, code: i32, imported: u64, reason: &str) {
    assert!(told.peak_kib < PEAK_MAX_KIB, "{} KiB", told.peak_kib);
    let told = told.expect(code);
    assert!(told.out.len() < 1 << 20, "{} bytes", told.out.len());
    let report = told.json();
    assert_eq!(report["imported"], imported, "{report:#}");
    assert!(report["refused"].as_u64() >= Some(1), "{report:#}");
    let refusals = report["refusals"].as_array().unwrap();
    for refusal in refusals {
        assert!(!refusal["file"].as_str().unwrap().is_empty() && refusal["line"].as_u64() >= Some(1), "{refusal}");
    }
    let said = refusals.iter().any(|refusal| refusal["reason"].as_str().unwrap().contains(reason));
    assert!(said, "{reason:?} is not among {refusals:#?}");
}

fn feed(bench: &Bench, file: &str) -> Told {
    bench.run(&["intel", "import", file, "--name", "hostile", "--json"])
}

fn advisories(bench: &Bench, file: &str) -> Told {
    bench.run(&["vulns", "import", file, "--json"])
}

/// A file of `total` bytes made of `piece`, written a piece at a time.
fn long(bench: &Bench, name: &str, head: &str, piece: &[u8], total: usize) {
    let mut file = File::create(bench.path(name)).unwrap();
    file.write_all(head.as_bytes()).unwrap();
    let block = piece.repeat((1 << 20) / piece.len());
    let mut written = 0;
    while written < total {
        file.write_all(&block).unwrap();
        written += block.len();
    }
}

#[test]
fn torn_archives_keep_their_good_part() {
    let bench = Bench::new();
    let list: String = (0..20_000).map(|n| format!("203.0.113.{}:{}\n", n % 250, 1000 + n)).collect();
    let whole = gzip(list.as_bytes());
    bench.write("torn.txt.gz", &whole[..whole.len() / 2]);
    let told = feed(&bench, "torn.txt.gz");
    let imported = told.json()["imported"].as_u64().unwrap();
    assert!((1000..20_000).contains(&imported), "{imported}");
    report(told, 0, imported, "");
    let records: String = (0..5000).map(|n| SHOPD.replace("2024-0001", &format!("2024-{n:05}")) + "\n").collect();
    let whole = gzip(records.as_bytes());
    bench.write("torn.ndjson.gz", &whole[..whole.len() / 2]);
    let told = advisories(&bench, "torn.ndjson.gz");
    let imported = told.json()["imported"].as_u64().unwrap();
    assert!((100..5000).contains(&imported), "{imported}");
    report(told, 0, imported, "");
    bench.write("torn.zip", &zip(&[("a.json", SHOPD.as_bytes())])[..100]);
    report(advisories(&bench, "torn.zip"), 1, 0, "");
    bench.write("not.gz", b"\x1f\x8bnonsense");
    report(feed(&bench, "not.gz"), 1, 0, "");
}

#[test]
fn endless_lines_are_skipped() {
    let bench = Bench::new();
    long(&bench, "line.txt", "203.0.113.66\n", b"a", 200 << 20);
    report(feed(&bench, "line.txt"), 0, 1, "longer than");
    long(&bench, "zeros.txt", "203.0.113.66\n", b"\0", 50 << 20);
    report(feed(&bench, "zeros.txt"), 0, 1, "");
    long(&bench, "line.csv", "ip,port\n203.0.113.66,1\n", b"a", 100 << 20);
    report(feed(&bench, "line.csv"), 0, 1, "");
    long(&bench, "line.json", "{\"type\":\"bundle\",\"id\":\"", b"a", 100 << 20);
    report(feed(&bench, "line.json"), 1, 0, "");
    long(&bench, "line.ndjson", &format!("{SHOPD}\n"), b"a", 200 << 20);
    report(advisories(&bench, "line.ndjson"), 0, 1, "");
    long(&bench, "one.json", "{\"schema_version\":\"1.6.0\",\"id\":\"", b"a", 200 << 20);
    report(advisories(&bench, "one.json"), 1, 0, "");
    long(
        &bench,
        "open.json",
        "{\"schema_version\":\"1.6.0\",\"id\":\"X-1\",\"affected\":[",
        b"{\"package\":{\"ecosystem\":\"npm\",\"name\":\"a\"}},",
        60 << 20,
    );
    report(advisories(&bench, "open.json"), 1, 0, "");
}

#[test]
fn bombs_go_off_outside() {
    let bench = Bench::new();
    let mut zeros = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    zeros.write_all(b"203.0.113.66\n").unwrap();
    for _ in 0..600 {
        zeros.write_all(&vec![b'\n'; 1 << 20]).unwrap();
    }
    let bomb = zeros.finish().unwrap();
    bench.write("bomb.txt.gz", &bomb);
    report(feed(&bench, "bomb.txt.gz"), 0, 1, "bytes out of one byte");
    let mut out = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    out.start_file("bomb.json", zip::write::SimpleFileOptions::default()).unwrap();
    out.write_all(b"{\"schema_version\":\"1.6.0\",\"id\":\"").unwrap();
    for _ in 0..600 {
        out.write_all(&vec![b'a'; 1 << 20]).unwrap();
    }
    bench.write("bomb.zip", out.finish().unwrap().into_inner());
    report(advisories(&bench, "bomb.zip"), 1, 0, "");
    report(feed(&bench, "bomb.zip"), 1, 0, "");
    // Archives in archives, and a name that climbs out.
    let mut nested = zip(&[("a.txt", b"203.0.113.66\n")]);
    for _ in 0..20 {
        nested = zip(&[("n.zip", &nested)]);
    }
    bench.write("nested.zip", nested);
    report(feed(&bench, "nested.zip"), 1, 0, "");
    bench.write("climb.zip", zip(&[("../../../tmp/climbed.json", SHOPD.as_bytes())]));
    let told = advisories(&bench, "climb.zip");
    assert!(told.code == 0 || told.code == 1, "{told:?}");
    assert!(!bench.path("../climbed.json").exists() && !std::path::Path::new("/tmp/climbed.json").exists());
    bench.write(
        "list.tar.gz",
        gzip(&tar(&[("a.txt", b"203.0.113.66\n"), ("b.bin", &[0xff; 4096]), ("c.txt", b"203.0.113.67\n")])),
    );
    report(feed(&bench, "list.tar.gz"), 0, 2, "");
}

#[test]
fn odd_encodings_and_shapes_are_named() {
    let bench = Bench::new();
    for (name, mark) in [("le.txt", [0xff, 0xfe]), ("be.txt", [0xfe, 0xff])] {
        let units = "203.0.113.66\n"
            .encode_utf16()
            .flat_map(|unit| if mark[0] == 0xff { unit.to_le_bytes() } else { unit.to_be_bytes() });
        bench.write(name, mark.into_iter().chain(units).collect::<Vec<_>>());
        report(feed(&bench, name), 1, 0, "UTF-16");
        report(advisories(&bench, name), 1, 0, "");
    }
    bench.write("latin.txt", b"203.0.113.66\n# caf\xe9\n\xe9\xe9\n203.0.113.67\n");
    report(feed(&bench, "latin.txt"), 0, 2, "UTF-8");
    // Objects that refer to each other in a circle, and one that refers to itself.
    let circle = r#"{"type":"bundle","id":"bundle--11111111-1111-4111-8111-111111111111","objects":[
      {"type":"relationship","id":"relationship--1","source_ref":"relationship--2","target_ref":"relationship--1","relationship_type":"based-on"},
      {"type":"relationship","id":"relationship--2","source_ref":"relationship--1","target_ref":"relationship--2","relationship_type":"based-on"},
      {"type":"bundle","id":"bundle--11111111-1111-4111-8111-111111111111","objects":[{"type":"bundle","objects":[]}]},
      {"type":"indicator","id":"indicator--1","pattern":"[ipv4-addr:value = '203.0.113.90' AND x:y_ref.resolves_to_refs[0].value = 'a']","pattern_type":"stix"},
      {"type":"indicator","id":"indicator--2","pattern":"[ipv4-addr:value = '203.0.113.91']","pattern_type":"stix","valid_from":"2025-01-01T00:00:00Z"}]}"#;
    bench.write("circle.json", circle);
    let told = feed(&bench, "circle.json").expect(0);
    assert!(told.json()["imported"].as_u64() >= Some(1), "{told:?}");
    for depth in [100, 100_000] {
        let deep = format!(
            "{{\"schema_version\":\"1.6.0\",\"id\":\"D-1\",\"affected\":{}{}}}",
            "[".repeat(depth),
            "]".repeat(depth)
        );
        bench.write("deep.json", deep);
        report(advisories(&bench, "deep.json"), 1, 0, "");
        let deep = format!(
            "{{\"schema_version\":\"1.6.0\",\"id\":\"D-1\",\"x\":{}1{}}}",
            "{\"a\":".repeat(depth),
            "}".repeat(depth)
        );
        bench.write("deep.ndjson", format!("{SHOPD}\n{deep}\n{SHOPD}\n"));
        let told = advisories(&bench, "deep.ndjson").expect(0);
        assert!(told.json()["imported"].as_u64() >= Some(2), "{told:?}");
        let deep = format!(
            "{{\"type\":\"bundle\",\"id\":\"bundle--1\",\"objects\":{}{}}}",
            "[".repeat(depth),
            "]".repeat(depth)
        );
        bench.write("deep-stix.json", deep);
        report(feed(&bench, "deep-stix.json"), 1, 0, "");
        let deep = format!("[{}ipv4-addr:value = '203.0.113.91'{}]", "(".repeat(depth), ")".repeat(depth));
        let object = format!(
            "{{\"type\":\"indicator\",\"id\":\"indicator--1\",\"pattern\":\"{deep}\",\"pattern_type\":\"stix\"}}"
        );
        bench.write("pattern.json", format!("{{\"type\":\"bundle\",\"id\":\"bundle--1\",\"objects\":[{object}]}}"));
        let told = feed(&bench, "pattern.json");
        assert!(told.code == 0 || told.code == 1, "{told:?}");
    }
    bench.write("escape.txt", "\u{1b}[31mred\n203.0.113.66\n");
    let told = bench.run(&["intel", "import", "escape.txt", "--name", "hostile"]).expect(0);
    assert!(!told.err.contains('\u{1b}') && !told.out.contains('\u{1b}'), "{told:?}");
}

/// Package databases and packages that are none; what is good beside them is kept.
#[test]
fn a_hostile_root_is_scanned() {
    let bench = Bench::new();
    bench.write("list.ndjson", SHOPD);
    bench.run(&["vulns", "import", "list.ndjson"]).expect(0);
    let good = "Package: shopd\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1:2.0-3\n\n";
    bench.write("root/etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n");
    let mut status =
        format!("{good}Package: \u{1b}[31m\nStatus: install ok installed\nVersion: 1\n\nno colon here\n\n")
            .into_bytes();
    status.extend(b"Package: long\nStatus: install ok installed\nVersion: 1\nDescription: ");
    status.extend(vec![b'a'; 50 << 20]);
    status.extend(format!("\n\n{}", good.replace("shopd", "second")).as_bytes());
    bench.write("root/var/lib/dpkg/status", &status);
    bench.write("root/srv/node_modules/a/package.json", "[".repeat(100_000));
    bench.write("root/srv/node_modules/b/package.json", vec![b'{'; 30 << 20]);
    bench.write("root/srv/lib/torn.jar", &zip(&[("META-INF/MANIFEST.MF", b"x")])[..20]);
    let mut jar = zip(&[("a.class", b"x")]);
    for _ in 0..30 {
        jar = zip(&[("inner.jar", &jar)]);
    }
    bench.write("root/srv/lib/nested.jar", jar);
    bench.write("root/usr/lib/python3/dist-packages/x-1.dist-info/METADATA", b"\xff\xfe\x00");
    let mut deep = bench.path("root/deep");
    for _ in 0..80 {
        deep.push("d");
    }
    std::fs::create_dir_all(deep).unwrap();
    let told = bench.run(&["scan", "--root", "root", "--json"]).expect(3);
    assert!(told.peak_kib < PEAK_MAX_KIB, "{} KiB", told.peak_kib);
    let report = told.json();
    let names: Vec<&str> = report["packages"].as_array().unwrap().iter().filter_map(|p| p["name"].as_str()).collect();
    assert!(names.contains(&"shopd") && names.contains(&"second"), "{names:?}");
    let partial = report["coverage"].as_array().unwrap().iter().filter(|c| c["status"] == "partial").count();
    assert!(partial >= 3, "{:#}", report["coverage"]);
    let told = bench.run(&["scan", "--root", "root"]).expect(3);
    assert!(!told.out.contains('\u{1b}') && !told.err.contains('\u{1b}'));
}

#[test]
fn endless_questions_cost_no_memory() {
    let bench = Bench::new();
    let mut input = vec![b'a'; 60 << 20];
    input.extend(b"\n1.0\t2.0\n");
    let told = bench.feed(&["vulns", "compare", "npm", "--stdin"], &input).expect(1);
    assert!(told.peak_kib < 64 << 10, "{} KiB", told.peak_kib);
    assert_eq!(told.out.lines().collect::<Vec<_>>(), ["error: the line is longer than 1048576 bytes", "<"]);
    let told = bench.feed(&["vulns", "query", "--stdin", "--json"], &input).expect(1);
    assert!(told.peak_kib < 64 << 10, "{} KiB", told.peak_kib);
    assert_eq!(told.lines().len(), 2);
}
