//! When are closed alerts forgotten?

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::listen::until;
use crate::state::{App, now};

/// Forgets what was closed longer than `span` ago, until told to stop.
pub(crate) async fn run(app: Arc<App>, span: Duration, stopped: watch::Receiver<bool>) {
    let stop = until(stopped);
    tokio::pin!(stop);
    loop {
        let wait = match app.store.forget_closed(now().minus(span)).await {
            Ok(0) => EACH,
            Ok(gone) => {
                tracing::debug!(gone, "closed alerts are forgotten");
                BETWEEN
            }
            Err(error) => {
                tracing::error!(%error, "closed alerts cannot be forgotten");
                EACH
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = &mut stop => return,
        }
    }
}

const EACH: Duration = Duration::from_secs(600);
/// A pause for everybody else who writes.
const BETWEEN: Duration = Duration::from_millis(50);
