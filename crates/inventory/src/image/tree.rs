//! Which file is seen at a path when layers lie over each other?
//!
//! The rules are those of the OCI image specification ("Image Layer Filesystem Changeset"): a
//! later layer replaces, `.wh.NAME` hides what layers below have at NAME, `.wh..wh..opq` hides
//! all that they have in a folder; neither hides what the same layer brings.

use std::collections::BTreeMap;

use tripoint_unpack::MemberKind;

/// Where the bytes of a regular file lie, and what else its header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Content {
    /// Number of the archive.
    pub(crate) source: u32,
    pub(crate) offset: u64,
    pub(crate) size: u64,
    pub(crate) mode: u32,
    pub(crate) modified: u64,
}

/// What a name stands for.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    Folder(BTreeMap<Box<str>, u32>),
    File(Content),
    Link(Box<str>),
    Other,
}

/// What was found at a path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'t> {
    pub(crate) number: u32,
    pub(crate) node: &'t Node,
}

/// Why an entry was not taken.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// This one is not believed.
    Entry(&'static str),
    /// No more are kept.
    Full,
}

/// Names and what they stand for.
#[derive(Debug)]
pub(crate) struct Tree {
    nodes: Vec<Known>,
    /// How many there may be.
    room: usize,
}

/// A node, and what layers did to it.
#[derive(Debug)]
struct Known {
    node: Node,
    /// The layer that wrote it last.
    layer: u32,
    /// The layer that last hid what layers below have in it: doing that again would find nothing.
    cleared: u32,
}

impl Default for Tree {
    fn default() -> Self {
        let top = Known { node: Node::Folder(BTreeMap::new()), layer: 0, cleared: 0 };
        Self { nodes: vec![top], room: NODES_MIN }
    }
}

impl Tree {
    /// Makes room for what a layer of so many bytes may honestly hold: a name of a hundred folders takes no more
    /// bytes there than one of one, and here a hundred times as many.
    pub(crate) fn expect(&mut self, layer_bytes: u64) {
        let more = usize::try_from(layer_bytes / NODE_BYTES).unwrap_or(usize::MAX);
        self.room = self.room.saturating_add(more).min(NODES_MAX);
    }

    /// Takes an entry of a layer; layers are numbered upwards.
    pub(crate) fn add(&mut self, path: &str, kind: &MemberKind, content: Content, layer: u32) -> Result<(), Refused> {
        if path.contains('\0') {
            return Err(Refused::Entry("its name holds a NUL"));
        }
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
        if parts.contains(&"..") {
            return Err(Refused::Entry("its name climbs out with .."));
        }
        if parts.len() > DEPTH_MAX {
            return Err(Refused::Entry("it lies too deep"));
        }
        let Some((name, folders)) = parts.split_last() else { return Ok(()) };
        if name.len() > NAME_BYTES_MAX || folders.iter().any(|part| part.len() > NAME_BYTES_MAX) {
            return Err(Refused::Entry("its name is longer than a file system allows"));
        }
        if let Some(hidden) = name.strip_prefix(WHITEOUT) {
            self.hide(&folders.join("/"), hidden, layer);
            return Ok(());
        }
        let node = match kind {
            MemberKind::File => Node::File(content),
            MemberKind::Folder => Node::Folder(BTreeMap::new()),
            MemberKind::Link(target) if target.len() > LINK_BYTES_MAX => {
                return Err(Refused::Entry("it leads to a name longer than a file system allows"));
            }
            MemberKind::Link(target) => Node::Link(target.as_str().into()),
            MemberKind::Hard(target) => match self.place(target, false).map(|place| place.node) {
                Some(node @ (Node::File(_) | Node::Link(_))) => node.clone(),
                _ => return Err(Refused::Entry("it is another name of a file that is not there")),
            },
            MemberKind::Sparse | MemberKind::Other => Node::Other,
        };
        let parent = self.folder(folders, layer)?;
        let known = self.child(parent, name);
        if let Some(known) = known.and_then(|known| self.nodes.get_mut(known as usize)) {
            // In its place: the same name a million times is one node.
            match (&node, &known.node) {
                (Node::Folder(_), Node::Folder(_)) => known.layer = layer,
                _ => *known = Known { node, layer, cleared: 0 },
            }
            return Ok(());
        }
        self.put(parent, name, node, layer)?;
        Ok(())
    }

