//! Does the built program keep the command contracts, as somebody outside would check them?

mod advisories;
mod apart;
mod bench;
mod bundle;
mod complaints;
mod config;
mod guard;
mod history;
mod hostile;
mod in_use;
mod intel;
mod maven;
mod oval;
mod real;
mod rig;
mod scan;
mod server;
mod stranger;
mod sync;
mod taxii;
mod trivy;
mod usage;
mod vulns;
