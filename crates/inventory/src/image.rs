//! Which root filesystem do the layers of a container image make, without unpacking them?
//!
//! Every layer is walked once and only its headers are kept, as a tree (`tree`); contents stay
//! where they lie and are read there. A compressed layer is decompressed into a file without a
//! name that ends with the scan: the kernel cannot search in a gzip stream. Nothing from the
//! archive ever gets a name on this host, so no name in it can lead anywhere.

mod layout;
mod part;
mod tree;

use std::fs::File;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use tripoint_model::Rejected;
use tripoint_unpack::{Kind, Limits, MemberKind, decompress, members};

pub(crate) use part::Part;
pub(crate) use part::anonymous;
use tree::{Content, Tree};
pub(crate) use tree::{Node, Place};

/// The files that the layers of an image leave, to be read where they lie.
#[derive(Debug, Default)]
pub(crate) struct Image {
    tree: Tree,
    /// Archives and decompressed layers that hold the contents.
    parts: Vec<Part>,
    /// Bytes that were decompressed so far.
    spooled: u64,
    /// Entries that were looked at so far.
    entries: u64,
    /// What could not be read, and why.
    pub(crate) rejected: Vec<Rejected>,
}

impl Image {
    /// Reads a Docker archive, an OCI layout (a folder or an archive), or the tar of a root
    /// filesystem; also compressed. What is refused inside is noted; an error means that
    /// nothing can be said.
    pub(crate) fn open(path: &Path) -> Result<Self, String> {
        let name = path.to_string_lossy().into_owned();
        let found = std::fs::metadata(path).map_err(|error| error.to_string())?;
        let mut image = Self::default();
        if found.is_dir() {
            let root = crate::root::Root::open(path).map_err(|error| error.to_string())?;
            let layers = layout::layers(&layout::Blobs::Folder(&root), &mut image.rejected)?;
            let layers = layers.ok_or("no index.json of an OCI layout in the folder")?;
            image.stack(layers);
            return Ok(image);
        }
        if !found.is_file() {
            return Err("not a regular file".to_owned());
        }
        let file = File::open(path).map_err(|error| error.to_string())?;
        let whole = Part { file: Arc::new(file), offset: 0, size: found.len() };
        let mut outer = Self::default();
        outer.add(whole, &name, 0)?;
        match layout::layers(&layout::Blobs::Archive(&outer), &mut image.rejected)? {
            Some(layers) => {
                // Names of the outer archive that were refused belong to nobody's root filesystem.
                image.rejected.append(&mut outer.rejected);
                image.spooled = outer.spooled;
                image.stack(layers);
                Ok(image)
            }
            // What `docker export` writes.
            None if outer.tree.place("etc", true).is_some() || outer.tree.place("usr", true).is_some() => Ok(outer),
            None => Err("neither a Docker nor an OCI archive, nor a root filesystem: \
                         no manifest.json, no index.json, no folder etc or usr"
                .to_owned()),
        }
    }

    fn stack(&mut self, layers: Vec<layout::Layer>) {
        for (number, layer) in (1..).zip(layers) {
            if let Err(reason) = self.add(layer.part, &layer.name, number) {
                self.refuse(&layer.name, reason);
            }
        }
    }

    fn refuse(&mut self, file: &str, reason: String) {
        if self.rejected.len() < REJECTED_MAX {
            self.rejected.push(Rejected { file: file.to_owned(), line: 0, reason });
        }
    }

