//! What can a host learn? The closed list that detection, replay and scenarios share.

use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::action::Outcome;
use crate::attempt::Attempt;
use crate::connection::Connection;
use crate::exception::Exception;
use crate::finding::Finding;
use crate::indicator::Sighting;
use crate::process::{Process, ProcessKey};
use crate::time::Timestamp;

/// Something learnt, and when it was true (not when it arrived).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Fact {
    /// When it was true.
    pub at: Timestamp,
    /// What was learnt.
    #[serde(flatten)]
    pub what: What,
}

/// Everything a host can learn. One JSON object with its kind in `fact`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "fact", rename_all = "kebab-case")]
pub enum What {
    /// A process began or changed its program.
    ProcessStarted {
        /// The process as it is from now on.
        process: Arc<Process>,
    },
    /// A process ended.
    ProcessEnded {
        /// Which.
        process: ProcessKey,
    },
    /// The state of a connection at this moment; each later one replaces the earlier.
    Connection {
        /// The connection as it is now.
        connection: Arc<Connection>,
    },
    /// A connection's peer is on at least one list.
    Sighting {
        /// What is said about the peer.
        sighting: Sighting,
    },
    /// All that a process's code is vulnerable to, from this moment on; replaces the earlier list.
    Findings {
        /// Which process.
        process: ProcessKey,
        /// Everything found in it; empty = looked, found nothing.
        findings: Arc<[Finding]>,
        /// The code is what it was when it was last looked at, and advisories judge it anew: the
        /// list takes the place of the former one from its beginning on.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        rejudged: bool,
    },
    /// A name was resolved on this host.
    NameResolved {
        /// The name that was asked for.
        name: String,
        /// The addresses it was answered with.
        addresses: Vec<IpAddr>,
        /// Network namespace of the asker.
        netns: u64,
    },
    /// A person or policy suppresses alerts from this moment on.
    ExceptionAdded {
        /// The exception.
        exception: Exception,
    },
    /// An exception was withdrawn.
    ExceptionRemoved {
        /// Its id.
        id: String,
    },
    /// What the logs of a server show to have been tried on it.
    Attempts {
        /// The server: the process whose logs they are.
        server: Arc<Process>,
        /// The attempts; later facts add to them and replace what they tell anew.
        attempts: Arc<[Attempt]>,
    },
    /// What the kernel said to an action that this alert caused.
    Outcome {
        /// The alert.
        alert: crate::alert::AlertId,
        /// What happened.
        outcome: Outcome,
    },
    /// Time passed.
    Tick,
}
