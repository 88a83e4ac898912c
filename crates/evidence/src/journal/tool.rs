//! How is a tool held that answers as long as it likes?
//!
//! Nobody waits for it longer than wanted, what it complains of is kept in part and taken whole, as a tool that may not
//! speak waits; and it ends with whoever holds it.

use std::io::{self, Read as _};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// As much as is kept of what it complains of.
const SAID_BYTES_MAX: usize = 1 << 10;

/// A running tool. Dropped, it is ended.
pub(super) struct Tool {
    child: Child,
    output: ChildStdout,
    /// Where it complains, until that ends.
    talk: Option<ChildStderr>,
    said: Vec<u8>,
}

impl Tool {
    pub(super) fn start(mut command: Command) -> io::Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        match (child.stdout.take(), child.stderr.take()) {
            (Some(output), talk @ Some(_)) => Ok(Self { child, output, talk, said: Vec::new() }),
            _ => Err(io::Error::other("its output is not here")),
        }
    }

    /// Reads what it answers next, 0 bytes at the end; nothing where nothing came within the time.
    pub(super) fn read(&mut self, buffer: &mut [u8], patience: Duration) -> io::Result<Option<usize>> {
        if !self.wait(patience)? {
            return Ok(None);
        }
        self.output.read(buffer).map(Some)
    }

    /// Waits; says whether there is more of the answer, or its end.
    fn wait(&mut self, patience: Duration) -> io::Result<bool> {
        let mut fds = vec![PollFd::new(&self.output, PollFlags::IN)];
        fds.extend(self.talk.as_ref().map(|talk| PollFd::new(talk, PollFlags::IN)));
        let patience = Timespec::try_from(patience).map_err(io::Error::other)?;
        match poll(&mut fds, Some(&patience)) {
            Ok(0) | Err(Errno::INTR) => return Ok(false),
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

    /// Waits a moment for the end of a tool whose answer is over; says whether it has come.
    pub(super) fn has_ended(&mut self, patience: Duration) -> io::Result<bool> {
        if self.talk.is_some() {
            self.wait(patience)?;
        } else if self.child.try_wait()?.is_none() {
            std::thread::sleep(patience.min(Duration::from_millis(5)));
        }
        Ok(self.talk.is_none() && self.child.try_wait()?.is_some())
    }

    /// Of a tool that has ended: whether its answer was whole.
    pub(super) fn verdict(&mut self) -> io::Result<()> {
        let status = self.child.wait()?;
        let said = String::from_utf8_lossy(&self.said);
        let said = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ");
        match (status.success(), said.is_empty()) {
            (true, true) => Ok(()),
            (true, false) => Err(io::Error::other(format!("read in part, journalctl says: {said}"))),
            (false, true) => Err(io::Error::other(format!("read in part, journalctl failed: {status}"))),
            (false, false) => Err(io::Error::other(format!("read in part, journalctl failed ({status}): {said}"))),
        }
    }

    #[cfg(test)]
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Tool {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
