//! What can still be written down when the disk is full?

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Room for 2,500 lines of the ledger: a hundred minutes at the rate that policy may act, time enough for a person.
const BYTES: usize = 1 << 20;

/// A file that holds room and nothing else. On a full disk it is removed, and the ledger goes on in its place.
#[derive(Debug)]
pub struct Reserve {
    path: PathBuf,
    held: bool,
}

impl Reserve {
    /// The reserve of the ledger in `folder`, laid by where there is room.
    pub fn open(folder: &Path) -> Self {
        let mut reserve = Self { path: folder.join("reserve"), held: false };
        reserve.lay_by();
        reserve
    }

    /// Lays it by again, once the disk has room.
    pub fn lay_by(&mut self) {
        if self.held {
            return;
        }
        match write(&self.path) {
            Ok(()) => self.held = true,
            Err(error) => {
                let _ = fs::remove_file(&self.path);
                tracing::warn!(%error, path = %self.path.display(), "no room is laid by for the ledger on a full disk");
            }
        }
    }

    /// Makes room; says whether there was any to make.
    pub fn give_up(&mut self) -> bool {
        let freed = self.held && fs::remove_file(&self.path).is_ok();
        if freed {
            tracing::error!("the disk is full: the ledger of actions goes on in the room laid by for it");
        }
        self.held = false;
        freed
    }
}

/// Bytes that no file system leaves out, as it may those of a hole.
fn write(path: &Path) -> io::Result<()> {
    if fs::metadata(path).is_ok_and(|found| found.is_file() && found.len() == BYTES as u64) {
        return Ok(());
    }
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(&vec![0xa5; BYTES])?;
    file.sync_all()
}
