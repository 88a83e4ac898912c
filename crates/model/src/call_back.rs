//! In which order did it happen: the attack on a server, what that began, where it then connected to?

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::attempt::Attempt;
use crate::connection::Connection;
use crate::process::Process;

/// An attack and the connection that followed it, with what ties the one to the other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CallBack {
    /// The server that was attacked.
    pub server: Arc<Process>,
    /// What its logs show of the attack, the most telling first, at most `ATTEMPTS_MAX`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<Attempt>,
    /// A listed client's connection to it, where no log tells of an attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visit: Option<Arc<Connection>>,
    /// The process below the server that connected; nothing where it was the server itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub child: Option<Arc<Process>>,
    /// The connection that followed.
    pub connection: Arc<Connection>,
    /// What ties them together, the surest first.
    pub reasons: Vec<String>,
}

/// Attempts that a call-back carries.
pub const ATTEMPTS_MAX: usize = 3;
