//! What really passed an interface? A capture below every firewall, to prove that nothing left.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

use tripoint_model::address::canonical;

const ETH_P_ALL: u16 = 3;

/// A capture on one interface of the namespace in which it was opened.
pub struct Capture {
    socket: OwnedFd,
}

/// One IP packet, as captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Sender, canonical.
    pub from: IpAddr,
    /// Receiver, canonical.
    pub to: IpAddr,
    /// Transport protocol.
    pub protocol: u8,
    /// Payload bytes after the TCP header (0 for other protocols).
    pub tcp_payload: usize,
}

impl Capture {
    /// Starts capturing both directions.
    pub fn open(interface: &str) -> io::Result<Self> {
        let protocol = i32::from(ETH_P_ALL.to_be());
        let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
        // SAFETY: `socket` takes no pointers.
        let fd = unsafe { libc::socket(libc::AF_PACKET, kind, protocol) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: a fresh descriptor that nobody else owns.
        let socket = unsafe { OwnedFd::from_raw_fd(fd) };
        // SAFETY: all-zero is a valid `sockaddr_ll`.
        let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_protocol = ETH_P_ALL.to_be();
        address.sll_ifindex = i32::try_from(crate::link::index(interface)?).map_err(io::Error::other)?;
        // SAFETY: pointer and length describe `address`.
        let bound = unsafe {
            libc::bind(socket.as_raw_fd(), (&raw const address).cast(), size_of::<libc::sockaddr_ll>() as u32)
        };
        if bound < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Self { socket })
    }

    /// Every IP packet captured since the last call.
    pub fn take(&mut self) -> io::Result<Vec<Packet>> {
        let mut packets = Vec::new();
        let mut buffer = [0u8; 2048];
        loop {
            match rustix::net::recv(self.socket.as_fd(), &mut buffer[..], rustix::net::RecvFlags::empty()) {
                Ok((_, length)) => packets.extend(parse(&buffer[..length.min(2048)])),
                Err(rustix::io::Errno::AGAIN) => return Ok(packets),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// An Ethernet frame that carries IP, as much of it as was captured.
pub fn parse(frame: &[u8]) -> Option<Packet> {
    let kind = u16::from_be_bytes([*frame.get(12)?, *frame.get(13)?]);
    let ip = frame.get(14..)?;
    let (from, to, protocol, header, total): (IpAddr, IpAddr, u8, usize, usize) = match kind {
        0x0800 => {
            let octets = |at: usize| Some(Ipv4Addr::from(<[u8; 4]>::try_from(ip.get(at..at + 4)?).ok()?));
            let total = usize::from(u16::from_be_bytes([*ip.get(2)?, *ip.get(3)?]));
            (octets(12)?.into(), octets(16)?.into(), *ip.get(9)?, usize::from(ip.first()? & 15) * 4, total)
        }
        0x86dd => {
            let octets = |at: usize| Some(Ipv6Addr::from(<[u8; 16]>::try_from(ip.get(at..at + 16)?).ok()?));
            let length = usize::from(u16::from_be_bytes([*ip.get(4)?, *ip.get(5)?]));
            (octets(8)?.into(), octets(24)?.into(), *ip.get(6)?, 40, 40 + length)
        }
        _ => return None,
    };
    let tcp_header = (protocol == 6).then(|| ip.get(header + 12).map(|byte| usize::from(byte >> 4) * 4)).flatten();
    let tcp_payload = tcp_header.map_or(0, |tcp| total.saturating_sub(header + tcp));
    Some(Packet { from: canonical(from), to: canonical(to), protocol, tcp_payload })
}
