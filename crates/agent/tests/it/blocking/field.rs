//! Where does it play: a stranger, a router, a host, and a container behind the host; and where does the block stand?

use std::io;
use std::net::IpAddr;
use std::process::Command;
use std::time::{Duration, SystemTime};

use ipnet::IpNet;
use tripoint_agent::firewall::SocketsOnly;
use tripoint_linux::lab::{End, Lab};
use tripoint_linux::link::Links;
use tripoint_linux::netns::NetNs;
use tripoint_linux::packet::Capture;
use tripoint_linux::sock_diag::SockDiag;
use tripoint_model::{ConnectionId, Cut, Protocol, Scope, Target, Timestamp};
use tripoint_responder::{Disconnected, Firewall};

use super::traffic::{self, Heard, Kind, Talk, Way};
use super::{Mechanism, Open};

/// Where the mechanism stands, and whose traffic it judges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// On the host that talks.
    Host,
    /// On a router that forwards for the host that talks.
    Router,
    /// On the host of a container that talks: its addresses are translated, its port is published.
    Container,
}

pub const PEER: [&str; 2] = ["203.0.113.66", "2001:db8:66::66"];
pub const HOST: [&str; 2] = ["198.51.100.10", "2001:db8:1::10"];
const CONTAINER: [&str; 2] = ["10.99.0.2", "fd00:99::2"];

pub struct Field {
    lab: Lab,
    container: NetNs,
    place: Place,
    mechanism: Option<Mechanism>,
    capture: Capture,
}

impl Field {
    pub fn build(open: Open, place: Place) -> Result<Self, String> {
        let end = |addresses: [&str; 2], gateways: [&str; 2]| End {
            addresses: [format!("{}/24", addresses[0]), format!("{}/64", addresses[1])].map(|net| net.parse().unwrap()),
            gateways: [format!("{}/24", gateways[0]), format!("{}/64", gateways[1])].map(|net| net.parse().unwrap()),
        };
        let text = |error: io::Error| error.to_string();
        let lab =
            Lab::build(&end(PEER, ["203.0.113.1", "2001:db8:66::1"]), &end(HOST, ["198.51.100.1", "2001:db8:1::1"]))
                .map_err(text)?;
        let container = NetNs::create().map_err(text)?;
        if place == Place::Container {
            join(&lab.inside, &container)?;
        }
        let capture = lab.outside.run(|| Capture::open("eth0")).and_then(|opened| opened).map_err(text)?;
        let at = if place == Place::Router { &lab.router } else { &lab.inside };
        let mechanism = Some(at.run(open).map_err(text)??);
        Ok(Self { lab, container, place, mechanism, capture })
    }

    fn at(&self) -> &NetNs {
        if self.place == Place::Router { &self.lab.router } else { &self.lab.inside }
    }

    /// Whoever talks with the stranger.
    fn talker(&self) -> &NetNs {
        if self.place == Place::Container { &self.container } else { &self.lab.inside }
    }

    fn with<T: Send>(&mut self, act: impl FnOnce(&mut Mechanism) -> T + Send) -> T {
        let mut mechanism = self.mechanism.take().expect("the mechanism is there");
        let done = self.at().run(|| act(&mut mechanism)).expect("the namespace can be entered");
        self.mechanism = Some(mechanism);
        done
    }

    pub fn block(&mut self, target: &str) {
        self.block_for(target, Duration::from_secs(600));
    }

    pub fn block_for(&mut self, target: &str, span: Duration) {
        let target = target.parse().expect("a target");
        self.with(|mechanism| {
            mechanism.firewall.block(&target, &Scope::Host, now().plus(span), now()).expect("it is blocked");
            let listed = mechanism.firewall.list(now()).expect("it is listed");
            assert!(listed.iter().any(|block| block.target == target), "{target} is read back: {listed:?}");
        });
    }

    pub fn unblock(&mut self, target: &str) {
        let target = target.parse().expect("a target");
        let lifted = self.with(|mechanism| mechanism.firewall.unblock(&target, &Scope::Host).expect("it is lifted"));
        assert!(lifted, "{target} was blocked");
    }

    pub fn release(&mut self) {
        self.with(|mechanism| mechanism.firewall.release(now()).expect("everything is lifted"));
    }

    /// As if our program had died.
    pub fn forget_mechanism(&mut self) {
        self.mechanism = None;
    }

    /// Lets both sides talk; what the stranger's side saw of the host, and whether words arrived, as they shall or
    /// shall not.
    pub fn talk(&mut self, talk: Talk, shall_come: bool) -> Heard {
        self.capture.take().expect("the capture works");
        let is_heard = match talk.way {
            Way::Outbound => {
                traffic::talk(self.talker(), &self.lab.outside, talk, talk.family.address(PEER), shall_come)
            }
            Way::Inbound => {
                traffic::talk(&self.lab.outside, self.talker(), talk, talk.family.address(HOST), shall_come)
            }
        };
        Heard { packets: self.seen(|_| true), is_heard }
    }

    /// Opens a conversation, blocks or not, and goes on talking in both directions.
    pub fn goes_on(&mut self, talk: Talk, blocked: bool) -> Heard {
        let mut open = self.open(talk);
        if blocked {
            self.block(talk.family.peer());
        }
        let heard = self.say_more(&mut open, talk.kind, !blocked);
        if blocked {
            self.unblock(talk.family.peer());
        }
        heard
    }

