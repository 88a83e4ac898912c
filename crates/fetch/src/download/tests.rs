//! Is a cut download taken up, and never joined from two versions?

use std::time::Duration;

use super::*;
use crate::client::Settings;
use crate::client::tests::{reply, serve};

fn fetcher(attempts: u32) -> Fetcher {
    let pause = Duration::from_millis(2);
    Fetcher::new(Settings { pause, attempts, total_timeout: Duration::from_secs(5), ..Settings::default() }).unwrap()
}

fn cut(headers: &str, length: usize, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n{body}").into_bytes()
}

fn rest(tag: &str, range: &str, body: &str) -> Vec<u8> {
    reply("206 Partial Content", &format!("ETag: {tag}\r\nContent-Range: bytes {range}\r\n"), body)
}

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("all.zip")
    }

    fn content(&self) -> String {
        fs::read_to_string(self.file()).unwrap()
    }

    fn left(&self) -> usize {
        fs::read_dir(self.folder.path()).unwrap().count()
    }
}

fn saved(arrival: Arrival) -> Saved {
    match arrival {
        Arrival::Saved(saved) => saved,
        Arrival::NotModified => panic!("nothing came"),
    }
}

#[test]
fn a_cut_download_goes_on_where_it_was() {
    let place = Place::new();
    let (address, requests) = serve(vec![
        cut("ETag: \"one\"\r\n", 12, "hello"),
        // A whole answer, but not the whole rest: the range says of how many.
        rest("\"one\"", "5-8/12", " wor"),
        rest("\"one\"", "9-11/12", "ld!"),
    ]);
    let url = format!("http://{address}/all.zip");
    let mut seen = Vec::new();
    let arrival = fetcher(3).download(&Request::new(&url), &place.file(), &mut |have, of| seen.push((have, of)));
    let told: Vec<String> = requests.try_iter().collect();
    assert!(!told[0].contains("range:"), "{told:?}");
    assert!(told[1].contains("range: bytes=5-\r\n") && told[1].contains("if-range: \"one\"\r\n"), "{told:?}");
    assert!(told[2].contains("range: bytes=9-\r\n"), "{told:?}");
    assert_eq!(seen, [(5, Some(12)), (9, Some(12)), (12, Some(12))]);
    assert_eq!((saved(arrival.unwrap()).bytes, place.content().as_str()), (12, "hello world!"));
    assert_eq!(place.left(), 1);
}

#[test]
fn the_next_run_takes_it_up_and_says_so() {
    let place = Place::new();
    let (address, _requests) =
        serve(vec![cut("ETag: \"one\"\r\n", 12, "hello"), rest("\"one\"", "5-11/12", " world!")]);
    let url = format!("http://{address}/all.zip");
    fetcher(1).download(&Request::new(&url), &place.file(), &mut |_, _| {}).unwrap_err();
    assert!(!place.file().exists());
    let second = saved(fetcher(1).download(&Request::new(&url), &place.file(), &mut |_, _| {}).unwrap());
    assert_eq!((second.bytes, second.resumed_from, second.etag.as_deref()), (12, 5, Some("\"one\"")));
    assert_eq!((place.content().as_str(), place.left()), ("hello world!", 1));
}

#[test]
fn another_version_is_fetched_whole() {
    let whole = || reply("200 OK", "ETag: \"two\"\r\n", "another text");
    for second in [
        vec![whole()],
        vec![rest("\"two\"", "5-11/12", "her text"), whole()],
        vec![reply("416 Range Not Satisfiable", "", ""), whole()],
        vec![rest("\"one\"", "4-11/12", "o world!"), whole()],
    ] {
        let place = Place::new();
        let mut replies = vec![cut("ETag: \"one\"\r\n", 12, "hello")];
        replies.extend(second);
        let (address, _requests) = serve(replies);
        let url = format!("http://{address}/all.zip");
        let arrival = saved(fetcher(3).download(&Request::new(&url), &place.file(), &mut |_, _| {}).unwrap());
        assert_eq!((place.content().as_str(), place.left()), ("another text", 1));
        assert_eq!((arrival.bytes, arrival.resumed_from), (12, 0));
    }
}

#[test]
fn what_names_no_version_or_another_url_is_not_continued() {
    for headers in ["", "ETag: W/\"one\"\r\n"] {
        let place = Place::new();
        let (address, requests) = serve(vec![cut(headers, 12, "hello"), reply("200 OK", "", "hello world!")]);
        let url = format!("http://{address}/all.zip");
        fetcher(3).download(&Request::new(&url), &place.file(), &mut |_, _| {}).unwrap();
        assert!(requests.try_iter().all(|request| !request.contains("range")));
        assert_eq!(place.content(), "hello world!");
    }
    let place = Place::new();
    let (address, requests) = serve(vec![cut("ETag: \"one\"\r\n", 12, "hello"), reply("200 OK", "", "elsewhere")]);
    fetcher(1).download(&Request::new(&format!("http://{address}/a")), &place.file(), &mut |_, _| {}).unwrap_err();
    fetcher(1).download(&Request::new(&format!("http://{address}/b")), &place.file(), &mut |_, _| {}).unwrap();
    assert!(requests.try_iter().all(|request| !request.contains("range")));
    assert_eq!(place.content(), "elsewhere");
}

#[test]
fn a_copy_at_hand_and_a_bound_hold_here_too() {
    let place = Place::new();
    let (address, requests) = serve(vec![
        b"HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n".to_vec(),
        reply("200 OK", "", "too long"),
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nendless and endless".to_vec(),
    ]);
    let url = format!("http://{address}/");
    let known = Request { etag: Some("\"one\""), ..Request::new(&url) };
    assert_eq!(fetcher(1).download(&known, &place.file(), &mut |_, _| {}).unwrap(), Arrival::NotModified);
    assert!(requests.recv().unwrap().contains("if-none-match: \"one\""));
    for _ in 0..2 {
        let small = Request { bytes_max: 7, ..Request::new(&url) };
        let error = fetcher(1).download(&small, &place.file(), &mut |_, _| {}).unwrap_err();
        assert!(matches!(error, FetchError::TooBig { bytes_max: 7, .. }), "{error}");
    }
    assert_eq!(place.left(), 0, "nothing is left of what is too long");
}

/// Attempts that bring something are not counted; those that bring nothing are.
#[test]
fn a_line_that_is_cut_often_still_arrives() {
    let place = Place::new();
    let text = "0123456789";
    let mut replies = vec![cut("ETag: \"one\"\r\n", 10, "0")];
    for at in 1..10 {
        let head = format!(
            "HTTP/1.1 206 x\r\nContent-Length: {}\r\nConnection: close\r\nContent-Range: bytes {at}-9/10\r\n\r\n{}",
            10 - at,
            &text[at..=at]
        );
        replies.push(head.into_bytes());
    }
    let (address, _requests) = serve(replies);
    let arrival = fetcher(2).download(&Request::new(&format!("http://{address}/")), &place.file(), &mut |_, _| {});
    assert_eq!(saved(arrival.unwrap()).bytes, 10);
    assert_eq!(place.content(), text);
    let (address, requests) = serve(vec![reply("503 Busy", "", ""); 5]);
    fetcher(2).download(&Request::new(&format!("http://{address}/")), &place.file(), &mut |_, _| {}).unwrap_err();
    assert_eq!(requests.try_iter().count(), 2);
}
