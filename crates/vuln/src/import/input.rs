//! What stands between an archive's entry and the format that reads it?

use std::io::{BufRead, BufReader, Read};

/// Keeps why reading failed.
pub(super) struct Noting<'n> {
    pub(super) content: &'n mut dyn Read,
    pub(super) failed: &'n mut Option<String>,
}

impl Read for Noting<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        self.content.read(out).inspect_err(|error| {
            if error.kind() != std::io::ErrorKind::Interrupted {
                *self.failed = Some(error.to_string());
            }
        })
    }
}

/// The bytes already looked at, then the rest.
pub(super) struct Headed<'h, R> {
    pub(super) head: &'h [u8],
    pub(super) at: usize,
    pub(super) rest: BufReader<R>,
}

impl<R: Read> Read for Headed<'_, R> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let available = self.fill_buf()?;
        let count = available.len().min(out.len());
        out[..count].copy_from_slice(&available[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl<R: Read> BufRead for Headed<'_, R> {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        if self.at < self.head.len() { Ok(&self.head[self.at..]) } else { self.rest.fill_buf() }
    }

    fn consume(&mut self, count: usize) {
        if self.at < self.head.len() { self.at += count } else { self.rest.consume(count) }
    }
}
