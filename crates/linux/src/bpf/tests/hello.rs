//! Are the first words of a client told once, whole, and nothing after them?

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use super::{ALONE, list, read};
use crate::bpf::{LoadOptions, Loaded, load};
use crate::contract::{HelloHead, Record, address};

fn listening() -> Option<Loaded> {
    match load(&LoadOptions { hello: true, ..LoadOptions::default() }) {
        Ok(loaded) => Some(loaded),
        Err(error) if std::env::var_os("RUN_KERNEL_TESTS").is_some() => panic!("{error}"),
        Err(error) => {
            println!("skipped: {error}");
            None
        }
    }
}

/// A record that says it holds a ClientHello of `length` bytes in all.
fn client_hello(length: usize) -> Vec<u8> {
    let [high, low] = u16::try_from(length - 5).unwrap().to_be_bytes();
    let [message_high, message_low] = u16::try_from(length - 9).unwrap().to_be_bytes();
    let mut bytes = vec![0x16, 3, 1, high, low, 1, 0, message_high, message_low];
    bytes.extend((9..length).map(|at| at as u8));
    bytes
}

/// Connects to `at` and says `words`, one after another; each arrives before the next is said.
fn say(at: &str, words: &[&[u8]]) {
    let listener = TcpListener::bind((at, 0)).unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    client.set_nodelay(true).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    for word in words {
        client.write_all(word).unwrap();
        server.read_exact(&mut vec![0; word.len()]).unwrap();
    }
}

/// What the test told: part, bytes.
fn told(loaded: &mut Loaded) -> Vec<(HelloHead, Vec<u8>)> {
    let mut all = Vec::new();
    let mut take = |record: Record<'_>| {
        if let Record::Hello(head, bytes) = record
            && head.conn.tgid == std::process::id()
        {
            all.push((*head, bytes.to_vec()));
        }
    };
    loaded.matches.drain(usize::MAX, &mut take);
    loaded.events.drain(usize::MAX, &mut take);
    all
}

fn bytes(told: Vec<(HelloHead, Vec<u8>)>) -> Vec<Vec<u8>> {
    told.into_iter().map(|(_, bytes)| bytes).collect()
}

#[test]
fn a_client_hello_is_told_without_the_data_behind_it() {
    let _alone = ALONE.lock();
    let Some(mut loaded) = listening() else { return };
    let before = read(&loaded, "sent_hello");
    for at in ["127.0.0.1", "::1"] {
        let (short, long) = (client_hello(517), client_hello(1789));
        say(at, &[&[&short[..], b"early data"].concat(), b"GET / HTTP/1.1\r\n\r\n"]);
        say(at, &[&long]);
        assert_eq!(bytes(told(&mut loaded)), [short, long], "{at}");
    }
    assert_eq!(read(&loaded, "sent_hello") - before, 4);
    assert_eq!(read(&loaded, "lost_hello"), 0);
}

#[test]
fn a_client_hello_in_two_packets_is_told_in_two_parts() {
    let _alone = ALONE.lock();
    let Some(mut loaded) = listening() else { return };
    let hello = client_hello(900);
    let (first, rest) = hello.split_at(300);
    say("127.0.0.1", &[first, &[rest, b"early data"].concat(), &hello]);
    let parts = told(&mut loaded);
    assert_eq!(parts.iter().map(|(head, _)| head.part).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(parts[0].0.conn.cookie, parts[1].0.conn.cookie);
    assert_eq!(bytes(parts), [first, rest]);
    // Not more than two.
    say("127.0.0.1", &[&hello[..100], &hello[100..200], &hello[200..]]);
    assert_eq!(bytes(told(&mut loaded)), [&hello[..100], &hello[100..200]]);
}

#[test]
fn a_request_is_told_to_the_end_of_its_headers() {
    let _alone = ALONE.lock();
    let Some(mut loaded) = listening() else { return };
    let head = b"POST /in HTTP/1.1\r\nHost: bad.example\r\n\r\n";
    say("127.0.0.1", &[&[&head[..], &[b'x'; 3000]].concat(), head]);
    let long = [&b"GET /"[..], &[b'a'; 5000]].concat();
    say("127.0.0.1", &[&long]);
    assert_eq!(bytes(told(&mut loaded)), [&head[..], &long[..1024]]);
}

#[test]
fn other_words_and_later_ones_are_not_told() {
    let _alone = ALONE.lock();
    let Some(mut loaded) = listening() else { return };
    let hello = client_hello(200);
    for first in [&b"EHLO mail.example\r\n"[..], b"GETX / HTTP/1.1\r\n", &[0; 64], b"x", &hello[..8]] {
        say("127.0.0.1", &[first, &hello]);
    }
    // An alert, a hello of a server, a record of another protocol.
    for change in [(0, 0x15), (5, 2), (1, 2)] {
        let mut other = hello.clone();
        other[change.0] = change.1;
        say("127.0.0.1", &[&other]);
    }
    assert!(told(&mut loaded).is_empty());
    loaded.set.set_hello(false);
    say("127.0.0.1", &[&hello]);
    assert!(told(&mut loaded).is_empty(), "switched off");
}

#[test]
fn a_server_and_a_connection_from_before_are_not_listened_to() {
    let _alone = ALONE.lock();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    let Some(mut loaded) = listening() else { return };
    loaded.programs.find_open().unwrap();
    client.write_all(&client_hello(200)).unwrap();
    server.write_all(&client_hello(200)).unwrap();
    let mut later = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    listener.accept().unwrap().0.write_all(&client_hello(200)).unwrap();
    later.read_exact(&mut [0; 200]).unwrap();
    assert!(told(&mut loaded).is_empty());
}

#[test]
fn it_is_told_while_something_is_blocked_and_with_its_match() {
    let _alone = ALONE.lock();
    let Some(mut loaded) = listening() else { return };
    list(&mut loaded, [127, 7, 7, 7]);
    let expires_ns = crate::clock::boot_ns() + 60_000_000_000;
    let net = "127.8.9.9/32".parse().unwrap();
    let block = crate::bpf::KernelBlock { net, port: 0, cgroup_id: 0, expires_ns, hits: 0, id: 9 };
    loaded.blocks.insert(&block).unwrap();
    let hello = client_hello(300);
    say("127.7.7.7", &[&hello]);
    let mut order = Vec::new();
    loaded.matches.drain(usize::MAX, &mut |record| match record {
        Record::Hello(head, bytes) => {
            assert_eq!(address(head.conn.remote).to_string(), "127.7.7.7");
            order.push((head.conn.kind, bytes.len()));
        }
        Record::Conn(conn) if conn.direction == 2 => order.push((conn.kind, 0)),
        _ => {}
    });
    assert_eq!(order, [(1, 0), (2, 0), (33, 300), (3, 0)], "in the order of a matched connection's life");
}
