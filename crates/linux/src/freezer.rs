//! How is every process of a cgroup halted and let go on, and does the kernel say that it was?
//!
//! Source: the kernel's `Documentation/admin-guide/cgroup-v2.rst`, `cgroup.freeze` and `cgroup.events`.

use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

/// Freezing waits for every process to reach a place where it can be halted.
const PATIENCE: Duration = Duration::from_millis(500);
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Halts every process in the cgroup and below, and waits until the kernel says that all are. An error leaves none
/// halted by us.
pub fn freeze(cgroup: &Path) -> io::Result<()> {
    fs::write(cgroup.join("cgroup.freeze"), "1")?;
    match wait_for(cgroup, true) {
        Ok(()) => Ok(()),
        Err(error) => {
            let _ = fs::write(cgroup.join("cgroup.freeze"), "0");
            Err(error)
        }
    }
}

/// Lets every process of the cgroup go on. One that a cgroup above it halts stays halted, and is told as an error.
pub fn thaw(cgroup: &Path) -> io::Result<()> {
    fs::write(cgroup.join("cgroup.freeze"), "0")?;
    wait_for(cgroup, false)
}

/// Whether all of its processes are halted, by the kernel's word.
pub fn is_frozen(cgroup: &Path) -> io::Result<bool> {
    let events = fs::read_to_string(cgroup.join("cgroup.events"))?;
    let frozen = events.lines().find_map(|line| line.strip_prefix("frozen "));
    frozen
        .map(|word| word == "1")
        .ok_or_else(|| io::Error::new(io::ErrorKind::Unsupported, "the kernel has no freezer"))
}

fn wait_for(cgroup: &Path, frozen: bool) -> io::Result<()> {
    let begun = Instant::now();
    while is_frozen(cgroup)? != frozen {
        if begun.elapsed() > PATIENCE {
            let what = if frozen { "halted" } else { "going on" };
            return Err(io::Error::new(io::ErrorKind::TimedOut, format!("not all processes are {what}")));
        }
        std::thread::sleep(LOOK_EVERY);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};

    use super::*;
    use crate::cgroup::root;

    /// A cgroup with one process that writes a byte every few milliseconds.
    struct Busy {
        cgroup: std::path::PathBuf,
        child: Child,
    }

    impl Busy {
        fn start(name: &str) -> Option<Self> {
            let cgroup = root()?.join(format!("tripoint-freezer-{name}-{}", std::process::id()));
            if fs::create_dir(&cgroup).is_err() {
                println!("skipped: no right to make a cgroup");
                return None;
            }
            let script = "for i in $(seq 2000); do echo; sleep 0.005; done";
            let child = Command::new("sh").args(["-c", script]).stdout(Stdio::piped()).spawn().unwrap();
            fs::write(cgroup.join("cgroup.procs"), child.id().to_string()).unwrap();
            Some(Self { cgroup, child })
        }

        /// Whether it has run in the last moments, by the time it used.
        fn runs(&self) -> bool {
            let state = || fs::read_to_string(self.cgroup.join("cpu.stat")).unwrap();
            let before = state();
            std::thread::sleep(Duration::from_millis(200));
            before != state()
        }
    }

    impl Drop for Busy {
        fn drop(&mut self) {
            let _ = thaw(&self.cgroup);
            let _ = fs::write(self.cgroup.join("cgroup.kill"), "1");
            let _ = self.child.wait();
            for _ in 0..100 {
                if fs::remove_dir(&self.cgroup).is_ok() {
                    break;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }

    #[test]
    fn a_frozen_cgroup_does_nothing_until_it_is_thawed() {
        let Some(busy) = Busy::start("halt") else { return };
        assert!(busy.runs() && !is_frozen(&busy.cgroup).unwrap());
        freeze(&busy.cgroup).unwrap();
        freeze(&busy.cgroup).unwrap();
        assert!(is_frozen(&busy.cgroup).unwrap() && !busy.runs());
        thaw(&busy.cgroup).unwrap();
        thaw(&busy.cgroup).unwrap();
        assert!(!is_frozen(&busy.cgroup).unwrap() && busy.runs());
    }

    #[test]
    fn a_cgroup_that_is_gone_is_an_error() {
        assert_eq!(freeze(Path::new("/nowhere")).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert!(is_frozen(Path::new("/nowhere")).is_err());
    }
}
