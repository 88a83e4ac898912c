//! How is a file opened that an attacker may have put there?
//!
//! Within the root of whoever wrote it, never through a link at its end, never a pipe or a device that would hang the
//! reader. What a container's path names is looked up in the container's own files.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};

use super::{How, Log};

/// Why a file is not read.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It is not there, or may not be read.
    #[error("{0}: {1}")]
    Io(PathBuf, #[source] io::Error),
    /// A link stands where the log should be.
    #[error("{0} is a link: what it points to is not the log")]
    Link(PathBuf),
    /// A pipe, a device, a folder.
    #[error("{0} is no regular file")]
    NotRegular(PathBuf),
}

/// Opens a log for reading.
pub fn open(log: &Log) -> Result<File, OpenError> {
    if let How::Deleted { .. } = log.how {
        // The link of the descriptor is the kernel's own.
        let file = File::open(&log.root).map_err(|error| OpenError::Io(log.path.clone(), error))?;
        return regular(file, &log.path);
    }
    open_in(&log.root, &log.path)
}

/// Opens `path` as seen from `root`.
pub(crate) fn open_in(root: &Path, path: &Path) -> Result<File, OpenError> {
    let failed = |error: rustix::io::Errno| match error {
        rustix::io::Errno::LOOP => OpenError::Link(path.to_owned()),
        error => OpenError::Io(path.to_owned(), error.into()),
    };
    let folder =
        openat(CWD, root, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).map_err(failed)?;
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    let file = openat2(&folder, path, flags, Mode::empty(), resolve).map_err(failed)?;
    regular(file.into(), path)
}

fn regular(file: File, path: &Path) -> Result<File, OpenError> {
    let about = file.metadata().map_err(|error| OpenError::Io(path.to_owned(), error))?;
    if about.is_file() { Ok(file) } else { Err(OpenError::NotRegular(path.to_owned())) }
}