    /// What lies at a path; `..` and absolute links end at the top.
    pub(crate) fn place(&self, path: &str, follow: bool) -> Option<Place<'_>> {
        let parts = |path: &str| -> Vec<Box<str>> {
            path.rsplit('/').filter(|part| !part.is_empty() && *part != ".").map(Into::into).collect()
        };
        let mut open = parts(path);
        let mut stack = vec![TOP];
        let mut links = 0;
        while let Some(part) = open.pop() {
            if &*part == ".." {
                if stack.len() > 1 {
                    stack.pop();
                }
                continue;
            }
            let next = self.child(*stack.last()?, &part)?;
            match self.node(next)? {
                Node::Link(target) if follow || !open.is_empty() => {
                    links += 1;
                    if links > LINKS_MAX || open.len() > PARTS_MAX {
                        return None;
                    }
                    if target.starts_with('/') {
                        stack.truncate(1);
                    }
                    open.extend(parts(target));
                }
                _ => stack.push(next),
            }
        }
        let number = *stack.last()?;
        Some(Place { number, node: self.node(number)? })
    }

    /// What a number stands for.
    pub(crate) fn node(&self, number: u32) -> Option<&Node> {
        self.nodes.get(number as usize).map(|known| &known.node)
    }

    fn child(&self, folder: u32, name: &str) -> Option<u32> {
        match self.node(folder)? {
            Node::Folder(children) => children.get(name).copied(),
            _ => None,
        }
    }

    fn put(&mut self, parent: u32, name: &str, node: Node, layer: u32) -> Result<u32, Refused> {
        if self.nodes.len() >= self.room {
            return Err(Refused::Full);
        }
        let number = u32::try_from(self.nodes.len()).map_err(|_| Refused::Full)?;
        self.nodes.push(Known { node, layer, cleared: 0 });
        if let Some(children) = self.children(parent) {
            children.insert(name.into(), number);
        }
        Ok(number)
    }

    /// The folder that an entry lies in, made where it is missing. Links of layers below are
    /// followed, as a runtime does that lays the layer over a mounted image.
    fn folder(&mut self, parts: &[&str], layer: u32) -> Result<u32, Refused> {
        let mut here = TOP;
        for (at, part) in parts.iter().enumerate() {
            let known = self.child(here, part).and_then(|child| match self.node(child)? {
                Node::Folder(_) => Some(child),
                Node::Link(_) => {
                    let path = parts.get(..=at)?.join("/");
                    self.place(&path, true).filter(|place| matches!(place.node, Node::Folder(_))).map(|p| p.number)
                }
                _ => None,
            });
            here = match known {
                Some(known) => known,
                None => self.put(here, part, Node::Folder(BTreeMap::new()), layer)?,
            };
        }
        Ok(here)
    }

    fn hide(&mut self, folder: &str, hidden: &str, layer: u32) {
        let Some(folder) = self.place(folder, true).map(|place| place.number) else { return };
        if hidden == OPAQUE {
            self.remove_lower(folder, layer);
        } else if !hidden.starts_with(WHITEOUT)
            && let Some(child) = self.child(folder, hidden)
            && self.remove_lower(child, layer)
            && let Some(children) = self.children(folder)
        {
            children.remove(hidden);
        }
    }

    /// Removes what layers below this one left under a node; whether the node itself is theirs and
    /// now empty. Depth is bounded by that of the names.
    fn remove_lower(&mut self, number: u32, layer: u32) -> bool {
        let Some(known) = self.nodes.get_mut(number as usize) else { return true };
        let lower = known.layer < layer;
        let Node::Folder(children) = &mut known.node else { return lower };
        // What the layer itself brings comes after; a million whiteouts of one folder look into it once.
        if std::mem::replace(&mut known.cleared, layer) != layer {
            let mut kept = std::mem::take(children);
            kept.retain(|_, child| !self.remove_lower(*child, layer));
            if let Some(children) = self.children(number) {
                *children = kept;
            }
        }
        lower && self.children(number).is_none_or(|children| children.is_empty())
    }

    fn children(&mut self, folder: u32) -> Option<&mut BTreeMap<Box<str>, u32>> {
        match &mut self.nodes.get_mut(folder as usize)?.node {
            Node::Folder(children) => Some(children),
            _ => None,
        }
    }
}

const TOP: u32 = 0;
const WHITEOUT: &str = ".wh.";
/// Of `.wh..wh..opq`.
const OPAQUE: &str = ".wh..opq";
const DEPTH_MAX: usize = 128;
const NAME_BYTES_MAX: usize = 255;
const LINK_BYTES_MAX: usize = 4096;
/// As the kernel.
const LINKS_MAX: usize = 40;
const PARTS_MAX: usize = 8192;
/// Nodes of all layers; some 150 MB.
pub(super) const NODES_MAX: usize = 1_000_000;
/// Of images however small.
const NODES_MIN: usize = 8192;
/// Bytes of a layer for a node: a quarter of what an entry's header has.
const NODE_BYTES: u64 = 128;