    /// Lays one tar over what is there. An error in its middle leaves what came before.
    fn add(&mut self, part: Part, name: &str, layer: u32) -> Result<(), String> {
        let part = self.unpacked(part, name)?;
        let source = u32::try_from(self.parts.len()).map_err(|_| "too many layers".to_owned())?;
        self.parts.push(part.clone());
        let limits = Limits { entries_max: ENTRIES_MAX.saturating_sub(self.entries), ..Limits::default() };
        let mut refused = Refusals::default();
        let mut full = None;
        self.tree.expect(part.size);
        let (tree, entries) = (&mut self.tree, &mut self.entries);
        let outcome = members(part.reader(), name, &limits, &mut |member| {
            *entries += 1;
            let content = Content {
                source,
                offset: member.offset,
                size: member.size,
                mode: member.mode,
                modified: member.modified,
            };
            if member.kind == MemberKind::Sparse {
                refused.note(&member.path, "it is a sparse file, which is not read");
            }
            match tree.add(&member.path, &member.kind, content, layer) {
                Ok(()) => ControlFlow::Continue(()),
                Err(tree::Refused::Entry(reason)) => {
                    refused.note(&member.path, reason);
                    ControlFlow::Continue(())
                }
                Err(tree::Refused::Full) => {
                    full =
                        Some(format!("more names than its size lets expect: left out from entry {:?} on", member.path));
                    ControlFlow::Break(())
                }
            }
        });
        for reason in refused.told() {
            self.refuse(name, reason);
        }
        match (outcome, full) {
            (Err(error), _) => Err(error.to_string()),
            (_, Some(reason)) => Err(reason),
            _ => Ok(()),
        }
    }

    /// The tar itself, decompressed where it has to be.
    fn unpacked(&mut self, part: Part, name: &str) -> Result<Part, String> {
        let head = part.read_start(512).map_err(|error| error.to_string())?;
        let codec = match Kind::detect(&head) {
            Kind::Tar => return Ok(part),
            Kind::Packed(codec) => codec,
            // An empty layer is two empty blocks, or nothing at all.
            Kind::Plain if head.iter().all(|byte| *byte == 0) => return Ok(part),
            Kind::Plain | Kind::Zip => return Err("not a tar archive".to_owned()),
        };
        let room = SPOOL_BYTES_MAX.saturating_sub(self.spooled);
        let limits = Limits { out_bytes_max: room, entry_bytes_max: room, ..Limits::default() };
        let mut spool = anonymous().map_err(|error| format!("no temporary file: {error}"))?;
        let mut size = 0;
        decompress(codec, part.reader(), name, &limits, &mut |content| {
            size = std::io::copy(content, &mut spool)?;
            Ok(())
        })
        .map_err(|error| error.to_string())?;
        spool.flush().map_err(|error| error.to_string())?;
        self.spooled += size;
        let spool = Part { file: Arc::new(spool), offset: 0, size };
        match Kind::detect(&spool.read_start(512).map_err(|error| error.to_string())?) {
            Kind::Tar => Ok(spool),
            _ if size <= 1024 => Ok(spool),
            _ => Err("not a tar archive".to_owned()),
        }
    }

    /// What lies at a path, links followed inside the image (the last one only when `follow`).
    pub(crate) fn place(&self, path: &str, follow: bool) -> Option<Place<'_>> {
        self.tree.place(path, follow)
    }

    /// What a number stands for.
    pub(crate) fn node(&self, number: u32) -> Option<&Node> {
        self.tree.node(number)
    }

    /// Where the bytes of a regular file lie.
    pub(crate) fn part(&self, path: &str) -> std::io::Result<Part> {
        let absent = || std::io::Error::from(std::io::ErrorKind::NotFound);
        match self.tree.place(path, true).ok_or_else(absent)?.node {
            Node::File(content) => {
                let outer = self.parts.get(content.source as usize).ok_or_else(absent)?;
                outer.within(content.offset, content.size)
            }
            _ => Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, "not a regular file")),
        }
    }
}

/// Entries of one layer that were not taken.
#[derive(Default)]
struct Refusals {
    shown: Vec<String>,
    more: u64,
}

impl Refusals {
    fn note(&mut self, path: &str, reason: &str) {
        if self.shown.len() >= REFUSED_MAX {
            self.more += 1;
            return;
        }
        let path = tripoint_model::text::truncate(path, 200).0;
        self.shown.push(format!("entry {path:?}: {reason}"));
    }

    fn told(self) -> impl Iterator<Item = String> {
        let more = (self.more > 0).then(|| format!("{} more entries are refused", self.more));
        self.shown.into_iter().chain(more)
    }
}

/// Entries of all layers; a large image has some 400,000.
const ENTRIES_MAX: u64 = 1_000_000;
/// Of one layer, by name.
const REFUSED_MAX: usize = 100;
/// Decompressed bytes of all layers together; the largest images in common use have half of it.
const SPOOL_BYTES_MAX: u64 = 16 << 30;
const REJECTED_MAX: usize = 1000;

#[cfg(test)]
mod tests;
