//! Is a collection pulled whole, then by what was added, and does a server that misbehaves change nothing?

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};

use tripoint_fetch::Settings;

use crate::descriptor::parse;
use crate::images::open_newest;
use crate::import::Context;
use crate::sync::{SyncOptions, SyncReport, SyncState, sync};

use super::*;

/// Answers each request by its path and query: status, headers, body.
type Script = Box<dyn FnMut(&str) -> (u16, String, String) + Send>;

struct Place {
    data: tempfile::TempDir,
    url: String,
    asked: Receiver<String>,
    hour: i64,
    extra: String,
}

impl Place {
    fn new(mut script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let (tell, asked) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let mut request = String::new();
                let mut reader = BufReader::new(&stream);
                while !request.ends_with("\r\n\r\n") && reader.read_line(&mut request).unwrap_or(0) > 0 {}
                let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
                let (status, headers, body) = script(&path);
                let reply = format!(
                    "HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n{body}",
                    body.len()
                );
                let _ = stream.write_all(reply.as_bytes());
                if tell.send(request).is_err() {
                    return;
                }
            }
        });
        Self { data: tempfile::tempdir().unwrap(), url, asked, hour: 500_000, extra: String::new() }
    }

    fn sync(&mut self, wanted: &str) -> SyncReport {
        self.hour += 1;
        let text = format!("[[feed]]\nname = \"t\"\nurl = \"{}taxii2/\"\ntaxii = {wanted:?}\n{}", self.url, self.extra);
        let descriptors = parse(&text, "t").unwrap();
        let permit = ["203.0.113.0/24".parse().unwrap()];
        let now = Timestamp::from_seconds(self.hour * 3600);
        let context = Context { data_dir: self.data.path(), permit_ranges: &permit, own: &[], now };
        let settings = Settings { attempts: 1, total_timeout: Duration::from_secs(5), ..Settings::default() };
        let fetcher = Fetcher::new(settings).unwrap();
        sync(&descriptors, &SyncOptions::default(), &fetcher, &context, &mut |_| {}).unwrap().remove(0)
    }

    fn in_force(&self) -> usize {
        open_newest(self.data.path()).map_or(0, |(_, index)| index.len())
    }

    /// Requests for objects so far.
    fn asked_for_objects(&self) -> Vec<String> {
        self.asked.try_iter().filter(|request| request.contains("/objects/")).collect()
    }
}

fn fine(body: impl Into<String>) -> (u16, String, String) {
    (200, "Content-Type: application/taxii+json;version=2.1\r\n".to_owned(), body.into())
}

/// Discovery, root and collections of a server; `None` for its objects.
fn around(path: &str) -> Option<(u16, String, String)> {
    match path {
        "/taxii2/" => Some(fine(r#"{"title":"t","api_roots":["/gone/","/root/"],"default":"/root/"}"#)),
        "/root/collections/" => Some(fine(
            r#"{"collections":[{"id":"c-1","title":"Bad addresses","alias":"bad","can_read":true},
            {"id":"c-2","title":"Secret","can_read":false},{"id":"c-3","title":"Twice","can_read":true},
            {"id":"c-4","title":"Twice","can_read":true}]}"#,
        )),
        path if path.contains("/objects/") => None,
        _ => Some((404, String::new(), r#"{"title":"Not here","description":"no such\u001b root"}"#.to_owned())),
    }
}

fn indicator(at: u8, modified: &str, extra: &str) -> String {
    format!(
        r#"{{"type":"indicator","id":"indicator--{at}","created":"2026-01-01T00:00:00Z","modified":"{modified}",
        "pattern":"[ipv4-addr:value = '203.0.113.{at}']","pattern_type":"stix"{extra}}}"#
    )
}

fn envelope(objects: &[String], more: &str) -> String {
    format!("{{{more}\"objects\":[{}]}}", objects.join(","))
}

