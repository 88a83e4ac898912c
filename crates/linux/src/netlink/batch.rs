//! How are many changes put to the kernel as one, all or none?

use std::io;
use std::os::fd::{AsFd, AsRawFd};

use super::{ACK, ERROR, HEADER, Message, Netlink};

/// Opens and closes a transaction (`NFNL_MSG_BATCH_BEGIN`, `_END` of linux/netfilter/nfnetlink.h).
const BEGIN: u16 = 0x10;
const END: u16 = 0x11;

impl Netlink {
    /// Puts these messages to a subsystem of netfilter as one transaction and waits for the verdict. The first refusal
    /// is the error; nothing of the transaction is in force then.
    pub fn transact(&mut self, subsystem: u8, messages: Vec<Message>) -> io::Result<()> {
        let fixed = [0, 0, 0, subsystem];
        let first = self.sequence.wrapping_add(1);
        let last = first.wrapping_add(u32::try_from(messages.len()).map_err(io::Error::other)?);
        if last == first {
            return Ok(());
        }
        let mut bytes = Message::new(BEGIN, 0, &fixed).finish(first);
        for (message, sequence) in messages.into_iter().zip(first.wrapping_add(1)..) {
            // One acknowledgement is enough: refusals come unasked, and before it.
            let message = if sequence == last { message.flag(ACK) } else { message };
            message.finish_into(&mut bytes, sequence);
        }
        Message::new(END, 0, &fixed).finish_into(&mut bytes, last.wrapping_add(1));
        self.sequence = last.wrapping_add(1);
        self.make_room(bytes.len())?;
        rustix::net::send(self.socket.as_fd(), &bytes, rustix::net::SendFlags::empty())?;
        drop(bytes);
        self.verdict(first, last)
    }

    /// Reads answers until the one to the last message, or one to the transaction as a whole.
    fn verdict(&mut self, first: u32, last: u32) -> io::Result<()> {
        let mut refused = None;
        let mut buffer = vec![0u8; 64 * 1024];
        loop {
            let (_, length) =
                rustix::net::recv(self.socket.as_fd(), buffer.as_mut_slice(), rustix::net::RecvFlags::empty())?;
            let mut rest = &buffer[..length.min(buffer.len())];
            while let Some((sequence, code, next)) = answer(rest) {
                rest = next;
                let ours = sequence.wrapping_sub(first) <= last.wrapping_sub(first);
                if !ours {
                    continue;
                }
                if code != 0 && refused.is_none() {
                    refused = Some(io::Error::from_raw_os_error(-code));
                }
                if sequence == last || sequence == first {
                    return refused.map_or(Ok(()), Err);
                }
            }
        }
    }

    /// The whole transaction is one datagram: the socket must take it, and a refusal must not carry it back.
    fn make_room(&self, bytes: usize) -> io::Result<()> {
        let room = i32::try_from(bytes).map_err(|_| io::Error::other("a transaction of more than 2 GiB"))?;
        self.option(libc::SOL_SOCKET, libc::SO_SNDBUFFORCE, room.max(256 << 10))?;
        self.option(libc::SOL_NETLINK, libc::NETLINK_CAP_ACK, 1)
    }

    fn option(&self, level: i32, name: i32, value: i32) -> io::Result<()> {
        let size = size_of::<i32>() as libc::socklen_t;
        // SAFETY: pointer and length describe `value`.
        let done = unsafe { libc::setsockopt(self.socket.as_raw_fd(), level, name, (&raw const value).cast(), size) };
        if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}

/// The first answer in `bytes` (sequence, code) and what follows it. Answers that are no verdict have code 0 and the
/// sequence 0, which no message of ours has.
fn answer(bytes: &[u8]) -> Option<(u32, i32, &[u8])> {
    let head = bytes.first_chunk::<HEADER>()?;
    let length = u32::from_ne_bytes([head[0], head[1], head[2], head[3]]) as usize;
    if length < HEADER || length > bytes.len() {
        return None;
    }
    let next = bytes.get(length.next_multiple_of(4)..).unwrap_or(&[]);
    if u16::from_ne_bytes([head[4], head[5]]) != ERROR {
        return Some((0, 0, next));
    }
    let sequence = u32::from_ne_bytes([head[8], head[9], head[10], head[11]]);
    let code = bytes[HEADER..length].first_chunk::<4>().map_or(0, |code| i32::from_ne_bytes(*code));
    Some((sequence, code, next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_walked_and_broken_ones_end_the_walk() {
        let verdict = |sequence: u32, code: i32| Message::new(ERROR, 0, &code.to_ne_bytes()).finish(sequence);
        let mut bytes = verdict(7, -17);
        bytes.extend(Message::new(2561, 0, &[]).finish(9));
        let (sequence, code, rest) = answer(&bytes).unwrap();
        assert_eq!((sequence, code), (7, -17));
        let (sequence, code, rest) = answer(rest).unwrap();
        assert_eq!((sequence, code, rest.len()), (0, 0, 0));
        bytes[0] = 200;
        assert!(answer(&bytes).is_none());
        assert!(answer(&[1, 2, 3]).is_none());
    }
}
