//! How is a file of a root filesystem opened without ever leaving that root?

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rustix::fs::{CWD, Dir, FileType, Mode, OFlags, ResolveFlags, fstat, fstatfs, openat, openat2, readlinkat};

use crate::image::{Image, Node, Place};
use crate::path;

/// A root filesystem: the host's, a mounted image, a container's through `/proc/PID/root`, or what
/// the layers of an image archive make.
#[derive(Debug)]
pub struct Root {
    behind: Behind,
    shown: PathBuf,
}

/// Who resolves paths.
#[derive(Debug)]
enum Behind {
    /// The kernel, beneath an open folder.
    Kernel { fd: OwnedFd, overlay: bool },
    /// The tree of an archive's entries.
    Image(Image),
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
        Ok(Self { behind: Behind::Kernel { fd, overlay }, shown: path.to_owned() })
    }

    /// Opens what the layers of a container image make (a Docker archive, an OCI layout).
    pub(crate) fn of_image(path: &Path, image: Image) -> Self {
        Self { behind: Behind::Image(image), shown: path.to_owned() }
    }

    /// The path it was opened by.
    pub fn shown(&self) -> &Path {
        &self.shown
    }

    /// Whether it is an overlay, where memory maps may name the inode of a layer below.
    pub(crate) fn is_overlay(&self) -> bool {
        matches!(self.behind, Behind::Kernel { overlay: true, .. })
    }

    /// The open folder; an archive has none.
    fn folder(&self) -> io::Result<&OwnedFd> {
        match &self.behind {
            Behind::Kernel { fd, .. } => Ok(fd),
            Behind::Image(_) => Err(io::Error::from(io::ErrorKind::Unsupported)),
        }
    }

    /// Device and inode of the root folder itself: the same for every process that shares it.
    pub fn identity(&self) -> io::Result<(u64, u64)> {
        let found = fstat(self.folder()?)?;
        Ok((found.st_dev, found.st_ino))
    }

    /// Resolves inside the root: `..` and absolute links end at its top.
    fn resolve(&self, path: &str, flags: OFlags) -> io::Result<OwnedFd> {
        let inside = path.trim_start_matches('/');
        let inside = if inside.is_empty() { "." } else { inside };
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        Ok(openat2(self.folder()?, path::bytes(inside).as_ref(), flags | OFlags::CLOEXEC, Mode::empty(), resolve)?)
    }

    /// Opens a regular file for reading; links are followed inside the root.
    pub fn file(&self, path: &str) -> io::Result<File> {
        if let Behind::Image(image) = &self.behind {
            return image.part(path)?.copied();
        }
        read_regular(&self.resolve(path, OFlags::PATH)?)
    }

    /// The content of a regular file of at most `bytes_max` bytes.
    pub fn read(&self, path: &str, bytes_max: u64) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        self.read_into(path, bytes_max, &mut out)?;
        Ok(out)
    }

    /// The same into a buffer that is used again; what it held is gone.
    pub(crate) fn read_into(&self, path: &str, bytes_max: u64, out: &mut Vec<u8>) -> io::Result<()> {
        out.clear();
        if let Behind::Image(image) = &self.behind {
            *out = image.part(path)?.read(bytes_max)?;
            return Ok(());
        }
        self.file(path)?.take(bytes_max + 1).read_to_end(out)?;
        if out.len() as u64 > bytes_max {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("more than {bytes_max} bytes")));
        }
        Ok(())
    }

    /// What a path is, links followed inside the root.
    pub fn mark(&self, path: &str) -> Option<FileMark> {
        if let Behind::Image(image) = &self.behind {
            return image.place(path, true).map(of_archive);
        }
        mark_of(&self.resolve(path, OFlags::PATH).ok()?)
    }

    /// Where the path leads, when it is itself a symbolic link.
    pub(crate) fn link(&self, path: &str) -> Option<String> {
        if let Behind::Image(image) = &self.behind {
            return match image.place(path, false)?.node {
                Node::Link(target) => Some(target.to_string()),
                _ => None,
            };
        }
        let place = self.resolve(path, OFlags::PATH | OFlags::NOFOLLOW).ok()?;
        Some(path::text(readlinkat(&place, "", Vec::new()).ok()?.as_bytes()).into_owned())
    }

    /// Whether it is a regular file that somebody may run; links are not followed.
    pub(crate) fn is_executable(&self, path: &str) -> bool {
        if let Behind::Image(image) = &self.behind {
            let place = image.place(path, false);
            return place.is_some_and(|place| matches!(place.node, Node::File(content) if content.mode & 0o111 != 0));
        }
        self.resolve(path, OFlags::PATH | OFlags::NOFOLLOW).and_then(|place| Ok(fstat(&place)?)).is_ok_and(|found| {
            FileType::from_raw_mode(found.st_mode) == FileType::RegularFile && found.st_mode & 0o111 != 0
        })
    }

    /// The names in a folder, sorted; at most `entries_max`, and whether there were more.
    pub(crate) fn list(&self, path: &str, entries_max: usize) -> io::Result<(Vec<Entry>, bool)> {
        if let Behind::Image(image) = &self.behind {
            return list_archive(image, path, entries_max);
        }
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
            let name = path::text(name).into_owned();
            let mut kind = entry.file_type();
            if kind == FileType::Unknown {
                kind = self.kind(&format!("{path}/{name}"));
            }
            out.push(Entry { name, kind });
        }
        out.sort_by(|a, b| a.name.cmp(&b.name));
        Ok((out, false))
    }

    fn kind(&self, path: &str) -> FileType {
        match &self.behind {
            Behind::Kernel { .. } => self
                .resolve(path, OFlags::PATH | OFlags::NOFOLLOW)
                .and_then(|place| Ok(fstat(&place)?))
                .map_or(FileType::Unknown, |found| FileType::from_raw_mode(found.st_mode)),
            Behind::Image(image) => image.place(path, false).map_or(FileType::Unknown, |place| kind_of(place.node)),
        }
    }

    /// The first bytes of a regular file.
    pub(crate) fn head(&self, path: &str, count: u64) -> io::Result<Vec<u8>> {
        if let Behind::Image(image) = &self.behind {
            return image.part(path)?.read_start(count);
        }
        let mut out = Vec::new();
        self.file(path)?.take(count).read_to_end(&mut out)?;
        Ok(out)
    }
}

