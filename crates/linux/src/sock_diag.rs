//! Which sockets are open in this network namespace, and how is exactly one of them ended?

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tripoint_model::address::canonical;

use crate::faults::{self, Lack};
use crate::netlink::{ACK, DUMP, Message, Netlink, attributes};

const SOCK_DIAG_BY_FAMILY: u16 = 20;
const SOCK_DESTROY: u16 = 21;
const INET_DIAG_INFO: u16 = 2;
const INET_DIAG_CGROUP_ID: u16 = 21;
const TCP_LISTEN: u8 = 10;
/// `INET_DIAG_NOCOOKIE`: to the kernel it means whoever has these addresses.
const ANY_COOKIE: u64 = u64::MAX;
const TCP_TIME_WAIT: u32 = 6;
/// Offsets of `tcpi_bytes_acked` and `tcpi_bytes_received` in `struct tcp_info`.
const BYTES_ACKED: usize = 120;
const BYTES_RECEIVED: usize = 128;

/// One socket as `sock_diag` tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Socket {
    /// `IPPROTO_TCP` or `IPPROTO_UDP`.
    pub protocol: u8,
    /// Address family of the socket itself (an IPv6 socket may carry IPv4).
    pub family: u8,
    /// TCP state number; UDP uses 1 (connected) and 7.
    pub state: u8,
    /// Our end, canonical.
    pub local: SocketAddr,
    /// The peer, canonical; unspecified for listeners.
    pub remote: SocketAddr,
    /// The kernel's identity of the socket.
    pub cookie: u64,
    /// Inode, as in `/proc/PID/fd`.
    pub inode: u32,
    /// Owner.
    pub uid: u32,
    /// Cgroup, where the kernel tells it.
    pub cgroup_id: u64,
    /// Payload bytes received.
    pub bytes_in: u64,
    /// Payload bytes sent and acknowledged.
    pub bytes_out: u64,
    /// The kernel's own words for the tuple (`struct inet_diag_sockid`), where it told them: exact also for
    /// translated addresses and bound interfaces.
    pub identity: Option<[u8; 48]>,
}

impl Socket {
    /// Whether it only waits for connections.
    pub fn is_listener(&self) -> bool {
        self.protocol == libc::IPPROTO_TCP as u8 && self.state == TCP_LISTEN
    }
}

/// A door to `sock_diag` in the network namespace of the thread that opened it.
pub struct SockDiag {
    netlink: Netlink,
}

impl SockDiag {
    /// Opens it.
    pub fn open() -> io::Result<Self> {
        Ok(Self { netlink: Netlink::open(libc::NETLINK_SOCK_DIAG)? })
    }

    /// Every TCP and UDP socket, both families, but those that only wait for their time to end.
    pub fn all(&mut self) -> io::Result<Vec<Socket>> {
        let mut sockets = Vec::new();
        for protocol in [libc::IPPROTO_TCP as u8, libc::IPPROTO_UDP as u8] {
            for family in [libc::AF_INET as u8, libc::AF_INET6 as u8] {
                let request = request(family, protocol, !(1 << TCP_TIME_WAIT), None);
                let message = Message::new(SOCK_DIAG_BY_FAMILY, DUMP, &request);
                let mut visit = |_: u16, payload: &[u8]| sockets.extend(parse(protocol, payload));
                match self.netlink.ask(message, &mut visit) {
                    // A kernel without IPv6 has no such family.
                    Err(error) if error.raw_os_error() == Some(libc::ENOENT) => {}
                    other => other?,
                }
            }
        }
        Ok(sockets)
    }

    /// Ends the socket with this cookie and nothing else. A wrong cookie gives `NotFound`; a
    /// kernel without `CONFIG_INET_DIAG_DESTROY` gives `Unsupported`.
    pub fn destroy(&mut self, socket: &Socket) -> io::Result<()> {
        let only = || io::Error::new(io::ErrorKind::InvalidInput, "only a connection with a cookie is ended");
        if socket.cookie == 0 || socket.cookie == ANY_COOKIE || socket.is_listener() {
            return Err(only());
        }
        let request = request(socket.family, socket.protocol, u32::MAX, Some(socket));
        if self.waits(socket.protocol, &request)? {
            return Err(only());
        }
        let message = Message::new(SOCK_DESTROY, ACK, &request);
        let done = faults::refuse(Lack::SockDestroy).and_then(|()| self.netlink.order(message));
        done.map_err(|error| match error.raw_os_error() {
            Some(libc::EOPNOTSUPP) => io::Error::new(io::ErrorKind::Unsupported, error),
            Some(libc::ENOENT) => io::Error::new(io::ErrorKind::NotFound, error),
            _ => error,
        })
    }

    /// Whether the one that the request names waits for connections. The kernel would end it too, whatever its caller
    /// took it for.
    fn waits(&mut self, protocol: u8, request: &[u8]) -> io::Result<bool> {
        // UDP has none that wait, and its questions name the two ends the other way round than its orders.
        if i32::from(protocol) != libc::IPPROTO_TCP {
            return Ok(false);
        }
        let mut waits = false;
        let question = Message::new(SOCK_DIAG_BY_FAMILY, 0, request);
        let asked = self.netlink.ask_once(question, &mut |payload| {
            waits = parse(protocol, payload).is_some_and(|found| found.is_listener());
        });
        match asked {
            // Nobody, or somebody else: the order itself will say so.
            Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ESTALE)) => Ok(false),
            other => other.map(|()| waits),
        }
    }

    /// Whether sockets can be ended here. Asks for one that cannot be: no cookie is that large, and port 0 has nobody.
    pub fn can_destroy(&mut self) -> bool {
        let nobody = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
        let impossible = Socket {
            protocol: libc::IPPROTO_TCP as u8,
            family: libc::AF_INET as u8,
            state: 1,
            local: nobody,
            remote: nobody,
            cookie: u64::MAX - 1,
            inode: 0,
            uid: 0,
            cgroup_id: 0,
            bytes_in: 0,
            bytes_out: 0,
            identity: None,
        };
        self.destroy(&impossible).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
    }
}

