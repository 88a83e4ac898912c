//! How do bytes survive a crash: an append log of checked records in one folder.
//!
//! # Start here
//! `Journal::open` recovers and says what it found, `append` and `sync` write, `read_from` reads,
//! `acknowledge` lets go. The spool of the agent and the ledger of actions are built on it. `kept` is for what is small
//! and written anew each time.
//!
//! # What it never knows
//! What the records mean; the clock; the network.
//!
//! # Why it is so
//! - A record is durable when `sync` has returned, not before.
//! - A failed `sync` is never tried again: after one the kernel may have thrown the pages away and
//!   a second call would lie. The journal is poisoned; only opening it anew tells what survived.
//! - Offsets are never used twice, also not after a torn tail, so that an offset may serve as the
//!   sequence number of a delivery.
//! - The size is bounded. When it is reached, `append` says so and the caller decides what to drop.

mod journal;
pub mod kept;
mod record;
mod recover;

pub use journal::{AcknowledgeError, AppendError, Journal, Options, ReadError, Record, SyncError};
pub use recover::{Corruption, OpenError, Recovery};
