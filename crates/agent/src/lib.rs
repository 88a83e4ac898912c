//! The privileged daemon on each host: senses, matches, correlates, contains and reports.
//!
//! # Start here
//! `pipeline::run` shows every thread and channel on one page.
//!
//! # What it never knows
//! Feed and advisory formats, SQL, web pages. It reads finished images and speaks the API.
//!
//! # Why it is so
//! What runs as root on every host has to be small enough to be read, and has to go on detecting
//! and containing when everything else is away.

pub mod blocked_names;
pub mod config;
pub mod consent;
pub mod contacts;
pub mod content;
pub mod detect;
pub mod eyes;
pub mod findings;
pub mod firewall;
pub mod hash;
pub mod health;
pub mod investigate;
pub mod live;
pub mod offline;
pub mod pipeline;
pub mod place;
pub mod protected;
pub mod pull;
pub mod reached;
pub mod recent;
pub mod respond;
pub mod rules;
pub mod sense;
pub mod simulate;
pub mod uplink;
pub mod wall;
pub mod wanted;
