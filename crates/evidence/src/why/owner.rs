//! Which package has a file, by dpkg's lists?

use std::io::Read;
use std::path::Path;

use memchr::memmem;

use super::Owner;
use super::place::folder;
use crate::locate::opened::open_in;

/// Looks in the lists of the root that the file is in. Other package managers keep theirs in databases, and whoever
/// knows them says so in the question: without dpkg nothing is known.
pub(super) fn of(root: &Path, path: &str) -> Owner {
    let info = Path::new("/var/lib/dpkg/info");
    let Ok(names) = folder(root, info) else { return Owner::NotKnown };
    // Where `/lib` is `/usr/lib`, a list may have either.
    let other = path.strip_prefix("/usr").map_or_else(|| format!("/usr{path}"), str::to_owned);
    let needles = [format!("{path}\n"), format!("{other}\n")];
    let mut left = BYTES_MAX;
    for name in names {
        let Some(package) = name.strip_suffix(".list") else { continue };
        let Ok(file) = open_in(root, &info.join(&name)) else { continue };
        let mut bytes = Vec::new();
        if file.take(left).read_to_end(&mut bytes).is_err() {
            continue;
        }
        left = left.saturating_sub(bytes.len() as u64);
        let starts = |at: usize| at == 0 || bytes[at - 1] == b'\n';
        if needles.iter().any(|needle| memmem::find_iter(&bytes, needle).any(starts)) {
            return Owner::Package(package.split(':').next().unwrap_or(package).to_owned());
        }
    }
    if left == 0 { Owner::NotKnown } else { Owner::Nobody }
}

/// The lists of a large desktop have half of it.
const BYTES_MAX: u64 = 128 << 20;
