//! Do the programs load, see, match and refuse on this kernel?

use std::net::{TcpListener, TcpStream, UdpSocket};
use std::sync::Mutex;

mod hello;
mod walls;

use super::*;
use crate::contract::{CELLS, Record, address, kind};

/// The programs see the whole host: one test at a time reads clean rings.
static ALONE: Mutex<()> = Mutex::new(());

fn loaded() -> Option<Loaded> {
    match load(&LoadOptions::default()) {
        Ok(loaded) => Some(loaded),
        // Where kernel tests are asked for, a sensor that does not load is a failure, not a skip.
        Err(error) if std::env::var_os("RUN_KERNEL_TESTS").is_some() => panic!("{error}"),
        Err(error) => {
            println!("skipped: {error}");
            None
        }
    }
}

/// A set that lists exactly one IPv4 address.
fn one(host: [u8; 4]) -> [Vec<u8>; 6] {
    with_node(host, 1 << 24 | u32::from(host[3]))
}

/// A set with one /24 and its node.
fn with_node(host: [u8; 4], node: u32) -> [Vec<u8>; 6] {
    let address = u32::from_be_bytes(host);
    let cell = (address >> 8) as usize;
    let mut bitmap = vec![0u64; CELLS];
    bitmap[cell >> 6] |= 1 << (cell & 63);
    let rank: Vec<u32> = (0..CELLS).map(|word| u32::from(word > cell >> 6)).collect();
    [
        bitmap.iter().flat_map(|w| w.to_le_bytes()).collect(),
        rank.iter().flat_map(|w| w.to_le_bytes()).collect(),
        node.to_le_bytes().to_vec(),
        Vec::new(),
        vec![0; CELLS * 8],
        vec![0; CELLS * 8],
    ]
}

fn list(loaded: &mut Loaded, host: [u8; 4]) {
    put(loaded, &one(host));
}

fn put(loaded: &mut Loaded, set: &[Vec<u8>; 6]) {
    let [bitmap, rank, nodes, blocks, filter6_32, filter6_48] = set;
    let parts = SetParts { bitmap, rank, nodes, blocks, filter6_32, filter6_48 };
    assert!(loaded.set.swap(&parts).unwrap());
}

fn connections(ring: &mut Ring) -> Vec<ConnRecord> {
    let mut seen = Vec::new();
    ring.drain(usize::MAX, &mut |record| {
        if let Record::Conn(conn) = record {
            seen.push(conn);
        }
    });
    seen
}

