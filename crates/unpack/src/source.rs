//! Where do the packed bytes come from, and what do they begin like?

use std::fs::File;
use std::io::{BufReader, Cursor, Read, Seek};
use std::path::Path;

/// Packed bytes.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// A file on disk.
    Path(&'a Path),
    /// Bytes in memory, for instance an entry of another archive.
    Bytes(&'a [u8]),
}

/// What can be read and searched.
pub trait ReadSeek: Read + Seek {}
impl<T: Read + Seek> ReadSeek for T {}

impl<'a> Source<'a> {
    pub(crate) fn open(self) -> std::io::Result<Box<dyn ReadSeek + 'a>> {
        Ok(match self {
            Self::Path(path) => {
                // Small: every seek in a zip throws the buffer away.
                Box::new(BufReader::with_capacity(8 << 10, File::open(path)?))
            }
            Self::Bytes(bytes) => Box::new(Cursor::new(bytes)),
        })
    }
}

/// What bytes begin like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// gzip (RFC 1952).
    Gzip,
    /// zip, jar and relatives.
    Zip,
    /// POSIX or GNU tar.
    Tar,
    /// Known, and not read here: the name of the compression.
    Other(&'static str),
    /// None of these.
    Plain,
}

impl Kind {
    /// Looks at the first bytes; 512 are enough.
    pub fn detect(head: &[u8]) -> Self {
        match head {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Self::Zip,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Other("xz"),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Other("zstd"),
            [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, ..] => Self::Other("bzip2"),
            _ if head.get(257..262) == Some(b"ustar") => Self::Tar,
            _ => Self::Plain,
        }
    }
}
