//! How are bytes of a database read that lies about where they are?

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// A database file, of which as many bytes are handed out as blobs as it has: a file in which
/// many entries share one piece of data is a bomb.
pub(super) struct Store<'f> {
    file: &'f File,
    size: u64,
    left: u64,
}

impl<'f> Store<'f> {
    pub(super) fn new(file: &'f File) -> Result<Self, String> {
        let size = file.metadata().map_err(|error| format!("cannot be read: {error}"))?.len();
        if size > FILE_BYTES_MAX {
            return Err(format!("larger than {FILE_BYTES_MAX} bytes"));
        }
        Ok(Self { file, size, left: size })
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Exactly `count` bytes.
    pub(super) fn bytes(&self, offset: u64, count: usize) -> Result<Vec<u8>, String> {
        if offset.checked_add(count as u64).is_none_or(|end| end > self.size) {
            return Err(format!("{count} bytes at {offset} are beyond the end of the file"));
        }
        let mut out = vec![0; count];
        match self.file.read_exact_at(&mut out, offset) {
            Ok(()) => Ok(out),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err("the file was cut".to_owned()),
            Err(error) => Err(format!("cannot be read: {error}")),
        }
    }

    /// Counts a blob against the size of the file.
    pub(super) fn spend(&mut self, bytes: u64) -> Result<usize, String> {
        if bytes > BLOB_BYTES_MAX {
            return Err(format!("a header of {bytes} bytes, more than {BLOB_BYTES_MAX}"));
        }
        self.left = self.left.checked_sub(bytes).ok_or("headers claim more bytes than the file has")?;
        usize::try_from(bytes).map_err(|error| error.to_string())
    }
}

/// A number of four bytes.
pub(super) fn u32_at(bytes: &[u8], at: usize, big: bool) -> Option<u32> {
    let raw: [u8; 4] = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
    Some(if big { u32::from_be_bytes(raw) } else { u32::from_le_bytes(raw) })
}

/// A number of two bytes.
pub(super) fn u16_at(bytes: &[u8], at: usize, big: bool) -> Option<u16> {
    let raw: [u8; 2] = bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
    Some(if big { u16::from_be_bytes(raw) } else { u16::from_le_bytes(raw) })
}

/// A full distribution mirror's database is a tenth of this.
const FILE_BYTES_MAX: u64 = 4 << 30;
/// A kernel's modules with their digests need four.
const BLOB_BYTES_MAX: u64 = 64 << 20;
