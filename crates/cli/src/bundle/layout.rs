//! Which bytes make a bundle? A tar (POSIX ustar) written in exactly one way.
//!
//! Any `tar` lists and extracts it. A reader accepts a header only when it is the one that would be
//! written for the member that the signed manifest names, so no byte of the file can be changed unnoticed.

use std::io::{self, Read, Write};

/// Tar's unit.
const BLOCK: usize = 512;
/// What eleven octal digits hold.
pub const MEMBER_BYTES_MAX: u64 = (1 << 33) - 1;

/// The header of a plain file that belongs to root and has no time.
pub fn header(name: &str, size: u64) -> Option<[u8; BLOCK]> {
    let mut block = [0; BLOCK];
    if name.is_empty() || name.len() > 100 || size > MEMBER_BYTES_MAX {
        return None;
    }
    let mut put = |at: usize, bytes: &[u8]| {
        if let Some(place) = block.get_mut(at..at + bytes.len()) {
            place.copy_from_slice(bytes);
        }
    };
    put(0, name.as_bytes());
    put(100, b"0000644\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{size:011o}\0").as_bytes());
    put(136, b"00000000000\0");
    put(148, b"        ");
    put(156, b"0");
    put(257, b"ustar\x0000");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    if let Some(place) = block.get_mut(148..156) {
        place.copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
    Some(block)
}

/// Writes one member.
pub fn write_member(out: &mut dyn Write, name: &str, size: u64, content: &mut dyn Read) -> io::Result<()> {
    let header = header(name, size).ok_or_else(|| io::Error::other(format!("{name} does not fit into a tar")))?;
    out.write_all(&header)?;
    let copied = io::copy(&mut content.take(size), out)?;
    if copied != size {
        return Err(io::Error::other(format!("{name} changed while it was written")));
    }
    out.write_all(&vec![0; padding(size)])
}

/// Writes what ends a tar.
pub fn write_end(out: &mut dyn Write) -> io::Result<()> {
    out.write_all(&[0; 2 * BLOCK])
}

/// Reads one member: its header is exactly the expected one, its padding is empty. Shows the content in
/// pieces.
pub fn read_member(
    input: &mut dyn Read,
    name: &str,
    size: u64,
    take: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidData, format!("{what} of {name}"));
    let mut block = [0; BLOCK];
    input.read_exact(&mut block).map_err(|error| ended(error, name))?;
    if header(name, size) != Some(block) {
        return Err(wrong("another member, or an altered header, stands in the place"));
    }
    let mut left = size;
    let mut chunk = vec![0; 128 << 10];
    while left > 0 {
        let want = usize::try_from(left).unwrap_or(usize::MAX).min(chunk.len());
        let piece = chunk.get_mut(..want).unwrap_or_default();
        input.read_exact(piece).map_err(|error| ended(error, name))?;
        take(piece)?;
        left -= want as u64;
    }
    let mut rest = vec![0; padding(size)];
    input.read_exact(&mut rest).map_err(|error| ended(error, name))?;
    if rest.iter().any(|byte| *byte != 0) {
        return Err(wrong("something stands in the padding"));
    }
    Ok(())
}

/// The size that the next header states, for a member whose size nothing else says.
pub fn peek_size(block: &[u8; BLOCK]) -> Option<u64> {
    let digits = block.get(124..135)?;
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok()
}

/// Reads what ends a tar, and makes sure that nothing follows.
pub fn read_end(input: &mut dyn Read) -> io::Result<()> {
    let mut rest = Vec::new();
    input.take(2 * BLOCK as u64 + 1).read_to_end(&mut rest)?;
    if rest.len() == 2 * BLOCK && rest.iter().all(|byte| *byte == 0) {
        return Ok(());
    }
    let what = if rest.len() < 2 * BLOCK { "it is cut at its end" } else { "something follows its last member" };
    Err(io::Error::new(io::ErrorKind::InvalidData, what))
}

fn ended(error: io::Error, name: &str) -> io::Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => io::Error::new(io::ErrorKind::InvalidData, format!("it is cut within {name}")),
        _ => error,
    }
}

fn padding(size: u64) -> usize {
    (BLOCK - (size % BLOCK as u64) as usize) % BLOCK
}

/// One block.
pub type Block = [u8; BLOCK];
