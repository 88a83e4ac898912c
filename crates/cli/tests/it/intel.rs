//! Do feeds become answers, and is poison refused in words?

use crate::bench::{Bench, gzip};

const LIST: &str = "# a list\n203.0.113.66\n198.51.100.0/24\n203.0.113.70:443\n2001:db8::66\nbad.example\n";
const TABLE: &str = "first_seen,ip,port,malware\n2025-01-02 03:04:05,203.0.113.80,8443,dridex\n2025-01-02 03:04:05,not an address,1,x\n";
const BUNDLE: &str = r#"{"type":"bundle","id":"bundle--11111111-1111-4111-8111-111111111111","objects":[{"type":"indicator","spec_version":"2.1","id":"indicator--22222222-2222-4222-8222-222222222222","created":"2025-01-01T00:00:00Z","modified":"2025-01-01T00:00:00Z","name":"c2","indicator_types":["malicious-activity"],"pattern":"[ipv4-addr:value = '203.0.113.90']","pattern_type":"stix","valid_from":"2025-01-01T00:00:00Z","confidence":85},{"type":"indicator","spec_version":"2.1","id":"indicator--33333333-3333-4333-8333-333333333333","created":"2025-01-01T00:00:00Z","modified":"2025-01-01T00:00:00Z","pattern":"[ipv4-addr:value = ","pattern_type":"stix","valid_from":"2025-01-01T00:00:00Z"}]}"#;
const POISON: &str = "203.0.113.66\n0.0.0.0/0\n10.0.0.0/8\n127.0.0.1\n::/0\nrubbish here\n169.254.169.254\n300.1.2.3\n192.168.1.1\n224.0.0.1\n203.0.113.67\n";

#[test]
fn files_of_each_format_are_imported_and_refusals_named() {
    let mut bench = Bench::new();
    bench.write("list.txt", LIST);
    bench.write("list.txt.gz", gzip(LIST.as_bytes()));
    bench.write("table.csv", TABLE);
    bench.write("bundle.json", BUNDLE);
    bench.write("poison.txt", POISON);
    bench.write("only-poison.txt", "0.0.0.0/0\n10.0.0.1\n");
    bench.write("page.html", "<!DOCTYPE html><html><body>please log in</body></html>");
    bench.write("empty.txt", "");
    bench.write("comments.txt", "# nothing\n");
    for (file, name, code) in [
        ("list.txt", "list", 0),
        ("list.txt.gz", "packed", 0),
        ("table.csv", "table", 0),
        ("bundle.json", "bundle", 0),
        ("poison.txt", "poison", 0),
        ("only-poison.txt", "only-poison", 1),
        ("page.html", "page", 1),
        ("empty.txt", "empty", 1),
        ("comments.txt", "comments", 1),
        ("missing.txt", "missing", 1),
    ] {
        let told = bench.tell(&["intel", "import", file, "--name", name, "--json"]).expect(code);
        let report = told.json();
        for key in ["source", "format", "feed", "read", "imported", "refused", "refusals"] {
            assert!(!report[key].is_null(), "{file} says no {key}");
        }
        for refusal in report["refusals"].as_array().unwrap() {
            assert!(
                refusal["file"].is_string() && refusal["line"].as_u64() >= Some(1) && refusal["reason"].is_string(),
                "{refusal}"
            );
        }
    }
    bench.tell(&["intel", "import", "poison.txt", "--name", "poison"]).expect(0);
    bench.tell(&["intel", "import", "poison.txt", "--name", "strict", "--strict", "--json"]).expect(1);
    bench.tell(&["intel", "import", "page.html", "--name", "page"]).expect(1);
    bench.tell(&["intel", "import", "missing.txt", "--name", "missing"]).expect(1);
    bench
        .tell(&[
            "intel",
            "import",
            "list.txt",
            "--name",
            "list",
            "--format",
            "plain-list",
            "--category",
            "c2",
            "--direction",
            "out",
            "--confidence",
            "95",
            "--json",
        ])
        .expect(0);
    for wrong in [
        ["--format", "tarot"],
        ["--category", "evil"],
        ["--direction", "sideways"],
        ["--confidence", "101"],
        ["--colour", "red"],
    ] {
        bench.tell(&["intel", "import", "list.txt", "--name", "list", wrong[0], wrong[1]]).expect(64);
    }
    bench.tell(&["intel", "import", "list.txt"]).expect(64);
    bench.tell(&["intel", "import", "list.txt", "--name", "../up"]).expect(64);
    bench.golden("intel-import");
}

