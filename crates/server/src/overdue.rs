//! Which alerts have waited longer than people promised?

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::listen::until;
use crate::state::{App, now};

/// Has it told, once each, until told to stop.
pub(crate) async fn run(app: Arc<App>, stopped: watch::Receiver<bool>) {
    let stop = until(stopped);
    tokio::pin!(stop);
    loop {
        match app.store.warn_overdue(now()).await {
            Ok(0) => {}
            Ok(_) => app.messages.send_modify(|count| *count += 1),
            Err(error) => tracing::error!(%error, "what is overdue cannot be told"),
        }
        tokio::select! {
            () = tokio::time::sleep(EACH) => {}
            () = &mut stop => return,
        }
    }
}

/// Promises are of minutes.
const EACH: Duration = Duration::from_secs(2);
