//! Where do demonstrations and kernel tests play? Two hosts with a router between, in network
//! namespaces that have no names and end with whoever holds them.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use ipnet::IpNet;

use crate::link::Links;
use crate::netns::NetNs;
use crate::packet::Capture;

/// One end of the laboratory: its addresses, and the router's on its link.
#[derive(Clone, Debug)]
pub struct End {
    /// Addresses with the length of their network, IPv4 and IPv6.
    pub addresses: [IpNet; 2],
    /// The router's addresses on the same link.
    pub gateways: [IpNet; 2],
}

/// Two hosts that are never on one link.
pub struct Lab {
    /// The stranger.
    pub outside: NetNs,
    /// Between them.
    pub router: NetNs,
    /// The host to be protected.
    pub inside: NetNs,
}

/// The router's interface towards the inside: what is seen there has left the host.
const INSIDE_LINK: &str = "inside";

impl Lab {
    /// Makes and connects the namespaces.
    pub fn build(outside: &End, inside: &End) -> io::Result<Self> {
        let lab = Self { outside: NetNs::create()?, router: NetNs::create()?, inside: NetNs::create()? };
        for namespace in [&lab.outside, &lab.router, &lab.inside] {
            namespace.run(without_address_detection)??;
        }
        lab.router.run(|| -> io::Result<()> {
            let mut links = Links::open()?;
            links.up("lo")?;
            links.veth("outside", "eth0", lab.outside.file())?;
            links.veth(INSIDE_LINK, "eth0", lab.inside.file())?;
            for (link, end) in [("outside", outside), (INSIDE_LINK, inside)] {
                for gateway in end.gateways {
                    links.address(link, gateway)?;
                }
                links.up(link)?;
            }
            std::fs::write("/proc/sys/net/ipv4/ip_forward", "1")?;
            std::fs::write("/proc/sys/net/ipv6/conf/all/forwarding", "1")
        })??;
        lab.outside.run(|| set_up(outside))??;
        lab.inside.run(|| set_up(inside))??;
        Ok(lab)
    }

    /// Listens outside.
    pub fn listen_outside(&self, at: SocketAddr) -> io::Result<TcpListener> {
        self.outside.run(|| TcpListener::bind(at))?
    }

    /// Connects from outside.
    pub fn connect_from_outside(&self, to: SocketAddr) -> io::Result<TcpStream> {
        self.outside.run(|| TcpStream::connect_timeout(&to, Duration::from_secs(3)))?
    }

    /// Captures what leaves and enters the inside.
    pub fn capture(&self) -> io::Result<Capture> {
        self.router.run(|| Capture::open(INSIDE_LINK))?
    }
}

/// Nobody else is on these links: looking for a second owner of an address would only take a second.
fn without_address_detection() -> io::Result<()> {
    for which in ["all", "default"] {
        std::fs::write(format!("/proc/sys/net/ipv6/conf/{which}/accept_dad"), "0")?;
    }
    Ok(())
}

fn set_up(end: &End) -> io::Result<()> {
    let mut links = Links::open()?;
    links.up("lo")?;
    for address in end.addresses {
        links.address("eth0", address)?;
    }
    links.up("eth0")?;
    for gateway in end.gateways {
        links.route(everything(gateway.addr()), gateway.addr())?;
    }
    Ok(())
}

fn everything(like: IpAddr) -> IpNet {
    match like {
        IpAddr::V4(_) => IpNet::V4(ipnet::Ipv4Net::default()),
        IpAddr::V6(_) => IpNet::V6(ipnet::Ipv6Net::default()),
    }
}
