//! Which pages has SQLite's write-ahead log newer than the database file?
//!
//! Follows sqlite.org's "WAL-mode File Format": a header of 32 bytes, then frames of 24 bytes and a
//! page. A frame counts when its salt is the header's, the running checksum is right and a commit
//! follows.

use std::collections::HashMap;

use super::store::{Store, u32_at};

/// Where the newest committed copy of each page begins in the log.
pub(super) fn pages(log: &Store<'_>, page_bytes: usize) -> HashMap<u32, u64> {
    let mut committed = HashMap::new();
    let Ok(head) = log.bytes(0, HEAD_BYTES) else { return committed };
    let word = |bytes: &[u8], at| u32_at(bytes, at, true).unwrap_or_default();
    let big = match word(&head, 0) {
        0x377f_0682 => false,
        0x377f_0683 => true,
        _ => return committed,
    };
    let mut sum = checksum((0, 0), &head[..24], big);
    if word(&head, 8) as usize != page_bytes || sum != (word(&head, 24), word(&head, 28)) {
        return committed;
    }
    let salt = (word(&head, 16), word(&head, 20));
    let mut pending: Vec<(u32, u64)> = Vec::new();
    let mut at = HEAD_BYTES as u64;
    while let Ok(frame) = log.bytes(at, FRAME_BYTES + page_bytes) {
        sum = checksum(sum, &frame[..8], big);
        sum = checksum(sum, &frame[FRAME_BYTES..], big);
        if salt != (word(&frame, 8), word(&frame, 12)) || sum != (word(&frame, 16), word(&frame, 20)) {
            break;
        }
        pending.push((word(&frame, 0), at + FRAME_BYTES as u64));
        if word(&frame, 4) != 0 {
            committed.extend(pending.drain(..));
        }
        at += (FRAME_BYTES + page_bytes) as u64;
    }
    committed
}

fn checksum(sum: (u32, u32), bytes: &[u8], big: bool) -> (u32, u32) {
    bytes.chunks_exact(8).fold(sum, |(first, second), pair| {
        let word = |at| u32_at(pair, at, big).unwrap_or_default();
        let first = first.wrapping_add(word(0)).wrapping_add(second);
        (first, second.wrapping_add(word(4)).wrapping_add(first))
    })
}

const HEAD_BYTES: usize = 32;
const FRAME_BYTES: usize = 24;
