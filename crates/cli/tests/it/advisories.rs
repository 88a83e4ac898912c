//! Are advisories fetched, kept, held and reported, and is it said when they are old?

use std::io::{BufRead, BufReader};
use std::net::TcpListener;

use crate::bench::Bench;
use crate::sync::publisher;
use crate::vulns::{EXPLOITED, LOG4SHELL};

/// Records as the Maven ecosystem publishes them, each of its own id.
fn records(count: u32) -> String {
    (0..count).map(|n| LOG4SHELL.replace("GHSA-jfh8-c2jp-5v3q", &format!("GHSA-demo-{n}")) + "\n").collect()
}

#[test]
fn a_source_is_fetched_kept_held_and_reported() {
    let mut bench = Bench::new();
    let (port, next) = publisher();
    bench.mask(&port.to_string(), "PORT");
    // A busy machine takes a second or two.
    for age in 1..9 {
        bench.mask(&format!("\"age\": {age},"), "\"age\": 0,");
    }
    let set = |status, body: &str, tag| {
        let mut next = next.lock().unwrap();
        (next.status, next.body, next.tag) = (status, body.to_owned(), tag);
    };
    bench.tell(&["vulns", "status"]).expect(0);
    let own = format!(
        "built_in = false\n\n[[source]]\nname = \"local\"\nurl = \"http://127.0.0.1:{port}/maven.jsonl\"\nrefresh = \"60s\"\nhosts = [\"all\"]\nlicence = \"CC0-1.0, nobody\"\n\n[[source]]\nname = \"other\"\nurl = \"http://127.0.0.1:1/{{version}}/x.json\"\nhosts = [\"nowhere\"]\n"
    );
    bench.write("data/advisories.toml", &own);
    bench.tell(&["vulns", "sources"]).expect(0);
    bench.tell(&["vulns", "sources", "--json"]).expect(0).json();
    set(200, &records(4), "\"one\"");
    let first = bench.tell(&["vulns", "sync", "--json"]).expect(0).json();
    assert_eq!((&first[0]["state"], &first[0]["records"]), (&"updated".into(), &4.into()));
    assert_eq!(bench.run(&["vulns", "sync", "--json"]).expect(0).json()[0]["state"], "fresh");
    let same = bench.tell(&["vulns", "sync", "--force", "--json"]).expect(0).json();
    assert_eq!(same[0]["state"], "not-modified");
    assert_eq!(next.lock().unwrap().asked.as_deref(), Some("\"one\""));

    set(200, "<!DOCTYPE html><html>maintenance</html>", "\"two\"");
    bench.tell(&["vulns", "sync", "local", "--force"]).expect(1);
    set(200, &records(9), "\"three\"");
    assert_eq!(bench.tell(&["vulns", "sync", "--force", "--json"]).expect(1).json()[0]["state"], "held");
    let status = bench.tell(&["vulns", "status", "--json"]).expect(3).json();
    assert_eq!((&status["sources"][0]["state"], &status["sources"][0]["records"]), (&"held".into(), &4.into()));
    assert_eq!(status["image"]["generation"], 1);
    assert_eq!(bench.run(&["vulns", "sync", "--accept", "--json"]).expect(0).json()[0]["state"], "updated");
    bench.run(&["vulns", "status"]).expect(0);
    assert_eq!(bench.run(&["vulns", "status", "--json"]).expect(0).json()["image"]["generation"], 2);

    set(200, &format!("{}not json\n", records(1)), "\"four\"");
    let url = format!("http://127.0.0.1:{port}/unlisted.jsonl");
    bench.tell(&["vulns", "sync", &url]).expect(0);
    set(404, "", "\"five\"");
    let told = bench.tell(&["vulns", "sync", &url, "--json", "-q"]).expect(1);
    assert!(told.err.is_empty() && told.out.contains("404"), "{told:?}");
    let query = ["vulns", "query", "Maven", "org.apache.logging.log4j:log4j-core", "2.14.1", "--json"];
    assert!(bench.run(&query).expect(0).json()["findings"].as_array().is_some_and(|found| !found.is_empty()));
    bench.tell(&["vulns", "sync", "other"]).expect(64);
    bench.tell(&["vulns", "sync", "local:9"]).expect(64);
    bench.tell(&["vulns", "sync", "unheard-of"]).expect(64);
    bench.tell(&["vulns", "forget", "unlisted"]).expect(0);
    bench.tell(&["vulns", "forget", "../local"]).expect(1);
    bench.write("data/advisories.toml", "[[source]]\nname = \"a\"\nurl = \"http://127.0.0.1/\"\ncolour = 1\n");
    bench.tell(&["vulns", "sync"]).expect(1);
    bench.golden("vulns-sync");
}

