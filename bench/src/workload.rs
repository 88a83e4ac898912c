//! What do the watched processes do? Each is this program again, started with `workload …`.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::net::{AddressFamily, SocketType};

use crate::sensing::{Chance, LISTED};

/// One in so many connections of a flood goes to a listed peer.
pub const LISTED_EACH: u64 = 1000;

/// This program as another process.
pub fn command(words: &[&str]) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("workload").args(words);
    Ok(command)
}

/// Runs what `words` name.
pub fn run(words: &[&str]) -> Result<()> {
    match words {
        ["visit", peer, _marker] => visit(peer.parse()?),
        ["enter", procs, uid, rest @ ..] => enter(procs, uid.parse()?, rest),
        ["flood", "udp", rate, seconds] => {
            let mut chance = Chance::new(11);
            flood(rate.parse()?, seconds.parse()?, |listed| udp_once(&mut chance, 9, listed))
        }
        ["flood", "tcp", rate, seconds] => {
            let (tcp, mut chance) = (Tcp::listen()?, Chance::new(11));
            flood(rate.parse()?, seconds.parse()?, |listed| tcp.to(&mut chance, listed))
        }
        ["hold", count] => hold(count.parse()?),
        _ => bail!("no such workload"),
    }
}

/// A process that connects once and ends.
fn visit(peer: SocketAddr) -> Result<()> {
    TcpStream::connect(peer)?;
    Ok(())
}

/// What a container runtime does: enters the cgroup, gives up root, begins the program.
fn enter(procs: &str, uid: u32, rest: &[&str]) -> Result<()> {
    std::fs::write(procs, "0")?;
    Err(command(rest)?.uid(uid).exec().into())
}

/// Connections at a rate (0: as fast as it goes); prints how many were made and listed, then waits to be ended.
fn flood(rate: u64, seconds: u64, mut once: impl FnMut(bool) -> Result<()>) -> Result<()> {
    let begun = Instant::now();
    let whole = Duration::from_secs(seconds);
    let mut made = 0u64;
    loop {
        let gone = begun.elapsed();
        if gone >= whole {
            break;
        }
        let due = if rate == 0 { made + 64 } else { (gone.as_secs_f64() * rate as f64) as u64 };
        if due <= made {
            std::thread::sleep(Duration::from_micros(200));
        }
        while made < due {
            once(made.is_multiple_of(LISTED_EACH))?;
            made += 1;
        }
    }
    println!("{made} {} {}", made.div_ceil(LISTED_EACH), begun.elapsed().as_secs_f64());
    Ok(())
}

/// Opens connections to itself and keeps them until its input ends.
fn hold(count: u64) -> Result<()> {
    let files = rustix::process::Resource::Nofile;
    let allowed = rustix::process::getrlimit(files).maximum;
    rustix::process::setrlimit(files, rustix::process::Rlimit { current: allowed, maximum: allowed })?;
    let (tcp, mut chance, mut kept) = (Tcp::listen()?, Chance::new(13), Vec::new());
    for _ in 0..count {
        let client = TcpStream::connect((peer(&mut chance, false), tcp.port))?;
        kept.push((client, tcp.listener.accept()?.0));
    }
    println!("{}", tcp.port);
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

/// A random address of the loopback network.
fn peer(chance: &mut Chance, listed: bool) -> Ipv4Addr {
    let [.., c, d] = chance.next().to_be_bytes();
    let [_, b, ..] = if listed { LISTED.octets() } else { [127, 1 + (chance.next() % 60) as u8, 0, 0] };
    Ipv4Addr::new(127, b, c, d.clamp(1, 254))
}

/// Both ends of TCP connections, in one thread.
pub struct Tcp {
    listener: TcpListener,
    port: u16,
}

impl Tcp {
    /// Listens on the whole loopback network: many peers, so that ports do not run out.
    pub fn listen() -> Result<Self> {
        let listener = TcpListener::bind("0.0.0.0:0")?;
        let port = listener.local_addr()?.port();
        Ok(Self { listener, port })
    }

    /// Connect, accept, close.
    pub fn once(&self, chance: &mut Chance) -> Result<()> {
        self.to(chance, false)
    }

    fn to(&self, chance: &mut Chance, listed: bool) -> Result<()> {
        let client = TcpStream::connect((peer(chance, listed), self.port))?;
        let server = self.listener.accept()?;
        drop((client, server));
        Ok(())
    }
}

/// What a client of TLS says first: the head of a ClientHello and as many bytes as one without
/// post-quantum keys has.
const CLIENT_HELLO: [u8; 517] = {
    let mut bytes = [0; 517];
    let head = [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc];
    let mut at = 0;
    while at < head.len() {
        bytes[at] = head[at];
        at += 1;
    }
    bytes
};

impl Tcp {
    /// Connect, accept, first words, close.
    pub fn greet(&self, chance: &mut Chance) -> Result<()> {
        let mut client = TcpStream::connect((peer(chance, false), self.port))?;
        let mut server = self.listener.accept()?.0;
        client.write_all(&CLIENT_HELLO)?;
        server.read_exact(&mut [0; CLIENT_HELLO.len()])?;
        Ok(())
    }

    /// Both ends of a connection that has said its first words.
    pub fn open(&self) -> Result<(TcpStream, TcpStream)> {
        let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        let mut server = self.listener.accept()?.0;
        client.set_nodelay(true)?;
        client.write_all(&CLIENT_HELLO)?;
        server.read_exact(&mut [0; CLIENT_HELLO.len()])?;
        Ok((client, server))
    }
}

/// One message over an open connection.
pub fn message((client, server): &mut (TcpStream, TcpStream)) -> Result<()> {
    let mut bytes = [0x17; 100];
    client.write_all(&bytes)?;
    server.read_exact(&mut bytes)?;
    Ok(())
}

/// A UDP socket that is connected and closed; nothing is sent.
pub fn udp_once(chance: &mut Chance, port: u16, listed: bool) -> Result<()> {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::DGRAM, None)?;
    rustix::net::connect(&socket, &SocketAddr::from((peer(chance, listed), port)))?;
    Ok(())
}

/// A child that said its first line; dropping its input ends it.
pub fn started(words: &[&str]) -> Result<(Child, String)> {
    let mut child = command(words)?.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut stdout = child.stdout.take().context("no output")?;
    let mut line = Vec::new();
    let mut byte = [0];
    while stdout.read(&mut byte)? == 1 && byte[0] != b'\n' {
        line.push(byte[0]);
    }
    ensure!(!line.is_empty(), "the workload `{}` failed", words.join(" "));
    let _ = std::io::stderr().flush();
    Ok((child, String::from_utf8(line)?))
}