#[test]
fn every_program_loads_here() {
    let _alone = ALONE.lock();
    let Some(loaded) = loaded() else { return };
    let missing: Vec<_> = loaded.missing.iter().filter(|missing| !is_forbidden(missing)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// Some kernels forbid everybody, root too, to walk the elements of a map: we count the living there no more and say
/// so. Any other reason is a fault of ours.
fn is_forbidden(missing: &Missing) -> bool {
    missing.program == "tp_alive" && missing.reason.contains("Operation not permitted")
}

fn counts_the_living(loaded: &Loaded) -> bool {
    let forbidden = loaded.missing.iter().find(|missing| is_forbidden(missing));
    if forbidden.is_some() {
        println!("skipped: this kernel forbids to walk the storage of sockets");
    }
    forbidden.is_none()
}

#[test]
fn a_listed_peer_is_matched_exactly_and_mapped_addresses_too() {
    let _alone = ALONE.lock();
    let Some(mut loaded) = loaded() else { return };
    list(&mut loaded, [127, 7, 7, 7]);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let bad = TcpListener::bind("127.7.7.7:0").unwrap();
    let bad_port = bad.local_addr().unwrap().port();
    let mine = std::process::id();
    drop(TcpStream::connect(("127.0.0.1", port)).unwrap());
    drop(TcpStream::connect(("127.7.7.7", bad_port)).unwrap());
    drop(TcpStream::connect(("::ffff:127.7.7.7", bad_port)).unwrap());
    let matched = connections(&mut loaded.matches);
    let opened: Vec<_> =
        matched.iter().filter(|r| r.kind == kind::CONN_OPEN && r.tgid == mine && r.direction == 2).collect();
    assert_eq!(opened.len(), 2, "{matched:?}");
    assert!(opened.iter().all(|r| address(r.remote).to_string() == "127.7.7.7" && r.remote_port == bad_port));
    drop(listener.accept().unwrap());
    drop(bad.accept().unwrap());
    let rest = connections(&mut loaded.events);
    assert!(rest.iter().any(|r| r.remote_port == port && r.kind == kind::CONN_CLOSE && r.tgid == mine));
    assert!(rest.iter().all(|r| r.remote_port != bad_port));
}

#[test]
fn a_listed_range_is_matched_to_its_ends() {
    let _alone = ALONE.lock();
    let Some(mut loaded) = loaded() else { return };
    put(&mut loaded, &with_node([127, 7, 7, 8], 4 << 24 | 15 << 8 | 8));
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    for host in [7, 8, 9, 15, 16] {
        udp.send_to(b"x", (std::net::Ipv4Addr::new(127, 7, 7, host), 9)).unwrap();
    }
    let mine = std::process::id();
    let of_mine = |records: Vec<ConnRecord>| -> Vec<String> {
        let own = records.into_iter().filter(|r| r.tgid == mine && r.kind == kind::CONN_OPEN && r.direction == 2);
        own.map(|r| address(r.remote).to_string()).collect()
    };
    assert_eq!(of_mine(connections(&mut loaded.matches)), ["127.7.7.8", "127.7.7.9", "127.7.7.15"]);
    assert_eq!(of_mine(connections(&mut loaded.events)), ["127.7.7.7", "127.7.7.16"]);
}

#[test]
fn a_block_refuses_connect_and_send_and_lifts_itself() {
    let _alone = ALONE.lock();
    let Some(mut loaded) = loaded() else { return };
    let net: ipnet::IpNet = "127.8.8.8/32".parse().unwrap();
    let expires_ns = crate::clock::boot_ns() + 1_500_000_000;
    let block = KernelBlock { net, port: 0, cgroup_id: 0, expires_ns, hits: 0, id: 7 };
    loaded.blocks.insert(&block).unwrap();
    let listener = TcpListener::bind("127.8.8.8:0").unwrap();
    let at = listener.local_addr().unwrap();
    let refused = TcpStream::connect(at).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::PermissionDenied);
    let mapped = TcpStream::connect(("::ffff:127.8.8.8", at.port())).unwrap_err();
    assert_eq!(mapped.kind(), std::io::ErrorKind::PermissionDenied);
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    assert!(udp.send_to(b"x", at).is_err());
    let held = loaded.blocks.list();
    assert!(held.len() == 1 && held[0].net == net && held[0].hits >= 3, "{held:?}");
    std::thread::sleep(std::time::Duration::from_millis(1600));
    TcpStream::connect(at).expect("the kernel lifts an expired block by itself");
}

#[test]
fn open_connections_are_found_with_their_owner() {
    let _alone = ALONE.lock();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let _peer = listener.accept().unwrap();
    let Some(mut loaded) = loaded() else { return };
    let found = loaded.programs.find_open().unwrap();
    let port = stream.local_addr().unwrap().port();
    let ours = found.iter().find(|r| r.local_port == port && r.kind == kind::CONN_FOUND).unwrap();
    assert_eq!(ours.tgid, std::process::id());
    assert!(found.iter().any(|r| r.kind == kind::CONN_LISTENER && r.tgid == std::process::id()));
}

#[test]
fn a_program_start_is_reported_with_its_command_line() {
    let _alone = ALONE.lock();
    let Some(mut loaded) = loaded() else { return };
    std::process::Command::new("/bin/true").args(["--first", "second word"]).status().unwrap();
    let mut argv = Vec::new();
    loaded.events.drain(usize::MAX, &mut |record| {
        if let Record::Exec(head, bytes) = record
            && head.parent == std::process::id()
        {
            argv = bytes.to_vec();
        }
    });
    assert_eq!(argv, b"/bin/true\0--first\0second word\0");
}

#[test]
fn the_first_block_stops_packets_of_a_connection_that_is_open() {
    use std::io::{Read as _, Write as _};
    let _alone = ALONE.lock();
    let Ok(mut loaded) = load(&LoadOptions { dns: false, ..LoadOptions::default() }) else { return };
    let listener = TcpListener::bind("127.8.9.9:0").unwrap();
    let mut stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut peer, _) = listener.accept().unwrap();
    peer.set_read_timeout(Some(std::time::Duration::from_millis(300))).unwrap();
    let mut byte = [0];
    stream.write_all(b"a").unwrap();
    assert_eq!(peer.read(&mut byte).unwrap(), 1);
    let expires_ns = crate::clock::boot_ns() + 60_000_000_000;
    let block = KernelBlock { net: "127.8.9.9/32".parse().unwrap(), port: 0, cgroup_id: 0, expires_ns, hits: 0, id: 9 };
    loaded.blocks.insert(&block).unwrap();
    stream.write_all(b"b").unwrap();
    assert!(peer.read(&mut byte).is_err(), "a packet passed although its peer is blocked");
    let dropped = loaded.counters.read().into_iter().find(|(name, _)| *name == "dropped_egress");
    assert!(dropped.is_some_and(|(_, count)| count > 0));
    drop(loaded.programs);
    assert!(matches!(loaded.blocks.insert(&block), Err(BlockError::Packets(_))));
}

fn read(loaded: &Loaded, name: &str) -> u64 {
    loaded.counters.read().into_iter().find(|(known, _)| *known == name).map_or(0, |(_, count)| count)
}

/// Begun, not ended and not alive; waits a little for ends that come from timers and other processes.
fn unaccounted(loaded: &Loaded) -> u64 {
    let look = || {
        let begun = read(loaded, "begun");
        let alive = loaded.programs.alive().unwrap();
        begun.saturating_sub(read(loaded, "ended") + alive)
    };
    (0..20).map(|_| (look(), std::thread::sleep(std::time::Duration::from_millis(10))).0).max().unwrap_or(0)
}

