//! Promise S8, its sentence on every command that fetches: feeds, collections, events, advisories and services.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::bench::Bench;

/// Counts who comes, and gives nobody anything.
fn target() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let came = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&came);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            count.fetch_add(1, Ordering::SeqCst);
            drop(stream);
        }
    });
    (port, came)
}

/// Hosts that are no literals and lead to this host.
const NAMES: [&str; 4] = ["2130706433", "0x7f000001", "127.1", "localhost."];

/// "Feed … URLs": of each kind of feed.
#[test]
fn s8_no_feed_leads_into_private_space() {
    let (port, came) = target();
    for host in NAMES {
        let bench = Bench::new();
        let base = format!("http://{host}:{port}");
        let feeds = [
            ("list", format!("url = \"{base}/list.txt\"\n")),
            ("events", format!("url = \"{base}/manifest.json\"\nformat = \"misp-feed\"\n")),
            ("collection", format!("url = \"{base}/taxii2/\"\ntaxii = \"one\"\n")),
        ];
        let text: String = feeds
            .iter()
            .map(|(name, rest)| format!("[[feed]]\nname = \"{name}\"\nunencrypted = true\n{rest}\n"))
            .collect();
        bench.write("data/feeds.toml", text);
        let reports = bench.run(&["intel", "sync", "--json"]).expect(1).json();
        for report in reports.as_array().unwrap() {
            assert_eq!(report["state"], "failed", "{host}: {report}");
            let reason = report["reason"].as_str().unwrap();
            // Where no name server answers, one may still be waited for when the time is over.
            let waited = host == "localhost." && reason.contains("took longer");
            let expected = waited || reason.contains("not public") || reason.contains("cannot fetch");
            assert!(expected, "{host}: {reason}");
        }
        assert_eq!(reports.as_array().unwrap().len(), 3);
    }
    assert_eq!(came.load(Ordering::SeqCst), 0, "nobody came");
    // The rig sees who comes: the same place, named outright.
    let bench = Bench::new();
    bench.write("data/feeds.toml", format!("[[feed]]\nname = \"list\"\nurl = \"http://127.0.0.1:{port}/\"\n"));
    bench.run(&["intel", "sync"]).expect(1);
    assert!(came.load(Ordering::SeqCst) > 0);
}

/// Advisories, and services that are asked about an address.
#[test]
fn s8_no_advisory_and_no_service_leads_into_private_space() {
    let (port, came) = target();
    for host in NAMES {
        let bench = Bench::new();
        let told = bench.run(&["vulns", "sync", &format!("http://{host}:{port}/osv.json"), "--unencrypted", "--json"]);
        assert_ne!(told.code, 0, "{told:?}");
        let key = bench.write("key", "secret");
        let online = format!(
            "[online]\naccept = true\nabuseipdb_key_file = {key:?}\nabuseipdb_url = \"https://{host}:{port}\"\n"
        );
        bench.write("data/server.toml", online);
        let told = bench.run(&["intel", "lookup", "45.66.7.8", "--json", "--online", "abuseipdb"]);
        let answer = &told.lines()[0]["online"][0];
        assert!(answer["error"].as_str().is_some_and(|error| !error.is_empty()), "{told:?}");
    }
    assert_eq!(came.load(Ordering::SeqCst), 0, "nobody came");
}
