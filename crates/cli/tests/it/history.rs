//! Does one look-up tell an address's past, owner and what services say, and is nothing told unasked?

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::bench::Bench;
use crate::sync::publisher;

#[test]
fn a_page_tells_owner_past_and_neighbours() {
    let mut bench = Bench::new();
    bench.write("asn.csv", "203.0.113.0,203.0.113.255,64500,\"Example, Inc.\"\n2001:db8::/32,64501,Six\nrubbish\n");
    bench.write("cc.csv", "203.0.113.0,203.0.113.127,NZ\n");
    bench.write("bad.csv", "nothing of it\n");
    bench.tell(&["intel", "networks", "list"]).expect(0);
    bench.tell(&["intel", "networks", "list", "--json"]).expect(0);
    let report = bench.tell(&["intel", "networks", "import", "asn.csv", "cc.csv", "--json"]).expect(0).json();
    assert_eq!(
        (report["read"].as_u64(), report["imported"].as_u64(), report["refused"].as_u64()),
        (Some(4), Some(3), Some(1))
    );
    bench.tell(&["intel", "networks", "import", "cc.csv"]).expect(0);
    bench.tell(&["intel", "networks", "import", "bad.csv"]).expect(1);
    bench.tell(&["intel", "networks", "import", "missing.csv"]).expect(1);
    bench.tell(&["intel", "networks", "import"]).expect(64);
    bench.tell(&["intel", "networks", "list"]).expect(0);

    bench.write(
        "one.csv",
        "ip,malware,note\n203.0.113.66,Emotet,CVE-2021-44228\n203.0.113.67,Emotet,x\n203.0.113.0/26,,x\n",
    );
    bench.write("two.csv", "ip,malware,note\n203.0.113.67,Emotet,x\n");
    bench.write("old.csv", "ip,first_seen,valid_until\n203.0.113.66,2024-01-01T00:00:00Z,2025-02-01T00:00:00Z\n");
    for (file, name) in [("one.csv", "mine"), ("two.csv", "mine"), ("old.csv", "old")] {
        bench.run(&["intel", "import", file, "--name", name]).expect(0);
    }
    bench.tell(&["intel", "lookup", "203.0.113.66"]).expect(0);
    let told = bench.tell(&["intel", "lookup", "203.0.113.66", "--json"]).expect(0).json();
    assert_eq!((&told["verdict"], &told["network"]["asn"]), (&"expired".into(), &64500.into()));
    let states: Vec<_> = told["claims"].as_array().unwrap().iter().map(|claim| claim["state"].clone()).collect();
    assert_eq!(states, ["expired", "withdrawn"]);
    assert_eq!(told["cves"][0], "CVE-2021-44228");
    assert!(told.get("meetings").is_none());
    bench
        .tell(&["intel", "lookup", "203.0.113.9", "203.0.113.67:80", "2001:db8::1", "bad.example", "9.9.9.9"])
        .expect(0);
    bench.tell_with(&["intel", "lookup", "--stdin", "--json"], "203.0.113.66\n198.51.100.1\n").expect(0);
    bench.golden("address-history");
}

#[test]
fn services_are_asked_only_when_somebody_agreed() {
    let mut bench = Bench::new();
    let (port, next) = publisher();
    bench.mask(&port.to_string(), "PORT");
    let set = |status, body: &str| {
        let mut next = next.lock().unwrap();
        (next.status, next.body) = (status, body.to_owned());
    };
    bench.write("key", "secret-of-mine\n");
    let mut config = String::from("[online]\nabuseipdb_key_file = \"key\"\n");
    for service in ["abuseipdb", "greynoise", "otx", "virustotal", "internetdb"] {
        writeln!(config, "{service}_url = \"http://127.0.0.1:{port}\"").unwrap();
    }
    bench.write("data/server.toml", config);
    set(
        200,
        r#"{"ports":[443],"tags":["c2"],"data":{"abuseConfidenceScore":90,"totalReports":3,"lastReportedAt":null}}"#,
    );
    let refused = bench.tell(&["intel", "lookup", "45.66.7.8", "--online", "internetdb", "--json"]).expect(0).json();
    assert!(refused["online"][0]["error"].as_str().unwrap().contains("--yes"));
    let asked = bench.tell(&["intel", "lookup", "45.66.7.8", "--online", "--yes", "--json"]).expect(0).json();
    let services: Vec<_> = asked["online"].as_array().unwrap().iter().map(|a| a["service"].clone()).collect();
    assert_eq!(services, ["abuseipdb", "internetdb"]);
    assert!(asked["online"].as_array().unwrap().iter().all(|a| a["verdict"] == "malicious" && a["cached"] == false));
    let again = bench.run(&["intel", "lookup", "45.66.7.8", "--online", "internetdb", "--json"]).expect(0);
    assert!(again.err.lines().all(|line| !line.contains("will learn")), "{}", again.err);
    assert_eq!(again.json()["online"][0]["cached"], true);
    // One that fails is an error of its own.
    set(429, "{}");
    let failed =
        bench.tell(&["intel", "lookup", "45.66.7.9", "10.0.0.1", "--online", "abuseipdb,otx", "--yes"]).expect(0);
    assert!(failed.out.contains("quota reached until") && failed.out.contains("online.otx_key_file"), "{}", failed.out);
    assert!(failed.out.contains("10.0.0.1 is not public"), "{}", failed.out);
    bench.tell(&["intel", "lookup", "--online", "45.66.7.9"]).expect(64);
    bench.tell(&["intel", "lookup", "45.66.7.9", "--yes"]).expect(64);
    bench.run(&["intel", "lookup", "--stdin", "--online"]).expect(64);
    let all = format!("{asked}{}{}", failed.out, failed.err);
    assert!(!all.contains("secret-of-mine"));
    bench.golden("online");
}

/// The contract's bound with a real table at hand, measured against the time that no address takes.
#[test]
fn many_addresses_are_answered_quickly_with_a_table() {
    let Some(data) = crate::real::data() else { return };
    let bench = Bench::new();
    let file = |name: &str| data.join("intel/asn").join(name).display().to_string();
    let (owners, countries) = (file("asn-ipv4.csv.gz"), file("country-ipv4.csv.gz"));
    bench.run(&["intel", "networks", "import", &owners, &countries]).expect(0);
    bench.write("list.txt", "45.66.7.8\n");
    bench.run(&["intel", "import", "list.txt", "--name", "list"]).expect(0);
    let many: String =
        (0..100_000_u32).map(|at| format!("{}\n", std::net::Ipv4Addr::from(at.wrapping_mul(0x9e37_79b9)))).collect();
    let timed = |input: &str| {
        let begun = Instant::now();
        let told = bench.feed(&["intel", "lookup", "--stdin", "--json"], input.as_bytes()).expect(0);
        (begun.elapsed(), told)
    };
    let (load, _) = timed("");
    let (whole, told) = timed(&many);
    assert_eq!(told.out.lines().count(), 100_000);
    let named = told.out.lines().filter(|line| line.contains("\"network\":{\"asn\"")).count();
    println!(
        "load {load:?}, 100,000 addresses {:?} more, {named} with an owner, {} KiB",
        whole.saturating_sub(load),
        told.peak_kib
    );
    assert!(named > 50_000);
    // A debug build on a busy machine; released, it is a tenth.
    assert!(whole.saturating_sub(load) < Duration::from_secs(20));
}
