//! How are a file's or a kernel map's bytes read without copying them?

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::ptr::NonNull;

use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

/// A file's bytes, read-only and private. The writer of such files replaces them by rename and
/// never changes one in place, so the bytes do not change while they are mapped.
pub struct MappedFile {
    start: NonNull<u8>,
    length: usize,
}

impl MappedFile {
    /// Maps the whole file. An empty file gives no bytes.
    pub fn open(file: &File) -> io::Result<Self> {
        let length = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
        Self::map(file, length, ProtFlags::READ, MapFlags::PRIVATE)
    }

    fn map(fd: impl AsFd, length: usize, protection: ProtFlags, flags: MapFlags) -> io::Result<Self> {
        if length == 0 {
            return Ok(Self { start: NonNull::dangling(), length });
        }
        // SAFETY: a fresh mapping at an address that the kernel chooses aliases nothing.
        let start = unsafe { mmap(std::ptr::null_mut(), length, protection, flags, fd, 0)? };
        let start = NonNull::new(start.cast()).ok_or_else(|| io::Error::other("mapped at null"))?;
        Ok(Self { start, length })
    }
}

impl AsRef<[u8]> for MappedFile {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: `start` is valid for `length` bytes until `drop`, and nobody writes to them.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }
}

impl Drop for MappedFile {
    fn drop(&mut self) {
        if self.length > 0 {
            // SAFETY: exactly what was mapped; no borrow outlives `self`.
            let _ = unsafe { munmap(self.start.as_ptr().cast(), self.length) };
        }
    }
}

// SAFETY: the bytes are never written through this type.
unsafe impl Send for MappedFile {}
// SAFETY: as above.
unsafe impl Sync for MappedFile {}

/// A BPF array map shared with the kernel programs, writable.
pub struct SharedArray {
    bytes: MappedFile,
}

impl SharedArray {
    /// Maps `length` bytes of the map; the map must have been made with `BPF_F_MMAPABLE`.
    pub fn open(map: impl AsFd, length: usize) -> io::Result<Self> {
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        Ok(Self { bytes: MappedFile::map(map, length, protection, MapFlags::SHARED)? })
    }

    /// Copies `bytes` to `offset`; what does not fit is an error and nothing is written.
    pub fn write(&mut self, offset: usize, bytes: &[u8]) -> io::Result<()> {
        let end = offset.checked_add(bytes.len()).filter(|end| *end <= self.bytes.length);
        if end.is_none() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "does not fit the kernel map"));
        }
        // SAFETY: in bounds as just checked; the kernel side reads whole words and tolerates
        // half-written sets because the generation that names them is flipped afterwards.
        unsafe {
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.bytes.start.as_ptr().add(offset), bytes.len());
        }
        Ok(())
    }

    /// Bytes of the mapping.
    pub fn len(&self) -> usize {
        self.bytes.length
    }

    /// Whether it maps nothing.
    pub fn is_empty(&self) -> bool {
        self.bytes.length == 0
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_mapped_file_reads_what_was_written() {
        let mut file = tempfile::tempfile().unwrap();
        assert!(MappedFile::open(&file).unwrap().as_ref().is_empty());
        file.write_all(b"image").unwrap();
        assert_eq!(MappedFile::open(&file).unwrap().as_ref(), b"image");
    }
}
