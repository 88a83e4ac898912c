//! How is a compressed stream read, whichever program compressed it?

use std::io::Read;
#[cfg(feature = "all")]
use std::io::{self, BufRead, BufReader};

use flate2::read::MultiGzDecoder;

/// A compression of one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// RFC 1952.
    Gzip,
    /// bzip2.
    Bzip2,
    /// The xz container of LZMA2.
    Xz,
    /// RFC 8878.
    Zstd,
}

impl Codec {
    /// For messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
            Self::Zstd => "zstd",
        }
    }

    /// By the first bytes of a stream.
    pub(crate) fn detect(head: &[u8]) -> Option<Self> {
        match head {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Self::Xz),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstd),
            [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, ..] => Some(Self::Bzip2),
            _ => None,
        }
    }

    /// What the stream unpacks to; `None` where this build has no reader. Several streams in a row are one.
    pub(crate) fn reader<'r>(self, packed: impl Read + 'r) -> Option<Box<dyn Read + 'r>> {
        match self {
            Self::Gzip => Some(Box::new(MultiGzDecoder::new(packed))),
            #[cfg(feature = "all")]
            Self::Bzip2 => Some(Box::new(bzip2::read::MultiBzDecoder::new(packed))),
            #[cfg(feature = "all")]
            Self::Xz => Some(Box::new(lzma_rust2::XzReader::new_mem_limit(packed, true, WINDOW_KIB_MAX))),
            #[cfg(feature = "all")]
            Self::Zstd => Some(Box::new(Frames { packed: BufReader::new(packed), frame: None })),
            #[cfg(not(feature = "all"))]
            _ => None,
        }
    }
}

/// The name of what lies in a compressed file: without the ending that tells the compression.
pub fn inner_name(name: &str) -> &str {
    [".gz", ".tgz", ".bz2", ".xz", ".zst"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name)
}

/// zstd's frames one after the other; the decoder knows one.
#[cfg(feature = "all")]
struct Frames<R> {
    packed: BufReader<R>,
    frame: Option<ruzstd::decoding::FrameDecoder>,
}

#[cfg(feature = "all")]
impl<R: Read> Frames<R> {
    /// Begins the next frame; `false` at the end of the stream. Frames that carry no content are passed over.
    fn begin(&mut self) -> io::Result<bool> {
        use ruzstd::decoding::FrameDecoder;
        use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
        loop {
            if self.packed.fill_buf()?.is_empty() {
                return Ok(false);
            }
            let mut decoder = FrameDecoder::new();
            decoder.set_max_window_size(u64::from(WINDOW_KIB_MAX) << 10);
            match decoder.init(&mut self.packed) {
                Ok(()) => {
                    self.frame = Some(decoder);
                    return Ok(true);
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                    let skipped = io::copy(&mut (&mut self.packed).take(u64::from(length)), &mut io::sink())?;
                    if skipped < u64::from(length) {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => return Err(io::Error::other(error.to_string())),
            }
        }
    }
}

#[cfg(feature = "all")]
impl<R: Read> Read for Frames<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        use ruzstd::decoding::BlockDecodingStrategy;
        if out.is_empty() {
            return Ok(0);
        }
        loop {
            let Some(decoder) = &mut self.frame else {
                if !self.begin()? {
                    return Ok(0);
                }
                continue;
            };
            if decoder.can_collect() == 0 && !decoder.is_finished() {
                let wanted = BlockDecodingStrategy::UptoBytes(out.len());
                decoder.decode_blocks(&mut self.packed, wanted).map_err(|error| io::Error::other(error.to_string()))?;
            }
            let count = decoder.read(out)?;
            if count > 0 {
                return Ok(count);
            }
            if decoder.is_finished() {
                self.frame = None;
            }
        }
    }
}

/// Memory that a stream may ask for before its first byte: the largest windows in use have 64 MiB.
#[cfg(feature = "all")]
const WINDOW_KIB_MAX: u32 = 130 << 10;
