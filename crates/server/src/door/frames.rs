//! Does somebody keep an HTTP/2 connection busy with frames that ask for nothing?
//!
//! Resets, pings, settings, empty DATA and their like cost the sender nothing and the receiver some work each (CVE-2023-44487,
//! CVE-2019-9512 and those beside it). The frames that come in are counted before they are read; each kind has a price,
//! and what a connection may spend flows back slowly.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A connection whose frames are counted.
#[derive(Debug)]
pub(super) struct Counted<S> {
    stream: S,
    frames: Frames,
}

impl<S> Counted<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, frames: Frames::new(Instant::now()) }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if let Poll::Ready(Ok(())) = read
            && let Some(new) = buf.filled().get(before..)
            && !self.frames.see(new, Instant::now())
        {
            return Poll::Ready(Err(io::Error::other("too many frames that ask for nothing")));
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Follows the frames of one direction (RFC 9113 section 4.1) without keeping them.
#[derive(Debug)]
struct Frames {
    /// Bytes of the preface or of a payload that are passed over.
    skip: usize,
    head: [u8; HEAD],
    have: usize,
    /// What may still be spent.
    left: u32,
    filled: Instant,
}

impl Frames {
    fn new(now: Instant) -> Self {
        Self { skip: PREFACE, head: [0; HEAD], have: 0, left: PURSE, filled: now }
    }

    /// Whether the connection may go on after these bytes.
    fn see(&mut self, mut bytes: &[u8], now: Instant) -> bool {
        while !bytes.is_empty() {
            if self.skip > 0 {
                let passed = self.skip.min(bytes.len());
                self.skip -= passed;
                bytes = &bytes[passed..];
                continue;
            }
            let (taken, rest) = bytes.split_at((HEAD - self.have).min(bytes.len()));
            self.head[self.have..self.have + taken.len()].copy_from_slice(taken);
            self.have += taken.len();
            bytes = rest;
            if self.have == HEAD {
                self.have = 0;
                let [a, b, c, kind, flags, ..] = self.head;
                self.skip = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
                if !self.spend(price(kind, flags, self.skip), now) {
                    return false;
                }
            }
        }
        true
    }

    fn spend(&mut self, price: u32, now: Instant) -> bool {
        if price > self.left {
            let passed = now.duration_since(self.filled).as_millis().min(60_000) as u32;
            self.left = self.left.saturating_add(passed * BACK_PER_MS).min(PURSE);
            self.filled = now;
        }
        let is_enough = price <= self.left;
        self.left = self.left.saturating_sub(price);
        is_enough
    }
}

/// What a frame costs: nothing where it brings something.
fn price(kind: u8, flags: u8, length: usize) -> u32 {
    match kind {
        DATA if length == 0 && flags & END_STREAM == 0 => DEAR,
        DATA | HEADERS => 0,
        // A browser sends one for some kilobytes that it has read, and some tell an order once.
        WINDOW_UPDATE | PRIORITY | PRIORITY_UPDATE => CHEAP,
        _ => DEAR,
    }
}

const PREFACE: usize = 24;
const HEAD: usize = 9;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const WINDOW_UPDATE: u8 = 8;
const PRIORITY_UPDATE: u8 = 16;
const END_STREAM: u8 = 1;
const CHEAP: u32 = 1;
const DEAR: u32 = 20;
/// A thousand dear frames at once, then 200 a second: no person and no program of ours comes near.
const PURSE: u32 = 20_000;
const BACK_PER_MS: u32 = 4;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn frame(kind: u8, flags: u8, length: usize) -> Vec<u8> {
        let mut bytes = vec![(length >> 16) as u8, (length >> 8) as u8, length as u8, kind, flags, 0, 0, 0, 1];
        bytes.resize(HEAD + length, 7);
        bytes
    }

    /// How many of these frames are let through at one moment, handed over in pieces of this size.
    fn let_through(frame: &[u8], piece: usize) -> usize {
        let now = Instant::now();
        let mut frames = Frames::new(now);
        assert!(frames.see(&[0; PREFACE], now));
        (0..100_000).take_while(|_| frame.chunks(piece).all(|piece| frames.see(piece, now))).count()
    }

    #[test]
    fn frames_that_ask_for_nothing_end_the_connection_and_others_do_not() {
        for (kind, flags, length, expected) in [
            (DATA, 0, 0, 1_000),
            (DATA, END_STREAM, 0, 100_000),
            (DATA, 0, 10, 100_000),
            (HEADERS, 4, 30, 100_000),
            (3, 0, 4, 1_000),
            (4, 0, 0, 1_000),
            (6, 0, 8, 1_000),
            (9, 0, 0, 1_000),
            (200, 0, 0, 1_000),
            (WINDOW_UPDATE, 0, 4, 20_000),
        ] {
            for piece in [1, 5, 4096] {
                assert_eq!(
                    let_through(&frame(kind, flags, length), piece),
                    expected,
                    "kind {kind} in pieces of {piece}"
                );
            }
        }
    }

    #[test]
    fn what_may_be_spent_flows_back() {
        let mut now = Instant::now();
        let mut frames = Frames::new(now);
        frames.see(&[0; PREFACE], now);
        let ping = frame(6, 0, 8);
        for _ in 0..10_000 {
            now += Duration::from_millis(10);
            assert!(frames.see(&ping, now), "a hundred a second");
        }
    }
}
