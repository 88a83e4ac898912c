//! Does what comes from the network or the kernel stay data?

use std::net::IpAddr;

use tripoint_linux::contract::{Record, conn_records, text};
use tripoint_linux::netlink::attributes;
use tripoint_sensor::{container, dns, hello, procfs};

use super::Target;

/// DNS answers.
pub const DNS: Target = Target { name: "dns", run: answer, seeds: || vec![ANSWER.to_vec()] };
/// First words of clients: TLS and HTTP.
pub const HELLO: Target =
    Target { name: "hello", run: first_words, seeds: || vec![CLIENT_HELLO.to_vec(), REQUEST.to_vec()] };
/// Attributes inside each other, as every netlink answer has them.
pub const NETLINK: Target = Target { name: "netlink", run: |data| nested(data, 4), seeds: netlink_seeds };
/// Records of the kernel programs.
pub const RECORDS: Target = Target { name: "records", run: record, seeds: record_seeds };
/// Cgroup paths, which whoever starts a container names.
pub const CGROUP: Target = Target { name: "cgroup", run: cgroup, seeds: cgroup_seeds };

/// Frames off the wire.
pub const FRAMES: Target = Target { name: "frames", run: frame, seeds: || vec![FRAME.to_vec()] };
/// The kernel's list of sockets, by protocol.
pub const SOCKETS: Target = Target { name: "sockets", run: socket, seeds: || vec![vec![6; 120], vec![2; 73]] };

fn frame(data: &[u8]) {
    if let Some(packet) = tripoint_linux::packet::parse(data) {
        assert!(packet.tcp_payload <= 40 + usize::from(u16::MAX));
    }
}

fn socket(data: &[u8]) {
    let Some((protocol, payload)) = data.split_first() else { return };
    if let Some(socket) = tripoint_linux::sock_diag::parse(*protocol, payload) {
        std::hint::black_box(socket.is_listener());
    }
}

fn answer(data: &[u8]) {
    if let Some(answer) = dns::parse(data) {
        assert!(answer.name.len() <= 253 && !answer.addresses.is_empty());
        assert!(answer.name.bytes().all(|byte| byte.is_ascii_graphic()), "{:?}", answer.name);
        let canonical = |address: &IpAddr| tripoint_model::address::canonical(*address) == *address;
        assert!(answer.addresses.iter().all(canonical));
    }
}

fn first_words(data: &[u8]) {
    let check = |name: &str| {
        assert!(!name.is_empty() && name.len() <= 253 && name.bytes().all(|byte| byte.is_ascii_graphic()), "{name:?}");
    };
    if let hello::Said::Name(named) = hello::read(data) {
        check(&named.name);
    }
    // In two parts, wherever the cut is.
    let (first, rest) = data.split_at(data.len() / 2);
    let mut given = hello::Given::default();
    for (words, is_rest) in [(first, false), (rest, true)] {
        if given.take(1, words, is_rest) {
            check(&given.name(1).expect("kept").name);
        }
    }
}

fn nested(data: &[u8], levels: u32) {
    for (_, value) in attributes(data) {
        assert!(value.len() + 4 <= data.len());
        if levels > 0 {
            nested(value, levels - 1);
        }
    }
}

fn record(data: &[u8]) {
    match Record::parse(data) {
        Some(Record::Exec(head, argv)) => drop((text(&head.exe), procfs::words(argv))),
        Some(Record::Dns(_, message)) => answer(message),
        Some(Record::Hello(_, words)) => first_words(words),
        other => drop(other),
    }
    std::hint::black_box(conn_records(data).count());
}

fn cgroup(data: &[u8]) {
    let path = String::from_utf8_lossy(data);
    std::hint::black_box(container::place(&path));
}

fn netlink_seeds() -> Vec<Vec<u8>> {
    vec![vec![8, 0, 1, 0, 1, 2, 3, 4], vec![12, 0, 1, 128, 8, 0, 2, 0, 9, 9, 9, 9]]
}

fn record_seeds() -> Vec<Vec<u8>> {
    [1_u32, 16, 17, 18, 32, 33].iter().map(|kind| [&kind.to_ne_bytes()[..], &[0; 1100]].concat()).collect()
}

fn cgroup_seeds() -> Vec<Vec<u8>> {
    [
        "/system.slice/docker-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.scope",
        "/kubepods.slice/kubepods-pod1234.slice/cri-containerd-0123456789abcdef0123456789abcdef.scope",
        "/user.slice/user-1000.slice/user@1000.service/app.slice/libpod-0123456789abcdef.scope/container",
    ]
    .iter()
    .map(|path| path.as_bytes().to_vec())
    .collect()
}

/// `a.example` is 192.0.2.1, the name of the answer by a pointer.
const ANSWER: &[u8] = b"\x00\x01\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00\x01a\x07example\x00\x00\x01\x00\x01\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x01";

/// A ClientHello for `a.example`, one cipher suite.
const CLIENT_HELLO: &[u8] = b"\x16\x03\x01\x00\x41\x01\x00\x00\x3d\x03\x03rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr\x00\x00\x02\x13\x01\x01\x00\x00\x12\x00\x00\x00\x0e\x00\x0c\x00\x00\x09a.example";

const REQUEST: &[u8] = b"GET http://a.example:80/b HTTP/1.1\r\nHost: a.example\r\n\r\n";

/// An Ethernet header and a TCP segment over IPv4.
const FRAME: &[u8] = b"\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x02\x08\x00\x45\x00\x00\x2c\x00\x01\x00\x00\x40\x06\x00\x00\xc0\x00\x02\x01\xc6\x33\x64\x07\x12\x34\x01\xbb\x00\x00\x00\x01\x00\x00\x00\x00\x50\x18\x10\x00\x00\x00\x00\x00data";