    /// Opens a conversation, ends that one by the lowest rung, and tries to go on.
    pub fn goes_on_after_its_end(&mut self, talk: Talk) -> Heard {
        let mut open = self.open(talk);
        let cookie = open.cookie();
        let at = self.talker();
        let find = || SockDiag::open().and_then(|mut diag| diag.all());
        let all = at.run(find).and_then(|found| found).expect("sockets are listed");
        let socket = all.into_iter().find(|socket| socket.cookie == cookie).expect("our end is listed");
        let cut = Cut {
            connection: ConnectionId { cookie, peer: 0 },
            protocol: if talk.kind == Kind::Tcp { Protocol::Tcp } else { Protocol::Udp },
            local: socket.local,
            remote: socket.remote,
            netns: 0,
            pid: 0,
            application: String::new(),
        };
        let done = at.run(|| SocketsOnly.disconnect(&[cut])).expect("the namespace can be entered");
        assert_eq!(done.expect("it is ended"), Disconnected { ended: 1, gone: 0, failed: 0 }, "{talk:?}");
        self.say_more(&mut open, talk.kind, false)
    }

    fn open(&mut self, talk: Talk) -> traffic::Open {
        let mut open = traffic::Open::new(self.talker(), &self.lab.outside, talk);
        assert_eq!(open.say_both(true), 2, "the conversation is open: {talk:?}");
        open
    }

    fn say_more(&mut self, open: &mut traffic::Open, kind: Kind, shall_come: bool) -> Heard {
        self.capture.take().expect("the capture works");
        let is_heard = open.say_both(shall_come) > 0;
        let packets = match kind {
            // An acknowledgement carries nothing.
            Kind::Tcp => self.seen(|payload| payload > 0),
            Kind::Udp => self.seen(|_| true),
        };
        Heard { packets, is_heard }
    }

    /// Refuses the peer to one application alone.
    pub fn block_for_application(&mut self, target: &str, key: &str) {
        let (target, scope) = (target.parse().expect("a target"), Scope::Application(key.to_owned()));
        self.with(|mechanism| {
            let end = now().plus(Duration::from_secs(60));
            mechanism.firewall.block(&target, &scope, end, now()).expect("it is blocked");
        });
    }

    /// Isolates the host from these alone: a test must not cut off the machine that it runs on.
    pub fn isolate_from(&mut self, cut: &[IpNet]) {
        let admitted: Vec<IpNet> = cut.iter().flat_map(|cut| all_but(*cut)).collect();
        self.with(|mechanism| {
            mechanism.firewall.admit(&admitted);
            let end = now().plus(Duration::from_secs(60));
            mechanism.firewall.block(&Target::Host, &Scope::Host, end, now()).expect("it is isolated");
        });
    }

    fn seen(&mut self, counts: impl Fn(usize) -> bool) -> usize {
        let hosts: [IpAddr; 2] = HOST.map(|address| address.parse().unwrap());
        let packets = self.capture.take().expect("the capture works");
        packets.iter().filter(|packet| hosts.contains(&packet.from) && counts(packet.tcp_payload)).count()
    }
}

fn now() -> Timestamp {
    Timestamp::from_system(SystemTime::now())
}

/// Every address of this family but these.
fn all_but(cut: IpNet) -> Vec<IpNet> {
    let around = |length: u8| {
        let outer = IpNet::new(cut.addr(), length - 1).expect("a length").trunc();
        outer.subnets(length).expect("a length").find(|half| !half.contains(&cut)).expect("the other half")
    };
    (1..=cut.prefix_len()).map(around).collect()
}

/// Puts the container behind the host as container engines do.
fn join(host: &NetNs, container: &NetNs) -> Result<(), String> {
    let text = |error: io::Error| error.to_string();
    let gateways = ["10.99.0.1", "fd00:99::1"];
    let set_up = |link: &str, addresses: [&str; 2]| -> io::Result<()> {
        for which in ["all", "default"] {
            std::fs::write(format!("/proc/sys/net/ipv6/conf/{which}/accept_dad"), "0")?;
        }
        let mut links = Links::open()?;
        links.up("lo")?;
        links.address(link, format!("{}/24", addresses[0]).parse().map_err(io::Error::other)?)?;
        links.address(link, format!("{}/64", addresses[1]).parse().map_err(io::Error::other)?)?;
        links.up(link)
    };
    host.run(|| -> io::Result<()> {
        Links::open()?.veth("box", "eth0", container.file())?;
        set_up("box", gateways)?;
        std::fs::write("/proc/sys/net/ipv4/ip_forward", "1")?;
        std::fs::write("/proc/sys/net/ipv6/conf/all/forwarding", "1")
    })
    .and_then(|done| done)
    .map_err(text)?;
    container
        .run(|| -> io::Result<()> {
            set_up("eth0", CONTAINER)?;
            let mut links = Links::open()?;
            links.route(
                "0.0.0.0/0".parse().map_err(io::Error::other)?,
                gateways[0].parse().map_err(io::Error::other)?,
            )?;
            links.route("::/0".parse().map_err(io::Error::other)?, gateways[1].parse().map_err(io::Error::other)?)
        })
        .and_then(|done| done)
        .map_err(text)?;
    let port = traffic::PORT;
    let rules = format!(
        "table inet engine {{
  chain pre {{
    type nat hook prerouting priority -100;
    iifname \"eth0\" meta l4proto {{ tcp, udp }} th dport {port} dnat ip to {}
    iifname \"eth0\" meta l4proto {{ tcp, udp }} th dport {port} dnat ip6 to {}
  }}
  chain post {{
    type nat hook postrouting priority 100;
    oifname \"eth0\" masquerade
  }}
}}",
        CONTAINER[0], CONTAINER[1]
    );
    let done = host
        .run(|| Command::new("nft").arg(rules).output())
        .and_then(|output| output)
        .map_err(|_| "nft is not installed")?;
    if done.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&done.stderr).into_owned()) }
}
