//! How is one question put to a netlink family, and how are its answers walked?

mod batch;

use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

/// A netlink message under construction: header, fixed part, attributes.
#[derive(Clone, Debug)]
pub struct Message {
    bytes: Vec<u8>,
}

const HEADER: usize = 16;
const DONE: u16 = 3;
const ERROR: u16 = 2;
/// Flag of an answer: what is listed changed while it was being listed.
const CHANGED: u16 = 0x10;

/// This is a request.
pub const REQUEST: u16 = 1;
/// Answer with an acknowledgement.
pub const ACK: u16 = 4;
/// Return all entries.
pub const DUMP: u16 = 0x300;
/// Create, fail if it exists.
pub const CREATE: u16 = 0x400 | 0x200;

impl Message {
    /// A message of this type with its fixed part.
    pub fn new(kind: u16, flags: u16, fixed: &[u8]) -> Self {
        let mut bytes = vec![0u8; HEADER];
        bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
        bytes[6..8].copy_from_slice(&(flags | REQUEST).to_ne_bytes());
        bytes.extend_from_slice(fixed);
        let mut message = Self { bytes };
        message.pad();
        message
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    /// Adds an attribute.
    pub fn attribute(mut self, kind: u16, value: &[u8]) -> Self {
        let length = u16::try_from(value.len() + 4).unwrap_or(u16::MAX);
        self.bytes.extend_from_slice(&length.to_ne_bytes());
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        self.bytes.extend_from_slice(value);
        self.pad();
        self
    }

    /// Adds a NUL-terminated text attribute.
    pub fn text(self, kind: u16, value: &str) -> Self {
        let mut bytes = value.as_bytes().to_vec();
        bytes.push(0);
        self.attribute(kind, &bytes)
    }

    /// Adds an attribute that holds attributes.
    pub fn nested(mut self, kind: u16, fill: impl FnOnce(Self) -> Self) -> Self {
        let start = self.bytes.len();
        self = fill(self.attribute(kind | 0x8000, &[]));
        let length = u16::try_from(self.bytes.len() - start).unwrap_or(u16::MAX);
        self.bytes[start..start + 2].copy_from_slice(&length.to_ne_bytes());
        self
    }

    /// Adds raw bytes (a fixed part inside a nested attribute).
    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend_from_slice(bytes);
        self.pad();
        self
    }

    /// Adds flags to those in the header.
    fn flag(mut self, flags: u16) -> Self {
        let flags = flags | u16::from_ne_bytes([self.bytes[6], self.bytes[7]]);
        self.bytes[6..8].copy_from_slice(&flags.to_ne_bytes());
        self
    }

    fn finish(mut self, sequence: u32) -> Vec<u8> {
        let length = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        self.bytes[..4].copy_from_slice(&length.to_ne_bytes());
        self.bytes[8..12].copy_from_slice(&sequence.to_ne_bytes());
        self.bytes
    }

    fn finish_into(self, bytes: &mut Vec<u8>, sequence: u32) {
        bytes.extend_from_slice(&self.finish(sequence));
    }
}

/// A socket to one netlink family, in the network namespace of the thread that opened it.
pub struct Netlink {
    socket: OwnedFd,
    sequence: u32,
    changed: bool,
}

