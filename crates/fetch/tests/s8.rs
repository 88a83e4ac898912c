//! Promise S8, sentence by sentence: no fetch reaches private space that nobody allowed, however it is spelled.
//!
//! The sentence on DNS rebinding stands beside the resolver (`address`), the one on every command that fetches beside
//! the command line.

use std::io::{BufRead, BufReader, Write as _};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tripoint_fetch::{Answer, FetchError, Fetcher, Request, Settings};

/// Answers every request with the same, and counts them.
struct Server {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
}

impl Server {
    fn on(address: IpAddr, answer: impl Fn(SocketAddr, usize) -> String + Send + 'static) -> std::io::Result<Self> {
        let listener = TcpListener::bind((address, 0))?;
        let address = listener.local_addr()?;
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut reader = BufReader::new(stream.try_clone().expect("a stream"));
                let mut first = request(&mut reader);
                // To a client that takes it for a proxy.
                if first.starts_with("CONNECT ") {
                    let _ = stream.write_all(b"HTTP/1.1 200 Connected\r\n\r\n");
                    first = request(&mut reader);
                }
                assert!(first.starts_with("GET "), "{first}");
                let number = count.fetch_add(1, Ordering::SeqCst);
                let _ = stream.write_all(answer(address, number).as_bytes());
            }
        });
        Ok(Self { address, asked })
    }

    fn redirecting(to: &str) -> Self {
        let to = to.to_owned();
        let redirect =
            move |_, _| format!("HTTP/1.1 302 x\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        Self::on([127, 0, 0, 1].into(), redirect).expect("bind")
    }

    fn body() -> Self {
        Self::on([127, 0, 0, 1].into(), |_, _| OK.to_owned()).expect("bind")
    }

    fn url(&self) -> String {
        format!("http://{}/list", self.address)
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// The first line of a request; the rest is passed over.
fn request(reader: &mut impl BufRead) -> String {
    let (mut first, mut line) = (String::new(), String::new());
    let _ = reader.read_line(&mut first);
    while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
        line.clear();
    }
    first
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";

fn fetcher() -> Fetcher {
    let two = Duration::from_secs(2);
    let settings = Settings { attempts: 1, connect_timeout: two, total_timeout: two, ..Settings::default() };
    Fetcher::new(settings).expect("a fetcher")
}

/// What the system's resolver takes for no name leads nowhere; where no name server answers, it waits for one.
fn leads_nowhere(host: &str, error: &FetchError) -> bool {
    let waited = host == "localhost." && matches!(error, FetchError::Timeout { .. });
    waited || matches!(error, FetchError::Transport { .. })
}

/// Spellings of this host, each a way of its own to the same place.
const HOME: [&str; 13] = [
    "localhost",
    "LOCALHOST",
    "localhost.",
    "127.0.0.1",
    "127.1.2.3",
    "0.0.0.0",
    "2130706433",
    "017700000001",
    "0x7f000001",
    "0x7f.1",
    "127.1",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
];

/// Other places that are not public: link-local, metadata, private, shared, and forms that carry one of them.
const AWAY: [&str; 22] = [
    "169.254.169.254",
    "169.254.1.1",
    "[fd00:ec2::254]",
    "100.100.100.200",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "192.0.2.1",
    "224.0.0.1",
    "255.255.255.255",
    "[::]",
    "[fe80::1]",
    "[fc00::1]",
    "[ff02::1]",
    "[64:ff9b::a9fe:a9fe]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "[2001::1]",
    "[::ffff:10.0.0.1]",
    "2852039166",
    "0xa9fea9fe",
];

/// "Redirects": from a place that was allowed to none that was not.
#[test]
fn s8_no_redirect_leads_into_private_space_in_any_spelling() {
    let target = Server::body();
    let port = target.address.port();
    for host in HOME.iter().chain(&AWAY) {
        // The place that the user named is that of the listener; another spelling of it was not named.
        if *host == "127.0.0.1" {
            continue;
        }
        for to in [format!("http://{host}:{port}/list"), format!("//{host}:{port}/list")] {
            let from = Server::redirecting(&to);
            let error = fetcher().get(&Request::new(&from.url())).expect_err(&to);
            let refused = matches!(error, FetchError::Private { .. } | FetchError::Url { .. });
            assert!(refused || leads_nowhere(host, &error), "{to}: {error}");
            assert_eq!(from.asked(), 1, "{to}");
        }
    }
    assert_eq!(target.asked(), 0, "nobody came");
}

/// "Loopback … decimal/octal/hex/mapped forms": a host that is no plain literal is a name, and judged by where it leads.
#[test]
fn s8_a_url_that_only_resolves_to_private_space_is_refused() {
    let target = Server::body();
    let port = target.address.port();
    for host in ["2130706433", "017700000001", "0x7f000001", "0x7f.1", "127.1", "localhost."] {
        let url = format!("http://{host}:{port}/list");
        let error = fetcher().get(&Request::new(&url)).expect_err(host);
        assert!(matches!(error, FetchError::Private { .. }) || leads_nowhere(host, &error), "{host}: {error}");
    }
    assert_eq!(target.asked(), 0, "nobody came");
}

/// "Unless allowlisted": by permission, or by naming the very place.
#[test]
fn s8_who_allows_a_private_place_gets_there() {
    let target = Server::body();
    let url = format!("http://2130706433:{}/list", target.address.port());
    let reached =
        |request: Request<'_>| matches!(fetcher().get(&request), Ok(Answer::Body(body)) if body.bytes == b"ok");
    assert!(reached(Request { permit_private: true, ..Request::new(&url) }));
    assert!(reached(Request::new(&target.url())));
    assert_eq!(target.asked(), 2);
    // The word for one place is no word for another.
    if let Ok(six) = Server::on(Ipv6Addr::LOCALHOST.into(), |_, _| OK.to_owned()) {
        let from = Server::redirecting(&six.url());
        assert!(matches!(fetcher().get(&Request::new(&from.url())), Err(FetchError::Private { .. })));
        assert_eq!(six.asked(), 0);
    } else {
        println!("skipped: no IPv6 loopback");
    }
}

/// "Recheck per redirect (max 3)": the last hop is judged like the first, and there are three.
#[test]
fn s8_each_hop_is_judged_and_there_are_three() {
    let target = Server::body();
    let port = target.address.port();
    for hops in 1..=3 {
        let hop = move |own: SocketAddr, number: usize| {
            let to = if number + 1 == hops { format!("http://0x7f.1:{port}/") } else { format!("http://{own}/next") };
            format!("HTTP/1.1 307 x\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        };
        let from = Server::on([127, 0, 0, 1].into(), hop).expect("bind");
        let error = fetcher().get(&Request::new(&from.url())).expect_err("refused");
        assert!(matches!(error, FetchError::Private { .. }), "{hops}: {error}");
        assert_eq!(from.asked(), hops);
    }
    assert_eq!(target.asked(), 0);
    let round = Server::redirecting("/again");
    assert!(matches!(fetcher().get(&Request::new(&round.url())), Err(FetchError::Redirect { .. })));
    assert_eq!(round.asked(), 4, "the first and three more");
}

/// A proxy resolves names by itself; places that are written out are judged here all the same.
#[test]
fn s8_no_proxy_is_asked_for_a_private_place_by_a_redirect() {
    for host in AWAY.iter().filter(|host| host.contains(['.', ':'])) {
        let to = format!("http://{host}/latest/meta-data/");
        let proxy = Server::redirecting(&to);
        let settings = Settings {
            attempts: 1,
            total_timeout: Duration::from_secs(2),
            proxy: Some(format!("http://{}", proxy.address)),
            ..Settings::default()
        };
        let error = Fetcher::new(settings).expect("a fetcher").get(&Request::new("http://feeds.example/list"));
        assert!(matches!(error, Err(FetchError::Private { .. })), "{to}: {error:?}");
        assert_eq!(proxy.asked(), 1, "{to}");
    }
}
