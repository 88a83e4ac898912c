//! Which files of a root filesystem could a cataloger want, in bounded time?

use rustix::fs::FileType;

use crate::root::Root;

/// How far a walk goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WalkLimits {
    pub(crate) entries_max: usize,
    pub(crate) depth_max: usize,
}

/// Why a walk ended before everything was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unseen {
    /// The entry budget was used up.
    Entries,
    /// Some folders lie too deep.
    Depth,
    /// Some folders could not be listed.
    Unreadable,
}

impl Unseen {
    /// What was not seen, said of a walk that goes so deep.
    pub(crate) fn reason(self, depth_max: usize) -> String {
        match self {
            Self::Entries => "the walk ended at its entry budget".to_owned(),
            Self::Depth => format!("folders deeper than {depth_max} were left out"),
            Self::Unreadable => "some folders could not be listed".to_owned(),
        }
    }
}

/// Shows every regular file below `from`, links never followed; pseudo filesystems are left out.
/// Returns how many entries were seen and what was not.
pub(crate) fn walk(
    root: &Root,
    from: &str,
    limits: WalkLimits,
    visit: &mut dyn FnMut(&str),
) -> (usize, Option<Unseen>) {
    let mut open = vec![(from.trim_matches('/').to_owned(), 0_usize)];
    let mut seen = 0;
    let mut unseen = None;
    while let Some((folder, depth)) = open.pop() {
        let (entries, more) = match root.list(&folder, limits.entries_max - seen) {
            Ok(listed) => listed,
            Err(_) => {
                unseen = unseen.or(Some(Unseen::Unreadable));
                continue;
            }
        };
        seen += entries.len();
        for entry in entries.iter().rev() {
            let path = if folder.is_empty() { entry.name.clone() } else { format!("{folder}/{}", entry.name) };
            match entry.kind {
                FileType::Directory if PSEUDO.contains(&path.as_str()) => {}
                FileType::Directory if depth >= limits.depth_max => unseen = unseen.or(Some(Unseen::Depth)),
                FileType::Directory => open.push((path, depth + 1)),
                _ => {}
            }
        }
        for entry in entries.iter().filter(|entry| entry.kind == FileType::RegularFile) {
            visit(&if folder.is_empty() { entry.name.clone() } else { format!("{folder}/{}", entry.name) });
        }
        if more {
            return (seen, Some(Unseen::Entries));
        }
    }
    (seen, unseen)
}

/// What the kernel makes up, or holds no installed software, below the root of a host.
const PSEUDO: &[&str] = &[
    "proc",
    "sys",
    "dev",
    "run",
    // Scripts and lists of the package manager, thousands of them.
    "var/lib/dpkg/info",
    "var/lib/docker",
    "var/lib/containerd",
    "var/lib/containers",
    "var/cache",
    "lost+found",
];