#[test]
fn every_beginning_is_alive_or_has_an_end() {
    let _alone = ALONE.lock();
    let Some(mut loaded) = loaded() else { return };
    loaded.programs.find_open().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    let mut kept = Vec::new();
    for round in 0..50 {
        let stream = TcpStream::connect(at).unwrap();
        let accepted = listener.accept().unwrap().0;
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        udp.connect(("127.0.0.1", 9)).unwrap();
        udp.connect(at).unwrap();
        udp.send_to(b"x", ("127.0.0.1", 9)).unwrap();
        if round % 2 == 0 {
            kept.push((stream, accepted, udp));
        }
    }
    // TCP has no broadcast: the connect fails before its first packet, no state change tells of it.
    assert!(TcpStream::connect("127.255.255.255:9").is_err());
    let failed = |r: &ConnRecord| address(r.remote).to_string() == "127.255.255.255" && r.kind == kind::CONN_CLOSE;
    assert_eq!(connections(&mut loaded.events).into_iter().filter(failed).count(), 1);
    if !counts_the_living(&loaded) {
        return;
    }
    assert!(loaded.programs.alive().unwrap() >= 3 * 25);
    assert_eq!(unaccounted(&loaded), 0);
    drop(kept);
    assert_eq!(unaccounted(&loaded), 0);
}

#[test]
fn the_end_of_a_udp_conversation_that_nobody_saw_begin_is_counted() {
    let _alone = ALONE.lock();
    // Older than the programs, and not looked for.
    let unseen: Vec<UdpSocket> = (0..7).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
    unseen.iter().for_each(|udp| udp.connect(("127.0.0.1", 9)).unwrap());
    let idle = UdpSocket::bind("127.0.0.1:0").unwrap();
    let Some(loaded) = loaded() else { return };
    let seen = UdpSocket::bind("127.0.0.1:0").unwrap();
    seen.connect(("127.0.0.1", 9)).unwrap();
    let before = read(&loaded, "lost_end");
    drop((idle, seen));
    assert_eq!(read(&loaded, "lost_end"), before, "nothing was lost of these");
    drop(unseen);
    assert_eq!(read(&loaded, "lost_end"), before + 7);
}

#[test]
fn an_end_that_no_program_saw_is_missed() {
    let _alone = ALONE.lock();
    let Some(loaded) = loaded().filter(counts_the_living) else { return };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let pairs: Vec<_> = (0..10)
        .map(|_| (TcpStream::connect(listener.local_addr().unwrap()).unwrap(), listener.accept().unwrap().0))
        .collect();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    udp.connect(("127.0.0.1", 9)).unwrap();
    assert_eq!(unaccounted(&loaded), 0);
    for name in ["tp_state", "tp_release"] {
        match kernel::hold(&loaded.programs.kernel).ebpf.program_mut(name).unwrap() {
            Program::BtfTracePoint(program) => program.unload().unwrap(),
            Program::CgroupSock(program) => program.unload().unwrap(),
            _ => unreachable!(),
        }
    }
    drop((pairs, udp));
    assert!(unaccounted(&loaded) >= 21);
}

#[test]
fn a_udp_socket_that_is_only_connected_has_contacted_nobody() {
    let _alone = ALONE.lock();
    let Some(mut loaded) = loaded() else { return };
    list(&mut loaded, [127, 7, 7, 7]);
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    silent.connect(("127.7.7.7", 9)).unwrap();
    let port = silent.local_addr().unwrap().port();
    drop(silent);
    assert!(connections(&mut loaded.matches).is_empty());
    let ended = connections(&mut loaded.events);
    let ours = |r: &&ConnRecord| r.tgid == std::process::id() && r.remote_port == 9 && r.kind == kind::CONN_CLOSE;
    assert_eq!(ended.iter().filter(ours).count(), 1, "not told as a match, and not lost either ({port})");
    let talking = UdpSocket::bind("127.0.0.1:0").unwrap();
    talking.connect(("127.7.7.7", 9)).unwrap();
    talking.send(b"x").unwrap();
    let told = connections(&mut loaded.matches);
    assert_eq!(told.iter().map(|r| (r.kind, r.bytes_out)).collect::<Vec<_>>(), [(kind::CONN_OPEN, 1)]);
    assert_eq!(told[0].local_port, talking.local_addr().unwrap().port());
}

#[test]
fn answers_on_a_connected_udp_socket_stay_its_own() {
    let _alone = ALONE.lock();
    let Some(mut loaded) = loaded() else { return };
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.connect(server.local_addr().unwrap()).unwrap();
    client.send(b"question").unwrap();
    let (_, from) = server.recv_from(&mut [0; 16]).unwrap();
    server.send_to(b"answer", from).unwrap();
    client.recv_from(&mut [0; 16]).unwrap();
    let port = client.local_addr().unwrap().port();
    drop(client);
    let ends: Vec<_> = connections(&mut loaded.events).into_iter().filter(|r| r.local_port == port).collect();
    assert_eq!(ends.len(), 1, "{ends:?}");
    assert_eq!((ends[0].direction, ends[0].bytes_out, ends[0].bytes_in), (2, 8, 6));
}
