//! Who is talking to whom: turns what the kernel says into connections with their owners.
//!
//! # Start here
//! `bpf::BpfSensor` is the sensor proper, `diag::DiagSensor` what remains where the kernel takes no
//! programs; both give `Seen`. `table::ProcessTable` is where owners come from.
//!
//! # What it never knows
//! Whether a peer is bad or an application vulnerable. It carries the kernel's hint (`matched`) and
//! does not interpret it.
//!
//! # Why it is so
//! Attribution is captured by the kernel programs at event time; this crate only completes it from
//! a table that the exec and exit stream keeps, so that a process that lives for a millisecond is
//! attributed like any other.

pub mod bpf;
pub mod container;
pub mod diag;
pub mod dns;
pub mod exe_hash;
pub mod hello;
pub mod names;
pub mod namespaces;
pub mod procfs;
pub mod redact;
pub mod table;

use std::net::IpAddr;
use std::sync::Arc;

use tripoint_model::{Connection, Process, ProcessKey, Timestamp};

/// Something the sensor saw.
#[derive(Clone, Debug)]
pub enum Seen {
    /// A connection in its present state.
    Connection {
        /// The connection.
        connection: Arc<Connection>,
        /// Whether the kernel found the peer on the list (for IPv6: may be on it), or somebody waits for
        /// its name.
        matched: bool,
        /// When it was so.
        at: Timestamp,
    },
    /// A process began or changed its program.
    Started {
        /// The process.
        process: Arc<Process>,
        /// When, or when it was found.
        at: Timestamp,
        /// Whether it was found living: it began before the sensor did.
        found: bool,
    },
    /// A process ended.
    Ended {
        /// Which.
        key: ProcessKey,
        /// When.
        at: Timestamp,
    },
    /// A name was resolved.
    Resolved {
        /// The name asked for.
        name: String,
        /// The names that it is another name of, in the order of the answer.
        aliases: Vec<String>,
        /// The addresses of the answer.
        addresses: Vec<IpAddr>,
        /// How long whoever asked may use them, seconds.
        ttl_s: u32,
        /// The asker's network namespace.
        netns: u64,
        /// When.
        at: Timestamp,
        /// A matched connection to one of the addresses was read before and has no name.
        missed: bool,
    },
}
