//! What shall be done about it, may it be done, was it done, and is it undone on time?
//!
//! # Start here
//! `plan::plan` turns wishes into a printable plan, `guard::Guard` disposes of whatever is
//! proposed, `reconcile::Responder` alone touches the kernel, through `firewall::Firewall`.
//!
//! # What it never knows
//! The clock (time is an argument), the network, who detects and why, how the kernel blocks.
//!
//! # Why it is so
//! - Deciding is a pure value that can be printed; dry run and real run share all of it.
//! - An intent is durable before the kernel hears of it, so that after a crash the kernel can be
//!   made equal to the ledger; an outcome is `verified` only when it was read back.
//! - No lock-out, ever: the guard outranks persons and policy alike, and when it cannot know what
//!   to protect, nothing new is blocked.

#[cfg(test)]
mod dry_run_tests;
#[cfg(test)]
mod fault_tests;
pub mod firewall;
pub mod guard;
#[cfg(test)]
mod lattice_tests;
pub mod ledger;
#[cfg(test)]
mod name_tests;
mod outcome;
#[cfg(test)]
mod override_tests;
pub mod plan;
#[cfg(test)]
mod planning_tests;
pub mod reconcile;
mod step;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod verify;

pub use firewall::{Disconnected, Firewall, FirewallError, KernelBlock, Unavailable};
pub use guard::{CONFIRM_WITHIN_S, Guard, GuardRange, Limits, OVERRULABLE, Protected, Usage};
pub use ledger::{ADDRESSES_MAX, Answered, Entry, EntryState, Ledger, LedgerError, LedgerReport};
pub use outcome::dry_run;
pub use plan::{PAIRED_BLOCK, plan};
pub use reconcile::{Reconciled, Responder};
pub use verify::{Compared, Held};
