//! Does a real connection of a real process come out with its owner?

use std::net::{TcpListener, TcpStream, UdpSocket};
use std::process::Command;
use std::sync::Mutex;

use tripoint_linux::bpf::{LoadOptions, load};

use super::*;

static ALONE: Mutex<()> = Mutex::new(());

fn sensor() -> Option<BpfSensor> {
    match load(&LoadOptions::default()) {
        Ok(loaded) => Some(BpfSensor::new(loaded.programs, loaded.matches, loaded.events, "/")),
        // Where kernel tests are asked for, a sensor that does not load is a failure, not a skip.
        Err(error) if std::env::var_os("RUN_KERNEL_TESTS").is_some() => panic!("{error}"),
        Err(error) => {
            println!("skipped: {error}");
            None
        }
    }
}

fn poll(sensor: &mut BpfSensor) -> Vec<Seen> {
    let mut out = Vec::new();
    for _ in 0..5 {
        sensor.poll(Duration::from_millis(20), &mut out).unwrap();
    }
    out
}

fn connections(seen: &[Seen]) -> Vec<Arc<Connection>> {
    let only = |seen: &Seen| match seen {
        Seen::Connection { connection, .. } => Some(Arc::clone(connection)),
        _ => None,
    };
    seen.iter().filter_map(only).collect()
}

/// The test binary itself would be left out as the agent's own traffic.
fn not_ourselves(sensor: &mut BpfSensor) {
    sensor.own_pid = 0;
}

#[test]
fn both_ends_and_the_bytes_of_a_connection_are_seen() {
    let _alone = ALONE.lock();
    let Some(mut sensor) = sensor() else { return };
    not_ourselves(&mut sensor);
    sensor.start().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut client = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let (server, _) = listener.accept().unwrap();
    std::io::Write::write_all(&mut client, b"hello").unwrap();
    std::thread::sleep(Duration::from_millis(20));
    drop((client, server, listener));
    let seen = connections(&poll(&mut sensor));
    let out = seen.iter().find(|c| c.remote.port() == port && c.direction == Direction::Outbound).unwrap();
    let inn = seen.iter().find(|c| c.local.port() == port && c.direction == Direction::Inbound).unwrap();
    assert_eq!(out.state, ConnectionState::Closed);
    assert_eq!((out.bytes_out, inn.bytes_in), (5, 5));
    for end in [out, inn] {
        let owner = end.process.as_ref().unwrap();
        assert_eq!(owner.key.pid, std::process::id());
        assert!(owner.exe.contains("tripoint_sensor"));
    }
}

#[test]
fn udp_is_one_conversation_per_peer() {
    let _alone = ALONE.lock();
    let Some(mut sensor) = sensor() else { return };
    not_ourselves(&mut sensor);
    sensor.start().unwrap();
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let at = server.local_addr().unwrap();
    let connected = UdpSocket::bind("127.0.0.1:0").unwrap();
    connected.connect(at).unwrap();
    connected.send(b"12345678").unwrap();
    let loose = UdpSocket::bind("127.0.0.1:0").unwrap();
    for _ in 0..50 {
        loose.send_to(b"x", at).unwrap();
    }
    let mut buffer = [0u8; 64];
    server.recv_from(&mut buffer).unwrap();
    drop((connected, loose));
    let seen = connections(&poll(&mut sensor));
    let to_server: Vec<_> = seen.iter().filter(|c| c.remote == at && c.direction == Direction::Outbound).collect();
    let ids: HashSet<_> = to_server.iter().map(|c| c.id).collect();
    assert_eq!(ids.len(), 2, "{to_server:#?}");
    assert!(to_server.iter().any(|c| c.state == ConnectionState::Closed && c.bytes_out == 8));
    assert!(
        seen.iter()
            .any(|c| c.local.port() == at.port() && c.direction == Direction::Inbound || c.remote.port() != at.port())
    );
}

