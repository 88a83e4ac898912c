//! A hundred thousand alerts and a million sightings: how long does a page, a search, a count take, and how soon do watchers hear of a change?
//!
//! The real server over its Unix socket, as the console asks it; questions in turn, answers read whole. The console
//! itself is opened in a browser beside, on the same server.

mod browser;

use std::net::Ipv4Addr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot};
use tripoint_api::agent::Item;
use tripoint_api::{AgentIdentity, Batch, BatchAnswer, Client, path};
use tripoint_model::{Alert, Contact, Timestamp};
use tripoint_server::store::backup::{backup, restore};
use tripoint_server::{KeepContacts, ServerOptions, serve, socket_path};

use crate::Figure;

const ALERTS: usize = 100_000;
/// Contacts that are kept beside them; each alert names twenty connections as well.
const SIGHTINGS: usize = 1_000_000;
/// Alerts of a report, and contacts.
const REPORT: usize = 500;
/// How often each question is asked.
const ASKED: usize = 200;
const WATCHERS: usize = 50;
const UPDATES_PER_SECOND: usize = 1_000;
const UPDATE_SECONDS: usize = 10;

/// What is asked of the queue, as a console asks.
const QUESTIONS: &[(&str, &str)] = &[
    ("first page", "/v1/queue?filter=-status%3Aresolved"),
    ("second page of 100", "/v1/queue?limit=100&after=-score.80.1795940000000000.0"),
    ("page by last seen", "/v1/queue?sort=-last_seen&filter=severity%3E%3Dhigh"),
    ("search of a frequent word", "/v1/queue?filter=nginx"),
    ("search of a rare word", "/v1/queue?filter=app-77777"),
    ("search of a word that is nowhere", "/v1/queue?filter=nowhere-at-all"),
    ("search of a network", "/v1/queue?filter=address%3A203.0.113.0%2F24%20status%3Aopen"),
    ("search of a CVE", "/v1/queue?filter=cve%3ACVE-2026-0042"),
    ("counts of everything", "/v1/queue/facets"),
    ("counts of a search", "/v1/queue/facets?filter=severity%3E%3Dhigh%20host%3Aweb-1*"),
    ("one alert", "/v1/alerts/000000000000002a"),
    ("connections, newest", "/v1/connections?limit=100"),
    ("connections with one address", "/v1/connections?peer=198.18.1.77"),
];

pub fn run() -> Result<Vec<Figure>> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(measured())
}

