//! Does whoever floods the server hurt anybody but itself (promise S9)?

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use tripoint_api::path;
use tripoint_server::Limits;

use crate::browser::Browser;
use crate::rig::{Rig, alert};
use crate::tls::connect;

async fn from(source: [u8; 4], rig: &Rig) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((source, 0).into()).unwrap();
    socket.connect(rig.ready.address.unwrap()).await.unwrap()
}

async fn is_served(rig: &Rig) {
    let begun = Instant::now();
    let heard = Browser { origin: None, ..Browser::new(rig) }.get(path::ALIVE).await;
    assert_eq!(heard.status, 200);
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}

async fn metric(rig: &Rig, name: &str) -> u64 {
    let text = rig.client.get_text(path::METRICS).await.unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{name} in {text}")).parse().unwrap()
}

/// Bytes of memory that the process holds.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_opens_many_and_says_little_shuts_nobody_out() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits { open_max: 60, open_per_source: 40, ..Limits::default() };
    let rig = Rig::start_as(folder.path(), |options| options.limits = limits).await;
    let mut kept = Vec::new();
    for number in 0..200_u8 {
        // From the same address as the honest one, and from others.
        let mut stream = from([127, 0, 0, 1 + number % 3], &rig).await;
        let _ = stream.write_all(b"GET /v1/alerts HTTP/1.1\r\nhost: x\r\nx-slow: ").await;
        kept.push(stream);
        if number % 20 == 0 {
            is_served(&rig).await;
        }
    }
    is_served(&rig).await;
    assert!(metric(&rig, "tripoint_tcp_open").await <= 60);
    assert!(metric(&rig, "tripoint_tcp_displaced_total").await >= 100);
    // A stream that is being answered does not give way.
    let mut watching = Browser { token: Some(token(&rig)), origin: None, ..Browser::new(&rig) };
    watching.from = [127, 0, 0, 9];
    let mut stream = watching.begin("GET", path::ALERTS_WATCH, "").await;
    assert!(crate::browser::head_of(&mut stream).await.contains("200 OK"));
    for _ in 0..100 {
        let mut other = from([127, 0, 0, 9], &rig).await;
        let _ = other.write_all(b"GET /").await;
        kept.push(other);
    }
    is_served(&rig).await;
    let mut byte = [0];
    let ended = tokio::time::timeout(Duration::from_millis(300), stream.read(&mut byte)).await;
    assert!(!matches!(ended, Ok(Ok(0) | Err(_))), "the watching one was cut off");
    let begun = Instant::now();
    rig.stop().await;
    assert!(begun.elapsed() < Duration::from_secs(5), "half said requests hold up nobody's end");
}

