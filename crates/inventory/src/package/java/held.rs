//! Where is an archive kept that was found inside another one, while it is read?
//!
//! A small one in memory. A large one in a file without a name: a megabyte of war may hold a jar of a hundred.

use std::fs::File;
use std::io::{Cursor, Read, copy};
use std::os::fd::AsRawFd;
use std::path::PathBuf;

use tripoint_unpack::Source;

use crate::image::anonymous;

/// An inner archive.
pub(super) struct Held {
    place: Place,
    pub(super) bytes: u64,
}

enum Place {
    Memory(Vec<u8>),
    File { path: PathBuf, _open: Option<File> },
}

impl Held {
    /// Takes at most `bytes_max` bytes in; the reason when there are more or they cannot be read.
    pub(super) fn read(content: &mut dyn Read, bytes_max: u64) -> Result<Self, String> {
        let mut start = Vec::new();
        let told = |error: std::io::Error| error.to_string();
        content.take(MEMORY_BYTES_MAX.min(bytes_max) + 1).read_to_end(&mut start).map_err(told)?;
        let large = || "the archives inside each other are too large".to_owned();
        let bytes = start.len() as u64;
        if bytes > bytes_max {
            return Err(large());
        }
        if bytes <= MEMORY_BYTES_MAX {
            return Ok(Self { place: Place::Memory(start), bytes });
        }
        let mut file = anonymous().map_err(|error| format!("no temporary file: {error}"))?;
        let bytes = copy(&mut Cursor::new(start).chain(content).take(bytes_max + 1), &mut file).map_err(told)?;
        if bytes > bytes_max {
            return Err(large());
        }
        let place = Place::File { path: through(&file), _open: Some(file) };
        Ok(Self { place, bytes })
    }

    pub(super) fn as_source(&self) -> Source<'_> {
        match &self.place {
            Place::Memory(bytes) => Source::Bytes(bytes),
            Place::File { path, .. } => Source::Path(path),
        }
    }
}

/// A file that somebody else keeps open.
pub(super) fn reopened(file: &File) -> Held {
    Held { place: Place::File { path: through(file), _open: None }, bytes: 0 }
}

/// By its descriptor: the path could lead elsewhere a second time.
fn through(file: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

/// Most jars that lie in others.
const MEMORY_BYTES_MAX: u64 = 1 << 20;
