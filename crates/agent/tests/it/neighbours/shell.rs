//! How are programs run one after the other in a network namespace, with files of the host that are only theirs?

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use tripoint_linux::child;
use tripoint_linux::netns::NetNs;

/// A shell in a mount namespace of its own. What it started in the background and named in `PIDS` ends with it.
pub struct Shell {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    folder: tempfile::TempDir,
}

/// Stands where the output of a command ends, before its code.
const MARK: &str = "tripoint-test-done";

impl Shell {
    pub fn start(namespace: &NetNs) -> Result<Self, String> {
        let text = |error: std::io::Error| error.to_string();
        let folder = tempfile::tempdir().map_err(text)?;
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh"]).env("FOLDER", folder.path()).env("LC_ALL", "C");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        child::ends_with_parent(&mut command);
        child::in_namespace(&mut command, namespace).map_err(text)?;
        let mut child = command.spawn().map_err(text)?;
        let (input, output) = (child.stdin.take(), child.stdout.take().ok_or("no output")?);
        let mut shell = Self { child, input, output: BufReader::new(output), folder };
        // Locks and sockets of the host's own programs are not touched.
        shell.run("trap 'kill $PIDS 2>/dev/null' EXIT; mount -t tmpfs tmpfs /run")?;
        Ok(shell)
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    /// What it printed; an error with that where its code is not 0.
    pub fn run(&mut self, command: &str) -> Result<String, String> {
        let text = |error: std::io::Error| error.to_string();
        let input = self.input.as_mut().ok_or("it has ended")?;
        writeln!(input, "{{ {command}\n}} </dev/null 2>&1; echo {MARK} $?").map_err(text)?;
        let mut said = String::new();
        loop {
            let mut line = String::new();
            if self.output.read_line(&mut line).map_err(text)? == 0 {
                return Err(format!("the shell ended: {said}"));
            }
            match line.split_once(MARK) {
                None => said += &line,
                Some((rest, code)) => {
                    said += rest;
                    return if code.trim() == "0" { Ok(said) } else { Err(said) };
                }
            }
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.wait();
    }
}
