//! What was written to the journal since it was last asked?

use std::io;
use std::time::Duration;

use super::tool::Tool;

/// Longest record that is looked at; of a longer one the beginning.
const RECORD_BYTES_MAX: usize = 1 << 20;
const PART_BYTES: usize = 64 << 10;

/// A journal that is followed. Dropped, the tool that follows it ends.
pub struct Tail {
    tool: Tool,
    /// The record that is not whole yet.
    begun: Vec<u8>,
}

impl Tail {
    pub(super) fn of(tool: Tool) -> Self {
        Self { tool, begun: Vec::new() }
    }

    /// Shows each record that came meanwhile, an object of JSON, and waits for none. At most about `bytes_max` bytes are
    /// read; the rest waits where it is, and with it the tool. An error: it is followed no longer, and why.
    pub fn records(&mut self, bytes_max: usize, show: &mut dyn FnMut(&str)) -> io::Result<()> {
        let mut part = vec![0; PART_BYTES];
        let mut read_all = 0;
        while read_all < bytes_max {
            match self.tool.read(&mut part, Duration::ZERO)? {
                None => return Ok(()),
                Some(0) => {
                    while !self.tool.has_ended(Duration::from_millis(5))? {}
                    self.tool.verdict()?;
                    return Err(io::Error::other("journalctl has ended"));
                }
                Some(read) => {
                    read_all += read;
                    self.take(&part[..read], show);
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, part: &[u8], show: &mut dyn FnMut(&str)) {
        for piece in part.split_inclusive(|byte| *byte == b'\n') {
            let room = RECORD_BYTES_MAX.saturating_sub(self.begun.len());
            let text = piece.strip_suffix(b"\n");
            let bytes = text.unwrap_or(piece);
            self.begun.extend_from_slice(&bytes[..bytes.len().min(room)]);
            if text.is_some() {
                show(&String::from_utf8_lossy(&self.begun));
                self.begun.clear();
            }
        }
    }

    #[cfg(test)]
    pub(super) fn id(&self) -> u32 {
        self.tool.id()
    }
}
