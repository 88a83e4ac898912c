//! What does the journal hold of a unit or a container?
//!
//! Its files are read by its own tool, as a child that gets no environment, whose answer is bounded, and that ends with
//! whoever reads. The newest records come first: where a bound is met, the oldest are missing. [journalctl(1)]

use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::Serialize;
use tripoint_model::Timestamp;

use crate::locate::Subject;

/// Where systems have the tool.
const TOOLS: &[&str] = &["/usr/bin/journalctl", "/bin/journalctl"];
/// Where journals lie.
const FOLDERS: &[&str] = &["/var/log/journal", "/run/log/journal"];
/// How often it is asked whether the time is over while nothing comes.
const PATIENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

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
        let tool = tool().ok_or(JournalError::NoTool)?;
        let (Of::Unit(name) | Of::Container(name)) = &self.of;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b":-_.\\@".contains(&byte);
        if name.is_empty() || name.len() > NAME_BYTES_MAX || name.starts_with('-') || !name.bytes().all(is_plain) {
            return Err(JournalError::Name(name.clone()));
        }
        let mut command = Command::new(tool);
        command.env_clear().current_dir("/").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.args(["--output=json", "--no-pager", "--quiet", "--reverse", "--all"]);
        command.arg(format!("--since=@{}", from.0.div_euclid(1_000_000)));
        command.arg(format!("--until=@{}", to.0.div_euclid(1_000_000) + 1));
        match &self.folder {
            Some(folder) => command.arg("--directory").arg(folder),
            None => &mut command,
        };
        match &self.of {
            Of::Unit(unit) => command.arg(format!("--unit={unit}")),
            Of::Container(id) => command.arg(format!("CONTAINER_ID_FULL={id}")),
        };
        let mut child = command.spawn().map_err(JournalError::Start)?;
        let (Some(output), Some(talk)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(JournalError::NoTool);
        };
        Ok(Records { child, output, talk: Some(talk), said: Vec::new(), is_over })
    }
}

const NAME_BYTES_MAX: usize = 256;

/// As much as is kept of what the tool complains of.
const SAID_BYTES_MAX: usize = 1 << 10;

/// What the tool answers. Dropped, the tool ends. Behind the last record stands an error where the tool says that it
/// has not read everything: it failed, or complained of a file.
pub struct Records<'o> {
    child: Child,
    output: ChildStdout,
    /// Where it complains, until that ends.
    talk: Option<ChildStderr>,
    said: Vec<u8>,
    is_over: &'o dyn Fn() -> bool,
}

impl Read for Records<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.wait()? {
                let read = self.output.read(buffer)?;
                return if read == 0 && !buffer.is_empty() { self.end() } else { Ok(read) };
            }
        }
    }
}

impl Records<'_> {
    /// Waits a moment; says whether there is more of the answer, or its end. What it complains of is taken meanwhile, as
    /// a tool that may not speak waits.
    fn wait(&mut self) -> io::Result<bool> {
        if (self.is_over)() {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the time is over"));
        }
        let mut fds = vec![PollFd::new(&self.output, PollFlags::IN)];
        fds.extend(self.talk.as_ref().map(|talk| PollFd::new(talk, PollFlags::IN)));
        match poll(&mut fds, Some(&PATIENCE)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => return Ok(false),
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        if ready.get(1) == Some(&true) {
            self.listen()?;
        }
        Ok(ready[0])
    }

    fn listen(&mut self) -> io::Result<()> {
        let Some(talk) = &mut self.talk else { return Ok(()) };
        let mut part = [0; 512];
        let read = talk.read(&mut part)?;
        let room = SAID_BYTES_MAX - self.said.len();
        self.said.extend_from_slice(&part[..read.min(room)]);
        if read == 0 {
            self.talk = None;
        }
        Ok(())
    }

    /// The answer is over: whether it was whole.
    fn end(&mut self) -> io::Result<usize> {
        while self.talk.is_some() {
            self.wait()?;
        }
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            self.wait()?;
        };
        let said = String::from_utf8_lossy(&self.said);
        let said = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ");
        match (status.success(), said.is_empty()) {
            (true, true) => Ok(0),
            (true, false) => Err(io::Error::other(format!("read in part, journalctl says: {said}"))),
            (false, true) => Err(io::Error::other(format!("read in part, journalctl failed: {status}"))),
            (false, false) => Err(io::Error::other(format!("read in part, journalctl failed ({status}): {said}"))),
        }
    }
}

impl Drop for Records<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The place of a record for good: `journalctl --cursor=…` shows it again.
pub(crate) fn cursor(line: &str) -> Option<&str> {
    line.split_once("\"__CURSOR\":\"")?.1.split('"').next()
}

#[cfg(test)]
mod tests;
