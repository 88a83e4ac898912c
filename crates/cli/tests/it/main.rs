//! Does the built program keep the command contracts, as somebody outside would check them?

mod bench;
mod complaints;
mod config;
mod hostile;
mod intel;
mod real;
mod scan;
mod server;
mod sync;
mod usage;
mod vulns;
