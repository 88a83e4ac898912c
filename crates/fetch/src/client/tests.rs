//! Does the client keep its promises against servers that do not?

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;

use super::*;

/// Serves one scripted reply per connection and tells the requests it saw.
pub(crate) fn serve(replies: Vec<Vec<u8>>) -> (SocketAddr, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for reply in replies {
            let Ok((stream, _)) = listener.accept() else { return };
            let _ = sender.send(read_request(&stream));
            let mut stream = stream;
            // An endless body drips until the client gives up.
            let (now, drip) = match reply.strip_suffix(b"...") {
                Some(now) => (now, true),
                None => (&reply[..], false),
            };
            let _ = stream.write_all(now);
            while drip && stream.write_all(b"x").is_ok() {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    });
    (address, receiver)
}

fn read_request(stream: &TcpStream) -> String {
    let mut request = String::new();
    let mut reader = BufReader::new(stream);
    while !request.ends_with("\r\n\r\n") && reader.read_line(&mut request).is_ok_and(|count| count > 0) {}
    request.to_ascii_lowercase()
}

pub(crate) fn reply(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n{body}", body.len())
        .into_bytes()
}

fn fetcher() -> Fetcher {
    Fetcher::new(Settings {
        connect_timeout: Duration::from_secs(2),
        total_timeout: Duration::from_millis(700),
        pause: Duration::from_millis(5),
        ..Settings::default()
    })
    .unwrap()
}

fn text(answer: Answer) -> String {
    match answer {
        Answer::Body(body) => String::from_utf8(body.bytes).unwrap(),
        Answer::NotModified => "not modified".to_owned(),
    }
}

#[test]
fn a_copy_at_hand_is_not_sent_again() {
    let (address, requests) = serve(vec![
        reply("200 OK", "ETag: \"one\"\r\nLast-Modified: Mon, 01 Jan 2024 00:00:00 GMT\r\n", "list"),
        b"HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n".to_vec(),
    ]);
    let url = format!("http://{address}/feed");
    let Answer::Body(body) = fetcher().get(&Request::new(&url)).unwrap() else { panic!("no body") };
    assert_eq!((body.bytes.as_slice(), body.etag.as_deref()), (&b"list"[..], Some("\"one\"")));
    assert!(!requests.recv().unwrap().contains("accept-encoding"));
    let again =
        Request { etag: body.etag.as_deref(), last_modified: body.last_modified.as_deref(), ..Request::new(&url) };
    assert_eq!(text(fetcher().get(&again).unwrap()), "not modified");
    let request = requests.recv().unwrap();
    assert!(request.contains("if-none-match: \"one\"\r\n") && request.contains("if-modified-since: mon,"), "{request}");
}

#[test]
fn redirects_are_followed_but_not_into_private_space() {
    let (address, _requests) = serve(vec![reply("302 Found", "Location: /b\r\n", ""), reply("200 OK", "", "there")]);
    assert_eq!(text(fetcher().get(&Request::new(&format!("http://{address}/a"))).unwrap()), "there");
    for target in [
        "http://127.0.0.2/",
        "http://localhost:1/",
        "http://169.254.169.254/latest",
        "http://[::1]/",
        "http://2130706433/",
        "http://10.0.0.1/",
    ] {
        let (address, _requests) = serve(vec![reply("301 Moved", &format!("Location: {target}\r\n"), "")]);
        let error = fetcher().get(&Request::new(&format!("http://{address}/"))).unwrap_err();
        assert!(matches!(error, FetchError::Private { .. }), "{target}: {error}");
    }
    let (address, requests) = serve(vec![reply("302 Found", "Location: /again\r\n", ""); 5]);
    let error = fetcher().get(&Request::new(&format!("http://{address}/"))).unwrap_err();
    assert!(matches!(error, FetchError::Redirect { .. }), "{error}");
    assert_eq!(requests.try_iter().count(), 4);
}

#[test]
fn a_name_that_leads_home_needs_permission() {
    let error = fetcher().get(&Request::new("http://2130706433:9/")).unwrap_err();
    assert!(matches!(error, FetchError::Private { .. }), "{error}");
    assert!(error.to_string().contains("permit_private"));
    let (address, _requests) = serve(vec![reply("200 OK", "", "home")]);
    let url = format!("http://2130706433:{}/", address.port());
    assert_eq!(text(fetcher().get(&Request { permit_private: true, ..Request::new(&url) }).unwrap()), "home");
}

#[test]
fn bodies_are_bounded_stated_or_not() {
    let endless = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".iter().copied().chain(vec![b'y'; 5000]).collect();
    for reply in [reply("200 OK", "", &"y".repeat(5000)), endless] {
        let (address, _requests) = serve(vec![reply]);
        let url = format!("http://{address}/");
        let error = fetcher().get(&Request { bytes_max: 1000, ..Request::new(&url) }).unwrap_err();
        assert!(matches!(error, FetchError::TooBig { bytes_max: 1000, .. }), "{error}");
    }
    let (address, _requests) = serve(vec![reply("200 OK", "", "exactly")]);
    let url = format!("http://{address}/");
    assert_eq!(text(fetcher().get(&Request { bytes_max: 7, ..Request::new(&url) }).unwrap()), "exactly");
}