#[test]
fn a_short_lived_process_in_a_container_is_attributed() {
    let _alone = ALONE.lock();
    let Some(mut sensor) = sensor() else { return };
    sensor.start().unwrap();
    let id = "f".repeat(64);
    let Some(root) = tripoint_linux::cgroup::root() else { return };
    let folder = root.join(format!("docker-{id}.scope"));
    if fs::create_dir(&folder).is_err() {
        println!("skipped: no right to make cgroups");
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let script = format!(
        "echo $$ > {}/cgroup.procs; exec bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port}' marker --token=abc",
        folder.display()
    );
    Command::new("bash").args(["-c", &script]).status().unwrap();
    let seen = connections(&poll(&mut sensor));
    fs::remove_dir(&folder).unwrap();
    let ours = seen.iter().find(|c| c.remote.port() == port && c.direction == Direction::Outbound).unwrap();
    let owner = ours.process.as_ref().unwrap();
    assert!(owner.exe.ends_with("/bash"), "{owner:?}");
    assert_eq!(owner.argv[3..], ["marker", "--token=[redacted]"]);
    assert_eq!(owner.container.as_ref().map(|c| c.id.clone()), Some(id));
}

#[test]
fn connections_older_than_the_sensor_have_owner_and_direction() {
    let _alone = ALONE.lock();
    let listener = TcpListener::bind("[::1]:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (_server, _) = listener.accept().unwrap();
    let Some(mut sensor) = sensor() else { return };
    let seen = connections(&sensor.start().unwrap());
    let port = listener.local_addr().unwrap().port();
    let out = seen.iter().find(|c| c.remote.port() == port).unwrap();
    let inn = seen.iter().find(|c| c.local.port() == port).unwrap();
    assert_eq!((out.direction, inn.direction), (Direction::Outbound, Direction::Inbound));
    assert!(out.predates_sensor && out.process.as_ref().unwrap().key.pid == std::process::id());
    drop(client);
}

#[test]
fn a_socket_opened_by_a_service_manager_belongs_to_the_service_that_holds_it() {
    let _alone = ALONE.lock();
    let Some(mut sensor) = sensor() else { return };
    not_ourselves(&mut sensor);
    sensor.start().unwrap();
    // The kernel remembers the name of the thread that listens.
    let manager = std::thread::Builder::new().name("systemd-test".into());
    let listener = manager.spawn(|| TcpListener::bind("127.0.0.1:0").unwrap()).unwrap().join().unwrap();
    let at = listener.local_addr().unwrap();
    drop((TcpStream::connect(at).unwrap(), listener.accept().unwrap()));
    poll(&mut sensor);
    assert!(sensor.take_handed_over(), "nobody but the manager holds it: worth a second look");
    let first = TcpStream::connect(at).unwrap();
    let (accepted, _) = listener.accept().unwrap();
    let stdin = |socket: std::os::fd::OwnedFd| std::process::Stdio::from(socket);
    let held = listener.try_clone().unwrap();
    let mut service =
        Command::new("sleep").arg("60").stdin(stdin(held.into())).stdout(stdin(accepted.into())).spawn().unwrap();
    drop(first);
    let owner = |seen: &[Arc<Connection>]| {
        let inbound = seen.iter().rfind(|c| c.local.port() == at.port() && c.direction == Direction::Inbound);
        inbound.and_then(|c| c.process.as_ref().map(|process| process.key.pid))
    };
    poll(&mut sensor);
    // Its first connection is still open in the service: a sweep corrects the owner of both.
    assert_eq!(owner(&connections(&sensor.sweep().unwrap())), Some(service.id()));
    let second = TcpStream::connect(at).unwrap();
    let (accepted, _) = listener.accept().unwrap();
    drop((second, accepted));
    assert_eq!(owner(&connections(&poll(&mut sensor))), Some(service.id()));
    service.kill().unwrap();
    service.wait().unwrap();
}
