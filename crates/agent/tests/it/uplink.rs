//! Do contacts wait for everything else, and is each told once, whatever the server does?

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::mpsc::UnboundedSender;
use tripoint_agent::place::Place;
use tripoint_agent::uplink::{Doors, Report, Uplink};
use tripoint_api::agent::{AgentIdentity, LedgerEntry};
use tripoint_model::{Contact, Direction, Protocol, Timestamp};

/// A server of one answer: tells what each batch held, refuses so many first, and takes its time.
fn serve(socket: &Path, refusals: u32, takes: Duration) -> mpsc::Receiver<Value> {
    std::fs::create_dir_all(socket.parent().unwrap()).unwrap();
    let listener = UnixListener::bind(socket).unwrap();
    let (sender, received) = mpsc::channel();
    let left = Arc::new(AtomicU32::new(refusals));
    std::thread::spawn(move || {
        for caller in listener.incoming().flatten() {
            let (sender, left) = (sender.clone(), Arc::clone(&left));
            let refuses =
                move || left.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1)).is_ok();
            std::thread::spawn(move || answer(caller, &sender, &refuses, takes));
        }
    });
    received
}

fn answer(caller: UnixStream, sender: &mpsc::Sender<Value>, refuses: &dyn Fn() -> bool, takes: Duration) {
    let mut reader = BufReader::new(caller.try_clone().unwrap());
    let mut caller = caller;
    loop {
        let (mut path, mut length) = (String::new(), 0);
        if reader.read_line(&mut path).unwrap_or(0) == 0 {
            return;
        }
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            if let Some(text) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = text.trim().parse().unwrap();
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let (status, text) = match path.contains("/v1/agent/batch") {
            true if refuses() => ("503 Service Unavailable", "{}"),
            true => {
                std::thread::sleep(takes);
                let _ = sender.send(serde_json::from_slice(&body).unwrap());
                ("200 OK", "{\"acknowledged\":0}")
            }
            false => {
                std::thread::sleep(Duration::from_millis(200));
                ("200 OK", "{\"orders\":[]}")
            }
        };
        let head =
            format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", text.len());
        if caller.write_all(format!("{head}{text}").as_bytes()).is_err() {
            return;
        }
    }
}

/// Starts an uplink over the folder; gives where it takes reports.
fn uplink(folder: &Path) -> (UnboundedSender<Report>, std::thread::JoinHandle<()>) {
    let place = Place::new(folder);
    tripoint_agent::pipeline::prepare(&place).unwrap();
    let identity = AgentIdentity { host: "h".into(), boot_id: "b".into(), version: "1".into(), started: Timestamp(1) };
    let uplink = Uplink::open(place.socket(), &place, identity).unwrap();
    let (report, reports) = tokio::sync::mpsc::unbounded_channel();
    let (actions, asks) = mpsc::channel();
    let (cases, to_look_into) = mpsc::sync_channel(1);
    let (findings, requests) = mpsc::channel();
    let running = std::thread::spawn(move || {
        uplink.run(reports, Doors { actions, cases, findings }).unwrap();
        drop((asks, to_look_into, requests));
    });
    (report, running)
}

fn contacts(from: u16) -> Report {
    let one = |port: u16| Contact {
        hour: Timestamp(0),
        application: None,
        direction: Direction::Outbound,
        protocol: Protocol::Tcp,
        peer: [203, 0, 113, 66].into(),
        port,
        name: None,
        count: 1,
        carried: 0,
        bytes_in: 0,
        bytes_out: 0,
        first_seen: Timestamp(1),
        last_seen: Timestamp(2),
    };
    Report::Contacts((from..from + 500).map(one).collect(), 0)
}

fn urgent(id: &str) -> Report {
    let (id, state, detail) = (id.to_owned(), "restored".to_owned(), String::new());
    Report::Ledger(LedgerEntry { at: Timestamp(1), id, state, detail })
}

/// Ports of the contacts in a batch, and whether something urgent is in it.
fn read(batch: &Value) -> (Vec<u64>, bool) {
    let items = batch["items"].as_array().unwrap();
    let contacts = items.iter().filter(|item| item["type"] == "contacts");
    let ports = contacts.flat_map(|item| item["contacts"].as_array().unwrap()).map(|one| one["port"].as_u64().unwrap());
    (ports.collect(), items.iter().any(|item| item["type"] == "ledger"))
}

/// Promise: matches first. Sixty thousand contacts wait for a slow server; what is urgent passes all of them.
#[test]
fn what_is_urgent_passes_all_contacts_and_none_is_told_twice() {
    let folder = tempfile::tempdir().unwrap();
    let (report, running) = uplink(folder.path());
    (0..120).for_each(|part| report.send(contacts(part * 500)).unwrap());
    report.send(urgent("first")).unwrap();
    // Nobody is there yet: all of it waits on disk, also over a restart.
    report.send(Report::Stop).unwrap();
    running.join().unwrap();
    let batches = serve(&folder.path().join("run/tripoint.sock"), 3, Duration::from_millis(20));
    let (report, running) = uplink(folder.path());
    report.send(contacts(60_000)).unwrap();
    let (mut ports, first) = read(&batches.recv_timeout(Duration::from_secs(20)).unwrap());
    assert!(first && ports.is_empty(), "the urgent one comes first and alone");
    ports.extend(read(&batches.recv_timeout(Duration::from_secs(20)).unwrap()).0);
    let asked = Instant::now();
    report.send(urgent("second")).unwrap();
    let mut between = 0;
    loop {
        let (more, urgent) = read(&batches.recv_timeout(Duration::from_secs(20)).unwrap());
        ports.extend(more);
        if urgent {
            break;
        }
        between += 1;
    }
    println!("an urgent item passed after {between} batches, {:?}", asked.elapsed());
    assert!(between <= 2, "{between} batches of contacts came before it");
    assert!(ports.len() < 50_000, "there were contacts left to pass");
    while ports.len() < 60_500 {
        ports.extend(read(&batches.recv_timeout(Duration::from_secs(20)).unwrap()).0);
    }
    ports.sort_unstable();
    assert_eq!(ports, (0..60_500).collect::<Vec<u64>>(), "each once");
    report.send(Report::Stop).unwrap();
    running.join().unwrap();
}

/// Bounded on disk: what finds no place is counted with what finds one.
#[test]
fn contacts_without_room_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let (report, running) = uplink(folder.path());
    // Some 90 KB each: more than 32 MiB.
    let parts: u64 = 500;
    (0..parts).for_each(|_| report.send(contacts(0)).unwrap());
    report.send(Report::Stop).unwrap();
    running.join().unwrap();
    let kept = folder.path().join("agent/contacts");
    let bytes: u64 = std::fs::read_dir(kept).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum();
    assert!(bytes < 34 << 20, "{bytes} bytes");
    let batches = serve(&folder.path().join("run/tripoint.sock"), 0, Duration::ZERO);
    let (report, running) = uplink(folder.path());
    report.send(contacts(0)).unwrap();
    let (mut told, mut dropped) = (0, 0);
    while let Ok(batch) = batches.recv_timeout(Duration::from_secs(3)) {
        for item in batch["items"].as_array().unwrap() {
            told += item["contacts"].as_array().map_or(0, |all| all.len() as u64);
            dropped += item["dropped"].as_u64().unwrap();
        }
    }
    println!("{told} told, {dropped} counted as dropped");
    assert!(told < parts * 500 && told > 100_000);
    assert_eq!(told + dropped, (parts + 1) * 500, "each is told or counted");
    report.send(Report::Stop).unwrap();
    running.join().unwrap();
}
