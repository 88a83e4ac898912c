//! Which application can a test have, under a key that nobody else has, in a cgroup of its own or in a shared one?

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::{Child, Command};

use tripoint_linux::cgroup;

/// A program that only waits, under a path of its own.
pub struct Waiting {
    _folder: tempfile::TempDir,
    child: Child,
    pub key: String,
}

impl Waiting {
    /// Runs where the test runs.
    pub fn start(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join(name);
        fs::copy("/bin/sleep", &program).unwrap();
        let key = format!("exe:{}", program.display());
        let child = Command::new(&program).arg("60").spawn().unwrap();
        Self { _folder: folder, child, key }
    }

    /// The same program once more, where the test runs.
    pub fn beside(&self) -> Child {
        Command::new(self.key.trim_start_matches("exe:")).arg("60").spawn().unwrap()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A cgroup that ends with the test.
pub struct Own(PathBuf);

impl Own {
    /// `None`, and it is said, where cgroups cannot be made.
    pub fn make(name: &str) -> Option<Self> {
        let Some(root) = cgroup::root() else {
            println!("skipped: no cgroup v2");
            return None;
        };
        let path = root.join(format!("tripoint-{name}-{}", std::process::id()));
        match fs::create_dir(&path) {
            Ok(()) => Some(Self(path)),
            Err(error) => {
                println!("skipped: no right to make a cgroup: {error}");
                None
            }
        }
    }

    /// Puts the program in it.
    pub fn take(&self, program: &Waiting) {
        fs::write(self.0.join("cgroup.procs"), program.child.id().to_string()).unwrap();
    }

    pub fn id(&self) -> u64 {
        fs::metadata(&self.0).unwrap().ino()
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let _ = fs::write(self.0.join("cgroup.kill"), "1");
        for _ in 0..200 {
            if fs::remove_dir(&self.0).is_ok() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
}
