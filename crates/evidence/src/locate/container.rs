//! Where does a container's runtime keep what the container prints?

use std::fs;
use std::path::{Path, PathBuf};

use super::{How, Located, Log, Subject};

pub(super) fn find(subject: &Subject, host: &Path, found: &mut Located) {
    let Some((runtime, id)) = &subject.container else { return };
    // The id becomes part of paths.
    if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_') {
        return;
    }
    let before = found.logs.len();
    for path in candidates(host, id) {
        let log = Log { path, root: host.to_owned(), how: How::Container, pattern: None };
        if super::open(&log).is_ok() {
            found.add(log);
        }
    }
    if found.logs.len() == before {
        found.missing.push(format!(
            "no file of {runtime} holds what container {:.12} prints: it may go to the journal, or away",
            id
        ));
    }
}

/// Docker's json-file, Podman's k8s-file, and the kubelet's files of CRI runtimes, which are named after the container.
fn candidates(host: &Path, id: &str) -> Vec<PathBuf> {
    let mut paths = vec![
        PathBuf::from(format!("/var/lib/docker/containers/{id}/{id}-json.log")),
        PathBuf::from(format!("/var/lib/containers/storage/overlay-containers/{id}/userdata/ctr.log")),
    ];
    let kubelet = host.join("var/log/containers");
    let entries = fs::read_dir(kubelet).into_iter().flatten().flatten().take(FILES_MAX);
    for entry in entries {
        let name = entry.file_name();
        if name.to_str().is_some_and(|name| name.ends_with(&format!("-{id}.log")))
            && let Ok(target) = fs::read_link(entry.path())
            && target.is_absolute()
        {
            paths.push(target);
        }
    }
    paths
}

const FILES_MAX: usize = 10_000;
