//! Where does the story play: attacker, router and victim, each in a network namespace of its own.

use std::net::{SocketAddr, TcpListener, TcpStream};

use anyhow::Context as _;
use tripoint_linux::lab::{End, Lab};
use tripoint_linux::netns::NetNs;
use tripoint_linux::packet::Capture;

use super::material::{ATTACKER4, ATTACKER6};

/// Where the application listens.
pub const VICTIM4: &str = "198.51.100.10";
pub const VICTIM6: &str = "2001:db8:1::10";
/// The application's port and the attacker's.
pub const SHOP_PORT: u16 = 8080;
pub const CALLBACK_PORT: u16 = 1389;

/// The three namespaces; the attacker is never on the victim's link.
pub struct Stage {
    lab: Lab,
}

impl Stage {
    /// Makes and connects them.
    pub fn build() -> anyhow::Result<Self> {
        let attacker = End {
            addresses: [format!("{ATTACKER4}/24").parse()?, format!("{ATTACKER6}/64").parse()?],
            gateways: ["203.0.113.1/24".parse()?, "2001:db8::1/64".parse()?],
        };
        let victim = End {
            addresses: [format!("{VICTIM4}/24").parse()?, format!("{VICTIM6}/64").parse()?],
            gateways: ["198.51.100.1/24".parse()?, "2001:db8:1::1/64".parse()?],
        };
        Ok(Self { lab: Lab::build(&attacker, &victim)? })
    }

    /// The victim's namespace.
    pub fn victim(&self) -> &NetNs {
        &self.lab.inside
    }

    /// Listens at the attacker's address.
    pub fn attacker_listens(&self, address: &str) -> anyhow::Result<TcpListener> {
        let at = SocketAddr::new(address.parse()?, CALLBACK_PORT);
        self.lab.listen_outside(at).with_context(|| format!("listen on {at}"))
    }

    /// Connects from the attacker to the application.
    pub fn attacker_connects(&self) -> anyhow::Result<TcpStream> {
        let at = SocketAddr::new(VICTIM4.parse()?, SHOP_PORT);
        self.lab.connect_from_outside(at).with_context(|| format!("connect to {at}"))
    }

    /// Captures on the router's side of the victim's link: what it sees has left the victim.
    pub fn capture(&self) -> anyhow::Result<Capture> {
        Ok(self.lab.capture()?)
    }
}
