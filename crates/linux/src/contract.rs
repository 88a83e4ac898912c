//! What do the kernel programs send? The Rust mirror of `bpf/contract.h`.

use std::net::{IpAddr, Ipv6Addr};

use aya::Pod;

/// Cells of the /24 bitmap, 64 to a word (`TP_CELLS`).
pub const CELLS: usize = 262_144;

/// `enum tp_kind`.
pub mod kind {
    #![allow(missing_docs)]
    pub const CONN_OPEN: u32 = 1;
    pub const CONN_ESTABLISHED: u32 = 2;
    pub const CONN_CLOSE: u32 = 3;
    pub const CONN_REFUSED: u32 = 4;
    pub const CONN_FOUND: u32 = 5;
    pub const CONN_LISTENER: u32 = 6;
    pub const EXEC: u32 = 16;
    pub const FORK: u32 = 17;
    pub const EXIT: u32 = 18;
    pub const DNS_ANSWER: u32 = 32;
    pub const HELLO: u32 = 33;
}

/// `enum tp_flag`.
pub mod flag {
    #![allow(missing_docs)]
    pub const MATCHED: u32 = 1;
    pub const LISTENER: u32 = 2;
    pub const WAS_ESTABLISHED: u32 = 4;
    pub const PREDATES: u32 = 8;
    pub const LIVE: u32 = 16;
    pub const OWNER_UNSURE: u32 = 32;
    pub const UNTOLD: u32 = 64;
    pub const HELLO_DUE: u32 = 128;
    pub const HELLO_REST: u32 = 256;
}

/// Names of `enum tp_counter`, in its order; each is a metric and a line of `doctor`.
pub const COUNTERS: [&str; 22] = [
    "lost_match",
    "lost_event",
    "lost_process",
    "lost_dns",
    "lost_storage",
    "sent_match",
    "sent_event",
    "sent_process",
    "sent_dns",
    "refused_connect",
    "refused_send",
    "dropped_egress",
    "dropped_ingress",
    "cut_argv",
    "folded_udp",
    "lost_begin",
    "lost_end",
    "lost_exec",
    "begun",
    "ended",
    "lost_hello",
    "sent_hello",
];

/// `struct tp_config`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
#[allow(missing_docs)]
pub struct Config {
    pub generation: u32,
    pub exact4: u32,
    pub nodes_capacity: u32,
    pub blocks_capacity: u32,
    pub active: u32,
    pub blocking: u32,
    pub blocking_nets: u32,
    pub enforce: u32,
    pub dns: u32,
    pub blocking_apps: u32,
    pub serial: u32,
    pub blocking_ports: u32,
    pub packets: u32,
    pub hello: u32,
    pub isolated_until_ns: u64,
}

/// `struct tp_conn`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
#[allow(missing_docs)]
pub struct ConnRecord {
    pub kind: u32,
    pub flags: u32,
    pub at_ns: u64,
    pub cookie: u64,
    pub opened_ns: u64,
    pub start_ns: u64,
    pub cgroup_id: u64,
    pub exe_inode: u64,
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub tgid: u32,
    pub parent: u32,
    pub uid: u32,
    pub login_uid: u32,
    pub exe_device: u32,
    pub netns: u32,
    pub local: [u8; 16],
    pub remote: [u8; 16],
    pub local_port: u16,
    pub remote_port: u16,
    pub protocol: u8,
    pub direction: u8,
    pub state: u8,
    pub pad: u8,
    pub comm: [u8; 16],
}

/// `struct tp_exec` up to its argv.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct ExecHead {
    pub kind: u32,
    pub tgid: u32,
    pub at_ns: u64,
    pub start_ns: u64,
    pub parent_start_ns: u64,
    pub cgroup_id: u64,
    pub exe_inode: u64,
    pub exe_device: u32,
    pub parent: u32,
    pub uid: u32,
    pub login_uid: u32,
    pub netns: u32,
    pub argv_length: u32,
    pub argv_whole: u32,
    pub pad: u32,
    pub comm: [u8; 16],
    pub exe: [u8; 512],
    pub cgroup: [[u8; 128]; 3],
}

/// `struct tp_fork`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct ForkRecord {
    pub kind: u32,
    pub tgid: u32,
    pub at_ns: u64,
    pub start_ns: u64,
    pub parent_start_ns: u64,
    pub parent: u32,
    pub pad: u32,
}

/// `struct tp_exit`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct ExitRecord {
    pub kind: u32,
    pub tgid: u32,
    pub at_ns: u64,
    pub start_ns: u64,
}

