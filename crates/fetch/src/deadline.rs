//! Is there time left for a conversation of many requests?

use std::time::{Duration, Instant};

/// When a conversation has to be over. Each request has its own bound; a server that gives many
/// answers, each in time, is bounded by this.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    /// From now on.
    pub fn after(span: Duration) -> Self {
        Self(Instant::now() + span)
    }

    /// Whether it has passed.
    pub fn is_over(self) -> bool {
        Instant::now() >= self.0
    }
}
