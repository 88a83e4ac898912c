//! How is a piece of a file read as if it were a file of its own?

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{Mode, OFlags, openat};

/// A piece of an open file.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) file: Arc<File>,
    pub(crate) offset: u64,
    pub(crate) size: u64,
}

impl Part {
    /// A piece of this piece; refused where it reaches beyond its end.
    pub(crate) fn within(&self, offset: u64, size: u64) -> io::Result<Self> {
        if offset.checked_add(size).is_none_or(|end| end > self.size) {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it reaches beyond the end of its archive"));
        }
        Ok(Self { file: Arc::clone(&self.file), offset: self.offset + offset, size })
    }

    /// Reads from its beginning.
    pub(crate) fn reader(&self) -> BufReader<PartReader> {
        // Headers are 512 bytes; every seek throws the buffer away.
        BufReader::with_capacity(4 << 10, PartReader { part: self.clone(), at: 0 })
    }

    /// At most its first `count` bytes.
    pub(crate) fn read_start(&self, count: u64) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        self.reader().take(count).read_to_end(&mut out)?;
        Ok(out)
    }

    /// All of it, when it has at most `bytes_max` bytes.
    pub(crate) fn read(&self, bytes_max: u64) -> io::Result<Vec<u8>> {
        if self.size > bytes_max {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("more than {bytes_max} bytes")));
        }
        self.read_start(self.size)
    }

    /// The same bytes as a file of their own, which has no name and ends with its last reader.
    pub(crate) fn copied(&self) -> io::Result<File> {
        let mut out = anonymous()?;
        let mut left = PartReader { part: self.clone(), at: 0 };
        let mut buffer = vec![0; 64 << 10];
        loop {
            match left.read(&mut buffer)? {
                0 => break,
                count => out.write_all(buffer.get(..count).unwrap_or_default())?,
            }
        }
        out.seek(SeekFrom::Start(0))?;
        Ok(out)
    }
}

/// Reads a part and searches in it.
#[derive(Debug)]
pub(crate) struct PartReader {
    part: Part,
    at: u64,
}

impl Read for PartReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.part.size.saturating_sub(self.at);
        let step = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let place = self.part.offset.saturating_add(self.at);
        let count = self.part.file.read_at(buffer.get_mut(..step).unwrap_or_default(), place)?;
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for PartReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = match to {
            SeekFrom::Start(place) => Some(place),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.part.size.checked_add_signed(by),
        };
        self.at = place.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}

/// A file in the folder for temporary files that has no name there. Where the filesystem cannot make
/// one, its name lives for a moment: it is made anew, readable by nobody else, and removed at once.
pub(crate) fn anonymous() -> io::Result<File> {
    let folder = std::env::temp_dir();
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    if let Ok(fd) = openat(rustix::fs::CWD, &folder, flags, Mode::RUSR | Mode::WUSR) {
        return Ok(File::from(fd));
    }
    static NEXT: AtomicU64 = AtomicU64::new(0);
    for _ in 0..NAMES_MAX {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!("tripoint-{}-{number}", std::process::id()));
        let made = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path);
        match made {
            Ok(file) => {
                std::fs::remove_file(&path)?;
                return Ok(file);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::from(io::ErrorKind::AlreadyExists))
}

/// Names tried before giving up: somebody else took them all.
const NAMES_MAX: usize = 100;