fn token(rig: &Rig) -> String {
    std::fs::read_to_string(rig.ready.socket.with_file_name("token")).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_requests_are_refused_unread_and_who_is_known_is_served_beside_them() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits { requests_per_minute: 300, strangers_per_minute: 40, ..Limits::default() };
    let rig = Rig::start_as(folder.path(), |options| options.limits = limits).await;
    let good = Browser::with_token(&rig, token(&rig).trim());
    assert_eq!(good.get(path::HEALTH).await.status, 200);
    let mut answers = std::collections::BTreeMap::<u16, u32>::new();
    for number in 0..400 {
        // Neither a wrong token, nor a wrong cookie, nor none is a way around; nor what strangers may ask.
        let bad = match number % 3 {
            0 => Browser { token: Some(format!("tp_{number}")), ..good.clone() },
            1 => Browser { token: None, cookie: Some(format!("{number}")), ..good.clone() },
            _ => Browser { token: None, ..good.clone() },
        };
        let heard = bad.get([path::HEALTH, path::DECISIONS, "/taxii2/"][number % 3]).await;
        if heard.status == 429 {
            let after: u64 = heard.header("retry-after").unwrap().parse().unwrap();
            assert!((1..=60).contains(&after), "{after}");
            assert!(number % 3 != 0 || heard.kind() == "too-many-requests", "{heard:?}");
        }
        *answers.entry(heard.status).or_default() += 1;
        if number % 40 == 0 {
            assert_eq!(good.get(path::HEALTH).await.status, 200, "at the same address, after {number}");
        }
    }
    let let_through = answers.iter().filter(|(status, _)| **status != 429).map(|(_, count)| count).sum::<u32>();
    assert!((40..60).contains(&let_through), "{answers:?}");
    // Whoever sits elsewhere is not counted with them.
    let other = Browser { from: [127, 0, 0, 2], token: Some("tp_x".into()), ..good.clone() };
    assert_eq!(other.get(path::HEALTH).await.status, 401);
    // Who is known has an allowance of its own, and the socket none.
    let mut refused = None;
    for _ in 0..400 {
        let heard = good.get(path::SESSION).await;
        if heard.status == 429 {
            refused = Some(heard);
            break;
        }
    }
    assert_eq!(refused.unwrap().kind(), "too-many-requests");
    for _ in 0..400 {
        rig.client.get_text(path::HEALTH).await.unwrap();
    }
    assert!(metric(&rig, "tripoint_requests_refused_total{who=\"strangers\"}").await >= 340);
    assert!(metric(&rig, "tripoint_requests_refused_total{who=\"callers\"}").await >= 1);
    rig.stop().await;
}

#[tokio::test]
async fn heads_are_bounded_in_size_and_number() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    let long = format!("x-long: {}\r\n", "a".repeat(64 << 10));
    let many = "x-a: b\r\n".repeat(1_000);
    for more in [long, many] {
        let mut stream = from([127, 0, 0, 1], &rig).await;
        let _ = stream.write_all(format!("GET /healthz HTTP/1.1\r\nhost: x\r\n{more}\r\n").as_bytes()).await;
        let mut heard = Vec::new();
        let _ = stream.read_to_end(&mut heard).await;
        let heard = String::from_utf8_lossy(&heard);
        assert!(heard.starts_with("HTTP/1.1 431") || heard.is_empty(), "{heard}");
    }
    is_served(&rig).await;
    rig.stop().await;
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = payload.len() as u32;
    let mut bytes = length.to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// `GET /v1/alerts` and `POST /v1/session` of `localhost`, by the static table (RFC 7541 appendix A).
fn head(method: u8, path: &str) -> Vec<u8> {
    let mut block = vec![method, 0x87, 0x04, path.len() as u8];
    block.extend(path.bytes());
    block.extend([0x41, 9]);
    block.extend(b"localhost");
    block
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_that_ask_for_nothing_end_their_connection_and_cost_no_memory() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    let get = head(0x82, "/v1/alerts");
    let post = head(0x83, "/v1/session");
    // What is sent first, and what then again and again, with a stream of its own each time.
    type Again = fn(u32, &[u8]) -> Vec<u8>;
    let kinds: [(&str, Vec<u8>, Again); 5] = [
        ("rapid reset", vec![], |stream, get| [frame(1, 5, stream, get), frame(3, 0, stream, &[0, 0, 0, 8])].concat()),
        ("empty data", frame(1, 4, 1, &post), |_, _| frame(0, 0, 1, &[])),
        ("pings", vec![], |_, _| frame(6, 0, 0, &[0; 8])),
        ("settings", vec![], |_, _| frame(4, 0, 0, &[])),
        ("empty continuation", frame(1, 0, 1, &[0x82]), |_, _| frame(9, 0, 1, &[])),
    ];
    let before = resident();
    for (name, first, again) in kinds {
        let stream = connect(&rig, folder.path(), &["h2"]).await;
        let (mut read, mut write) = tokio::io::split(stream);
        let answers = tokio::spawn(async move {
            let mut heard = vec![0; 64 << 10];
            while read.read(&mut heard).await.is_ok_and(|length| length > 0) {}
        });
        let mut begin = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        begin.extend(frame(4, 0, 0, &[]));
        begin.extend(first);
        write.write_all(&begin).await.unwrap();
        let mut sent = 0_u32;
        while sent < 200_000 {
            let some: Vec<u8> = (0..100).flat_map(|n| again(1 + 2 * (sent + n), &get)).collect();
            sent += 100;
            if write.write_all(&some).await.is_err() {
                break;
            }
        }
        assert!(sent < 200_000, "{name}: the connection goes on");
        is_served(&rig).await;
        answers.abort();
    }
    let grown = resident().saturating_sub(before);
    assert!(grown < 64 << 20, "{grown} bytes more");
    rig.stop().await;
}