/// Opens a file for reading if it is a regular one. The path is resolved once: what stands there
/// may be another's, and change at any moment.
pub(crate) fn regular_file(path: &Path) -> io::Result<File> {
    read_regular(&openat(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?)
}

/// Looked at before it is opened: opening a pipe would hang, and a device may act.
fn read_regular(place: &OwnedFd) -> io::Result<File> {
    if FileType::from_raw_mode(fstat(place)?.st_mode) != FileType::RegularFile {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    let number = place.as_raw_fd().to_string();
    Ok(openat(own_files()?, number, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?.into())
}

/// `/proc/self/fd`, opened once: its path costs as much as the file behind it.
fn own_files() -> io::Result<&'static OwnedFd> {
    static FOLDER: OnceLock<OwnedFd> = OnceLock::new();
    if let Some(folder) = FOLDER.get() {
        return Ok(folder);
    }
    let folder = openat(CWD, "/proc/self/fd", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    Ok(FOLDER.get_or_init(|| folder))
}

fn kind_of(node: &Node) -> FileType {
    match node {
        Node::Folder(_) => FileType::Directory,
        Node::File(_) => FileType::RegularFile,
        Node::Link(_) => FileType::Symlink,
        Node::Other => FileType::Unknown,
    }
}

fn of_archive(place: Place<'_>) -> FileMark {
    let (modified, size) = match place.node {
        Node::File(content) => (content.modified, content.size),
        _ => (0, 0),
    };
    let modified_ns = i128::from(modified) * 1_000_000_000;
    FileMark { device: 0, inode: u64::from(place.number), modified_ns, size }
}

fn list_archive(image: &Image, path: &str, entries_max: usize) -> io::Result<(Vec<Entry>, bool)> {
    let place = image.place(path, true).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
    let Node::Folder(children) = place.node else {
        return Err(io::Error::from(io::ErrorKind::NotADirectory));
    };
    let of = |number: u32| image.node(number).map_or(FileType::Unknown, kind_of);
    let entries = children.iter().take(entries_max);
    let out = entries.map(|(name, number)| Entry { name: name.to_string(), kind: of(*number) }).collect();
    Ok((out, children.len() > entries_max))
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
    fn the_kind_of_a_name_is_asked_inside() {
        let outer = tempfile::tempdir().expect("tempdir");
        std::fs::write(outer.path().join("secret"), "outside").expect("write");
        let inner = outer.path().join("root");
        std::fs::create_dir(&inner).expect("mkdir");
        std::fs::write(inner.join("own"), "inside").expect("write");
        std::os::unix::fs::symlink(outer.path(), inner.join("out")).expect("link");
        let root = Root::open(&inner).expect("root");
        assert_eq!(root.kind("/own"), FileType::RegularFile);
        assert_eq!(root.kind("out"), FileType::Symlink);
        assert_eq!(root.kind("out/secret"), FileType::Unknown);
    }

    #[test]
    fn pipes_are_not_opened() {
        let folder = tempfile::tempdir().expect("tempdir");
        let pipe = folder.path().join("pipe");
        rustix::fs::mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR, 0).expect("fifo");
        assert!(Root::open(folder.path()).expect("root").file("pipe").is_err());
    }
}
