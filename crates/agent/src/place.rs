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

    /// Contacts not yet taken by the server.
    pub fn contacts(&self) -> PathBuf {
        self.data.join("agent/contacts")
    }

    /// The write-ahead ledger of actions.
    pub fn ledger(&self) -> PathBuf {
        self.data.join("agent/ledger")
    }

    /// What is called ours in the kernel: plain for the usual folder, with a number of its own for every other, so that
    /// two instances never meet.
    pub fn kernel_name(&self) -> String {
        let folder = self.data.canonicalize().or_else(|_| std::path::absolute(&self.data));
        let folder = folder.unwrap_or_else(|_| self.data.clone());
        if folder == Path::new(USUAL) {
            return "tripoint".to_owned();
        }
        // FNV-1a: the same in every version of ours. 48 bits keep the names of iptables chains within their limit.
        let mix = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        let hash = folder.as_os_str().as_encoded_bytes().iter().fold(0xcbf2_9ce4_8422_2325, mix);
        format!("tripoint_{:012x}", hash >> 16)
    }

    /// Held by the one agent of this instance.
    pub fn lock(&self) -> PathBuf {
        self.data.join("agent/lock")
    }
}

/// The folder of an installed system.
const USUAL: &str = "/var/lib/tripoint";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instances_have_names_of_their_own() {
        assert_eq!(Place::new(Path::new(USUAL)).kernel_name(), "tripoint");
        let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let name = Place::new(a.path()).kernel_name();
        assert_ne!(name, Place::new(b.path()).kernel_name());
        assert_eq!(name, Place::new(&a.path().join(".")).kernel_name(), "however the folder is written");
        assert_eq!(Place::new(Path::new("/srv/x")).kernel_name(), "tripoint_39affc65700e");
    }
}
