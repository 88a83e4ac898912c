//! What may this process still touch, once it has given up the rest?
//!
//! By landlock: for good, for the calling thread and for every thread and program that it starts from then on, whoever
//! it runs as. What the kernel does not offer is left out and said, so that an old kernel costs safety and no service.
//! Not held by it: UDP, what is open already, and the metadata of files.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, NetPort, PathBeneath, PathFd, PathFdError, Ruleset, RulesetAttr as _,
    RulesetCreatedAttr as _, RulesetError, Scope,
};

use crate::capability::{LANDLOCK_WHOLE, landlock_abi};

/// What a process goes on needing. Nothing else is opened, made, removed, executed, connected to or listened on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    read: BTreeSet<PathBuf>,
    write: BTreeSet<PathBuf>,
    connect: BTreeSet<u16>,
    bind: BTreeSet<u16>,
}

impl Policy {
    /// A file, or a folder with all below it, may be read. A file that is replaced by another of its name is another
    /// file: where that is to be read too, name its folder. What is not there is left out.
    pub fn read(&mut self, path: impl Into<PathBuf>) -> &mut Self {
        self.read.insert(path.into());
        self
    }

    /// In this folder and below it files, folders and sockets may be made, changed, moved and removed. It has to be
    /// there.
    pub fn write(&mut self, folder: impl Into<PathBuf>) -> &mut Self {
        self.write.insert(folder.into());
        self
    }

    /// TCP connections to this port may be made, whatever the address.
    pub fn connect(&mut self, port: u16) -> &mut Self {
        self.connect.insert(port);
        self
    }

    /// This TCP port may be taken; 0 is one that the kernel chooses.
    pub fn bind(&mut self, port: u16) -> &mut Self {
        self.bind.insert(port);
        self
    }

    /// The TCP ports that may be connected to.
    pub fn ports(&self) -> impl Iterator<Item = u16> {
        self.connect.iter().copied()
    }
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Confined {
    /// The version of landlock that the kernel offers; 0: none.
    pub abi: u32,
    /// What is not held back, for people; nothing where all is.
    pub lost: Vec<String>,
}

impl Confined {
    /// `whole`, `partly` or `not`.
    pub fn state(&self) -> &'static str {
        match (self.abi, self.lost.is_empty()) {
            (0, _) => "not",
            (_, true) => "whole",
            (_, false) => "partly",
        }
    }
}

impl fmt::Display for Confined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.abi {
            0 => f.write_str("not confined")?,
            abi => write!(f, "confined by landlock {abi}")?,
        }
        if self.lost.is_empty() { Ok(()) } else { write!(f, "; not held back: {}", self.lost.join(", ")) }
    }
}

/// Why a process could not be confined as it was asked; it goes on as before.
#[derive(Debug, thiserror::Error)]
pub enum ConfineError {
    /// A folder that is to be written.
    #[error("open {}", .0.display())]
    Folder(PathBuf, #[source] PathFdError),
    /// The kernel refused what it offers.
    #[error("landlock")]
    Kernel(#[from] RulesetError),
}

/// Gives up everything that the policy does not name, as far as the kernel offers that. Call it before other threads are
/// started: those that run already are not held, which is said.
pub fn confine(policy: &Policy) -> Result<Confined, ConfineError> {
    let abi = landlock_abi();
    let mut lost = lost_without(abi);
    if abi == 0 {
        return Ok(Confined { abi, lost });
    }
    let others = fs::read_dir("/proc/self/task").map_or(0, |threads| threads.count().saturating_sub(1));
    if others > 0 {
        lost.push(format!("{others} threads that ran before"));
    }
    let mut rules = Ruleset::default()
        .handle_access(AccessFs::from_all(KNOWN))?
        .handle_access(AccessNet::from_all(KNOWN))?
        .scope(Scope::from_all(KNOWN))?
        .create()?;
    for path in &policy.read {
        // What cannot be reached could not be read either.
        if let Ok(opened) = PathFd::new(path) {
            rules = rules.add_rule(PathBeneath::new(opened, fitting(path, reading())))?;
        }
    }
    for folder in &policy.write {
        let opened = PathFd::new(folder).map_err(|error| ConfineError::Folder(folder.clone(), error))?;
        rules = rules.add_rule(PathBeneath::new(opened, fitting(folder, writing())))?;
    }
    for (ports, access) in [(&policy.connect, AccessNet::ConnectTcp), (&policy.bind, AccessNet::BindTcp)] {
        rules = rules.add_rules(ports.iter().map(|port| Ok::<_, RulesetError>(NetPort::new(*port, access))))?;
    }
    rules.restrict_self()?;
    Ok(Confined { abi, lost })
}

/// All that was tested; a kernel that offers more is asked for no more.
const KNOWN: ABI = ABI::V7;

fn reading() -> BitFlags<AccessFs> {
    AccessFs::ReadFile | AccessFs::ReadDir
}

/// No program, device, pipe or link is made by anything of ours.
fn writing() -> BitFlags<AccessFs> {
    reading()
        | AccessFs::WriteFile
        | AccessFs::Truncate
        | AccessFs::MakeReg
        | AccessFs::MakeDir
        | AccessFs::MakeSock
        | AccessFs::RemoveFile
        | AccessFs::RemoveDir
        | AccessFs::Refer
}

/// Of a file only what there is of files.
fn fitting(path: &Path, access: BitFlags<AccessFs>) -> BitFlags<AccessFs> {
    if path.is_dir() { access } else { access & AccessFs::from_file(KNOWN) }
}

/// What older kernels do not hold back, by the version that brought it.
fn lost_without(abi: u32) -> Vec<String> {
    let brought = [
        (1, "files and programs"),
        (3, "the length of files that may only be read"),
        (4, "TCP ports"),
        (5, "commands to devices"),
        (LANDLOCK_WHOLE, "signals to other programs and their abstract sockets"),
    ];
    brought.into_iter().filter(|(by, _)| abi < *by).map(|(_, what)| what.to_owned()).collect()
}

/// Where a file is that may be replaced by another of its name, as certificates and the resolver's configuration are:
/// its folder and those of the files that it is a link to. The root alone is no such folder; there the file counts.
pub fn places_of(file: &Path) -> io::Result<Vec<PathBuf>> {
    let mut places = Vec::new();
    let mut at = std::path::absolute(file)?;
    for _ in 0..LINKS_MAX {
        let folder = at.parent().filter(|folder| folder.parent().is_some());
        places.push(folder.map_or_else(|| at.clone(), Path::to_owned));
        match fs::read_link(&at) {
            Ok(to) => at = at.parent().map_or_else(|| to.clone(), |folder| folder.join(&to)),
            Err(_) => break,
        }
    }
    Ok(places)
}

/// As the kernel follows.
const LINKS_MAX: usize = 40;

#[cfg(test)]
mod tests;
