//! Is a write-ahead log whole, as far as it was promised?
//!
//! SQLite takes a log up to the first frame whose checksum is wrong, and leaves the rest without a word: that is right
//! where a power cut tore the last transaction, and wrong where a bit has turned in the middle. Format:
//! sqlite.org/fileformat2.html#walformat.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

/// How a log ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With a whole transaction, or with what was never one.
    Whole,
    /// With a transaction that is there and cannot be read: torn by a power cut before anybody was told that it is kept,
    /// or damaged afterwards.
    Torn,
    /// Transactions lie behind what can be read: they were kept, and are damaged.
    Damaged {
        /// Of the first frame that cannot be read, from 0.
        frame: usize,
    },
}

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
/// The last bit says in which order of bytes checksums are made.
const MAGIC: u32 = 0x377f_0682;

/// How the log beside a database ends; `Whole` where there is none. It may be long: a frame of it is held at a time.
pub fn ending(log: &Path) -> io::Result<Ending> {
    match File::open(log) {
        Ok(file) => of(BufReader::with_capacity(1 << 16, file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Ending::Whole),
        Err(error) => Err(error),
    }
}

fn of(mut log: impl BufRead) -> io::Result<Ending> {
    let mut header = [0; HEADER];
    if read(&mut log, &mut header)? < HEADER || log.fill_buf()?.is_empty() {
        return Ok(Ending::Whole);
    }
    let big = word(&header, 0) & 1 == 1;
    let mut sums = Sums { big, one: 0, two: 0 };
    sums.add(&header[..24]);
    let page = word(&header, 8) as usize;
    if header == [0; HEADER] && is_zero(&mut log)? {
        return Ok(Ending::Whole);
    }
    // It is written and synced before its first frame.
    let is_page = page.is_power_of_two() && (512..=65_536).contains(&page);
    if word(&header, 0) & !1 != MAGIC || !sums.are(&header[24..]) || !is_page {
        return Ok(Ending::Damaged { frame: 0 });
    }
    let salts = &header[16..24];
    let mut first_bad = None;
    let mut commits_beyond = 0;
    let mut frame = vec![0; FRAME_HEADER + page];
    let mut number = 0;
    while read(&mut log, &mut frame)? == frame.len() {
        // What lies there from an earlier round has other salts.
        let of_this_round = frame[8..16] == *salts;
        if first_bad.is_none() {
            sums.add(&frame[..8]);
            sums.add(&frame[FRAME_HEADER..]);
            if !of_this_round || !sums.are(&frame[16..24]) {
                first_bad = Some(number);
            }
        }
        if first_bad.is_some() && of_this_round && word(&frame, 4) != 0 {
            commits_beyond += 1;
        }
        number += 1;
    }
    Ok(match (first_bad, commits_beyond) {
        (None, _) | (Some(_), 0) => Ending::Whole,
        (Some(_), 1) => Ending::Torn,
        (Some(frame), _) => Ending::Damaged { frame },
    })
}

/// Fills as much as there is; how much.
fn read(log: &mut impl Read, into: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < into.len() {
        match log.read(&mut into[filled..]) {
            Ok(0) => break,
            Ok(more) => filled += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

fn is_zero(log: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let some = log.fill_buf()?;
        if some.is_empty() {
            return Ok(true);
        }
        if some.iter().any(|byte| *byte != 0) {
            return Ok(false);
        }
        let length = some.len();
        log.consume(length);
    }
}

/// The running checksum of a log.
struct Sums {
    big: bool,
    one: u32,
    two: u32,
}

impl Sums {
    fn add(&mut self, bytes: &[u8]) {
        for pair in bytes.chunks_exact(8) {
            self.one = self.one.wrapping_add(self.word(&pair[..4])).wrapping_add(self.two);
            self.two = self.two.wrapping_add(self.word(&pair[4..])).wrapping_add(self.one);
        }
    }

    fn word(&self, bytes: &[u8]) -> u32 {
        let bytes = [bytes[0], bytes[1], bytes[2], bytes[3]];
        if self.big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    }

    /// Whether these are what was written down; always with the high byte first.
    fn are(&self, kept: &[u8]) -> bool {
        (word(kept, 0), word(kept, 4)) == (self.one, self.two)
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    bytes[at..at + 4].iter().fold(0, |word, byte| word << 8 | u32::from(*byte))
}

#[cfg(test)]
mod tests;