#[test]
fn a_dripping_body_ends_in_time() {
    let drip = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n...".to_vec();
    let (address, _requests) = serve(vec![drip]);
    let begun = Instant::now();
    let fetcher = Fetcher { settings: Settings { attempts: 1, ..fetcher().settings }, ..fetcher() };
    let error = fetcher.get(&Request::new(&format!("http://{address}/"))).unwrap_err();
    assert!(matches!(error, FetchError::Timeout { .. }), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(3));
}

#[test]
fn errors_that_pass_are_tried_again_and_others_are_not() {
    let (address, requests) = serve(vec![reply("503 Busy", "", ""), Vec::new(), reply("200 OK", "", "at last")]);
    assert_eq!(text(fetcher().get(&Request::new(&format!("http://{address}/"))).unwrap()), "at last");
    assert_eq!(requests.try_iter().count(), 3);
    let (address, requests) = serve(vec![reply("404 Not Found", "", ""); 3]);
    let error = fetcher().get(&Request::new(&format!("http://{address}/"))).unwrap_err();
    assert!(matches!(error, FetchError::Status { status: 404, .. }), "{error}");
    assert_eq!(requests.try_iter().count(), 1);
    // A body that ends early is no body.
    let short = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\nConnection: close\r\n\r\nhalf".to_vec();
    let (address, _requests) = serve(vec![short; 3]);
    assert!(fetcher().get(&Request::new(&format!("http://{address}/"))).is_err());
}

#[test]
fn a_key_goes_to_its_server_only() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    fs::write(&file, "secret\n").unwrap();
    let key = Some(KeyHeader { name: "Auth-Key", file: &file });
    let (other, other_requests) = serve(vec![reply("200 OK", "", "ok")]);
    let (address, requests) = serve(vec![reply("302 Found", &format!("Location: http://{other}/\r\n"), "")]);
    let url = format!("http://{address}/");
    assert_eq!(text(fetcher().get(&Request { key, ..Request::new(&url) }).unwrap()), "ok");
    assert!(requests.recv().unwrap().contains("auth-key: secret\r\n"));
    assert!(!other_requests.recv().unwrap().contains("secret"));
    fs::write(&file, "two\nlines\n").unwrap();
    assert!(matches!(fetcher().get(&Request { key, ..Request::new(&url) }), Err(FetchError::File { .. })));
}

#[test]
fn a_proxy_may_stand_in_private_space() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = format!("http://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut first = read_request(&stream);
        if first.starts_with("connect ") {
            stream.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").unwrap();
            first.push_str(&read_request(&stream));
        }
        stream.write_all(&reply("200 OK", "", "by proxy")).unwrap();
        first
    });
    let settings = Settings { proxy: Some(proxy), ..fetcher().settings };
    let fetcher = Fetcher::new(settings).unwrap();
    assert_eq!(text(fetcher.get(&Request::new("http://feeds.example/list")).unwrap()), "by proxy");
    assert!(server.join().unwrap().contains("feeds.example"));
    assert!(Fetcher::new(Settings { proxy: Some("::".into()), ..Settings::default() }).is_err());
    let secret = Settings { proxy: Some("gopher://me:secret@proxy.example:1".into()), ..Settings::default() };
    let said = Fetcher::new(secret).expect_err("no such proxy").to_string();
    assert!(said.contains("proxy.example") && !said.contains("secret"), "{said}");
}

#[test]
fn a_user_and_password_become_basic_and_nothing_else_does() {
    for (name, key, expected) in [
        ("Authorization", "ada:l o n g", "Basic YWRhOmwgbyBuIGc="),
        ("authorization", "Bearer a:b", "Bearer a:b"),
        ("Authorization", "abc", "abc"),
        ("X-Key", "a:b", "a:b"),
    ] {
        assert_eq!(header_value(name, key.to_owned()), expected);
    }
}

#[test]
fn who_stays_is_not_led_to_another_server_and_hears_what_errors_say() {
    let (address, _requests) = serve(vec![reply("302 Found", "Location: http://127.0.0.1:1/\r\n", "")]);
    let error = fetcher().get(&Request { stays: true, ..Request::new(&format!("http://{address}/")) }).unwrap_err();
    assert!(matches!(error, FetchError::Redirect { .. }), "{error}");
    let long = "x".repeat(100_000);
    for (accept, length) in [(None, 0), (Some("a/b"), 16 << 10)] {
        let (address, _requests) = serve(vec![reply("404 Gone", "", &long)]);
        let error = fetcher().get(&Request { accept, ..Request::new(&format!("http://{address}/")) }).unwrap_err();
        let FetchError::Status { said, .. } = error else { panic!("{error}") };
        assert_eq!(said.len(), length);
    }
    let (address, requests) = serve(vec![reply("200 OK", "X-Note: here\r\n", "")]);
    let url = format!("http://{address}/");
    let ask = Request { accept: Some("a/b"), note: Some("x-note"), ..Request::new(&url) };
    let Answer::Body(body) = fetcher().get(&ask).unwrap() else { panic!() };
    assert_eq!(body.note.as_deref(), Some("here"));
    assert!(requests.recv().unwrap().contains("accept: a/b\r\n"));
}
