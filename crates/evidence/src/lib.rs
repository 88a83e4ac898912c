//! What do the applications' own logs say of a peer, and what did it try?
//!
//! # Start here
//! `scan::scan` reads one log: a `log` format makes entries of lines, `service` understands programs' messages, `pack`
//! asks the rules of `attempt`, `series` sees what several lines show together. `model::Attempt` is what is reported.
//!
//! # What it never knows
//! The clock, alerts, other hosts, where blocks are. It reads what it is given and judges.
//!
//! # Why it is so
//! Log lines are written by attackers: encodings are undone in bounded steps, patterns run in linear time, and nothing
//! a line says is believed beyond what the program that wrote it saw.

pub mod aims;
pub mod attempt;
pub mod before;
pub mod dropped;
pub mod entry;
pub mod journal;
pub mod lines;
pub mod locate;
pub mod log;
pub mod pack;
pub mod scan;
pub mod search;
pub mod series;
pub mod service;
pub mod sigma;
pub mod stamp;
pub mod views;
pub mod why;
