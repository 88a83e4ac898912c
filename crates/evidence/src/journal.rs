//! What does the journal hold of a unit or a container?
//!
//! Its files are read by its own tool, as a child that gets no environment, whose answer is bounded, and that ends with
//! whoever reads. The newest records come first: where a bound is met, the oldest are missing. [journalctl(1)]

mod tail;
mod tool;

use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde::Serialize;
use tripoint_model::Timestamp;

use crate::locate::Subject;

pub use tail::Tail;
use tool::Tool;

/// Where systems have the tool.
const TOOLS: &[&str] = &["/usr/bin/journalctl", "/bin/journalctl"];
/// Where journals lie.
const FOLDERS: &[&str] = &["/var/log/journal", "/run/log/journal"];
/// How often it is asked whether the time is over while nothing comes.
const PATIENCE: Duration = Duration::from_millis(100);

/// Whose records are wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Journal {
    /// The unit or container.
    pub of: Of,
    /// Another folder than the host's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,
}

/// Whom records belong to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Of {
    /// A unit of systemd.
    Unit(String),
    /// A container by its full id, where its runtime writes to the journal.
    Container(String),
}

impl fmt::Display for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.of {
            Of::Unit(unit) => write!(f, "journal of {unit}"),
            Of::Container(id) => write!(f, "journal of container {id:.12}"),
        }
    }
}

/// The journal of a process, or why there is none.
pub(crate) fn find(subject: &Subject) -> Option<Result<Journal, String>> {
    let of = match (&subject.container, &subject.unit) {
        (Some((_, id)), _) => Of::Container(id.clone()),
        (None, Some(unit)) if unit.ends_with(".service") => Of::Unit(unit.clone()),
        _ => return None,
    };
    let journal = Journal { of, folder: None };
    let folder = FOLDERS.iter().find(|folder| Path::new(folder).is_dir())?;
    Some(match tool() {
        Some(_) => Ok(journal),
        None => Err(format!("the {journal} was not read: its files in {folder} need journalctl, which is not here")),
    })
}

fn tool() -> Option<&'static str> {
    TOOLS.iter().find(|tool| Path::new(tool).is_file()).copied()
}

/// Why the journal is not read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// There is no tool.
    #[error("journalctl is not here")]
    NoTool,
    /// The name could be taken for something else.
    #[error("{0:?} is no name of a unit or container")]
    Name(String),
    /// It did not start.
    #[error("journalctl does not start")]
    Start(#[source] io::Error),
}

impl Journal {
    /// Begins to read the records of this time, an object of JSON a line, the newest first.
    pub fn read<'o>(
        &self,
        (from, to): (Timestamp, Timestamp),
        is_over: &'o dyn Fn() -> bool,
    ) -> Result<Records<'o>, JournalError> {
        let mut command = self.command(from)?;
        command.arg("--reverse").arg(format!("--until=@{}", to.0.div_euclid(1_000_000) + 1));
        Ok(Records { tool: Tool::start(command).map_err(JournalError::Start)?, is_over })
    }

    /// Begins to follow what is written from this time on. `prepare` has a last word about the child.
    pub fn follow(&self, since: Timestamp, prepare: &dyn Fn(&mut Command)) -> Result<Tail, JournalError> {
        let mut command = self.command(since)?;
        command.arg("--follow");
        prepare(&mut command);
        Tool::start(command).map(Tail::of).map_err(JournalError::Start)
    }

    fn command(&self, since: Timestamp) -> Result<Command, JournalError> {
        let tool = tool().ok_or(JournalError::NoTool)?;
        let (Of::Unit(name) | Of::Container(name)) = &self.of;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b":-_.\\@".contains(&byte);
        if name.is_empty() || name.len() > NAME_BYTES_MAX || name.starts_with('-') || !name.bytes().all(is_plain) {
            return Err(JournalError::Name(name.clone()));
        }
        let mut command = Command::new(tool);
        command.env_clear().current_dir("/").args(["--output=json", "--no-pager", "--quiet", "--all"]);
        command.arg(format!("--since=@{}", since.0.div_euclid(1_000_000)));
        match &self.folder {
            Some(folder) => command.arg("--directory").arg(folder),
            None => &mut command,
        };
        match &self.of {
            Of::Unit(unit) => command.arg(format!("--unit={unit}")),
            Of::Container(id) => command.arg(format!("CONTAINER_ID_FULL={id}")),
        };
        Ok(command)
    }
}

const NAME_BYTES_MAX: usize = 256;

/// What the tool answers. Dropped, the tool ends. Behind the last record stands an error where the tool says that it
/// has not read everything: it failed, or complained of a file.
pub struct Records<'o> {
    tool: Tool,
    is_over: &'o dyn Fn() -> bool,
}

impl Read for Records<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if (self.is_over)() {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "the time is over"));
            }
            match self.tool.read(buffer, PATIENCE)? {
                Some(0) if !buffer.is_empty() => {
                    while !self.tool.has_ended(PATIENCE)? {
                        if (self.is_over)() {
                            return Err(io::Error::new(io::ErrorKind::TimedOut, "the time is over"));
                        }
                    }
                    return self.tool.verdict().map(|()| 0);
                }
                Some(read) => return Ok(read),
                None => {}
            }
        }
    }
}

/// The place of a record for good: `journalctl --cursor=…` shows it again.
pub(crate) fn cursor(line: &str) -> Option<&str> {
    line.split_once("\"__CURSOR\":\"")?.1.split('"').next()
}

#[cfg(test)]
mod tests;
