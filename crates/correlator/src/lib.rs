//! Which of all that was learnt does a person have to know: facts in, alerts out?
//!
//! # Start here
//! `Correlator::observe` takes one fact and returns the alerts that it raised or changed.
//! `dossier` gathers what is known per application, indicator and direction; `rule` judges it;
//! `severity` adds it up; `alert` writes it down. `anew` judges an alert of which only the alert is left.
//!
//! # What it never knows
//! The clock (time passing is the fact `Tick`), sockets, files, where facts come from, what is done
//! about an alert.
//!
//! # Why it is so
//! Facts arrive late and in any order: findings after the connection, the connection after its
//! process has ended. So nothing is decided when a fact arrives. Facts are kept by their own time
//! and key, every change recomputes the dossiers it touches, and any order of the same facts ends
//! in the same alerts. Live detection, replay and hunts share this one path.
//!
//! Memory is bounded (`known` and `dossier` name the limits); what was dropped or folded is counted.

pub mod advice;
mod alert;
pub mod anew;
mod attacked;
mod beacon;
mod call_back;
mod correlate;
mod dossier;
mod judged;
mod known;
mod listed;
mod met;
pub mod rule;
pub mod severity;
mod suppress;
mod weight;

pub use correlate::{Correlator, WITHDRAWN};
pub use known::Counters;
pub use severity::{UnknownFactor, Weights};
pub use weight::has_same_weight;
