//! What is the SHA-256 of an executable, without hashing it twice?

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;

use sha2::{Digest, Sha256};

/// A larger file is not hashed: it would hold the evidence up.
const FILE_MAX: u64 = 512 << 20;
const KNOWN_MAX: usize = 4096;

/// Hashes by (device, inode, change time).
#[derive(Default)]
pub struct ExeHashes {
    known: HashMap<(u64, u64, i64, i64), String>,
}

impl ExeHashes {
    /// The hash of the program that a living process runs, also when its file was deleted.
    /// Slow (reads the file): not for the path of an event.
    pub fn of_process(&mut self, pid: u32) -> io::Result<String> {
        let mut file = File::open(format!("/proc/{pid}/exe"))?;
        let metadata = file.metadata()?;
        let key = (metadata.dev(), metadata.ino(), metadata.ctime(), metadata.ctime_nsec());
        if let Some(known) = self.known.get(&key) {
            return Ok(known.clone());
        }
        if metadata.len() > FILE_MAX {
            return Err(io::Error::other("larger than 512 MiB"));
        }
        let mut hash = Sha256::new();
        let mut buffer = vec![0u8; 64 * 1024];
        loop {
            match file.read(&mut buffer)? {
                0 => break,
                read => hash.update(&buffer[..read]),
            }
        }
        let hex: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        if self.known.len() >= KNOWN_MAX {
            self.known.clear();
        }
        self.known.insert(key, hex.clone());
        Ok(hex)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_the_running_program() {
        let mut hashes = ExeHashes::default();
        let first = hashes.of_process(std::process::id()).unwrap();
        assert_eq!(first.len(), 64);
        assert_eq!(hashes.of_process(std::process::id()).unwrap(), first);
    }
}