/// `struct tp_dns` up to its message.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct DnsHead {
    pub kind: u32,
    pub length: u32,
    pub at_ns: u64,
    pub netns: u32,
    pub tgid: u32,
    pub tcp: u32,
    pub pad: u32,
}

/// `struct tp_hello` up to its bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct HelloHead {
    pub conn: ConnRecord,
    pub length: u32,
    pub part: u32,
}

/// `struct tp_block4_key`; the address in network order.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub struct Block4Key {
    pub address: [u8; 4],
    pub port: u16,
    pub pad: u16,
    pub cgroup_id: u64,
}

/// `struct tp_block6_key`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub struct Block6Key {
    pub address: [u8; 16],
    pub port: u16,
    pub pad: u16,
    pub pad2: u32,
    pub cgroup_id: u64,
}

/// `struct tp_block`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct BlockValue {
    pub expires_ns: u64,
    pub hits: u64,
    pub reported_ns: u64,
    pub id: u64,
    pub covered_ns: u64,
}

// SAFETY: all are `repr(C)` structures of integers without padding; any bytes are a value.
unsafe impl Pod for Config {}
// SAFETY: as above.
unsafe impl Pod for ConnRecord {}
// SAFETY: as above.
unsafe impl Pod for ExecHead {}
// SAFETY: as above.
unsafe impl Pod for ForkRecord {}
// SAFETY: as above.
unsafe impl Pod for ExitRecord {}
// SAFETY: as above.
unsafe impl Pod for DnsHead {}
// SAFETY: as above.
unsafe impl Pod for HelloHead {}
// SAFETY: as above.
unsafe impl Pod for Block4Key {}
// SAFETY: as above.
unsafe impl Pod for Block6Key {}
// SAFETY: as above.
unsafe impl Pod for BlockValue {}

/// One record from a ring.
#[derive(Debug)]
pub enum Record<'a> {
    /// A connection.
    Conn(ConnRecord),
    /// A program began in a process; the bytes are its argv, NUL separated.
    Exec(Box<ExecHead>, &'a [u8]),
    /// A process was made.
    Fork(ForkRecord),
    /// A process ended.
    Exit(ExitRecord),
    /// A DNS answer; the bytes are the message.
    Dns(DnsHead, &'a [u8]),
    /// What a client said first, or the rest of it.
    Hello(Box<HelloHead>, &'a [u8]),
}

impl<'a> Record<'a> {
    /// Reads a record by its kind; `None` for one that is too short or of an unknown kind.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (head, _) = bytes.split_first_chunk::<4>()?;
        Some(match u32::from_ne_bytes(*head) {
            kind::CONN_OPEN..=kind::CONN_LISTENER => Self::Conn(read(bytes)?.0),
            kind::EXEC => {
                let (head, argv) = read::<ExecHead>(bytes)?;
                let length = argv.len().min(head.argv_length as usize);
                Self::Exec(Box::new(head), &argv[..length])
            }
            kind::FORK => Self::Fork(read(bytes)?.0),
            kind::EXIT => Self::Exit(read(bytes)?.0),
            kind::DNS_ANSWER => {
                let (head, message) = read::<DnsHead>(bytes)?;
                let length = message.len().min(head.length as usize);
                Self::Dns(head, &message[..length])
            }
            kind::HELLO => {
                let (head, said) = read::<HelloHead>(bytes)?;
                let length = said.len().min(head.length as usize);
                Self::Hello(Box::new(head), &said[..length])
            }
            _ => return None,
        })
    }
}

/// A fixed-size record from the front of `bytes`, and the rest.
fn read<T: Pod>(bytes: &[u8]) -> Option<(T, &[u8])> {
    let size = size_of::<T>();
    let (front, rest) = bytes.split_at_checked(size)?;
    // SAFETY: `front` holds `size` readable bytes, `T: Pod` accepts any bytes, unaligned is allowed.
    Some((unsafe { std::ptr::read_unaligned(front.as_ptr().cast::<T>()) }, rest))
}

/// Every whole `ConnRecord` in what an iterator wrote.
pub fn conn_records(bytes: &[u8]) -> impl Iterator<Item = ConnRecord> + '_ {
    bytes.chunks_exact(size_of::<ConnRecord>()).filter_map(|chunk| read(chunk).map(|(record, _)| record))
}

/// The text of a NUL-padded field.
pub fn text(field: &[u8]) -> String {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    String::from_utf8_lossy(&field[..end]).into_owned()
}

