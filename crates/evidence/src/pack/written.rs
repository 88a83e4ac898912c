//! What stands in files of rules, before anybody reads a meaning into it?
//!
//! Files are read by whoever may; what they mean is made out by whoever needs no right for it. Files are strangers'
//! work: only regular ones, of bounded size, and all together bounded too.

use std::fs::{File, Metadata};
use std::io::Read as _;
use std::path::Path;

use rustix::fs::{Mode, OFlags};

/// A file of rules.
#[derive(Clone, Debug)]
pub struct Written {
    /// Its path.
    pub file: String,
    /// What stands in it, or why that is not known.
    pub text: Result<String, String>,
}

/// Bytes of a file.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// Bytes of all files that are read together.
const ALL_BYTES_MAX: usize = 128 << 20;

/// Reads files; one that cannot be read says why.
pub(crate) fn read<P: AsRef<Path>>(paths: impl IntoIterator<Item = P>) -> Vec<Written> {
    let mut left = ALL_BYTES_MAX;
    let mut one = |path: &Path| -> Result<String, String> {
        let text = text(path).map_err(|error| error.to_string())?;
        left = left
            .checked_sub(text.len())
            .ok_or_else(|| format!("all files together have more than {ALL_BYTES_MAX} bytes"))?;
        Ok(text)
    };
    let written = |path: P| Written { file: path.as_ref().display().to_string(), text: one(path.as_ref()) };
    paths.into_iter().map(written).collect()
}

/// Opens a regular file. Whatever else stands in its place is refused and holds nobody up: opening a pipe may wait for
/// ever, and what a device does when it is opened nobody knows.
pub fn regular(path: &Path) -> std::io::Result<File> {
    let check =
        |about: &Metadata| about.is_file().then_some(()).ok_or_else(|| std::io::Error::other("it is no regular file"));
    // Again once it is open, for it may have changed since.
    check(&std::fs::metadata(path)?)?;
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    check(&file.metadata()?)?;
    Ok(file)
}

fn text(path: &Path) -> std::io::Result<String> {
    let file = regular(path)?;
    let mut text = String::new();
    file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(std::io::Error::other(format!("it has more than {FILE_BYTES_MAX} bytes")));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_in_a_files_place_holds_nobody_up() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("a.yml");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        std::fs::write(folder.path().join("b.yml"), "b").unwrap();
        let read = read([pipe, folder.path().join("b.yml"), folder.path().join("none")]);
        assert_eq!(read[0].text.as_ref().unwrap_err(), "it is no regular file");
        assert_eq!(read[1].text.as_deref(), Ok("b"));
        assert!(read[2].text.as_ref().unwrap_err().contains("No such file"));
    }
}
