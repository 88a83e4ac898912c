//! Which other people's forms can a message take?

pub(crate) mod cef;
pub(crate) mod ecs;
pub(crate) mod ocsf;

#[cfg(test)]
mod tests;
