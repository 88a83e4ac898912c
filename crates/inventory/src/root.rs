//! How is a file of a root filesystem opened without ever leaving that root?

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, ResolveFlags, fstat, fstatfs, openat, openat2, statat};

/// A root filesystem: the host's, a mounted image, a container's through `/proc/PID/root`.
#[derive(Debug)]
pub struct Root {
    fd: OwnedFd,
    shown: PathBuf,
    overlay: bool,
}

/// What identifies a file's content without reading it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileMark {
    /// Device.
    pub device: u64,
    /// Inode.
    pub inode: u64,
    /// Last change of the content, nanoseconds since the epoch.
    pub modified_ns: i128,
    /// Bytes.
    pub size: u64,
}

/// One name in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) kind: FileType,
}

impl Root {
    /// Opens a root filesystem.
    pub fn open(path: &Path) -> io::Result<Self> {
        let fd = openat(CWD, path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        let overlay = fstatfs(&fd).is_ok_and(|found| i128::from(found.f_type) == OVERLAY_MAGIC);
        Ok(Self { fd, shown: path.to_owned(), overlay })
    }

    /// The path it was opened by.
    pub fn shown(&self) -> &Path {
        &self.shown
    }

    /// Whether it is an overlay, where memory maps may name the inode of a layer below.
    pub(crate) fn is_overlay(&self) -> bool {
        self.overlay
    }

    /// Device and inode of the root folder itself: the same for every process that shares it.
    pub fn identity(&self) -> io::Result<(u64, u64)> {
        let found = fstat(&self.fd)?;
        Ok((found.st_dev, found.st_ino))
    }

    /// Resolves inside the root: `..` and absolute links end at its top.
    fn resolve(&self, path: &str, flags: OFlags) -> io::Result<OwnedFd> {
        let path = path.trim_start_matches('/');
        let path = if path.is_empty() { "." } else { path };
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        Ok(openat2(&self.fd, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve)?)
    }

    /// Opens a regular file for reading; links are followed inside the root.
    pub fn file(&self, path: &str) -> io::Result<File> {
        // Looked at before it is opened: opening a device or a pipe may itself do something.
        let place = self.resolve(path, OFlags::PATH)?;
        if FileType::from_raw_mode(fstat(&place)?.st_mode) != FileType::RegularFile {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        File::open(format!("/proc/self/fd/{}", place.as_fd().as_raw_fd()))
    }

    /// The content of a regular file of at most `bytes_max` bytes.
    pub fn read(&self, path: &str, bytes_max: u64) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        self.file(path)?.take(bytes_max + 1).read_to_end(&mut out)?;
        if out.len() as u64 > bytes_max {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("more than {bytes_max} bytes")));
        }
        Ok(out)
    }

    /// What a path is, links followed inside the root.
    pub fn mark(&self, path: &str) -> Option<FileMark> {
        mark_of(&self.resolve(path, OFlags::PATH).ok()?)
    }

    /// Whether the path itself is a symbolic link.
    pub(crate) fn is_link(&self, path: &str) -> bool {
        statat(&self.fd, path.trim_start_matches('/'), AtFlags::SYMLINK_NOFOLLOW)
            .is_ok_and(|found| FileType::from_raw_mode(found.st_mode) == FileType::Symlink)
    }

    /// Whether it is a regular file that somebody may run; links are not followed.
    pub(crate) fn is_executable(&self, path: &str) -> bool {
        self.resolve(path, OFlags::PATH | OFlags::NOFOLLOW).and_then(|place| Ok(fstat(&place)?)).is_ok_and(|found| {
            FileType::from_raw_mode(found.st_mode) == FileType::RegularFile && found.st_mode & 0o111 != 0
        })
    }

    /// The names in a folder, sorted; at most `entries_max`, and whether there were more.
    pub(crate) fn list(&self, path: &str, entries_max: usize) -> io::Result<(Vec<Entry>, bool)> {
        let fd = self.resolve(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NONBLOCK)?;
        let mut out = Vec::new();
        for entry in Dir::new(fd)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name == b"." || name == b".." {
                continue;
            }
            if out.len() >= entries_max {
                return Ok((out, true));
            }
            // A name that is not UTF-8 is no package's.
            let Ok(name) = std::str::from_utf8(name) else { continue };
            let mut kind = entry.file_type();
            if kind == FileType::Unknown {
                kind = self.kind(&format!("{path}/{name}"));
            }
            out.push(Entry { name: name.to_owned(), kind });
        }
        out.sort_by(|a, b| a.name.cmp(&b.name));
        Ok((out, false))
    }

    fn kind(&self, path: &str) -> FileType {
        statat(&self.fd, path.trim_start_matches('/'), AtFlags::SYMLINK_NOFOLLOW)
            .map_or(FileType::Unknown, |found| FileType::from_raw_mode(found.st_mode))
    }
}

/// What an open file is.
pub(crate) fn mark_of(file: &impl AsFd) -> Option<FileMark> {
    let found = fstat(file).ok()?;
    Some(FileMark {
        device: found.st_dev,
        inode: found.st_ino,
        modified_ns: i128::from(found.st_mtime) * 1_000_000_000 + i128::from(found.st_mtime_nsec),
        size: u64::try_from(found.st_size).unwrap_or(0),
    })
}

/// `OVERLAYFS_SUPER_MAGIC` of linux/magic.h.
const OVERLAY_MAGIC: i128 = 0x794c_7630;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_never_lead_out() {
        let outer = tempfile::tempdir().expect("tempdir");
        std::fs::write(outer.path().join("secret"), "outside").expect("write");
        let inner = outer.path().join("root");
        std::fs::create_dir_all(inner.join("etc")).expect("mkdir");
        std::fs::write(inner.join("etc/real"), "inside").expect("write");
        for (name, target) in
            [("up", "../../../secret"), ("abs", "/etc/real"), ("loop", "loop"), ("proc", "/proc/self/root/etc/passwd")]
        {
            std::os::unix::fs::symlink(target, inner.join("etc").join(name)).expect("link");
        }
        let root = Root::open(&inner).expect("root");
        assert_eq!(root.read("/etc/abs", 100).expect("inside"), b"inside");
        assert_eq!(root.read("etc/../../../etc/real", 100).expect("inside"), b"inside");
        for path in ["/etc/up", "/etc/loop", "/etc/proc", "/etc", "/../secret", "/nothing"] {
            assert!(root.read(path, 100).is_err(), "{path}");
        }
        assert!(root.read("/etc/real", 3).is_err(), "too large");
    }

    #[test]
    fn pipes_are_not_opened() {
        let folder = tempfile::tempdir().expect("tempdir");
        let pipe = folder.path().join("pipe");
        rustix::fs::mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR, 0).expect("fifo");
        assert!(Root::open(folder.path()).expect("root").file("pipe").is_err());
    }
}
