//! Where does the story play: attacker, router and victim, each in a network namespace of its own.

use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use anyhow::Context as _;
use tripoint_linux::link::Links;
use tripoint_linux::netns::NetNs;
use tripoint_linux::packet::Capture;

use super::material::{ATTACKER4, ATTACKER6};

/// Where the application listens.
pub const VICTIM4: &str = "198.51.100.10";
pub const VICTIM6: &str = "2001:db8:1::10";
/// The application's port and the attacker's.
pub const SHOP_PORT: u16 = 8080;
pub const CALLBACK_PORT: u16 = 1389;

/// The three namespaces. They have no names and end with this value and the processes in them.
pub struct Stage {
    attacker: NetNs,
    router: NetNs,
    pub victim: NetNs,
}

impl Stage {
    /// Makes and connects them; the attacker is never on the victim's link.
    pub fn build() -> anyhow::Result<Self> {
        let stage = Self { attacker: NetNs::create()?, router: NetNs::create()?, victim: NetNs::create()? };
        for namespace in [&stage.attacker, &stage.router, &stage.victim] {
            namespace.run(without_address_detection)??;
        }
        let (attacker, victim) = (stage.attacker.file(), stage.victim.file());
        stage.router.run(|| -> anyhow::Result<()> {
            let mut links = Links::open()?;
            links.up("lo")?;
            links.veth("outside", "eth0", attacker)?;
            links.veth("inside", "eth0", victim)?;
            for (link, addresses) in
                [("outside", ["203.0.113.1/24", "2001:db8::1/64"]), ("inside", ["198.51.100.1/24", "2001:db8:1::1/64"])]
            {
                for address in addresses {
                    links.address(link, address.parse()?)?;
                }
                links.up(link)?;
            }
            std::fs::write("/proc/sys/net/ipv4/ip_forward", "1")?;
            std::fs::write("/proc/sys/net/ipv6/conf/all/forwarding", "1")?;
            Ok(())
        })??;
        host(&stage.attacker, [(ATTACKER4, 24), (ATTACKER6, 64)], ["203.0.113.1", "2001:db8::1"])?;
        host(&stage.victim, [(VICTIM4, 24), (VICTIM6, 64)], ["198.51.100.1", "2001:db8:1::1"])?;
        Ok(stage)
    }

    /// Listens at the attacker's address.
    pub fn attacker_listens(&self, address: &str) -> anyhow::Result<TcpListener> {
        let at = SocketAddr::new(address.parse()?, CALLBACK_PORT);
        self.attacker.run(|| TcpListener::bind(at))?.with_context(|| format!("listen on {at}"))
    }

    /// Connects from the attacker to the application.
    pub fn attacker_connects(&self) -> anyhow::Result<TcpStream> {
        let at = SocketAddr::new(VICTIM4.parse()?, SHOP_PORT);
        self.attacker.run(|| TcpStream::connect_timeout(&at, Duration::from_secs(3)))?.with_context(|| format!("connect to {at}"))
    }

    /// Captures on the router's side of the victim's link: what it sees has left the victim.
    pub fn capture(&self) -> anyhow::Result<Capture> {
        Ok(self.router.run(|| Capture::open("inside"))??)
    }
}

/// Nobody else is on these links: looking for a second owner of an address would only take a second.
fn without_address_detection() -> std::io::Result<()> {
    for which in ["all", "default"] {
        std::fs::write(format!("/proc/sys/net/ipv6/conf/{which}/accept_dad"), "0")?;
    }
    Ok(())
}

fn host(namespace: &NetNs, addresses: [(&str, u8); 2], gateways: [&str; 2]) -> anyhow::Result<()> {
    namespace.run(|| -> anyhow::Result<()> {
        let mut links = Links::open()?;
        links.up("lo")?;
        for (address, length) in addresses {
            links.address("eth0", format!("{address}/{length}").parse()?)?;
        }
        links.up("eth0")?;
        for (gateway, all) in gateways.iter().zip(["0.0.0.0/0", "::/0"]) {
            let gateway: IpAddr = gateway.parse()?;
            links.route(all.parse()?, gateway)?;
        }
        Ok(())
    })?
}