/// `struct inet_diag_req_v2`.
fn request(family: u8, protocol: u8, states: u32, socket: Option<&Socket>) -> Vec<u8> {
    let mut bytes = vec![family, protocol, 1 << (INET_DIAG_INFO - 1), 0];
    bytes.extend_from_slice(&states.to_ne_bytes());
    let Some(socket) = socket else {
        bytes.resize(56, 0);
        return bytes;
    };
    if let Some(identity) = &socket.identity {
        bytes.extend_from_slice(&identity[..40]);
        // The cookie that the caller names decides, whatever else is known.
        bytes.extend_from_slice(&(socket.cookie as u32).to_ne_bytes());
        bytes.extend_from_slice(&((socket.cookie >> 32) as u32).to_ne_bytes());
        return bytes;
    }
    bytes.extend_from_slice(&socket.local.port().to_be_bytes());
    bytes.extend_from_slice(&socket.remote.port().to_be_bytes());
    bytes.extend_from_slice(&address_bytes(family, socket.local.ip()));
    bytes.extend_from_slice(&address_bytes(family, socket.remote.ip()));
    bytes.extend_from_slice(&0u32.to_ne_bytes());
    bytes.extend_from_slice(&(socket.cookie as u32).to_ne_bytes());
    bytes.extend_from_slice(&((socket.cookie >> 32) as u32).to_ne_bytes());
    bytes
}

fn address_bytes(family: u8, address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(v4) if i32::from(family) == libc::AF_INET6 => v4.to_ipv6_mapped().octets(),
        IpAddr::V4(v4) => {
            let mut bytes = [0; 16];
            bytes[..4].copy_from_slice(&v4.octets());
            bytes
        }
        IpAddr::V6(v6) => v6.octets(),
    }
}

/// A socket as the kernel tells it: `struct inet_diag_msg` and its attributes.
pub fn parse(protocol: u8, payload: &[u8]) -> Option<Socket> {
    let (head, rest) = payload.split_at_checked(72)?;
    let family = head[0];
    let port = |at: usize| u16::from_be_bytes([head[at], head[at + 1]]);
    let word = |at: usize| u32::from_ne_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let mut socket = Socket {
        protocol,
        family,
        state: head[1],
        local: SocketAddr::new(address(family, &head[8..24])?, port(4)),
        remote: SocketAddr::new(address(family, &head[24..40])?, port(6)),
        cookie: u64::from(word(44)) | u64::from(word(48)) << 32,
        uid: word(64),
        inode: word(68),
        cgroup_id: 0,
        bytes_in: 0,
        bytes_out: 0,
        identity: head[4..52].try_into().ok(),
    };
    for (kind, value) in attributes(rest) {
        let number = |at: usize| value.get(at..at + 8).and_then(|v| v.try_into().ok()).map_or(0, u64::from_ne_bytes);
        match kind {
            INET_DIAG_INFO => {
                socket.bytes_out = number(BYTES_ACKED);
                socket.bytes_in = number(BYTES_RECEIVED);
            }
            INET_DIAG_CGROUP_ID => socket.cgroup_id = number(0),
            _ => {}
        }
    }
    Some(socket)
}

fn address(family: u8, bytes: &[u8]) -> Option<IpAddr> {
    if i32::from(family) == libc::AF_INET {
        let four: [u8; 4] = bytes.get(..4)?.try_into().ok()?;
        return Some(IpAddr::V4(Ipv4Addr::from(four)));
    }
    let sixteen: [u8; 16] = bytes.get(..16)?.try_into().ok()?;
    Some(canonical(IpAddr::V6(Ipv6Addr::from(sixteen))))
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream, UdpSocket};

    use super::*;

    #[test]
    fn finds_and_ends_exactly_one_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (_peer, _) = listener.accept().unwrap();
        let mut diag = SockDiag::open().unwrap();
        let ours = |s: &Socket| s.local == stream.local_addr().unwrap() && s.protocol == 6;
        let socket = *diag.all().unwrap().iter().find(|s| ours(s)).unwrap();
        assert_ne!(socket.cookie, 0);
        let mut wrong = socket;
        wrong.cookie ^= 0xffff_0000;
        assert_eq!(diag.destroy(&wrong).unwrap_err().kind(), io::ErrorKind::NotFound);
        match diag.destroy(&socket) {
            Ok(()) => assert!(!diag.all().unwrap().iter().any(|s| s.cookie == socket.cookie && s.state == 1)),
            Err(error) => println!("skipped: this process may not end sockets: {error}"),
        }
    }

    #[test]
    fn a_listener_is_never_ended() {
        let listener = TcpListener::bind("[::1]:0").unwrap();
        let mut diag = SockDiag::open().unwrap();
        let address = listener.local_addr().unwrap();
        let socket = *diag.all().unwrap().iter().find(|s| s.local == address && s.is_listener()).unwrap();
        assert_eq!(diag.destroy(&socket).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn udp_sockets_are_listed() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let local = socket.local_addr().unwrap();
        assert!(SockDiag::open().unwrap().all().unwrap().iter().any(|s| s.protocol == 17 && s.local == local));
    }
}
