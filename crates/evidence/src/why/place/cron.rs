//! Does a job of cron name the peer, or run a script that does?

use std::path::{Path, PathBuf};

use super::Place;
use crate::why::look::{Files, Look};

pub(super) struct Cron;

const FILES: &[&str] = &["/etc/crontab", "/etc/anacrontab"];
const FOLDERS: &[&str] = &[
    "/etc/cron.d",
    "/etc/cron.hourly",
    "/etc/cron.daily",
    "/etc/cron.weekly",
    "/etc/cron.monthly",
    "/var/spool/cron/crontabs",
    "/var/spool/cron",
    "/etc/crontabs",
];

impl Place for Cron {
    fn name(&self) -> &'static str {
        "cron"
    }

    fn search(&self, look: &mut Look<'_>) {
        for file in FILES {
            look.file(self.name(), Files::Host, Path::new(file));
        }
        for folder in FOLDERS {
            for name in look.names(Files::Host, Path::new(folder)) {
                let path: PathBuf = Path::new(folder).join(name);
                let inside = look.root(Files::Host).join(path.strip_prefix("/").unwrap_or(&path));
                if std::fs::symlink_metadata(inside).is_ok_and(|about| about.is_file()) {
                    look.file(self.name(), Files::Host, &path);
                }
            }
        }
    }
}
