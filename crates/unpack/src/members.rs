//! Which files, folders and links lie where inside this tar that can be searched?

use std::io::{Read, Seek};
use std::ops::ControlFlow;

use tar::{Archive, EntryType};

use crate::archive::damaged;
use crate::error::UnpackError;
use crate::limits::{Limit, Limits};
use crate::said::Said;

/// What an entry of a tar is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MemberKind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link, and where it leads.
    Link(String),
    /// Another name of a file that came before.
    Hard(String),
    /// A file with holes: its bytes do not lie there as they are read.
    Sparse,
    /// A device, a pipe.
    Other,
}

/// An entry of a tar: what it is and where its content lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// As it is written there: it may be absolute or climb out with `..`.
    pub path: String,
    /// What it is.
    pub kind: MemberKind,
    /// Permissions.
    pub mode: u32,
    /// Seconds since the epoch.
    pub modified: u64,
    /// Where its content begins in the tar.
    pub offset: u64,
    /// How many bytes it has.
    pub size: u64,
}

/// Shows every entry of a tar, in order, without reading what is in the files. `Break` ends the
/// walk without error.
pub fn members(
    reader: impl Read + Seek,
    name: &str,
    limits: &Limits,
    visit: &mut dyn FnMut(Member) -> ControlFlow<()>,
) -> Result<(), UnpackError> {
    let mut archive = Archive::new(reader);
    let mut last = String::new();
    let mut count = 0_u64;
    let mut said = Said::default();
    let broken = |entry: &str, reason: &str| damaged(name, "tar", &format!("after {entry:?}: {reason}"));
    // Raw: the library would read extension headers of any length into memory.
    let raw = archive.entries_with_seek().map_err(|error| broken("", &error.to_string()))?.raw(true);
    for entry in raw {
        let mut entry = entry.map_err(|error| broken(&last, &error.to_string()))?;
        count += 1;
        if count > limits.entries_max {
            let limit = Limit::Entries(limits.entries_max);
            return Err(UnpackError::TooBig { name: name.to_owned(), entry: last, limit });
        }
        let kind = entry.header().entry_type();
        if said.hear(kind, &mut entry).map_err(|reason| broken(&last, &reason))? {
            continue;
        }
        let own = said.entry(entry.header()).map_err(|reason| broken(&last, &reason))?;
        let (path, sparse) = (text(&own.name), own.sparse);
        let link = || text(&own.link.unwrap_or_default());
        let kind = match kind {
            _ if sparse => MemberKind::Sparse,
            // An old writer marks a folder by the end of its name.
            EntryType::Regular if path.ends_with('/') => MemberKind::Folder,
            EntryType::Regular | EntryType::Continuous => MemberKind::File,
            EntryType::Directory => MemberKind::Folder,
            EntryType::Symlink => MemberKind::Link(link()),
            EntryType::Link => MemberKind::Hard(link()),
            _ => MemberKind::Other,
        };
        let member = Member {
            path: path.clone(),
            kind,
            mode: entry.header().mode().unwrap_or(0),
            modified: entry.header().mtime().unwrap_or(0),
            offset: entry.raw_file_position(),
            size: entry.header().entry_size().unwrap_or(0),
        };
        if visit(member).is_break() {
            break;
        }
        last = path;
    }
    Ok(())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(bytes: &[u8], limits: &Limits) -> (Vec<Member>, Result<(), UnpackError>) {
        let mut out = Vec::new();
        let end = members(std::io::Cursor::new(bytes), "a.tar", limits, &mut |member| {
            out.push(member);
            ControlFlow::Continue(())
        });
        (out, end)
    }

    #[test]
    fn files_links_and_long_names_are_told_with_their_place() {
        let long = "d/".repeat(90) + "file";
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o755);
        header.set_size(5);
        builder.append_data(&mut header, &long, &b"hello"[..]).expect("append");
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(EntryType::Symlink);
        header.set_size(0);
        builder.append_link(&mut header, "link", &long).expect("append");
        header.set_entry_type(EntryType::Link);
        builder.append_link(&mut header, "hard", "d/file").expect("append");
        let bytes = builder.into_inner().expect("tar");
        let (found, end) = found(&bytes, &Limits::default());
        end.expect("good");
        let kinds: Vec<_> = found.iter().map(|one| (one.path.as_str(), &one.kind)).collect();
        assert_eq!(
            kinds,
            [
                (long.as_str(), &MemberKind::File),
                ("link", &MemberKind::Link(long.clone())),
                ("hard", &MemberKind::Hard("d/file".into()))
            ]
        );
        let place = usize::try_from(found[0].offset).expect("small");
        assert_eq!((&bytes[place..place + 5], found[0].mode), (&b"hello"[..], 0o755));
    }

    #[test]
    fn too_many_entries_and_damage_are_said() {
        let mut builder = tar::Builder::new(Vec::new());
        for name in ["a", "b", "c"] {
            let mut header = tar::Header::new_gnu();
            header.set_size(0);
            builder.append_data(&mut header, name, &b""[..]).expect("append");
        }
        let mut bytes = builder.into_inner().expect("tar");
        let (seen, end) = found(&bytes, &Limits { entries_max: 2, ..Limits::default() });
        assert!(seen.len() == 2 && matches!(end, Err(UnpackError::TooBig { .. })));
        bytes[512 + 150] ^= 1;
        let (seen, end) = found(&bytes, &Limits::default());
        assert!(seen.len() == 1 && matches!(end, Err(UnpackError::Damaged { .. })));
    }
}
