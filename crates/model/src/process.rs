//! Which process is it, for ever: pid and start time, and what was running in it?

use serde::{Deserialize, Serialize};

use crate::application::{Application, ApplicationKind};
use crate::time::Timestamp;

/// A process for ever: a pid alone is reused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ProcessKey {
    /// Process id in the host's pid namespace (thread group id).
    pub pid: u32,
    /// Start, nanoseconds of the boot clock.
    pub start_ns: u64,
}

/// The container a process lives in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Container {
    /// The runtime's id, 64 hex digits for most.
    pub id: String,
    /// `docker`, `containerd`, `cri-o`, `podman`, `lxc`, `nspawn`.
    pub runtime: String,
    /// The runtime's name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The image it was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Kubernetes pod, `namespace/name` where known, else its uid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
}

/// One ancestor of a process, nearest first in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Ancestor {
    /// Process id.
    pub pid: u32,
    /// Its start, as in `ProcessKey`; 0 where it is not known.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub start_ns: u64,
    /// Its executable's path or command name.
    pub exe: String,
    /// Its command line, redacted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub argv: Vec<String>,
}

impl Ancestor {
    /// Which process it is, where its start is known.
    pub fn key(&self) -> Option<ProcessKey> {
        (self.start_ns != 0).then_some(ProcessKey { pid: self.pid, start_ns: self.start_ns })
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A process as it was at the moment of interest. Fields that could not be learnt are empty,
/// never guessed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Process {
    /// Pid and start.
    pub key: ProcessKey,
    /// Start as wall-clock time.
    #[serde(default)]
    pub started: Option<Timestamp>,
    /// Parent's pid.
    #[serde(default)]
    pub parent: u32,
    /// The kernel's short name, at most 15 bytes; the process may set it at will.
    pub command: String,
    /// Path of the executable as the process sees it.
    pub exe: String,
    /// Device of the executable.
    #[serde(default)]
    pub exe_device: u64,
    /// Inode of the executable.
    #[serde(default)]
    pub exe_inode: u64,
    /// SHA-256 of the executable, hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exe_sha256: Option<String>,
    /// Command line, secrets redacted.
    #[serde(default)]
    pub argv: Vec<String>,
    /// Working directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// Effective user.
    pub uid: u32,
    /// The user who logged in; `None` when unset (a daemon).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login_uid: Option<u32>,
    /// Id of its cgroup (v2 inode).
    #[serde(default)]
    pub cgroup_id: u64,
    /// Path of its cgroup, or as much of the end of it as is known.
    #[serde(default)]
    pub cgroup: String,
    /// Inode of its network namespace.
    #[serde(default)]
    pub netns: u64,
    /// systemd unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<Container>,
    /// Parent, grandparent and so on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ancestry: Vec<Ancestor>,
}

impl Process {
    /// What an administrator would call the thing this process is part of:
    /// its container, else its systemd service, else its executable.
    pub fn application(&self) -> Application {
        if let Some(container) = &self.container {
            let name = container.name.clone().unwrap_or_else(|| container.id.chars().take(12).collect());
            return Application { kind: ApplicationKind::Container, id: container.id.clone(), name };
        }
        if let Some(unit) = self.unit.as_ref().filter(|unit| unit.ends_with(".service")) {
            let name = unit.trim_end_matches(".service").to_owned();
            return Application { kind: ApplicationKind::Unit, id: unit.clone(), name };
        }
        if self.exe.is_empty() {
            return Application {
                kind: ApplicationKind::Executable,
                id: format!("command {}", self.command),
                name: self.command.clone(),
            };
        }
        let name = self.exe.rsplit('/').next().unwrap_or(&self.exe).to_owned();
        Application { kind: ApplicationKind::Executable, id: self.exe.clone(), name }
    }
}
