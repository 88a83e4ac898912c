//! Who is told, the moment an alert changes?
//!
//! One task reads the lines that changed since it last looked and hands each to every watcher, written once for all.
//! An alert that changes often within a moment is told once, as it stands then.

use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive};
use tokio::sync::watch;

use tripoint_api::queue::QueueRow;

use crate::listen::until;
use crate::state::App;

/// A line that changed, and the same as JSON.
#[derive(Clone, Debug)]
pub(crate) struct Changed {
    pub(crate) row: Arc<QueueRow>,
    pub(crate) line: Arc<str>,
}

impl Changed {
    pub(crate) fn of(row: QueueRow) -> Self {
        let line = serde_json::to_string(&row.summary).unwrap_or_default().into();
        Self { row: Arc::new(row), line }
    }
}

/// A stream that is silent says that it lives, as an event: a browser hides comments from the page.
pub(crate) fn beat() -> KeepAlive {
    KeepAlive::new().interval(BEAT).event(Event::default().event("alive").data("{}"))
}

/// Tells watchers of changes until the server stops.
pub(crate) async fn run(app: Arc<App>, stopped: watch::Receiver<bool>) {
    let mut changes = app.changes.subscribe();
    let mut last = loop {
        match app.store.last_change().await {
            Ok(last) => break last,
            Err(error) => tracing::warn!(error = %error, "the last change could not be read"),
        }
        tokio::time::sleep(PAUSE).await;
    };
    loop {
        changes.borrow_and_update();
        match app.store.queue_changed(last, LINES).await {
            Ok(rows) if rows.is_empty() => {}
            Ok(rows) => {
                let is_all = rows.len() < LINES as usize;
                for row in rows {
                    last = last.max(row.summary.changed);
                    // No watcher is no error.
                    let _ = app.live.send(Changed::of(row));
                }
                if !is_all {
                    continue;
                }
            }
            Err(error) => tracing::warn!(error = %error, "changed alerts could not be read"),
        }
        tokio::time::sleep(PAUSE).await;
        tokio::select! {
            _ = changes.changed() => {}
            // Another server on the same store may have changed something.
            () = tokio::time::sleep(LOOK) => {}
            () = until(stopped.clone()) => return,
        }
    }
}

/// Within which changes are gathered.
const PAUSE: Duration = Duration::from_millis(50);
/// How long a stream is silent at most; whoever listens may take it for broken after twice as long.
const BEAT: Duration = Duration::from_secs(9);
const LOOK: Duration = Duration::from_secs(1);
/// Lines that are read at once.
const LINES: u32 = 500;
