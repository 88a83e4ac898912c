//! Promise C4, and C2 where a feed is fetched: is a server's fault said on its first occurrence, with the last good copy still matching and memory bounded?

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use peak_alloc::PeakAlloc;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use tripoint_intel::descriptor::parse;
use tripoint_intel::images::open_newest;
use tripoint_intel::{
    Context, FeedState, FeedStatus, FetchSettings, Fetcher, SyncOptions, SyncReport, SyncState, sync,
};
use tripoint_model::{IndicatorLookup as _, Timestamp};

#[global_allocator]
static PEAK: PeakAlloc = PeakAlloc;

/// What the server does with a connection after it read the request.
type Play = Arc<dyn Fn(&mut dyn Write, &str) -> std::io::Result<()> + Send + Sync>;

/// A server on loopback that plays whatever it is told to.
struct Server {
    url: String,
    play: Arc<Mutex<Play>>,
}

impl Server {
    fn start(tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{}/list.txt", listener.local_addr().expect("address"));
        let play: Arc<Mutex<Play>> = Arc::new(Mutex::new(plain(&lines(0..1000))));
        let playing = Arc::clone(&play);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (play, tls) = (Arc::clone(&playing.lock().expect("play")), tls.clone());
                std::thread::spawn(move || serve(stream, tls, &play));
            }
        });
        Self { url, play }
    }

    fn plays(&self, play: Play) {
        *self.play.lock().expect("play") = play;
    }
}

fn serve(stream: TcpStream, tls: Option<Arc<rustls::ServerConfig>>, play: &Play) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    match tls {
        None => {
            let head = request(&mut BufReader::new(stream.try_clone()?))?;
            play(&mut &stream, &head)
        }
        Some(config) => {
            let connection = rustls::ServerConnection::new(config).map_err(std::io::Error::other)?;
            let mut stream = rustls::StreamOwned::new(connection, stream);
            let head = request(&mut BufReader::new(&mut stream))?;
            play(&mut stream, &head)
        }
    }
}

fn request(reader: &mut dyn BufRead) -> std::io::Result<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") && head.len() < 16 << 10 {
        if reader.take(4096).read_line(&mut head)? == 0 {
            break;
        }
    }
    Ok(head)
}

fn answer(status: &str, headers: &str, body: &[u8]) -> Play {
    let mut whole =
        format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n", body.len())
            .into_bytes();
    whole.extend_from_slice(body);
    Arc::new(move |out, _| out.write_all(&whole))
}

fn plain(body: &[u8]) -> Play {
    answer("200 OK", "Content-Type: text/plain\r\nETag: \"one\"\r\n", body)
}

fn redirect(to: &str) -> Play {
    answer("302 Found", &format!("Location: {to}\r\n"), b"")
}

/// Addresses of a range that tests permit.
fn lines(range: std::ops::Range<u32>) -> Vec<u8> {
    range.map(|at| format!("{}\n", Ipv4Addr::from(0xc612_0000 + at))).collect::<String>().into_bytes()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    out.write_all(bytes).expect("gzip");
    out.finish().expect("gzip")
}

/// A data folder with one feed, refreshed each hour.
struct Place {
    data: tempfile::TempDir,
    url: String,
    settings: FetchSettings,
    hour: i64,
}

impl Place {
    fn new(url: &str) -> Self {
        let settings = FetchSettings {
            attempts: 1,
            connect_timeout: Duration::from_secs(2),
            total_timeout: Duration::from_secs(2),
            ..FetchSettings::default()
        };
        Self { data: tempfile::tempdir().expect("tempdir"), url: url.to_owned(), settings, hour: 0 }
    }

    fn refresh(&mut self) -> SyncReport {
        self.hour += 1;
        let text = format!("[[feed]]\nname = \"f\"\nurl = {:?}\nmax_mib = 8\n", self.url);
        let descriptors = parse(&text, "t").expect("a descriptor");
        let permit = ["198.18.0.0/15".parse().expect("a range")];
        let now = Timestamp::from_seconds(self.hour * 3600);
        let context = Context { data_dir: self.data.path(), permit_ranges: &permit, own: &[], now };
        let fetcher = Fetcher::new(self.settings.clone()).expect("a fetcher");
        sync(&descriptors, &SyncOptions::default(), &fetcher, &context, &mut |_| {}).expect("sync").remove(0)
    }

