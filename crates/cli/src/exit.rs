//! What does the exit code say? The table is part of the contract with scripts.

use std::io::ErrorKind;
use std::process::ExitCode;

use tripoint_api::ClientError;

/// Every exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All went well.
    Fine,
    /// It failed.
    Failed,
    /// Findings at or over `--fail-on`.
    Findings,
    /// Something was skipped; it was said what.
    Partial,
    /// The server cannot be reached.
    Unreachable,
    /// The command line is wrong.
    Usage,
    /// Needs more rights.
    Unprivileged,
}

impl Exit {
    /// As the process ends with it.
    pub fn number(self) -> u8 {
        match self {
            Self::Fine => 0,
            Self::Failed => 1,
            Self::Findings => 2,
            Self::Partial => 3,
            Self::Unreachable => 4,
            Self::Usage => 64,
            Self::Unprivileged => 77,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.number())
    }
}

/// The code for an error that ended a command.
pub fn of_error(error: &anyhow::Error) -> Exit {
    match error.downcast_ref::<ClientError>() {
        // A server that is there but that this user may not ask, a data folder of somebody else.
        _ if io_kind(error) == Some(ErrorKind::PermissionDenied) => Exit::Unprivileged,
        Some(client) if client.is_unreachable() => Exit::Unreachable,
        Some(ClientError::Address(_)) => Exit::Usage,
        _ if error.is::<NeedsRoot>() => Exit::Unprivileged,
        _ if error.is::<WrongUsage>() => Exit::Usage,
        _ => Exit::Failed,
    }
}

/// Whether it ended because nobody reads on, as in `tripoint … | head`.
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    io_kind(error) == Some(ErrorKind::BrokenPipe)
}

fn io_kind(error: &anyhow::Error) -> Option<ErrorKind> {
    error.chain().find_map(|cause| {
        let json = cause.downcast_ref::<serde_json::Error>().and_then(serde_json::Error::io_error_kind);
        json.or_else(|| cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind))
    })
}

/// Only root can do this.
#[derive(Debug)]
pub struct NeedsRoot(pub &'static str);

impl std::fmt::Display for NeedsRoot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} needs root", self.0)
    }
}

impl std::error::Error for NeedsRoot {}

/// The arguments parse but make no sense.
#[derive(Debug)]
pub struct WrongUsage(pub String);

impl std::fmt::Display for WrongUsage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for WrongUsage {}
