//! The application of the demonstration: a small web shop whose logging component does what the
//! published vulnerability says: it looks up what a visitor writes into a header.

use std::fs::File;
use std::io::{BufRead, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde::{Deserialize, Serialize};

use crate::exit::Exit;

#[derive(Args)]
pub struct Options {
    /// Where to listen
    #[arg(long, required = true)]
    listen: Vec<SocketAddr>,
    /// The logging component
    #[arg(long)]
    library: PathBuf,
}

/// What the application tells its stage manager, a JSON line each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// It serves.
    Serving,
    /// It is connected with a peer and sends.
    Connected {
        /// The peer.
        remote: SocketAddr,
        /// Microseconds of the wall clock just before the connect was asked for.
        asked_us: i64,
    },
    /// The connection ended with an error.
    Cut {
        /// The peer.
        remote: SocketAddr,
        /// What the system said.
        error: String,
    },
    /// A connect or send was refused.
    Refused {
        /// The peer.
        remote: SocketAddr,
        /// What the system said.
        error: String,
        /// Whether it was refused for want of permission: by the kernel, before any packet.
        denied: bool,
    },
}

fn tell(event: &Event) {
    if let Ok(line) = serde_json::to_string(event) {
        println!("{line}");
    }
}

/// Serves until standard input ends.
pub fn run(options: &Options) -> anyhow::Result<Exit> {
    // Held open for the whole life, as a Java program holds its archives.
    let mut library = zip::ZipArchive::new(File::open(&options.library)?)?;
    let mut version = String::new();
    library.by_name("META-INF/MANIFEST.MF")?.read_to_string(&mut version)?;
    for address in &options.listen {
        let listener = TcpListener::bind(address)?;
        std::thread::spawn(move || serve(&listener));
    }
    tell(&Event::Serving);
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        match line.split_once(' ') {
            Some(("tcp", target)) => call_back(target.parse()?),
            Some(("udp", target)) => datagram(target.parse()?),
            Some(("say", rest)) => {
                let (target, words) = rest.split_once(' ').unwrap_or((rest, ""));
                say(target.parse()?, words.split(' ').map(bytes).collect());
            }
            _ => {}
        }
    }
    drop(library);
    Ok(Exit::Fine)
}

fn serve(listener: &TcpListener) {
    for visitor in listener.incoming().flatten() {
        std::thread::spawn(move || greet(visitor));
    }
}

fn greet(mut visitor: TcpStream) {
    let _ = visitor.set_read_timeout(Some(Duration::from_secs(2)));
    let mut request = Vec::new();
    let mut reader = std::io::BufReader::new(&visitor).take(8192);
    while !request.ends_with(b"\r\n\r\n") {
        if !reader.read_until(b'\n', &mut request).is_ok_and(|read| read > 0) {
            return;
        }
    }
    log(&String::from_utf8_lossy(&request));
    let _ = visitor.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nshop\n");
}

/// The vulnerable part: a logged text with `${jndi:ldap://HOST:PORT/…}` is looked up.
fn log(request: &str) {
    let Some(at) = request.find("${jndi:ldap://") else { return };
    let rest = &request[at + "${jndi:ldap://".len()..];
    let target = rest.split(['/', '}']).next().and_then(|target| target.parse().ok());
    if let Some(target) = target {
        call_back(target);
    }
}

fn call_back(remote: SocketAddr) {
    std::thread::spawn(move || {
        let asked_us = tripoint_model::Timestamp::from_system(std::time::SystemTime::now()).0;
        match TcpStream::connect_timeout(&remote, Duration::from_secs(3)) {
            Ok(stream) => {
                tell(&Event::Connected { remote, asked_us });
                send_until_cut(stream, remote);
            }
            Err(error) => refused(remote, &error),
        }
    });
}

/// Sends a little every five milliseconds for at most a minute.
fn send_until_cut(mut stream: TcpStream, remote: SocketAddr) {
    for _ in 0..12_000 {
        if let Err(error) = stream.write_all(b"loot ") {
            tell(&Event::Cut { remote, error: error.to_string() });
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Says each of the words in a packet of its own, then is silent for a minute.
fn say(remote: SocketAddr, words: Vec<Vec<u8>>) {
    std::thread::spawn(move || {
        let said = TcpStream::connect_timeout(&remote, Duration::from_secs(3)).and_then(|mut stream| {
            stream.set_nodelay(true)?;
            for word in words {
                stream.write_all(&word)?;
                std::thread::sleep(Duration::from_millis(50));
            }
            Ok(stream)
        });
        match said {
            Ok(_open) => {
                tell(&Event::Connected { remote, asked_us: 0 });
                std::thread::sleep(Duration::from_secs(60));
            }
            Err(error) => refused(remote, &error),
        }
    });
}

/// The bytes of a text of hexadecimal digits.
fn bytes(hex: &str) -> Vec<u8> {
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    hex.as_bytes().chunks(2).filter_map(byte).collect()
}

fn datagram(remote: SocketAddr) {
    let any = if remote.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let sent = UdpSocket::bind(any).and_then(|socket| socket.send_to(b"loot", remote));
    if let Err(error) = sent {
        refused(remote, &error);
    }
}

fn refused(remote: SocketAddr, error: &std::io::Error) {
    let denied = error.kind() == std::io::ErrorKind::PermissionDenied;
    tell(&Event::Refused { remote, error: error.to_string(), denied });
}
