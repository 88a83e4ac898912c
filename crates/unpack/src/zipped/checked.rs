//! Is what comes out of an entry what the directory says of it?

use std::io::{self, Read};

use flate2::Crc;

/// Fails at the end when size or checksum are others than stated, and as soon as there is more.
pub(super) struct Checked<R> {
    inner: R,
    crc: Crc,
    seen: u64,
    size: u64,
    stated: u32,
}

impl<R: Read> Checked<R> {
    pub(super) fn new(inner: R, size: u64, stated: u32) -> Self {
        Self { inner, crc: Crc::new(), seen: 0, size, stated }
    }
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wrong = |what| Err(io::Error::new(io::ErrorKind::InvalidData, what));
        let count = self.inner.read(buffer)?;
        self.crc.update(buffer.get(..count).unwrap_or_default());
        self.seen += count as u64;
        if self.seen > self.size {
            return wrong("the entry is larger than it states");
        }
        if count == 0 && !buffer.is_empty() {
            if self.seen < self.size {
                return wrong("the entry is smaller than it states");
            }
            if self.crc.sum() != self.stated {
                return wrong("the entry's checksum is wrong");
            }
        }
        Ok(count)
    }
}