/// Sends bad requests on connections that stay open, so many a second in all, until told to stop; how many it were.
async fn flood(
    rig_at: std::net::SocketAddr,
    per_second: u32,
    stop: std::sync::Arc<std::sync::atomic::AtomicBool>,
) -> u64 {
    const CONNECTIONS: u32 = 20;
    let each = (0..CONNECTIONS).map(|number| {
        let stop = std::sync::Arc::clone(&stop);
        tokio::spawn(async move {
            let socket = TcpSocket::new_v4().unwrap();
            socket.bind(([127, 0, 0, 2], 0).into()).unwrap();
            let (mut read, mut write) = socket.connect(rig_at).await.unwrap().into_split();
            let answers = tokio::spawn(async move {
                let mut heard = vec![0; 64 << 10];
                while read.read(&mut heard).await.is_ok_and(|length| length > 0) {}
            });
            let (mut sent, begun) = (0_u64, Instant::now());
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let due = (begun.elapsed().as_secs_f64() * f64::from(per_second / CONNECTIONS)) as u64;
                let some: String = (sent..due.min(sent + 100))
                    .map(|n| {
                        format!("GET /v1/queue HTTP/1.1\r\nhost: x\r\nauthorization: Bearer tp_{number}x{n}\r\n\r\n")
                    })
                    .collect();
                sent = due.min(sent + 100);
                if write.write_all(some.as_bytes()).await.is_err() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            answers.abort();
            sent
        })
    });
    let mut sum = 0;
    for one in each.collect::<Vec<_>>() {
        sum += one.await.unwrap();
    }
    sum
}

/// The time that 99 of 100 questions of somebody known take at most.
async fn p99(rig: &Rig) -> Duration {
    let good = Browser::with_token(rig, token(rig).trim());
    let mut took = Vec::new();
    for _ in 0..600 {
        let begun = Instant::now();
        assert_eq!(good.get(path::QUEUE).await.status, 200);
        took.push(begun.elapsed());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    took.sort_unstable();
    took[took.len() * 99 / 100]
}

/// Time is measured where nothing else runs: `cargo nextest run -p tripoint-server --run-ignored only -E 'test(a_flood)'`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures time"]
async fn a_flood_does_not_slow_down_who_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    let alerts: Vec<_> = (0..2_000).map(|n| alert(&format!("a{n}"), 50, n % 60)).collect();
    for (sequence, some) in (1..).zip(alerts.chunks(500)) {
        rig.report("web1", sequence, some).await;
    }
    let _ = p99(&rig).await;
    let (alone, before) = (p99(&rig).await, resident());
    let stop = std::sync::Arc::default();
    let flooding = tokio::spawn(flood(rig.ready.address.unwrap(), 10_000, std::sync::Arc::clone(&stop)));
    let begun = Instant::now();
    let flooded = p99(&rig).await;
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    let rate = flooding.await.unwrap() as f64 / begun.elapsed().as_secs_f64();
    let ratio = flooded.as_secs_f64() / alone.as_secs_f64();
    let grown = resident().saturating_sub(before) >> 20;
    println!("p99 {alone:?} alone, {flooded:?} beside {rate:.0} bad requests a second: {ratio:.2}; {grown} MiB more");
    assert!(ratio <= 2.0 && grown < 64, "{ratio:.2} {grown}");
    rig.stop().await;
}