#[test]
fn one_answer_a_line_in_the_same_order() {
    let mut bench = Bench::new();
    bench.tell(&["intel", "lookup", "203.0.113.66"]).expect(0);
    bench.tell(&["intel", "lookup", "203.0.113.66", "--json"]).expect(0);
    bench.tell(&["intel", "list"]).expect(0);
    bench.tell(&["intel", "list", "--json"]).expect(0);
    bench.write("list.txt", format!("{LIST}8.8.8.8\n"));
    bench.write("table.csv", TABLE);
    bench.write("old.csv", "ip,valid_until\n203.0.113.99,2025-02-01T00:00:00Z\n");
    bench.run(&["intel", "import", "list.txt", "--name", "list", "--confidence", "80", "--category", "c2"]).expect(0);
    bench.run(&["intel", "import", "table.csv", "--name", "table"]).expect(0);
    bench.run(&["intel", "import", "old.csv", "--name", "old"]).expect(0);
    let questions = "203.0.113.66\n::ffff:203.0.113.66\n::ffff:cb00:7142\n203.0.113.70\n203.0.113.70:443\n203.0.113.70:80\n2001:DB8:0:0::66\n[2001:db8::66]:1\nBAD.example.\n198.51.100.9\n192.0.2.1\n8.8.8.8\n203.0.113.99\n203.0.113.80:8443\n\nrubbish\n1.2.3\n0x7f.1\n203.0.113.0/24\n 203.0.113.66 \n203.0.113.66\r\nfe80::1%eth0\n203.000.113.066";
    let told = bench.tell_with(&["intel", "lookup", "--stdin", "--json"], questions).expect(0);
    let answers = told.lines();
    assert_eq!(answers.len(), questions.split('\n').count());
    for (answer, question) in answers.iter().zip(questions.split('\n')) {
        for key in ["address", "canonical", "verdict", "confidence", "claims", "guard"] {
            assert!(answer.get(key).is_some(), "{key} of {answer}");
        }
        assert_eq!(answer["address"], question.trim_end_matches('\r'));
        assert_eq!(answer["verdict"] == "invalid", answer.get("error").is_some(), "{answer}");
    }
    for (at, verdict) in [
        (0, "bad"),
        (1, "bad"),
        (2, "bad"),
        (6, "bad"),
        (10, "unknown"),
        (11, "guarded"),
        (12, "expired"),
        (14, "invalid"),
        (15, "invalid"),
    ] {
        assert_eq!(answers[at]["verdict"], verdict, "{}", answers[at]);
    }
    assert_eq!(answers[1]["canonical"], "203.0.113.66");
    assert_eq!(answers[6]["canonical"], "2001:db8::66");
    bench.tell(&["intel", "lookup", "203.0.113.99", "--at", "2025-01-15T00:00:00Z", "--json"]).expect(0);
    bench.tell(&["intel", "lookup", "203.0.113.66", "8.8.8.8", "rubbish"]).expect(0);
    bench.tell(&["intel", "lookup", "203.0.113.66", "--at", "yesterday"]).expect(64);
    bench.tell(&["intel", "lookup"]).expect(64);
    bench.tell(&["intel", "list"]).expect(0);
    bench.tell(&["intel", "list", "--json"]).expect(0);
    bench.golden("intel-lookup");
}

/// Bytes that are no text still give a line each.
#[test]
fn binary_and_endless_lines_get_an_answer() {
    let bench = Bench::new();
    let mut input = b"203.0.113.66\n\xff\xfe\x00\n\x00\n".to_vec();
    input.extend(vec![b'1'; 20 << 20]);
    input.extend(b"\n203.0.113.67\n");
    let told = bench.feed(&["intel", "lookup", "--stdin", "--json"], &input).expect(0);
    let verdicts: Vec<_> = told.lines().iter().map(|line| line["verdict"].as_str().unwrap().to_owned()).collect();
    assert_eq!(verdicts, ["unknown", "invalid", "invalid", "invalid", "unknown"]);
    assert!(told.peak_kib < 64 << 10, "{} KiB", told.peak_kib);
    assert!(told.out.len() < 10_000);
}

#[test]
fn verdicts_are_exported_and_feeds_chosen() {
    let mut bench = Bench::new();
    bench.write("list.txt", "45.66.7.8\n45.66.8.0/24\n45.66.7.9:8443\nbad.example\nhttps://pages.example/login\n");
    bench.run(&["intel", "import", "list.txt", "--name", "mine", "--category", "c2", "--confidence", "80"]).expect(0);
    bench.tell(&["intel", "export", "nftables"]).expect(0);
    bench.tell(&["intel", "export", "txt", "--min-confidence", "0"]).expect(0);
    bench.tell(&["intel", "export", "edl", "--category", "phishing"]).expect(0);
    bench.tell(&["intel", "export", "smoke-signals"]).expect(64);
    bench.tell(&["intel", "export", "csv", "-o", "out.csv"]).expect(0);
    assert_eq!(std::fs::read_to_string(bench.path("out.csv")).unwrap().lines().count(), 5);
    bench.tell(&["intel", "enable", "ipsum"]).expect(0);
    bench.tell(&["intel", "enable", "threatfox-ip-port"]).expect(64);
    bench.tell(&["intel", "enable", "threatfox-ip-port", "--key-file", "/etc/tripoint/threatfox.key"]).expect(0);
    bench.tell(&["intel", "disable", "tor-exits", "nothing"]).expect(64);
    bench.tell(&["intel", "disable", "tor-exits"]).expect(0);
    let feeds = bench.run(&["intel", "feeds", "--json"]).expect(0).json();
    let enabled: Vec<&str> = feeds
        .as_array()
        .unwrap()
        .iter()
        .filter(|feed| feed["enabled"] == true)
        .map(|feed| feed["feed"].as_str().unwrap())
        .collect();
    assert!(enabled.contains(&"ipsum") && enabled.contains(&"threatfox-ip-port") && !enabled.contains(&"tor-exits"));
    assert!(feeds.as_array().unwrap().len() >= 25);
    assert!(feeds.as_array().unwrap().iter().all(|feed| feed["licence"].is_string()));
    bench.write("data/feeds.toml", "[[feed]]\nname = \"own\"\nfile = \"list.txt\"\n");
    bench.tell(&["intel", "enable", "ipsum"]).expect(64);
    bench.golden("intel-export");
}