/// The address of a 16-byte field, in canonical form.
pub fn address(field: [u8; 16]) -> IpAddr {
    tripoint_model::address::canonical(IpAddr::V6(Ipv6Addr::from(field)))
}

const _: () = assert!(size_of::<ConnRecord>() == 152);
const _: () = assert!(size_of::<ExecHead>() == 48 + 32 + 16 + 512 + 384);
const _: () = assert!(size_of::<ForkRecord>() == 40);
const _: () = assert!(size_of::<ExitRecord>() == 24);
const _: () = assert!(size_of::<DnsHead>() == 32);
const _: () = assert!(size_of::<HelloHead>() == 160);
const _: () = assert!(size_of::<Config>() == 64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_or_unknown_records_are_refused() {
        assert!(Record::parse(&[]).is_none());
        assert!(Record::parse(&1u32.to_ne_bytes()).is_none());
        assert!(Record::parse(&[0xff; 400]).is_none());
        let mut whole = [0u8; 152];
        whole[0] = 3;
        assert!(matches!(Record::parse(&whole), Some(Record::Conn(record)) if record.kind == kind::CONN_CLOSE));
    }

    #[test]
    fn a_lying_length_cannot_read_past_the_record() {
        let mut bytes = vec![0u8; size_of::<DnsHead>() + 8];
        bytes[..4].copy_from_slice(&kind::DNS_ANSWER.to_ne_bytes());
        bytes[4..8].copy_from_slice(&u32::MAX.to_ne_bytes());
        let Some(Record::Dns(_, message)) = Record::parse(&bytes) else { panic!("not a DNS record") };
        assert_eq!(message.len(), 8);
    }

    /// Structure in C, field, offset: where the mirror has each field.
    macro_rules! places {
        ($($c:literal $rust:ident: $($field:ident),+;)+) => {
            [$($(($c, stringify!($field), std::mem::offset_of!($rust, $field))),+),+]
        };
    }

    #[test]
    fn every_field_lies_where_the_programs_have_it() {
        let mirror = places! {
            "tp_config" Config: generation, exact4, nodes_capacity, blocks_capacity, active, blocking, blocking_nets, enforce, dns, blocking_apps, serial, blocking_ports, packets, hello, isolated_until_ns;
            "tp_conn" ConnRecord: kind, flags, at_ns, cookie, opened_ns, start_ns, cgroup_id, exe_inode, bytes_in, bytes_out, tgid, parent, uid, login_uid, exe_device, netns, local, remote, local_port, remote_port, protocol, direction, state, pad, comm;
            "tp_exec" ExecHead: kind, tgid, at_ns, start_ns, parent_start_ns, cgroup_id, exe_inode, exe_device, parent, uid, login_uid, netns, argv_length, argv_whole, pad, comm, exe, cgroup;
            "tp_fork" ForkRecord: kind, tgid, at_ns, start_ns, parent_start_ns, parent, pad;
            "tp_exit" ExitRecord: kind, tgid, at_ns, start_ns;
            "tp_dns" DnsHead: kind, length, at_ns, netns, tgid, tcp, pad;
            "tp_hello" HelloHead: conn, length, part;
            "tp_block4_key" Block4Key: address, port, pad, cgroup_id;
            "tp_block6_key" Block6Key: address, port, pad, pad2, cgroup_id;
            "tp_block" BlockValue: expires_ns, hits, reported_ns, id, covered_ns;
        };
        let header = include_str!("../bpf/contract.h");
        let stated: Vec<(&str, &str, usize)> = header
            .lines()
            .filter_map(|line| line.strip_prefix("TP_AT(")?.strip_suffix(");"))
            .map(|line| {
                let mut words = line.split(", ");
                let mut word = || words.next().unwrap();
                (word(), word(), word().parse().unwrap())
            })
            .collect();
        assert_eq!(stated, mirror);
    }

    #[test]
    fn every_counter_has_its_place() {
        let header = include_str!("../bpf/contract.h");
        let (_, list) = header.split_once("enum tp_counter {").unwrap();
        let (list, _) = list.split_once("};").unwrap();
        let stated = list.lines().filter_map(|line| line.trim().strip_prefix("TP_")?.split_once(" = "));
        let names: Vec<String> =
            stated.map(|(name, _)| name.to_lowercase()).filter(|name| name != "counters").collect();
        assert_eq!(names, COUNTERS);
        assert!(list.contains(&format!("TP_COUNTERS = {}", COUNTERS.len())));
    }
}
