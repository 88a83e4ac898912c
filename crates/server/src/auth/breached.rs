//! Was a password published when somebody else was broken into?
//!
//! The administrator has a file of such passwords: lines `HASH:COUNT` (or `HASH`), SHA-1 in hex, sorted, as the
//! downloader of Pwned Passwords writes them. It is searched where it lies, by halving; nothing is asked of anybody.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha1::{Digest as _, Sha1};

/// Why a file of breached passwords cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BreachedError {
    /// The system.
    #[error("breached passwords {0}")]
    File(PathBuf, #[source] io::Error),
    /// A line that is none.
    #[error("breached passwords {path}: at byte {at} there is no line HASH:COUNT with a SHA-1 in 40 hex digits")]
    Line {
        /// The file.
        path: PathBuf,
        /// Where the line begins.
        at: u64,
    },
    /// Nothing in it.
    #[error("breached passwords {0}: it is empty")]
    Empty(PathBuf),
    /// Its last line does not come after its first.
    #[error("breached passwords {0}: it is not sorted by hash")]
    Unsorted(PathBuf),
}

/// The file, open.
#[derive(Clone, Debug)]
pub(crate) struct Breached {
    path: Arc<Path>,
    file: Arc<File>,
}

/// A line: where it begins, where the next one does, and its hash.
struct Line {
    at: u64,
    next: u64,
    hash: [u8; DIGITS],
}

impl Breached {
    /// Opens it and looks at both ends.
    pub(crate) fn open(path: &Path) -> Result<Self, BreachedError> {
        let file = File::open(path).map_err(|error| BreachedError::File(path.to_owned(), error))?;
        let own = Self { path: path.into(), file: Arc::new(file) };
        let length = own.length()?;
        if length == 0 {
            return Err(BreachedError::Empty(path.to_owned()));
        }
        let (first, last) = (own.line(0, length)?, own.line_at(length - 1, length)?);
        match last.at > 0 && last.hash <= first.hash {
            true => Err(BreachedError::Unsorted(path.to_owned())),
            false => Ok(own),
        }
    }

    /// Whether it holds this password. Reads some forty times a piece of the file, however large that is.
    pub(crate) fn holds(&self, password: &str) -> Result<bool, BreachedError> {
        const HEX: &[u8; 16] = b"0123456789ABCDEF";
        let sum = Sha1::digest(password.as_bytes());
        let wanted: [u8; DIGITS] =
            std::array::from_fn(|at| HEX[usize::from(if at % 2 == 0 { sum[at / 2] >> 4 } else { sum[at / 2] & 15 })]);
        let (mut from, mut until) = (0, self.length()?);
        while from < until {
            let line = self.line_at(from + (until - from) / 2, until)?;
            match line.hash.cmp(&wanted) {
                std::cmp::Ordering::Equal => return Ok(true),
                std::cmp::Ordering::Less => from = line.next,
                std::cmp::Ordering::Greater => until = line.at,
            }
        }
        Ok(false)
    }

    fn length(&self) -> Result<u64, BreachedError> {
        let failed = |error| BreachedError::File(self.path.to_path_buf(), error);
        self.file.metadata().map(|metadata| metadata.len()).map_err(failed)
    }

    /// The line that this byte is in.
    fn line_at(&self, byte: u64, end: u64) -> Result<Line, BreachedError> {
        // Its end may be the byte itself.
        let from = byte.saturating_sub(LINE_MAX);
        let before = self.read(from, byte - from)?;
        let at = before.iter().rposition(|byte| *byte == b'\n').map_or(from, |at| from + at as u64 + 1);
        self.line(at, end)
    }

    /// The line that begins here.
    fn line(&self, at: u64, end: u64) -> Result<Line, BreachedError> {
        let wrong = || BreachedError::Line { path: self.path.to_path_buf(), at };
        let bytes = self.read(at, LINE_MAX.min(end - at))?;
        let length = bytes.iter().position(|byte| *byte == b'\n');
        if length.is_none() && bytes.len() as u64 == LINE_MAX {
            return Err(wrong());
        }
        let line = bytes.get(..length.unwrap_or(bytes.len())).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let (hash, count) = line.split_first_chunk::<DIGITS>().ok_or_else(wrong)?;
        let counted = count.is_empty() || (count[0] == b':' && count[1..].iter().all(u8::is_ascii_digit));
        if !counted || !hash.iter().all(u8::is_ascii_hexdigit) {
            return Err(wrong());
        }
        let next = length.map_or(end, |length| at + length as u64 + 1);
        Ok(Line { at, next, hash: hash.to_ascii_uppercase().try_into().map_err(|_| wrong())? })
    }

    fn read(&self, at: u64, length: u64) -> Result<Vec<u8>, BreachedError> {
        let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
        let done = self.file.read_exact_at(&mut bytes, at);
        done.map(|()| bytes).map_err(|error| BreachedError::File(self.path.to_path_buf(), error))
    }
}

/// Of SHA-1 in hex.
const DIGITS: usize = 40;
/// A hash, a colon and a count.
const LINE_MAX: u64 = 80;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::secret::hex;

    fn sum(password: &str) -> String {
        hex(&Sha1::digest(password.as_bytes())).to_ascii_uppercase()
    }

    fn written(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("breached.txt");
        std::fs::write(&path, text).unwrap();
        (folder, path)
    }

    #[test]
    fn every_one_that_is_listed_is_found_and_no_other() {
        let listed = |number: usize| format!("breached password {number}");
        for count in [1, 2, 3, 1000] {
            for end in ["\n", "\r\n"] {
                let mut lines: Vec<String> = (0..count)
                    .map(|number| format!("{}:{}", sum(&listed(number)), 10_usize.pow(number as u32 % 9)))
                    .collect();
                lines.sort();
                for last in ["", end] {
                    let (_folder, path) = written(&format!("{}{last}", lines.join(end)));
                    let breached = Breached::open(&path).unwrap();
                    for number in 0..count {
                        assert!(breached.holds(&listed(number)).unwrap(), "{number} of {count}");
                        assert!(!breached.holds(&format!("{} ", listed(number))).unwrap(), "{number} of {count}");
                    }
                }
            }
        }
        let (_folder, path) = written(&sum("without a count").to_ascii_lowercase());
        assert!(Breached::open(&path).unwrap().holds("without a count").unwrap());
    }

    #[test]
    fn what_is_no_such_file_is_said_with_its_place() {
        let (low, high) = ("0".repeat(40), "F".repeat(40));
        for (text, expected) in [
            (String::new(), "it is empty"),
            ("password1\n".into(), "at byte 0"),
            // NTLM.
            (format!("{}:1\n", "A".repeat(32)), "at byte 0"),
            (format!("{low}:one\n"), "at byte 0"),
            (format!("{low}:1\n{high}:2\nnonsense"), "at byte 86"),
            (format!("{high}:1\n{low}:1\n"), "not sorted"),
            ("x".repeat(200), "at byte 0"),
        ] {
            let (_folder, path) = written(&text);
            let told = Breached::open(&path).unwrap_err().to_string();
            assert!(told.contains(expected), "{text:?}: {told}");
        }
        // In the middle it is found when it is met; nothing is taken for absent because of it.
        let (_folder, path) = written(&format!("{low}:1\n{}\n{high}:1\n", "nonsense".repeat(9)));
        assert!(Breached::open(&path).unwrap().holds("x").is_err());
        let missing = Breached::open(Path::new("/nowhere/breached.txt")).unwrap_err();
        assert!(matches!(missing, BreachedError::File(..)), "{missing}");
    }
}