#[test]
fn a_collection_is_read_page_by_page() {
    let first = "2026-01-01T00:00:00Z";
    let mut place = Place::new(Box::new(move |path| {
        around(path).unwrap_or_else(|| match path.contains("next=") {
            false => {
                fine(envelope(&[indicator(1, first, ""), indicator(2, first, "")], "\"more\":true,\"next\":\"p 2\","))
            }
            true => fine(envelope(&[indicator(3, first, ""), r#"{"type":"malware","id":"malware--1"}"#.into()], "")),
        })
    }));
    for wanted in ["Bad addresses", "bad", "c-1"] {
        let report = place.sync(wanted);
        assert_eq!((report.state, report.count, place.in_force()), (SyncState::Updated, 3, 3), "{report:?}");
        let asked = place.asked_for_objects();
        assert!(asked[0].starts_with("GET /root/collections/c-1/objects/?limit=1000&match%5Btype%5D=indicator HTTP"));
        assert!(asked[0].to_ascii_lowercase().contains("accept: application/taxii+json;version=2.1\r\n"));
        assert!(asked[1].contains("&next=p%202 HTTP"), "{asked:?}");
    }
}

#[test]
fn what_was_read_is_continued_until_a_week_has_passed() {
    let mut round = 0;
    let mut place = Place::new(Box::new(move |path| {
        if let Some(answer) = around(path) {
            return answer;
        }
        round += 1;
        let first = "2026-01-01T00:00:00Z";
        let (objects, day) = match round {
            1 => (vec![indicator(1, first, ""), indicator(2, first, ""), indicator(3, first, "")], 2),
            2 => (
                vec![
                    indicator(4, first, ""),
                    indicator(1, "2026-01-02T00:00:00Z", ",\"name\":\"newer\""),
                    indicator(2, "2026-01-02T00:00:00Z", ",\"revoked\":true"),
                    indicator(3, "2025-01-02T00:00:00Z", ",\"revoked\":true"),
                ],
                3,
            ),
            3 => return fine("{}"),
            _ => (vec![indicator(1, first, ""), indicator(4, first, "")], 9),
        };
        let (status, headers, body) = fine(envelope(&objects, ""));
        (status, format!("{headers}X-TAXII-Date-Added-Last: 2026-01-0{day}T00:00:00.000Z\r\n"), body)
    }));
    assert_eq!(place.sync("c-1").state, SyncState::Updated);
    let report = place.sync("c-1");
    assert_eq!((report.state, report.count, place.in_force()), (SyncState::Updated, 3, 3), "{report:?}");
    let bundle = fs::read_to_string(place.data.path().join("intel/t/taxii.json")).unwrap();
    assert_eq!(bundle.matches("newer").count(), 1);
    assert!(!bundle.contains("indicator--2") && bundle.contains("indicator--3") && bundle.contains("indicator--4"));
    assert_eq!(place.sync("c-1").state, SyncState::NotModified);
    let path = place.data.path().join("intel/t/taxii.json");
    let asked = place.asked_for_objects();
    assert!(asked[1].contains("added_after=2026-01-02T00%3A00%3A00.000Z"), "{asked:?}");
    assert!(asked[2].contains("added_after=2026-01-03T00%3A00%3A00.000Z"), "{asked:?}");
    // What vanished without being revoked is missed by a whole pull.
    place.hour += 7 * 24;
    let report = place.sync("c-1");
    assert_eq!((report.state, report.count), (SyncState::Updated, 2), "{report:?}");
    assert!(!place.asked_for_objects()[0].contains("added_after"));
    assert!(!place.data.path().join("intel/t/taxii.new").exists());
    // A damaged bundle accuses nobody: all is pulled anew.
    let whole = fs::read_to_string(&path).unwrap();
    fs::write(&path, whole.replace("203.0.113.4", "203.0.113.9")).unwrap();
    assert_eq!(place.sync("c-1").state, SyncState::NotModified);
    assert!(!place.asked_for_objects()[0].contains("added_after"));
    assert!(!fs::read_to_string(&path).unwrap().contains("203.0.113.9"));
    place.sync("c-1");
    assert!(place.asked_for_objects()[0].contains("added_after"));
}

#[test]
fn a_name_that_is_not_there_is_answered_with_those_that_are() {
    let mut place = Place::new(Box::new(|path| around(path).unwrap_or_else(|| fine("{}"))));
    for (wanted, part) in [
        ("Nothing", "readable are: Bad addresses (c-1); Twice (c-3); Twice (c-4)"),
        ("Nothing", "/gone/collections/ answered with status 404: Not here: no such"),
        ("Secret", "may not be read"),
        ("Twice", "name one by its id"),
        ("c-1", "it is empty"),
    ] {
        let report = place.sync(wanted);
        let reason = report.reason.unwrap();
        assert!(report.state == SyncState::Failed && reason.contains(part), "{wanted}: {reason}");
        assert!(!reason.contains('\u{1b}'));
    }
}

#[test]
fn a_server_that_misbehaves_leaves_the_last_good_copy() {
    let one = || indicator(1, "2026-01-01T00:00:00Z", "");
    let mut round = 0;
    let mut place = Place::new(Box::new(move |path| {
        if let Some(answer) = around(path) {
            return answer;
        }
        round += 1;
        match round {
            1 => fine(envelope(&[one()], "")),
            // The same page for ever, under names that differ.
            2 | 3 => fine(envelope(&[one()], &format!("\"more\":true,\"next\":\"{round}\","))),
            // One that a filter has emptied may stand between others.
            4 => fine("{\"more\":true,\"next\":\"x\"}"),
            5 => fine("{\"more\":true,\"next\":\"y\"}"),
            6 => fine("{\"more\":true,\"next\":\"x\"}"),
            7 => fine(envelope(&[one()], "\"more\":true,")),
            8 => fine("{\"objects\":[1]}"),
            9 => fine("{\"objects\":{}}"),
            10 => fine("[]"),
            11 => fine("<!DOCTYPE html><title>Log in</title>"),
            12 => fine(envelope(&[one(), format!("\"{}\"", "x".repeat(1 << 20))], "")),
            13 => fine("{\"objects\":[{\"type\":\"indicator\""),
            14 => (302, "Location: http://127.0.0.1:1/\r\n".to_owned(), String::new()),
            15 => (406, String::new(), r#"{"title":"Wrong media type"}"#.to_owned()),
            16 => fine("{\"objects\":[]}"),
            _ => fine(envelope(&[one()], "")),
        }
    }));
    place.extra = "max_mib = 1\n".to_owned();
    assert_eq!(place.sync("c-1").state, SyncState::Updated);
    for part in [
        "is the same as one before",
        "is the same as one before",
        "does not say how",
        "is unreadable",
        "expected a list",
        "expected a TAXII envelope",
        "is a web page",
        "max_mib",
        "EOF",
        "redirects to another server",
        "406: Wrong media type",
    ] {
        let report = place.sync("c-1");
        let reason = report.reason.unwrap_or_default();
        assert!(report.state == SyncState::Failed && reason.contains(part), "{part}: {reason}");
        assert_eq!((report.count, place.in_force()), (1, 1));
    }
    assert_eq!(place.sync("c-1").state, SyncState::Held);
    assert_eq!(place.sync("c-1").state, SyncState::NotModified);
}

#[test]
fn a_password_is_sent_as_basic_and_only_there() {
    let mut place = Place::new(Box::new(|path| {
        around(path).unwrap_or_else(|| fine(envelope(&[indicator(1, "2026-01-01T00:00:00Z", "")], "")))
    }));
    let key = place.data.path().join("key");
    fs::write(&key, "ada:l o n g\n").unwrap();
    place.extra = format!("key_file = {:?}\n", key.display());
    assert_eq!(place.sync("c-1").state, SyncState::Updated);
    assert!(place.asked.try_iter().all(|request| request.contains("uthorization: Basic YWRhOmwgbyBuIGc=\r\n")));
}
