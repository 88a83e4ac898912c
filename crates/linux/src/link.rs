//! How are interfaces made, moved, addressed and routed? For demonstrations and tests only.

use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd};

use ipnet::IpNet;

use crate::netlink::{ACK, CREATE, Message, Netlink};

const NEW_LINK: u16 = 16;
const NEW_ADDRESS: u16 = 20;
const NEW_ROUTE: u16 = 24;
const IFLA_IFNAME: u16 = 3;
const IFLA_LINKINFO: u16 = 18;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const VETH_INFO_PEER: u16 = 1;
const IFLA_NET_NS_FD: u16 = 28;

/// Makes and sets up interfaces in the namespace of the thread that opened it.
pub struct Links {
    netlink: Netlink,
}

impl Links {
    /// Opens it.
    pub fn open() -> io::Result<Self> {
        Ok(Self { netlink: Netlink::open(libc::NETLINK_ROUTE)? })
    }

    /// Makes a pair of connected interfaces; `peer` lands in the other namespace.
    pub fn veth(&mut self, name: &str, peer: &str, namespace: impl AsFd) -> io::Result<()> {
        let fd = namespace.as_fd().as_raw_fd().to_ne_bytes();
        let message =
            Message::new(NEW_LINK, ACK | CREATE, &[0; 16]).text(IFLA_IFNAME, name).nested(IFLA_LINKINFO, |m| {
                m.text(IFLA_INFO_KIND, "veth").nested(IFLA_INFO_DATA, |m| {
                    m.nested(VETH_INFO_PEER, |m| m.raw(&[0; 16]).text(IFLA_IFNAME, peer).attribute(IFLA_NET_NS_FD, &fd))
                })
            });
        self.netlink.order(message)
    }

    /// Brings an interface up.
    pub fn up(&mut self, name: &str) -> io::Result<()> {
        let mut fixed = [0u8; 16];
        fixed[4..8].copy_from_slice(&index(name)?.to_ne_bytes());
        let up = (libc::IFF_UP as u32).to_ne_bytes();
        fixed[8..12].copy_from_slice(&up);
        fixed[12..16].copy_from_slice(&up);
        self.netlink.order(Message::new(NEW_LINK, ACK, &fixed))
    }

    /// Gives an interface an address with the length of its network.
    pub fn address(&mut self, name: &str, address: IpNet) -> io::Result<()> {
        const NO_DAD: u8 = 2;
        let mut fixed = vec![family(address.addr()), address.prefix_len(), NO_DAD, 0];
        fixed.extend_from_slice(&index(name)?.to_ne_bytes());
        let bytes = octets(address.addr());
        self.netlink.order(Message::new(NEW_ADDRESS, ACK | CREATE, &fixed).attribute(1, &bytes).attribute(2, &bytes))
    }

    /// Sends what is for `target` to `gateway`.
    pub fn route(&mut self, target: IpNet, gateway: IpAddr) -> io::Result<()> {
        const MAIN: u8 = 254;
        const STATIC: u8 = 4;
        const UNICAST: u8 = 1;
        let fixed = [family(gateway), target.prefix_len(), 0, 0, MAIN, STATIC, 0, UNICAST, 0, 0, 0, 0];
        let mut message = Message::new(NEW_ROUTE, ACK | CREATE, &fixed);
        if target.prefix_len() > 0 {
            message = message.attribute(1, &octets(target.addr()));
        }
        self.netlink.order(message.attribute(5, &octets(gateway)))
    }
}

/// The number of an interface in the calling thread's namespace.
pub fn index(name: &str) -> io::Result<u32> {
    let name = std::ffi::CString::new(name)?;
    // SAFETY: `name` is a NUL-terminated string that lives through the call.
    match unsafe { libc::if_nametoindex(name.as_ptr()) } {
        0 => Err(io::Error::last_os_error()),
        index => Ok(index),
    }
}

fn family(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => libc::AF_INET as u8,
        IpAddr::V6(_) => libc::AF_INET6 as u8,
    }
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netns::NetNs;

    #[test]
    fn two_namespaces_talk_over_a_pair() {
        let (Ok(a), Ok(b)) = (NetNs::create(), NetNs::create()) else {
            println!("skipped: no right to make network namespaces");
            return;
        };
        let set_up = |name: &str, address: &str| {
            let mut links = Links::open().unwrap();
            links.up("lo").unwrap();
            links.address(name, address.parse().unwrap()).unwrap();
            links.up(name).unwrap();
        };
        a.run(|| Links::open().unwrap().veth("a0", "b0", b.file()).unwrap()).unwrap();
        a.run(|| set_up("a0", "203.0.113.1/30")).unwrap();
        b.run(|| set_up("b0", "203.0.113.2/30")).unwrap();
        let listener = b.run(|| std::net::TcpListener::bind("203.0.113.2:0").unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let stream = a.run(|| std::net::TcpStream::connect(address).unwrap()).unwrap();
        assert_eq!(listener.accept().unwrap().1, stream.local_addr().unwrap());
    }
}
