//! What does one record say by itself?

use std::net::SocketAddr;

use tripoint_linux::contract::{ConnRecord, flag, kind, text};
use tripoint_model::{ConnectionState, Process, ProcessKey, Protocol};

use crate::procfs;
use crate::table::device;

const TCP_SYN_SENT: u8 = 2;

pub(super) fn state(record: &ConnRecord, protocol: Protocol) -> ConnectionState {
    match record.kind {
        kind::CONN_REFUSED => ConnectionState::Refused,
        kind::CONN_CLOSE if protocol == Protocol::Udp || record.flags & flag::WAS_ESTABLISHED != 0 => {
            ConnectionState::Closed
        }
        kind::CONN_CLOSE => ConnectionState::Failed,
        kind::CONN_OPEN if record.direction == 2 && protocol == Protocol::Tcp => ConnectionState::Opening,
        kind::CONN_FOUND if protocol == Protocol::Tcp && record.state == TCP_SYN_SENT => ConnectionState::Opening,
        _ => ConnectionState::Established,
    }
}

/// Whether the owner opens sockets for others (`is_activator` of the kernel programs).
pub(super) fn is_activator(record: &ConnRecord) -> bool {
    record.tgid == 1 || record.comm.starts_with(b"systemd")
}

/// Tells the peers of one UDP socket apart (FNV-1a over address and port); 0 for TCP.
pub(super) fn peer_number(protocol: Protocol, remote: SocketAddr) -> u64 {
    if protocol == Protocol::Tcp {
        return 0;
    }
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    let mut mix = |byte: u8| hash = (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    match remote.ip() {
        std::net::IpAddr::V4(v4) => v4.octets().into_iter().for_each(&mut mix),
        std::net::IpAddr::V6(v6) => v6.octets().into_iter().for_each(&mut mix),
    }
    remote.port().to_be_bytes().into_iter().for_each(&mut mix);
    hash
}

/// What the record alone tells: the exec record was lost and the process is gone.
pub(super) fn bare(key: ProcessKey, record: &ConnRecord) -> Process {
    Process {
        key,
        parent: record.parent,
        command: text(&record.comm),
        exe_device: device(record.exe_device),
        exe_inode: record.exe_inode,
        uid: record.uid,
        login_uid: procfs::login_uid(record.login_uid),
        cgroup_id: record.cgroup_id,
        netns: u64::from(record.netns),
        ..Process::default()
    }
}
