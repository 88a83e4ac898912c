//! What is said, over which kind of socket, and was it heard?

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use tripoint_linux::netns::NetNs;

use super::field::{HOST, PEER};

/// Where whoever is called listens.
pub const PORT: u16 = 4444;
/// How long something may take that shall come.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long is waited for something that shall not come: there is only memory between the two.
const SILENCE: Duration = Duration::from_millis(200);

/// How long is waited.
fn patience(shall_come: bool) -> Duration {
    if shall_come { PATIENCE } else { SILENCE }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Tcp,
    Udp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    V4,
    V6,
    /// An IPv4 peer over an IPv6 socket.
    Mapped,
}

/// Who speaks first: the side of the block, or the stranger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Outbound,
    Inbound,
}

#[derive(Clone, Copy, Debug)]
pub struct Talk {
    pub kind: Kind,
    pub family: Family,
    pub way: Way,
}

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub struct Heard {
    /// Packets of the host that the stranger's side saw.
    pub packets: usize,
    /// Whether words arrived anywhere.
    pub is_heard: bool,
}

impl Family {
    fn index(self) -> usize {
        usize::from(self == Self::V6)
    }

    /// The stranger, as a target.
    pub fn peer(self) -> &'static str {
        PEER[self.index()]
    }

    pub fn peer_port(self, port: u16) -> String {
        SocketAddr::new(PEER[self.index()].parse().unwrap(), port).to_string()
    }

    /// The stranger's network, as a target.
    pub fn network(self) -> &'static str {
        ["203.0.113.0/25", "2001:db8:66::/48"][self.index()]
    }

    /// As a socket of this family writes it.
    pub fn address(self, of: [&str; 2]) -> IpAddr {
        let address: IpAddr = of[self.index()].parse().unwrap();
        match (self, address) {
            (Self::Mapped, IpAddr::V4(v4)) => v4.to_ipv6_mapped().into(),
            _ => address,
        }
    }

    fn any(self) -> IpAddr {
        if self == Self::V4 { [0, 0, 0, 0].into() } else { IpAddr::from([0u16; 8]) }
    }
}

/// `from` speaks to `at`, where `to` listens; says whether the word or the answer arrived.
pub fn talk(from: &NetNs, to: &NetNs, talk: Talk, at: IpAddr, shall_come: bool) -> bool {
    let patience = patience(shall_come);
    let (here, there) = (SocketAddr::new(talk.family.any(), PORT), SocketAddr::new(at, PORT));
    match talk.kind {
        Kind::Tcp => {
            let listener = to.run(|| TcpListener::bind(here)).unwrap().expect("listen");
            from.run(|| TcpStream::connect_timeout(&there, patience)).unwrap().is_ok() || is_waiting(&listener)
        }
        Kind::Udp => {
            let listener = to.run(|| UdpSocket::bind(here)).unwrap().expect("listen");
            let speaker = from.run(|| UdpSocket::bind((talk.family.any(), 0))).unwrap().expect("bind");
            let _ = speaker.send_to(b"word", there);
            answer(&listener, patience) | answer(&speaker, patience)
        }
    }
}

/// Whether a connection came.
fn is_waiting(listener: &TcpListener) -> bool {
    listener.set_nonblocking(true).unwrap();
    listener.accept().is_ok()
}

/// Waits for a word and answers it; says whether there was one.
fn answer(socket: &UdpSocket, patience: Duration) -> bool {
    socket.set_read_timeout(Some(patience)).unwrap();
    let Ok((_, from)) = socket.recv_from(&mut [0; 16]) else { return false };
    let _ = socket.send_to(b"answer", from);
    true
}

/// A conversation that is open: ours and the stranger's end.
pub enum Open {
    Tcp(TcpStream, TcpStream),
    Udp(UdpSocket, UdpSocket),
}

impl Open {
    /// The talker has called the stranger, or the stranger the talker.
    pub fn new(talker: &NetNs, stranger: &NetNs, talk: Talk) -> Self {
        let (caller, called, address) = match talk.way {
            Way::Outbound => (talker, stranger, talk.family.address(PEER)),
            Way::Inbound => (stranger, talker, talk.family.address(HOST)),
        };
        let (here, there) = (SocketAddr::new(talk.family.any(), PORT), SocketAddr::new(address, PORT));
        match talk.kind {
            Kind::Tcp => {
                let listener = called.run(|| TcpListener::bind(here)).unwrap().expect("listen");
                let calls = caller.run(|| TcpStream::connect_timeout(&there, PATIENCE)).unwrap().expect("connect");
                let answers = listener.accept().expect("accept").0;
                for stream in [&calls, &answers] {
                    stream.set_nonblocking(true).unwrap();
                    stream.set_nodelay(true).unwrap();
                }
                if talk.way == Way::Outbound { Self::Tcp(calls, answers) } else { Self::Tcp(answers, calls) }
            }
            Kind::Udp => {
                let answers = called.run(|| UdpSocket::bind(here)).unwrap().expect("listen");
                let calls = caller.run(|| UdpSocket::bind((talk.family.any(), 0))).unwrap().expect("bind");
                calls.connect(there).expect("connect");
                calls.send(b"hello").expect("say hello");
                answers.set_read_timeout(Some(PATIENCE)).unwrap();
                let (_, from) = answers.recv_from(&mut [0; 16]).expect("hear hello");
                answers.connect(from).expect("connect");
                for socket in [&calls, &answers] {
                    socket.set_nonblocking(true).unwrap();
                }
                if talk.way == Way::Outbound { Self::Udp(calls, answers) } else { Self::Udp(answers, calls) }
            }
        }
    }

    /// The kernel's identity of our end.
    pub fn cookie(&self) -> u64 {
        match self {
            Self::Tcp(ours, _) => rustix::net::sockopt::socket_cookie(ours),
            Self::Udp(ours, _) => rustix::net::sockopt::socket_cookie(ours),
        }
        .expect("every socket has a cookie")
    }

    /// Both ends say something, whether or not the kernel lets them; how many of the two were heard.
    pub fn say_both(&mut self, shall_come: bool) -> usize {
        match self {
            Self::Tcp(ours, theirs) => {
                let _ = (ours.write(b"out"), theirs.write(b"in"));
            }
            Self::Udp(ours, theirs) => {
                let _ = (ours.send(b"out"), theirs.send(b"in"));
            }
        }
        let until = Instant::now() + patience(shall_come);
        let mut heard = [false; 2];
        while heard != [true; 2] && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(2));
            let now = self.read();
            heard = [heard[0] | now[0], heard[1] | now[1]];
        }
        heard.iter().filter(|heard| **heard).count()
    }

    /// Whether our end and theirs have something to read.
    fn read(&mut self) -> [bool; 2] {
        let mut buffer = [0; 16];
        let read = match self {
            Self::Tcp(ours, theirs) => [ours.read(&mut buffer), theirs.read(&mut buffer)],
            Self::Udp(ours, theirs) => [ours.recv(&mut buffer), theirs.recv(&mut buffer)],
        };
        read.map(|read| matches!(read, Ok(1..)))
    }
}
