//! Where does this instance keep its files, and what does it call itself?

use std::path::{Path, PathBuf};

/// The data folder and everything in it. Two instances never meet: every path is below it.
#[derive(Clone, Debug)]
pub struct Place {
    data: PathBuf,
}

impl Place {
    /// The instance that lives in this data folder.
    pub fn new(data: &Path) -> Self {
        Self { data: data.to_owned() }
    }

    /// The data folder itself.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The server's Unix socket.
    pub fn socket(&self) -> PathBuf {
        self.data.join("run/tripoint.sock")
    }

    /// Items not yet taken by the server.
    pub fn spool(&self) -> PathBuf {
        self.data.join("agent/spool")
    }

    /// The write-ahead ledger of actions.
    pub fn ledger(&self) -> PathBuf {
        self.data.join("agent/ledger")
    }

    /// Held by the one agent of this instance.
    pub fn lock(&self) -> PathBuf {
        self.data.join("agent/lock")
    }
}
