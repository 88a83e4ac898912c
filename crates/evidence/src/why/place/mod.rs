//! Where may configuration name a peer?
//!
//! A kind of place is one file and one line in `PLACES`.

mod argv;
mod beside;
mod compose;
mod cron;
mod environment;
mod executable;
mod kubernetes;
mod open_files;
mod package;
mod server;
mod unit;

use std::io;
use std::path::Path;

use rustix::fs::{CWD, Dir, Mode, OFlags, ResolveFlags, openat, openat2};

use super::look::Look;

/// Every kind, the most telling first: a file belongs to the first that reads it.
const PLACES: &[&dyn Place] = &[
    &unit::Unit,
    &cron::Cron,
    &server::Server,
    &compose::Compose,
    &kubernetes::Kubernetes,
    &package::Package,
    &argv::Argv,
    &environment::Environment,
    &beside::Beside,
    &open_files::OpenFiles,
    &executable::Executable,
];

/// A kind of place.
trait Place: Sync {
    /// Its name, as mentions carry it.
    fn name(&self) -> &'static str;
    /// Searches it.
    fn search(&self, look: &mut Look<'_>);
}

/// Searches all.
pub(super) fn all(look: &mut Look<'_>) {
    for place in PLACES {
        if look.is_over() {
            return;
        }
        place.search(look);
    }
}

/// How much a mention in such a place explains, 0 to 100. Whoever starts a process writes its command line and
/// environment; a file of the system was written by who runs it.
pub(super) fn weight(place: &str) -> u8 {
    match place {
        "unit" | "server" => 90,
        "package" | "container" | "kubernetes" => 85,
        "cron" => 80,
        "beside" | "script" | "open file" => 75,
        "environment" | "command line" => 70,
        "executable" => 60,
        _ => 50,
    }
}

/// The regular files and links of a folder within a root; never out of it.
pub(super) fn folder(root: &Path, path: &Path) -> io::Result<Vec<String>> {
    let root = openat(CWD, root, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    let opened = openat2(&root, path, flags, Mode::empty(), resolve)?;
    let entries = Dir::read_from(&opened)?.flatten().take(ENTRIES_MAX);
    let names = entries.filter_map(|entry| entry.file_name().to_str().ok().map(str::to_owned));
    Ok(names.filter(|name| name != "." && name != "..").collect())
}

pub(super) use argv::script;

const ENTRIES_MAX: usize = 10_000;
