//! How does anything from the network reach Tripoint without doing harm on the way?
//!
//! # Start here
//! `Fetcher::get` is one bounded, conditional GET; `Fetcher::download` the same into a file, taken up where it was cut;
//! `Fetcher::call` tells another program something; `Fetcher::connect` leads a conversation that is no HTTP.
//!
//! # What it never knows
//! What it fetches. Compression: bodies are handed on as they came (`unpack` opens them).
//!
//! # Why it is so
//! An address in a feed's descriptor or in a redirect can point into the network the server stands
//! in. One client resolves a name once, looks at the addresses and connects to exactly those, so
//! that no caller can forget to.

mod address;
mod call;
mod client;
mod deadline;
mod download;
mod error;
mod pace;
mod talk;
mod url;

pub use address::is_public;
pub use call::{Call, Method, Said};
pub use client::{Answer, Body, Fetcher, KeyHeader, Request, Settings, system_certificates};
pub use deadline::Deadline;
pub use download::{Arrival, Saved};
pub use error::FetchError;
pub use talk::{Place, Talk};
pub use url::{is_clear, is_same_server, port_of, port_of_proxy, resolve};
