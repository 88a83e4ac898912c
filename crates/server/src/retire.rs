//! When are closed alerts, messages that were given up, and rows of the audit forgotten?

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::auth::audit::sign::Signer;
use crate::listen::until;
use crate::state::{App, now};
use crate::store::StoreError;

/// How long each is kept; for ever where it is nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct KeepFor {
    /// Alerts, after they were closed.
    pub(crate) alerts: Duration,
    /// Messages that were given up.
    pub(crate) dead_letters: Duration,
    /// Rows of the audit.
    pub(crate) audit: Duration,
}

/// Forgets what is older, until told to stop.
pub(crate) async fn run(app: Arc<App>, signer: Signer, keep: KeepFor, stopped: watch::Receiver<bool>) {
    let stop = until(stopped);
    tokio::pin!(stop);
    loop {
        let wait = match turn(&app, &signer, keep).await {
            Ok(0) => EACH,
            Ok(gone) => {
                tracing::debug!(gone, "closed alerts are forgotten");
                BETWEEN
            }
            Err(error) => {
                tracing::error!(%error, "closed alerts and messages that were given up cannot be forgotten");
                EACH
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = &mut stop => return,
        }
    }
}

/// One look; how many alerts were forgotten.
async fn turn(app: &App, signer: &Signer, keep: KeepFor) -> Result<u64, StoreError> {
    if !keep.dead_letters.is_zero() {
        let gone = app.deliveries.forget_dead(now().minus(keep.dead_letters)).await?;
        if gone > 0 {
            tracing::info!(gone, "messages that were given up long ago are forgotten");
        }
    }
    if !keep.audit.is_zero() {
        let channels = app.notify.as_ref().map(|board| board.of_audit()).unwrap_or_default();
        // What somebody else is still to be told is kept for that.
        let told = app.deliveries.audit_told(&channels).await?;
        signer.forget(now().minus(keep.audit), told).await?;
    }
    if keep.alerts.is_zero() { Ok(0) } else { app.store.forget_closed(now().minus(keep.alerts)).await }
}

const EACH: Duration = Duration::from_secs(600);
/// A pause for everybody else who writes.
const BETWEEN: Duration = Duration::from_millis(50);
