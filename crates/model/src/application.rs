//! What would an administrator call it: a unit, a container or an executable?

use std::fmt;

use serde::{Deserialize, Serialize};

/// The three ways in which an application is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ApplicationKind {
    /// A systemd service.
    Unit,
    /// A container.
    Container,
    /// An executable outside both.
    Executable,
}

/// What an administrator would call it. Equality is by kind and id; the name is for people.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Application {
    /// How it is delimited.
    pub kind: ApplicationKind,
    /// Unit name, container id or path of the executable.
    pub id: String,
    /// The short name people know.
    pub name: String,
}

impl Application {
    /// The stable text key, `unit:nginx.service`, `container:<id>`, `exe:/usr/sbin/nginx`.
    pub fn key(&self) -> String {
        let kind = match self.kind {
            ApplicationKind::Unit => "unit",
            ApplicationKind::Container => "container",
            ApplicationKind::Executable => "exe",
        };
        format!("{kind}:{}", self.id)
    }
}

impl fmt::Display for Application {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
