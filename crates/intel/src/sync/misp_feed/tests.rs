//! Is only what changed asked for, and does a feed outlive what its server does wrong?

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use super::*;
use crate::descriptor::parse;
use crate::sync::tests::Place;
use crate::sync::{SyncOptions, SyncReport, SyncState};

/// A server whose files can be changed, and what it was asked.
#[derive(Clone, Default)]
struct Site {
    files: Arc<Mutex<HashMap<String, String>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Site {
    /// Serves until the test ends; gives its address.
    fn serve(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let site = self.clone();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let (mut path, mut tag, mut line) = (String::new(), String::new(), String::new());
                let mut reader = BufReader::new(&stream);
                while line != "\r\n" {
                    line.clear();
                    if reader.read_line(&mut line).unwrap_or(0) == 0 {
                        break;
                    }
                    if let Some(rest) = line.strip_prefix("GET ") {
                        path = rest.split(' ').next().unwrap_or("").to_owned();
                    }
                    if let Some(rest) = line.to_ascii_lowercase().strip_prefix("if-none-match: ") {
                        tag = rest.trim().to_owned();
                    }
                }
                let _ = stream.write_all(site.answer(&path, &tag).as_bytes());
            }
        });
        address
    }

    fn answer(&self, path: &str, tag: &str) -> String {
        let name = path.rsplit('/').next().unwrap_or("").to_owned();
        let body = self.files.lock().unwrap().get(&name).cloned();
        let Some(body) = body else {
            return "HTTP/1.1 404 Gone\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".into();
        };
        let now = format!("\"{:.16}\"", sha256_hex(body.as_bytes()));
        if let Some(to) = body.strip_prefix("-> ") {
            return format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
        if body == "down" {
            return "HTTP/1.1 503 Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".into();
        }
        if tag == now {
            self.asked.lock().unwrap().push(format!("{name} same"));
            return "HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n".into();
        }
        self.asked.lock().unwrap().push(name);
        let length = body.len();
        format!("HTTP/1.1 200 OK\r\nETag: {now}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
    }

    /// Sets the files: events by number with their time and body, and the manifest.
    fn set(&self, events: &[(u32, u32, &str)]) {
        let mut files = HashMap::new();
        let mut names = Vec::new();
        for (number, time, body) in events {
            names.push(format!("{:?}:{{\"info\":\"x\",\"timestamp\":\"{time}\"}}", uuid(*number)));
            if !body.is_empty() {
                files.insert(format!("{}.json", uuid(*number)), (*body).to_owned());
            }
        }
        files.insert("manifest.json".into(), format!("{{{}}}", names.join(",")));
        *self.files.lock().unwrap() = files;
    }

    /// What was asked since, short.
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
            .iter()
            .map(|name| name.replace("00000000-0000-4000-8000-00000000000", ""))
            .collect()
    }
}

fn uuid(number: u32) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

fn event(address: &str) -> String {
    format!(
        "{{\"Event\":{{\"info\":\"about {address}\",\"Attribute\":[{{\"type\":\"ip-dst\",\"value\":{address:?},\"to_ids\":true}}]}}}}"
    )
}

fn sync(place: &mut Place, address: &str) -> SyncReport {
    let text =
        format!("[[feed]]\nname = \"m\"\nurl = \"http://{address}/feed/manifest.json\"\nformat = \"misp-feed\"\n");
    place.sync(&parse(&text, "t").unwrap(), &SyncOptions::default())
}

#[test]
fn only_what_changed_is_asked_for() {
    let (site, mut place) = (Site::default(), Place::new());
    let address = site.serve();
    let [one, two, three] = ["203.0.113.1", "203.0.113.2", "203.0.113.3"].map(event);
    site.set(&[(1, 10, &one), (2, 20, &two), (3, 30, &three)]);
    let report = sync(&mut place, &address);
    assert_eq!((report.state, report.count, report.refused), (SyncState::Updated, 3, 0), "{report:?}");
    assert_eq!(site.asked(), ["manifest.json", "3.json", "2.json", "1.json"]);
    assert_eq!(sync(&mut place, &address).state, SyncState::NotModified);
    assert_eq!(site.asked(), ["manifest.json same"]);

    // One is changed, one is only said to be.
    let other = event("203.0.113.9");
    site.set(&[(1, 10, &one), (2, 21, &two), (3, 31, &other)]);
    assert_eq!(sync(&mut place, &address).state, SyncState::Updated);
    assert_eq!(site.asked(), ["manifest.json", "3.json", "2.json same"]);
    assert_eq!(place.in_force(), 3);

    // One is gone, and with it what was kept of it.
    site.set(&[(2, 21, &two), (3, 31, &other)]);
    assert_eq!((sync(&mut place, &address).state, place.in_force()), (SyncState::Updated, 2));
    assert_eq!(site.asked(), ["manifest.json"]);
    let kept = fs::read_dir(place.folder("m").join("events")).unwrap().count();
    assert_eq!(kept, 3, "two events and the index");

    // A kept event that was damaged comes again.
    fs::write(place.folder("m").join("events").join(format!("{}.json", uuid(2))), event("203.0.113.66")).unwrap();
    site.set(&[(2, 21, &two), (3, 32, &three)]);
    assert_eq!(sync(&mut place, &address).state, SyncState::Updated);
    assert_eq!(site.asked(), ["manifest.json", "3.json", "2.json"]);
}

#[test]
fn what_a_server_does_wrong_costs_no_more_than_it_must() {
    let (site, mut place) = (Site::default(), Place::new());
    let address = site.serve();
    let elsewhere = Site::default();
    let other_address = elsewhere.serve();
    elsewhere.set(&[(4, 1, &event("203.0.113.4"))]);
    let one = event("203.0.113.1");
    let away = format!("-> http://{other_address}/{}.json", uuid(4));
    let deep = format!("{{\"Event\":{}{}}}", "[".repeat(200), "]".repeat(200));
    site.set(&[(1, 90, &one), (2, 80, "{\"Event\":{\"Attribute\":[{"), (3, 70, &deep), (4, 60, &away), (5, 50, "")]);
    let report = sync(&mut place, &address);
    assert_eq!((report.state, report.count, report.refused), (SyncState::Updated, 1, 4), "{report:?}");
    let reasons: Vec<&str> = report.refusals.iter().map(|refusal| refusal.reason.as_str()).collect();
    for (reason, expected) in reasons.iter().zip(["breaks off", "recursion", "another server", "status 404"]) {
        assert!(reason.contains(expected), "{reason}");
    }

    // What was missing is tried again although the manifest did not change.
    site.files.lock().unwrap().insert(format!("{}.json", uuid(5)), event("203.0.113.5"));
    site.asked();
    assert_eq!(
        (sync(&mut place, &address).state, place.in_force()),
        (SyncState::Held, 1),
        "twice as many are looked at"
    );

    // A server that is down is not asked for everything, and takes nothing away.
    let down: Vec<(u32, u32, &str)> = (1..10).map(|number| (number, 100, "down")).collect();
    site.set(&down);
    let report = sync(&mut place, &address);
    assert_eq!((report.state, place.in_force()), (SyncState::Failed, 1));
    assert!(report.reason.as_ref().is_some_and(|reason| reason.contains("in a row")), "{report:?}");
}

#[test]
fn a_feed_is_named_by_its_manifest() {
    for origin in ["url = \"https://feeds.example/\"", "file = \"/x/manifest.json\""] {
        let error = parse(&format!("[[feed]]\nname = \"m\"\n{origin}\nformat = \"misp-feed\"\n"), "t").unwrap_err();
        assert!(error.reason.contains("manifest.json"), "{error}");
    }
}