impl Netlink {
    /// Opens a socket to the family (`libc::NETLINK_ROUTE`, `NETLINK_SOCK_DIAG`, `NETLINK_NETFILTER`).
    pub fn open(family: i32) -> io::Result<Self> {
        // SAFETY: `socket` takes no pointers.
        let fd = unsafe { libc::socket(libc::AF_NETLINK, libc::SOCK_RAW | libc::SOCK_CLOEXEC, family) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: a fresh descriptor that nobody else owns.
        let socket = unsafe { OwnedFd::from_raw_fd(fd) };
        let timeout = libc::timeval { tv_sec: 5, tv_usec: 0 };
        // SAFETY: pointer and length describe `timeout`.
        unsafe {
            libc::setsockopt(
                socket.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_RCVTIMEO,
                (&raw const timeout).cast(),
                size_of::<libc::timeval>() as u32,
            );
        }
        Ok(Self { socket, sequence: 0, changed: false })
    }

    /// Sends the message and hands each answer's type and payload to `visit`; an error answer is
    /// returned as the error it carries.
    pub fn ask(&mut self, message: Message, visit: &mut dyn FnMut(u16, &[u8])) -> io::Result<()> {
        self.sequence = self.sequence.wrapping_add(1);
        let sequence = self.sequence;
        let bytes = message.finish(sequence);
        rustix::net::send(self.socket.as_fd(), &bytes, rustix::net::SendFlags::empty())?;
        self.changed = false;
        let mut buffer = vec![0u8; 64 * 1024];
        loop {
            let (_, length) =
                rustix::net::recv(self.socket.as_fd(), buffer.as_mut_slice(), rustix::net::RecvFlags::empty())?;
            let length = length.min(buffer.len());
            self.changed |= is_changed(&buffer[..length]);
            if walk(&buffer[..length], sequence, visit)? {
                return Ok(());
            }
        }
    }

    /// Whether what was listed last changed meanwhile: entries may be missing or told twice.
    pub fn has_changed(&self) -> bool {
        self.changed
    }

    /// The number by which the kernel tells this socket from others of the same family.
    pub fn port(&self) -> io::Result<u32> {
        // SAFETY: all-zero is a valid `sockaddr_nl`.
        let mut address: libc::sockaddr_nl = unsafe { std::mem::zeroed() };
        let mut length = size_of::<libc::sockaddr_nl>() as libc::socklen_t;
        // SAFETY: pointer and length describe `address`.
        let done = unsafe { libc::getsockname(self.socket.as_raw_fd(), (&raw mut address).cast(), &raw mut length) };
        if done < 0 { Err(io::Error::last_os_error()) } else { Ok(address.nl_pid) }
    }

    /// Sends a question that has one answer without an end mark, and hands it to `visit`.
    pub fn ask_once(&mut self, message: Message, visit: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        self.sequence = self.sequence.wrapping_add(1);
        rustix::net::send(self.socket.as_fd(), &message.finish(self.sequence), rustix::net::SendFlags::empty())?;
        let mut buffer = vec![0u8; 16 * 1024];
        let (_, length) =
            rustix::net::recv(self.socket.as_fd(), buffer.as_mut_slice(), rustix::net::RecvFlags::empty())?;
        let length = length.min(buffer.len());
        walk(&buffer[..length], self.sequence, &mut |_, payload| visit(payload)).map(|_| ())
    }

    /// Sends a message that asks for an acknowledgement, and waits for it.
    pub fn order(&mut self, message: Message) -> io::Result<()> {
        self.ask(message, &mut |_, _| {})
    }
}

/// Whether a datagram of answers carries the mark of a listing that changed meanwhile.
fn is_changed(bytes: &[u8]) -> bool {
    bytes.get(6..8).is_some_and(|flags| u16::from_ne_bytes([flags[0], flags[1]]) & CHANGED != 0)
}

/// Walks the messages of one datagram; says whether the answer is complete.
fn walk(mut bytes: &[u8], sequence: u32, visit: &mut dyn FnMut(u16, &[u8])) -> io::Result<bool> {
    while bytes.len() >= HEADER {
        let length = u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize;
        if length < HEADER || length > bytes.len() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "netlink message with a wrong length"));
        }
        let kind = u16::from_ne_bytes([bytes[4], bytes[5]]);
        let number = u32::from_ne_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]);
        let payload = &bytes[HEADER..length];
        if number == sequence {
            match kind {
                DONE => return Ok(true),
                ERROR => {
                    let code = payload.first_chunk::<4>().map_or(0, |code| i32::from_ne_bytes(*code));
                    return if code == 0 { Ok(true) } else { Err(io::Error::from_raw_os_error(-code)) };
                }
                _ => visit(kind, payload),
            }
        }
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or(&[]);
    }
    Ok(false)
}

/// The attributes in `bytes`: (type without flags, value). A broken tail ends the walk.
pub fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let (head, _) = bytes.split_first_chunk::<4>()?;
        let length = usize::from(u16::from_ne_bytes([head[0], head[1]]));
        let kind = u16::from_ne_bytes([head[2], head[3]]) & 0x3fff;
        let value = bytes.get(4..length)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or(&[]);
        Some((kind, value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_attributes_carry_their_length() {
        let message = Message::new(16, 0, &[]).nested(18, |m| m.text(1, "veth"));
        let bytes = message.finish(7);
        let (kind, value) = attributes(&bytes[HEADER..]).next().unwrap();
        assert_eq!(kind, 18);
        assert_eq!(attributes(value).next().unwrap(), (1, b"veth\0".as_slice()));
    }

    #[test]
    fn broken_answers_end_the_walk() {
        assert!(walk(&[5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 0, &mut |_, _| {}).is_err());
        assert_eq!(attributes(&[200, 0, 1, 0, 1]).count(), 0);
        assert_eq!(attributes(&[1, 0, 1, 0]).count(), 0);
    }
}