/// Old data is used, and every surface says that it is old.
#[test]
fn old_advisories_raise_an_alarm_wherever_they_are_used() {
    let bench = Bench::new();
    bench.write("record.json", LOG4SHELL);
    bench.write("kev.json", EXPLOITED);
    bench.run(&["vulns", "import", "record.json", "kev.json"]).expect(0);
    let query = ["vulns", "query", "Maven", "org.apache.logging.log4j:log4j-core", "2.14.1", "--json"];
    assert_eq!(bench.run(&query).expect(0).err, "");
    let path = bench.path("data/vuln/status/record.json");
    let mut status: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    status["last_success"] = "2026-01-02T03:04:05Z".into();
    std::fs::write(&path, status.to_string()).unwrap();
    let told = bench.run(&query).expect(0);
    assert!(told.err.contains("warning") && told.err.contains("record (outdated: not confirmed for"), "{told:?}");
    assert_eq!(told.json()["cves"][0], "CVE-2021-44228", "answers are given all the same");
    let told = bench.run(&["vulns", "status", "--json"]).expect(3).json();
    let source = |name: &str| {
        told["sources"].as_array().unwrap().iter().find(|source| source["source"] == name).unwrap().clone()
    };
    assert_eq!((&source("record")["freshness"], &source("kev")["freshness"]), (&"outdated".into(), &"fresh".into()));
    assert_eq!(source("kev")["published"], "2021-12-10T00:00:00Z", "the catalogue names its own time");
    let doctor = bench.run(&["doctor", "--json"]).expect(0).json();
    let data = doctor["data"].as_array().unwrap();
    let shown = |name: &str| data.iter().find(|entry| entry["source"] == name).unwrap();
    assert!(shown("advisories record")["status"].as_str().unwrap().starts_with("outdated"), "{data:#?}");
    assert!(
        shown("advisories record")["age"].as_u64() > Some(86_400)
            && shown("advisories kev")["age"].as_u64() < Some(600)
    );
    // Whoever updates by hand once a year may say so.
    bench.write("data/server.toml", "[advisories]\nwarn_after = \"400d\"\nalarm_after = \"900d\"\n");
    assert_eq!(bench.run(&query).expect(0).err, "");
    bench.run(&["vulns", "status"]).expect(0);
}

/// A proxy and certificates are those of the configuration, and of nothing else.
#[test]
fn the_configured_proxy_is_asked() {
    let bench = Bench::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let asked = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).unwrap();
        line
    });
    let clear = "http://advisories.example/all.jsonl";
    let told = bench.run(&["vulns", "sync", clear]);
    assert!(told.code != 0 && told.err.contains("--unencrypted"), "{told:?}");
    let sync = ["vulns", "sync", clear, "--unencrypted", "--json"];
    let settings = format!("[fetch]\nproxy = \"http://{address}\"\n");
    bench.write("data/server.toml", settings);
    // The proxy hangs up after one line: the source fails, and the name was never resolved here.
    assert_eq!(bench.run(&sync).expect(1).json()[0]["state"], "failed");
    assert!(asked.join().unwrap().contains("advisories.example"));
    bench.write("data/server.toml", "[fetch]\nproxy = \"::\"\n");
    assert!(bench.run(&sync).expect(1).err.contains("not a proxy URL"));
    bench.write("data/server.toml", "[fetch]\nca_file = \"none.pem\"\n");
    assert!(bench.run(&sync).expect(1).err.contains("none.pem"));
}
