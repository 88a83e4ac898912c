//! Does a feed that misbehaves leave the last good copy in force, and say so?

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use tripoint_fetch::Settings;
use tripoint_model::Timestamp;

use super::*;
use crate::descriptor::parse;
use crate::images::{generations, open_newest};

pub(super) struct Place {
    data: tempfile::TempDir,
    feed: std::path::PathBuf,
    hour: i64,
}

impl Place {
    pub(super) fn new() -> Self {
        let data = tempfile::tempdir().unwrap();
        let feed = data.path().join("feed.txt");
        Self { data, feed, hour: 0 }
    }

    fn refresh(&mut self, text: &[u8], options: &SyncOptions<'_>) -> SyncReport {
        fs::write(&self.feed, text).unwrap();
        let descriptors = parse(&format!("[[feed]]\nname = \"f\"\nfile = {:?}\n", self.feed.display()), "t").unwrap();
        self.sync(&descriptors, options)
    }

    pub(super) fn sync(&mut self, descriptors: &[Descriptor], options: &SyncOptions<'_>) -> SyncReport {
        self.hour += 1;
        let permit = ["203.0.113.0/24".parse().unwrap()];
        let now = Timestamp::from_seconds(self.hour * 3600);
        let context = Context { data_dir: self.data.path(), permit_ranges: &permit, own: &[], now };
        let fetcher =
            Fetcher::new(Settings { attempts: 1, total_timeout: Duration::from_secs(5), ..Settings::default() })
                .unwrap();
        sync(descriptors, options, &fetcher, &context, &mut |_| {}).unwrap().remove(0)
    }

    /// Where a feed lies.
    pub(super) fn folder(&self, feed: &str) -> std::path::PathBuf {
        crate::store::copy_path(self.data.path(), feed).parent().unwrap().to_owned()
    }

    pub(super) fn in_force(&self) -> usize {
        open_newest(self.data.path()).map_or(0, |(_, index)| index.len())
    }
}

fn lines(count: u32) -> Vec<u8> {
    (0..count).map(|at| format!("203.0.113.{at}\n")).collect::<String>().into_bytes()
}

#[test]
fn doubtful_copies_are_held_and_believable_ones_take_force() {
    let mut place = Place::new();
    let plain = SyncOptions::default();
    assert_eq!(place.refresh(b"", &plain).state, SyncState::Failed);
    assert_eq!(place.refresh(&lines(20), &plain).state, SyncState::Updated);
    assert_eq!(place.refresh(&lines(20), &plain).state, SyncState::NotModified);
    let before = generations(place.data.path()).len();
    let page = b"<!DOCTYPE html><title>203.0.113.1</title>".to_vec();
    for bad in [Vec::new(), lines(10), lines(40), page, b"\xff\xfe2\x000\x003\x00".to_vec(), b"10.0.0.0/8\n".to_vec()] {
        let report = place.refresh(&bad, &plain);
        assert_eq!(report.state, SyncState::Held, "{report:?}");
        assert!(report.reason.is_some());
        assert_eq!(place.in_force(), 20);
        let status = &crate::store::list(place.data.path())[0];
        assert_eq!((status.state, status.count), (FeedState::Held, 20));
        assert!(status.alarm.is_some());
    }
    assert_eq!(generations(place.data.path()).len(), before);
    assert_eq!(place.refresh(&lines(25), &plain).state, SyncState::Updated);
    assert_eq!(crate::store::list(place.data.path())[0].alarm, None);
    // A person looked at the shrunk copy and accepts it.
    assert_eq!(place.refresh(&lines(5), &SyncOptions { accept: true, ..plain }).state, SyncState::Updated);
    assert_eq!(place.in_force(), 5);
    // Within the hour it is not due.
    place.hour -= 1;
    assert_eq!(place.refresh(&lines(6), &plain).state, SyncState::Fresh);
    fs::remove_file(&place.feed).unwrap();
    let descriptors = parse(&format!("[[feed]]\nname = \"f\"\nfile = {:?}\n", place.feed.display()), "t").unwrap();
    assert_eq!(place.sync(&descriptors, &plain).state, SyncState::Failed);
    assert_eq!(place.in_force(), 5);
}

#[test]
fn a_server_is_asked_with_the_tag_of_the_copy_in_force() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/feed", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        for at in 0..3 {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = String::new();
            let mut reader = BufReader::new(&stream);
            while !request.ends_with("\r\n\r\n") && reader.read_line(&mut request).unwrap() > 0 {}
            let has_tag = request.to_ascii_lowercase().contains("if-none-match: \"v1\"");
            let body = "203.0.113.66\n";
            let reply = match at {
                0 => format!(
                    "HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                    body.len()
                ),
                1 if has_tag => "HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n".to_owned(),
                _ => "HTTP/1.1 404 Gone\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_owned(),
            };
            stream.write_all(reply.as_bytes()).unwrap();
        }
    });
    let mut place = Place::new();
    let descriptors = parse(&format!("[[feed]]\nname = \"f\"\nurl = {url:?}\ncategory = \"c2\"\n"), "t").unwrap();
    for expected in [SyncState::Updated, SyncState::NotModified, SyncState::Failed] {
        assert_eq!(place.sync(&descriptors, &SyncOptions::default()).state, expected);
        assert_eq!(place.in_force(), 1);
    }
    let status = &crate::store::list(place.data.path())[0];
    assert_eq!(status.last_success, Some(Timestamp::from_seconds(2 * 3600)));
    assert!(status.is_stale(Timestamp::from_seconds(6 * 3600)));
    server.join().unwrap();
}

#[test]
fn a_permit_that_is_withdrawn_empties_the_image() {
    let data = tempfile::tempdir().unwrap();
    let path = data.path().join("list.txt");
    fs::write(&path, "203.0.113.1\n").unwrap();
    let permit = ["203.0.113.0/24".parse().unwrap()];
    let context = Context { data_dir: data.path(), permit_ranges: &permit, own: &[], now: Timestamp(1) };
    let options = crate::ImportOptions { name: "f".into(), ..crate::ImportOptions::default() };
    crate::import(&path, &options, &context).unwrap();
    assert_eq!(open_newest(Path::new(data.path())).unwrap().1.len(), 1);
    let withdrawn = Context { permit_ranges: &[], ..context };
    Store::open(data.path()).unwrap().rebuild(Timestamp(2), withdrawn.rules()).unwrap();
    assert_eq!(open_newest(data.path()).unwrap().1.len(), 0);
}
