//! Which Sigma rules match an entry?
//!
//! # Start here
//! `rule` is what a compiled rule is; `Sigma` (in `engine`) asks all of them at once; `correlate` is what several
//! entries show together; `image` is how rules travel to a host. Reading the rules' YAML is `compile`, behind the
//! feature `sigma`, so that the agent holds the evaluator alone.

pub mod bounds;
#[cfg(feature = "sigma")]
pub mod compile;
pub mod correlate;
pub mod engine;
pub mod event;
mod field;
mod globs;
mod group;
pub mod image;
mod node;
pub mod rule;
pub mod source;

pub use engine::Sigma;

#[cfg(test)]
mod tests;
