//! How is a network namespace made, entered and named?

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::thread;

use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space};

/// A network namespace, alive as long as this value or a process in it.
#[derive(Debug)]
pub struct NetNs {
    file: File,
}

impl NetNs {
    /// A new, empty namespace with its loopback down. It has no name and leaves none behind.
    pub fn create() -> io::Result<Self> {
        thread::spawn(|| {
            // SAFETY: a thread of its own leaves the shared namespace; no other thread is touched.
            unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNET)? };
            Self::of_thread()
        })
        .join()
        .map_err(|_| io::Error::other("the thread that made the namespace ended"))?
    }

    /// The namespace of the calling thread.
    pub fn of_thread() -> io::Result<Self> {
        Ok(Self { file: File::open("/proc/thread-self/ns/net")? })
    }

    /// The namespace of a process.
    pub fn of_process(pid: u32) -> io::Result<Self> {
        Ok(Self { file: File::open(format!("/proc/{pid}/ns/net"))? })
    }

    /// The namespace behind a path such as `/run/netns/name`.
    pub fn at(path: &Path) -> io::Result<Self> {
        Ok(Self { file: File::open(path)? })
    }

    /// Its inode: the number by which the sensor tells namespaces apart.
    pub fn inode(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.ino())
    }

    /// The open file that stands for it.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Runs `work` on a thread inside the namespace and returns what it returned.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> io::Result<T> {
        thread::scope(|scope| {
            let inside = scope.spawn(|| -> io::Result<T> {
                self.enter()?;
                Ok(work())
            });
            inside.join().map_err(|_| io::Error::other("the work inside the namespace ended with a panic"))?
        })
    }

    /// Moves the calling thread into the namespace for good.
    pub fn enter(&self) -> io::Result<()> {
        Ok(move_into_link_name_space(self.file.as_fd(), Some(LinkNameSpaceType::Network))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_is_apart_and_can_be_entered() {
        let Ok(fresh) = NetNs::create() else {
            println!("skipped: no right to make network namespaces");
            return;
        };
        let own = NetNs::of_thread().unwrap().inode().unwrap();
        let inside = fresh.run(|| NetNs::of_thread().unwrap().inode().unwrap()).unwrap();
        assert_ne!(own, inside);
        assert_eq!(inside, fresh.inode().unwrap());
        assert_eq!(NetNs::of_thread().unwrap().inode().unwrap(), own);
    }
}
