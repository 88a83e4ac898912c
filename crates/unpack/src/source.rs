//! Where do the packed bytes come from, and what do they begin like?

use std::fs::File;
use std::io::{BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::Path;

use crate::codec::Codec;

/// Packed bytes.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// A file on disk.
    Path(&'a Path),
    /// A file that is open already; read from its beginning.
    Open(&'a File),
    /// Bytes in memory, for instance an entry of another archive.
    Bytes(&'a [u8]),
}

/// What can be read and searched.
pub trait ReadSeek: Read + Seek {}
impl<T: Read + Seek> ReadSeek for T {}

impl<'a> Source<'a> {
    pub(crate) fn open(self) -> std::io::Result<Box<dyn ReadSeek + 'a>> {
        Ok(match self {
            Self::Open(mut file) => {
                file.seek(SeekFrom::Start(0))?;
                Box::new(BufReader::with_capacity(8 << 10, file))
            }
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
    /// One compressed stream.
    Packed(Codec),
    /// zip, jar and relatives.
    Zip,
    /// POSIX or GNU tar.
    Tar,
    /// None of these.
    Plain,
}

impl Kind {
    /// Looks at the first bytes; 512 are enough.
    pub fn detect(head: &[u8]) -> Self {
        match head {
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Self::Zip,
            _ if head.get(257..262) == Some(b"ustar") => Self::Tar,
            _ => Codec::detect(head).map_or(Self::Plain, Self::Packed),
        }
    }
}
