//! Do the configuration maps and projected files of a pod name the peer?

use std::path::{Path, PathBuf};

use super::Place;
use crate::why::look::{Files, Look};

pub(super) struct Kubernetes;

impl Place for Kubernetes {
    fn name(&self) -> &'static str {
        "kubernetes"
    }

    fn search(&self, look: &mut Look<'_>) {
        let subject = look.subject;
        if !subject.is_alive {
            return;
        }
        let Ok(file) = std::fs::File::open(subject.proc.join("mountinfo")) else { return };
        let Ok(text) = look.bounded(file) else { return };
        for (point, is_file) in volumes(&text).into_iter().take(VOLUMES_MAX) {
            if is_file {
                look.file(self.name(), Files::Own, &point);
                continue;
            }
            for name in look.names(Files::Own, &point) {
                // Its files are links into a folder that is swapped as a whole.
                let path = look.resolved(Files::Own, &point.join(name));
                let path = look.resolved_folders(Files::Own, &path);
                look.file(self.name(), Files::Own, &path);
            }
        }
    }
}

const VOLUMES_MAX: usize = 64;

/// Where volumes of configuration are mounted, and whether one file of them alone [proc_pid_mountinfo(5): fields 4, 5].
fn volumes(text: &str) -> Vec<(PathBuf, bool)> {
    let mut found = Vec::new();
    for line in text.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let (Some(root), Some(point)) = (fields.get(3), fields.get(4)) else { continue };
        let kind = KINDS.iter().find_map(|kind| root.split_once(kind));
        let subpath = root.contains("/volume-subpaths/");
        if let Some((_, rest)) = kind {
            found.push((Path::new(&point.replace("\\040", " ")).to_owned(), rest.trim_matches('/').contains('/')));
        } else if subpath {
            found.push((Path::new(point).to_owned(), true));
        }
    }
    found
}

/// Tokens of the service account are projected too; they name nobody.
const KINDS: &[&str] = &["/kubernetes.io~configmap/", "/kubernetes.io~secret/", "/kubernetes.io~projected/"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_of_configuration_are_told_from_others() {
        let text = "1 2 8:1 /var/lib/kubelet/pods/u/volumes/kubernetes.io~configmap/conf /etc/app rw - ext4 /dev/x rw\n\
                    2 2 8:1 /var/lib/kubelet/pods/u/volume-subpaths/conf/app/0 /etc/one.yml rw - ext4 /dev/x rw\n\
                    3 2 8:1 / /data rw - ext4 /dev/x rw\n";
        assert_eq!(volumes(text), [(PathBuf::from("/etc/app"), false), (PathBuf::from("/etc/one.yml"), true)]);
    }
}
