//! What runs beside the requests, and what if some of it ends unasked?
//!
//! A server that lives on without one of its tasks answers and does not do its work: whoever keeps it running could not
//! tell. So it ends, with the task's name, and is started again whole.

use std::collections::HashMap;

use tokio::task::{Id, JoinSet};

/// Named tasks that run until the server stops.
#[derive(Debug, Default)]
pub(crate) struct Tasks {
    set: JoinSet<()>,
    names: HashMap<Id, &'static str>,
}

impl Tasks {
    /// Starts one.
    pub(crate) fn start(&mut self, name: &'static str, work: impl Future<Output = ()> + Send + 'static) {
        let id = self.set.spawn(work).id();
        self.names.insert(id, name);
    }

    /// Until the server shall stop; the name of a task that ended before.
    pub(crate) async fn until(&mut self, shutdown: impl Future<Output = ()>) -> Result<(), &'static str> {
        let ended = tokio::select! {
            () = shutdown => return Ok(()),
            Some(ended) = self.set.join_next_with_id() => ended,
        };
        let id = ended.map_or_else(|error| error.id(), |(id, ())| id);
        Err(self.names.get(&id).copied().unwrap_or_default())
    }

    /// Until all have ended that were told to.
    pub(crate) async fn end(&mut self) {
        while self.set.join_next().await.is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whichever_ends_unasked_is_named_also_by_a_panic() {
        let mut tasks = Tasks::default();
        tasks.start("stays", std::future::pending());
        assert_eq!(tasks.until(async {}).await, Ok(()));
        tasks.start("ends", async {});
        assert_eq!(tasks.until(std::future::pending()).await, Err("ends"));
        tasks.start("panics", async { panic!("as a test wants it") });
        assert_eq!(tasks.until(std::future::pending()).await, Err("panics"));
    }
}
