//! What is wrong with `[notify]`, and where?

use tripoint_api::filter::Pointed;

/// Channels, routes or maintenance that cannot be.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub struct NotifyError {
    why: String,
    /// `channel`, `route` or `maintenance` and which of them, from 0, where it is one of them.
    pub part: Option<(&'static str, usize)>,
    /// Its filter, where that is what is wrong.
    #[source]
    pub filter: Option<Pointed>,
}

impl NotifyError {
    pub(super) fn new(why: impl Into<String>) -> Self {
        Self { why: why.into(), part: None, filter: None }
    }

    pub(super) fn filter(why: String, filter: Pointed) -> Self {
        Self { filter: Some(filter), ..Self::new(why) }
    }

    pub(super) fn of(self, name: &'static str, at: usize) -> Self {
        Self { part: Some((name, at)), ..self }
    }
}
