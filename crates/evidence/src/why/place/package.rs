//! Does the configuration of the executable's package name the peer?

use std::path::Path;

use super::Place;
use crate::why::Owner;
use crate::why::look::{Files, Look};

pub(super) struct Package;

impl Place for Package {
    fn name(&self) -> &'static str {
        "package"
    }

    fn search(&self, look: &mut Look<'_>) {
        let Owner::Package(package) = look.subject.owner.clone() else { return };
        let name = package.split(':').next().unwrap_or(&package);
        let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"+-._".contains(&byte);
        if name.is_empty() || !name.bytes().all(safe) || name.starts_with('.') {
            return;
        }
        let mut paths = Vec::new();
        for info in look.names(Files::Own, Path::new(INFO)) {
            let is_its = info.strip_prefix(name).is_some_and(|rest| {
                [".conffiles", ".list"].iter().any(|end| rest == *end || (rest.starts_with(':') && rest.ends_with(end)))
            });
            if is_its && let Ok(text) = look.read(Files::Own, &Path::new(INFO).join(info)) {
                paths.extend(text.lines().filter(|line| line.starts_with("/etc/")).map(str::to_owned));
            }
        }
        paths.sort();
        paths.dedup();
        for path in paths.iter().take(FILES_MAX) {
            let inside = look.root(Files::Own).join(path.trim_start_matches('/'));
            if std::fs::symlink_metadata(inside).is_ok_and(|about| about.is_file()) {
                look.file(self.name(), Files::Own, Path::new(path));
            }
        }
        look.file(self.name(), Files::Own, &Path::new("/etc/default").join(name));
        look.file(self.name(), Files::Own, &Path::new("/etc/sysconfig").join(name));
    }
}

/// dpkg's database; other package managers keep theirs in one that is not text.
const INFO: &str = "/var/lib/dpkg/info";
const FILES_MAX: usize = 300;
