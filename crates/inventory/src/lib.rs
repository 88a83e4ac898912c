//! Which software is installed here, and which of it runs?
//!
//! # Start here
//! `scan` catalogs a root filesystem; `HostInventory` keeps the host's catalog and tells with
//! `packages_of` which packages a process runs, loaded or stale.
//!
//! # What it never knows
//! Which package is vulnerable, who talks to whom, what time it is.
//!
//! # Why it is so
//! A root filesystem may belong to a container that an attacker controls, and the one who reads it
//! is root. So every path is resolved by the kernel inside that root (`root`), only regular files
//! are opened, and every read, walk and archive has a bound.

pub mod distro;
pub mod elf;
pub mod owner;
pub mod package;
pub mod process;
pub mod root;
pub mod sbom;
pub mod scan;

mod image;
mod path;
mod purl;
mod walk;

pub use distro::Distro;
pub use process::HostInventory;
pub use root::Root;
pub use scan::{Coverage, CoverageStatus, Inventory, ScanError, ScanOptions, scan, scan_image};
