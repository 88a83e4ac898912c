//! Does a body come fast enough to be waited for?

use std::io::{self, Read};
use std::time::{Duration, Instant};

/// What a body brings at least in each stretch of `Settings::stall_timeout`: 70 bytes a second over a minute.
const BYTES_MIN: u64 = 4096;

/// A body that fails when it drips.
pub(crate) struct Paced<R> {
    inner: R,
    stretch: Duration,
    begun: Instant,
    bytes: u64,
}

impl<R> Paced<R> {
    /// Watches from now on.
    pub fn new(inner: R, stretch: Duration) -> Self {
        Self { inner, stretch, begun: Instant::now(), bytes: 0 }
    }
}

impl<R: Read> Read for Paced<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.bytes += count as u64;
        // The end is not waited for.
        if count > 0 && self.begun.elapsed() >= self.stretch {
            if self.bytes < BYTES_MIN {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "the body hardly moves"));
            }
            (self.begun, self.bytes) = (Instant::now(), 0);
        }
        Ok(count)
    }
}