    fn status(&self) -> FeedStatus {
        tripoint_intel::list(self.data.path()).remove(0)
    }

    /// Whether the first good copy still matches.
    fn still_matches(&self) -> bool {
        let index = open_newest(self.data.path()).map(|(_, index)| index).expect("an image");
        let claims = |host: u32| index.claims(IpAddr::from(Ipv4Addr::from(0xc612_0000 + host)), 443).len();
        index.len() == 1000 && claims(0) == 1 && claims(999) == 1 && claims(1000) == 0
    }
}

#[test]
fn each_fault_is_said_at_once_and_changes_nothing() {
    let server = Server::start(None);
    let mut place = Place::new(&server.url);
    assert_eq!(place.refresh().state, SyncState::Updated);
    let good = gzip(&lines(0..1000));
    let bomb = gzip(&b"198.18.0.1\n".repeat(40 << 20));
    let slow: Play = Arc::new(|out, _| {
        out.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")?;
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(6) {
            out.write_all(b"1")?;
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    });
    let endless: Play = Arc::new(|out, _| {
        out.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
        (0..4096).try_for_each(|_| out.write_all(&lines(0..1000)))
    });
    let utf16: Vec<u8> =
        [0xff, 0xfe].into_iter().chain(lines(0..1000).into_iter().flat_map(|byte| [byte, 0])).collect();
    let latin: Vec<u8> =
        lines(0..1000).into_iter().flat_map(|byte| if byte == b'\n' { vec![0xe9, byte] } else { vec![byte] }).collect();
    let page = b"<!DOCTYPE html><title>Attention required</title>";
    let faults: Vec<(&str, Play, &str)> = vec![
        ("empty", plain(b""), "empty"),
        ("halved", plain(&lines(0..500)), "shrank from 1000 to 500"),
        ("a hundred times", plain(&lines(0..100_000)), "grew from 1000 to 100000"),
        ("HTML", plain(page), "web page"),
        ("HTML, packed", plain(&gzip(page)), "web page"),
        ("cut gzip", plain(&good[..good.len() * 2 / 3]), "could not be read to its end"),
        ("zip bomb", plain(&bomb), "out of one byte"),
        ("slow-loris", slow, "took longer"),
        ("endless", endless, "more than 8388608 bytes"),
        ("wrong charset", plain(&utf16), "UTF-16"),
        ("not UTF-8", plain(&latin), "not UTF-8 text"),
        ("error page", answer("503 Unavailable", "", b"later"), "503"),
        ("to loopback", redirect("http://localhost:1/x"), "not public"),
        ("to loopback by number", redirect("http://2130706433:1/x"), "not public"),
        ("to mapped loopback", redirect("http://[::ffff:127.0.0.1]:1/x"), "not public"),
        ("to the metadata", redirect("http://169.254.169.254/latest/meta-data/"), "not public"),
        ("to private space", redirect("http://10.0.0.1/x"), "not public"),
        ("round and round", redirect("/list.txt"), "redirects"),
        ("to a file", redirect("file:///etc/passwd"), "not a URL"),
        ("another format", plain(br#"{"type":"bundle","id":"bundle--1","objects":[]}"#), "it is empty"),
    ];
    for (what, play, expected) in faults {
        server.plays(play);
        PEAK.reset_peak_usage();
        let before = PEAK.current_usage();
        let report = place.refresh();
        let peak = PEAK.peak_usage() - before;
        let reason = report.reason.unwrap_or_else(|| panic!("{what}: {:?}", report.state));
        assert!(reason.contains(expected), "{what}: {reason}");
        assert!(matches!(report.state, SyncState::Held | SyncState::Failed), "{what}: {:?}", report.state);
        let status = place.status();
        assert_eq!(status.alarm.as_deref(), Some(reason.as_str()), "{what}");
        assert_ne!(status.state, FeedState::Ok, "{what}");
        assert!(place.still_matches(), "{what}");
        // A copy of 8 MiB and a hundred thousand entries; a bomb gives as many as a feed may hold before it is known.
        let most = if what == "zip bomb" { 480 << 20 } else { 96 << 20 };
        assert!(peak < most, "{what}: {} MiB", peak >> 20);
    }
    server.plays(plain(&lines(0..1000)));
    assert!(matches!(place.refresh().state, SyncState::Updated | SyncState::NotModified));
    assert_eq!((place.status().state, place.status().alarm), (FeedState::Ok, None));
}

/// Promise C4: however short it was cut, what is left of a packed list does not take force.
#[test]
fn a_download_that_is_cut_anywhere_changes_nothing() {
    let server = Server::start(None);
    let mut place = Place::new(&server.url);
    assert_eq!(place.refresh().state, SyncState::Updated);
    let (text, packed) = (lines(0..1900), gzip(&lines(0..1900)));
    for percent in 0..100 {
        for (whole, is_text) in [(&text, true), (&packed, false)] {
            let part = whole[..whole.len() * percent / 100].to_vec();
            let (length, part) = (whole.len(), Arc::new(part));
            // The server promised more than it gave, as one does that breaks down.
            server.plays(Arc::new(move |out, _| {
                write!(out, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n")?;
                out.write_all(&part)
            }));
            let report = place.refresh();
            assert!(matches!(report.state, SyncState::Held | SyncState::Failed), "{percent} % {is_text}: {report:?}");
            assert!(place.status().alarm.is_some() && place.still_matches(), "{percent} % {is_text}");
        }
    }
}

#[test]
fn not_modified_for_ever_is_said() {
    let server = Server::start(None);
    let mut place = Place::new(&server.url);
    server.plays(answer("304 Not Modified", "", b""));
    let report = place.refresh();
    assert_eq!(report.state, SyncState::Failed, "nobody asked whether it changed: {report:?}");
    server.plays(plain(&lines(0..1000)));
    assert_eq!(place.refresh().state, SyncState::Updated);
    server.plays(answer("304 Not Modified", "", b""));
    assert_eq!(place.refresh().state, SyncState::NotModified);
    let at = |day: i64| Timestamp::from_seconds(day * 86_400);
    assert_eq!(place.status().trouble(at(0)), None);
    place.hour = 24 * 31 + 2;
    assert_eq!(place.refresh().state, SyncState::NotModified);
    let trouble = place.status().trouble(Timestamp::from_seconds(place.hour * 3600));
    assert!(trouble.as_deref().is_some_and(|said| said.contains("has not changed for 31 days")), "{trouble:?}");
    assert!(place.status().trouble(at(40)).is_some_and(|said| said.contains("overdue")));
    assert!(place.still_matches());
}

#[test]
fn certificates_are_believed_while_they_hold() {
    let authority_key = KeyPair::generate().expect("a key");
    let mut authority = CertificateParams::new(Vec::new()).expect("parameters");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.distinguished_name.push(DnType::CommonName, "Test authority");
    let pem = authority.self_signed(&authority_key).expect("a certificate").pem();
    let issuer = Issuer::new(authority, authority_key);
    let server = |until: (i32, u8, u8), name: &str| {
        let key = KeyPair::generate().expect("a key");
        let mut own = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
        own.not_before = date_time_ymd(2020, 1, 1);
        own.not_after = date_time_ymd(until.0, until.1, until.2);
        let certificate = own.signed_by(&key, &issuer).expect("a certificate");
        let key = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .expect("a configuration");
        Server::start(Some(Arc::new(config)))
    };
    let (good, expired, other) =
        (server((2099, 1, 1), "127.0.0.1"), server((2021, 1, 1), "127.0.0.1"), server((2099, 1, 1), "other.example"));
    let mut place = Place::new(&good.url);
    let trusted = place.data.path().join("ca.pem");
    std::fs::write(&trusted, pem).expect("write");
    assert_eq!(place.refresh().state, SyncState::Failed, "nobody vouches for it");
    place.settings.ca_file = Some(trusted);
    assert_eq!(place.refresh().state, SyncState::Updated);
    for (what, server, expected) in [("expired", &expired, "expired"), ("another's", &other, "not valid for name")] {
        place.url.clone_from(&server.url);
        let report = place.refresh();
        let reason = report.reason.unwrap_or_default();
        assert!(reason.to_lowercase().contains(expected), "{what}: {reason}");
        assert!(place.still_matches(), "{what}");
    }
}
