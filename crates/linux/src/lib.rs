//! Safe, typed doors to the kernel: the only place where `unsafe` may stand.
//!
//! # Start here
//! `bpf::load` starts the kernel programs of `bpf/*.c`; `contract` mirrors their records;
//! `sock_diag` lists and ends sockets; `netns` makes and enters network namespaces.
//!
//! # What it never knows
//! What a connection means: indicators, packages and alerts are other crates' business.
//!
//! # Why it is so
//! Whoever audits `unsafe` reads one crate.

pub mod bpf;
pub mod capability;
pub mod cgroup;
pub mod child;
pub mod clock;
#[cfg(feature = "confine")]
pub mod confine;
pub mod conntrack;
pub mod contract;
pub mod faults;
pub mod freezer;
pub mod lab;
pub mod link;
pub mod mapped;
pub mod netlink;
pub mod netns;
pub mod nft;
pub mod packet;
pub mod route;
pub mod sock_diag;
