//! Is a small file still what was written into it?
//!
//! What was written, then a last line with its CRC-32. One that does not say so is told as damaged and never read; it
//! stays where it is until it is written anew.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Why a small file was not read.
#[derive(Debug, thiserror::Error)]
pub enum KeptError {
    /// The operating system refused.
    #[error("read {0}")]
    Io(PathBuf, #[source] io::Error),
    /// It is not what was written: a bit has turned, it was cut, or somebody else wrote it.
    #[error("{0} is damaged: its checksum does not hold")]
    Damaged(PathBuf),
}

impl From<KeptError> for io::Error {
    fn from(error: KeptError) -> Self {
        match error {
            KeptError::Io(_, source) => source,
            damaged @ KeptError::Damaged(_) => Self::new(io::ErrorKind::InvalidData, damaged),
        }
    }
}

/// What was written; `None` where there is no such file.
pub fn read(path: &Path) -> Result<Option<Vec<u8>>, KeptError> {
    let mut bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(KeptError::Io(path.to_owned(), error)),
    };
    let length = bytes.len().checked_sub(SUM_BYTES).filter(|length| bytes[*length..] == *sum(&bytes[..*length]));
    bytes.truncate(length.ok_or_else(|| KeptError::Damaged(path.to_owned()))?);
    Ok(Some(bytes))
}

/// Writes a file whole, in place of the one that there is. After a crash of this program the former or the new one is
/// there; after a power cut it may also be one that is told as damaged.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_and(path, bytes, |_| Ok(()))
}

/// The same, durable when it returns.
pub fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_and(path, bytes, File::sync_all)?;
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

fn write_and(path: &Path, bytes: &[u8], and: impl FnOnce(&File) -> io::Result<()>) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = File::create(&beside)?;
    file.write_all(&[bytes, sum(bytes).as_slice()].concat())?;
    and(&file)?;
    fs::rename(beside, path)
}

/// As text, so that people can look at the file.
fn sum(bytes: &[u8]) -> Vec<u8> {
    format!("\n#{:08x}\n", crc32fast::hash(bytes)).into_bytes()
}

/// A line feed, a mark, eight digits, a line feed.
const SUM_BYTES: usize = 11;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_and_every_cut_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        assert!(read(&path).unwrap().is_none());
        for bytes in [&b""[..], b"{\"a\": 1}", b"\n#0\n", &[0; 40]] {
            write_durably(&path, bytes).unwrap();
            assert_eq!(read(&path).unwrap().unwrap(), bytes);
            let whole = fs::read(&path).unwrap();
            for bit in 0..whole.len() * 8 {
                let mut turned = whole.clone();
                turned[bit / 8] ^= 1 << (bit % 8);
                fs::write(&path, &turned).unwrap();
                assert!(matches!(read(&path), Err(KeptError::Damaged(_))), "bit {bit}");
                assert_eq!(fs::read(&path).unwrap(), turned, "what is damaged stays");
            }
            for cut in 0..whole.len() {
                fs::write(&path, &whole[..cut]).unwrap();
                assert!(matches!(read(&path), Err(KeptError::Damaged(_))), "cut at {cut}");
            }
        }
        write(&path, b"anew").unwrap();
        assert_eq!(read(&path).unwrap().unwrap(), b"anew");
    }
}
