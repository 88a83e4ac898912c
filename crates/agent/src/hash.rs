//! Which bytes does a process run? Hashed beside everything else: a large file holds nobody up.

use std::sync::mpsc::{Receiver, SyncSender};

use tripoint_model::ProcessKey;
use tripoint_sensor::exe_hash::ExeHashes;
use tripoint_sensor::procfs;

use crate::detect::Wake;

/// Hashes the executable of each process asked for, until nobody can ask any more.
pub fn worker(processes: Receiver<ProcessKey>, detector: SyncSender<Wake>) -> impl FnOnce() + Send {
    move || {
        let mut hashes = ExeHashes::default();
        for key in processes {
            match hashes.of_process(key.pid) {
                Ok(sha256) if procfs::key_of(key.pid) == Some(key) => {
                    let _ = detector.send(Wake::Hash { process: key, sha256 });
                }
                // Another process has the pid by now.
                Ok(_) => {}
                Err(error) => tracing::debug!(pid = key.pid, %error, "executable cannot be hashed"),
            }
        }
    }
}