async fn measured() -> Result<Vec<Figure>> {
    let folder = tempfile::tempdir()?;
    let (stop, stopped) = oneshot::channel::<()>();
    let (tell, told) = oneshot::channel();
    let options = ServerOptions {
        data_dir: folder.path().to_owned(),
        listen: Some(std::net::SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
        ready: Some(tell),
        contacts: KeepContacts { rows_max: 2 * SIGHTINGS as u64, ..KeepContacts::default() },
        ..ServerOptions::default()
    };
    let server = tokio::spawn(serve(options, async { drop(stopped.await) }));
    told.await.context("the server did not start")?;
    let client = Client::unix(&socket_path(folder.path()));
    let mut figures = vec![fill(&client).await?, sightings(&client).await?];
    for (name, question) in QUESTIONS {
        eprintln!("{name} …");
        let times = asked(&client, question).await?;
        figures.push(Figure::new(format!("{name}, median"), percentile(&times, 50), "ms"));
        figures.push(Figure::new(format!("{name}, 99 %"), percentile(&times, 99), "ms"));
    }
    eprintln!("a browser …");
    let data_dir = folder.path().to_owned();
    figures.extend(tokio::task::spawn_blocking(move || browser::figures(&data_dir)).await??);
    figures.extend(watched(&client, folder.path()).await?);
    let aside = folder.path().join("aside.sqlite");
    let begun = Instant::now();
    backup(folder.path(), &aside).await?;
    let put_aside = begun.elapsed();
    let _ = stop.send(());
    server.await??;
    let begun = Instant::now();
    let back = restore(folder.path(), &aside, "before").await?;
    let gigabytes = back.bytes as f64 / 1e9;
    let each = |name: &str, took: Duration| Figure::new(name.to_owned(), took.as_secs_f64() / gigabytes, "s/GB");
    figures.extend([each("backup beside the server", put_aside), each("restore", begun.elapsed())]);
    Ok(figures)
}

/// Reports the alerts; how many a second were taken and durable.
async fn fill(client: &Client) -> Result<Figure> {
    eprintln!("{ALERTS} alerts and {SIGHTINGS} contacts are reported; this takes some minutes …");
    let begun = Instant::now();
    for (sequence, first) in (0..ALERTS).step_by(REPORT).enumerate() {
        report(client, sequence as u64 + 1, (first..first + REPORT).map(|number| alert(number, 0))).await?;
    }
    Ok(Figure::new("alerts taken", ALERTS as f64 / begun.elapsed().as_secs_f64(), "/s"))
}

/// Reports the contacts of an hour; how many a second were taken and durable.
async fn sightings(client: &Client) -> Result<Figure> {
    let begun = Instant::now();
    let now = Timestamp::from_system(std::time::SystemTime::now());
    for (sequence, first) in (0..SIGHTINGS).step_by(REPORT).enumerate() {
        let contacts = (first..first + REPORT).map(|number| contact(number, now)).collect::<Result<_>>()?;
        send(client, "db-1", sequence as u64 + 1, vec![Item::Contacts { contacts, dropped: 0 }]).await?;
    }
    Ok(Figure::new("contacts taken", SIGHTINGS as f64 / begun.elapsed().as_secs_f64(), "/s"))
}

fn contact(number: usize, now: Timestamp) -> Result<Contact> {
    let peer = Ipv4Addr::from(0xC612_0000 + (number % 100_000) as u32);
    let value = json!({"hour": Contact::hour_of(now), "application": {"kind": "unit", "id": format!("app-{}.service", number % 40),
        "name": "nginx"}, "direction": "outbound", "protocol": "tcp", "peer": peer, "port": 1024 + number / 100_000, "count": 1,
        "carried": 0, "bytes_in": 100, "bytes_out": 50, "first_seen": now, "last_seen": now});
    serde_json::from_value(value).context("a contact of our own")
}

async fn report(client: &Client, sequence: u64, alerts: impl Iterator<Item = Alert>) -> Result<()> {
    send(client, "web-1", sequence, alerts.map(|alert| Item::Alert { alert: Box::new(alert) }).collect()).await
}

/// Reports items as the agent of a host; they are durable when it returns.
pub(crate) async fn send(client: &Client, host: &str, sequence: u64, items: Vec<Item>) -> Result<()> {
    let agent = AgentIdentity { host: host.into(), boot_id: host.into(), version: "1".into(), started: Timestamp(1) };
    let answer: BatchAnswer = client.post(path::AGENT_BATCH, &Batch { agent, sequence, items }).await?;
    anyhow::ensure!(answer.acknowledged == sequence, "a report was not taken");
    Ok(())
}

async fn asked(client: &Client, question: &str) -> Result<Vec<f64>> {
    let mut times = Vec::with_capacity(ASKED);
    for _ in 0..ASKED {
        let begun = Instant::now();
        client.get_text(question).await?;
        times.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    Ok(times)
}

/// Changes alerts at a steady pace while watchers look on; from a report's sending to its last line at each watcher.
async fn watched(client: &Client, folder: &Path) -> Result<Vec<Figure>> {
    let start = Instant::now();
    let (tell, mut heard) = mpsc::unbounded_channel();
    for _ in 0..WATCHERS {
        let mut stream = UnixStream::connect(socket_path(folder)).await?;
        stream.write_all(b"GET /v1/queue/watch?filter=score%3E%3D0 HTTP/1.1\r\nhost: x\r\n\r\n").await?;
        tokio::spawn(watcher(stream, start, tell.clone()));
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    // The moment of sending travels in a counter of the alert.
    let mut pace = tokio::time::interval(Duration::from_millis(100));
    let reports = UPDATE_SECONDS * 10;
    let start_of_updates = Instant::now();
    let mut late = 0;
    for number in 0..reports {
        pace.tick().await;
        let sent = start.elapsed().as_micros() as u64;
        let first = number * UPDATES_PER_SECOND / 10;
        let alerts = (first..first + UPDATES_PER_SECOND / 10).map(|number| alert(number % ALERTS, sent));
        report(client, (ALERTS / REPORT + number) as u64 + 2, alerts).await?;
        late += usize::from(start.elapsed().as_micros() as u64 - sent > 100_000);
    }
    let taken = (reports * UPDATES_PER_SECOND / 10) as f64 / start_of_updates.elapsed().as_secs_f64();
    let expected = WATCHERS * UPDATES_PER_SECOND * UPDATE_SECONDS;
    let mut delays = Vec::with_capacity(expected);
    while delays.len() < expected
        && let Ok(Some(delay)) = tokio::time::timeout(Duration::from_secs(5), heard.recv()).await
    {
        delays.push(delay);
    }
    Ok(vec![
        Figure::new(format!("updates taken, of {UPDATES_PER_SECOND} a second that were due"), taken, "/s"),
        Figure::count("reports that took longer than their turn", late, "of 100"),
        Figure::new("lines heard of those sent", delays.len() as f64 / expected as f64, ""),
        Figure::new("sent to seen, median", percentile(&delays, 50), "ms"),
        Figure::new("sent to seen, 99 %", percentile(&delays, 99), "ms"),
        Figure::new("sent to seen, longest", percentile(&delays, 100), "ms"),
    ])
}

/// Reads lines until nobody listens any more.
pub(crate) async fn watcher(stream: UnixStream, start: Instant, tell: mpsc::UnboundedSender<f64>) {
    const SENT: &str = "\"bytes_in\":";
    let mut lines = BufReader::new(stream).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let Some(at) = line.find(SENT) else { continue };
        let digits: String = line.chars().skip(at + SENT.len()).take_while(char::is_ascii_digit).collect();
        let delay = digits.parse::<u64>().map(|sent| start.elapsed().as_secs_f64() * 1e3 - sent as f64 / 1e3);
        if delay.is_ok_and(|delay| tell.send(delay).is_err()) {
            return;
        }
    }
}

pub(crate) fn percentile(values: &[f64], percent: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1);
    sorted.get(last * percent / 100).copied().unwrap_or(f64::NAN)
}

/// An alert as long as real ones are: a process, twenty connections, findings, claims. `sent` goes into its counter.
pub(crate) fn alert(number: usize, sent: u64) -> Alert {
    let at = Timestamp(1_795_946_400_000_000 - (number as i64 * 7919 % 2_592_000) * 1_000_000);
    let address = format!("203.0.{}.{}", number / 251 % 251, number % 251);
    let name = ["nginx", "java", "postgres", "redis", "node"][number % 5];
    let score = number * 37 % 101;
    let connection = |port: usize| {
        json!({"id": {"cookie": port}, "protocol": "tcp", "direction": "outbound", "local": format!("198.51.100.10:{port}"),
        "remote": format!("{address}:443"), "state": "closed", "opened": at, "closed": at, "bytes_in": 100, "bytes_out": 50,
        "process": Value::Null})
    };
    let finding = |index: usize| {
        json!({"purl": format!("pkg:deb/debian/{name}@1.{index}"), "name": name, "version": format!("1.{index}"),
        "id": format!("DSA-{index}"), "cves": [format!("CVE-2026-{:04}", (number * 13 + index) % 3000)], "state": "affected",
        "fixed": "2.0", "known_exploited": number.is_multiple_of(50), "fix_command": "apt-get install --only-upgrade x"})
    };
    let text = json!({
        "schema": 1, "id": format!("{number:016x}"), "rule": "bad_server_of_vulnerable_app",
        "title": format!("{name}@web-{} connected to command-and-control server {address}:443", number % 200),
        "host": "web-1", "application": {"kind": "unit", "id": format!("app-{number}.service"), "name": name},
        "indicator": address, "direction": "outbound",
        "severity": {"score": score, "level": tripoint_model::Level::of(score as u8), "factors": []},
        "confidence": 90, "first_seen": at, "last_seen": at, "count": 20, "bytes_in": sent, "bytes_out": 50,
        "still_open": false, "connections": (0..20).map(connection).collect::<Vec<_>>(),
        "claims": [{"feed": "lab", "matched": address, "category": "c2", "direction": "both", "confidence": 90,
        "first_seen": null, "last_seen": null, "valid_until": null}],
        "findings": (0..3).map(finding).collect::<Vec<_>>(), "techniques": ["T1071.001"],
        "process": {"key": {"pid": number, "start_ns": 1}, "command": name, "exe": format!("/usr/sbin/{name}"),
        "argv": [name, "--config", format!("/etc/{name}/app-{number}.conf")], "uid": 33},
    });
    serde_json::from_value(text).unwrap_or_else(|error| panic!("an alert of our own: {error}"))
}
