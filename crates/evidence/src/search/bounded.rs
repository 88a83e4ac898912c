//! Where does reading end that no line ends?
//!
//! Bounds of bytes and time are looked at between lines; a line that goes on for ever is met here.

use std::cell::Cell;
use std::io::{self, Read};

/// Input that ends with an error at its bound or when the time is over.
pub(super) struct Bounded<'b> {
    input: &'b mut dyn Read,
    left: u64,
    is_over: &'b dyn Fn() -> bool,
    is_met: &'b Cell<bool>,
}

/// Bytes that are read ahead of the line that is looked at: what `Lines` holds, and the longest part of a line.
const AHEAD_BYTES: u64 = 1 << 20;

impl<'b> Bounded<'b> {
    /// `bytes` may be used up by lines; `is_met` becomes true where that or the time was the end.
    pub(super) fn new(
        input: &'b mut dyn Read,
        bytes: u64,
        is_over: &'b dyn Fn() -> bool,
        is_met: &'b Cell<bool>,
    ) -> Self {
        Self { input, left: bytes.saturating_add(AHEAD_BYTES), is_over, is_met }
    }
}

impl Read for Bounded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 || (self.is_over)() {
            self.is_met.set(true);
            return Err(io::Error::other("a bound was met"));
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.input.read(&mut buffer[..most])?;
        self.left -= read as u64;
        Ok(read)
    }
}
