//! Are feeds fetched politely, and is a copy that is no feed held back?

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use crate::bench::Bench;

/// What the publisher answers next.
#[derive(Clone, Default)]
pub struct Next {
    pub status: u16,
    pub body: String,
    pub tag: &'static str,
    /// Value of `If-None-Match` in the last request.
    pub asked: Option<String>,
}

/// A publisher on a port of its own.
pub fn publisher() -> (u16, Arc<Mutex<Next>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let next = Arc::new(Mutex::new(Next::default()));
    let shared = Arc::clone(&next);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            serve(stream.unwrap(), &shared);
        }
    });
    (port, next)
}

fn serve(mut stream: TcpStream, next: &Mutex<Next>) {
    let mut tag = None;
    for line in BufReader::new(stream.try_clone().unwrap()).lines() {
        let line = line.unwrap_or_default();
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("if-none-match:") {
            tag = Some(value.trim().to_owned());
        }
        if line.is_empty() {
            break;
        }
    }
    let mut next = next.lock().unwrap();
    let same = tag.is_some() && tag.as_deref() == Some(next.tag);
    next.asked = tag;
    let (status, body) = if same { (304, "") } else { (next.status, next.body.as_str()) };
    let _ = write!(
        stream,
        "HTTP/1.1 {status} x\r\nETag: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        next.tag,
        body.len()
    );
}

#[test]
fn a_feed_is_fetched_kept_held_and_reported() {
    let mut bench = Bench::new();
    let (port, next) = publisher();
    bench.mask(&port.to_string(), "PORT");
    let set = |status, body: &str, tag| {
        let mut next = next.lock().unwrap();
        (next.status, next.body, next.tag) = (status, body.to_owned(), tag);
    };
    let feeds = format!(
        "[[feed]]\nname = \"local\"\nurl = \"http://127.0.0.1:{port}/list.txt\"\ncategory = \"c2\"\nconfidence = 90\nrefresh = \"60s\"\n"
    );
    bench.write("data/feeds.toml", &feeds);
    let list: String = (1..=20).map(|n| format!("203.0.113.{n}\n")).collect();

    set(200, &list, "\"one\"");
    let first = bench.tell(&["intel", "sync", "--json"]).expect(0).json();
    assert_eq!((&first[0]["state"], &first[0]["count"]), (&"updated".into(), &20.into()));
    assert_eq!(bench.run(&["intel", "lookup", "203.0.113.7", "--json"]).json()["verdict"], "bad");
    let fresh = bench.tell(&["intel", "sync", "--json"]).expect(0).json();
    assert_eq!(fresh[0]["state"], "fresh");
    let same = bench.tell(&["intel", "sync", "--force", "--json"]).expect(0).json();
    assert_eq!(
        (same[0]["state"].as_str(), next.lock().unwrap().asked.as_deref()),
        (Some("not-modified"), Some("\"one\""))
    );

    set(200, "<!DOCTYPE html><html>maintenance</html>", "\"two\"");
    let held = bench.tell(&["intel", "sync", "--force", "--json"]).expect(1).json();
    assert_eq!((held[0]["state"].as_str(), held[0]["count"].as_u64()), (Some("held"), Some(20)));
    bench.tell(&["intel", "sync", "--force"]).expect(1);
    assert_eq!(bench.run(&["intel", "lookup", "203.0.113.7", "--json"]).json()["verdict"], "bad");
    bench.tell(&["intel", "list"]).expect(0);

    set(200, "203.0.113.1\n", "\"three\"");
    assert_eq!(bench.tell(&["intel", "sync", "--force", "--json"]).expect(1).json()[0]["state"], "held");
    let taken = bench.tell(&["intel", "sync", "--force", "--accept", "--json"]).expect(0).json();
    assert_eq!((taken[0]["state"].as_str(), taken[0]["count"].as_u64()), (Some("updated"), Some(1)));

    set(500, "broken", "\"four\"");
    assert_eq!(bench.tell(&["intel", "sync", "--force", "--json"]).expect(1).json()[0]["state"], "failed");
    assert_eq!(
        bench.run(&["intel", "lookup", "203.0.113.1", "--json"]).json()["verdict"],
        "bad",
        "the last good copy stays"
    );

    // One feed that fails does not hinder the other: something was skipped.
    set(200, &list, "\"five\"");
    bench.write("data/feeds.toml", format!("{feeds}\n[[feed]]\nname = \"nobody\"\nurl = \"http://127.0.0.1:1/\"\n"));
    let both = bench.run(&["intel", "sync", "--force", "--accept", "--json"]).expect(3).json();
    assert_eq!((both[0]["state"].as_str(), both[1]["state"].as_str()), (Some("updated"), Some("failed")));
    let off = "[[feed]]\nname = \"off\"\nurl = \"http://127.0.0.1:1/\"\nenabled = false\n\n[[feed]]\nname = \"nobody\"\nurl = \"http://127.0.0.1:1/\"\n";
    bench.write("data/feeds.toml", off);
    bench.run(&["intel", "sync", "--force"]).expect(1);
    bench.tell(&["intel", "sync", "unheard-of"]).expect(64);
    bench.write("data/feeds.toml", "[[feed]]\nname = \"a\"\nurl = \"http://127.0.0.1/\"\ncolour = 1\n");
    bench.tell(&["intel", "sync"]).expect(1);
    bench.golden("intel-sync");
}
