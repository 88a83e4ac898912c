//! Is the server alive, and is it ready to be asked? For whoever keeps it running: no questions asked, nothing told.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;

use crate::refuse::{Refused, refuse};
use crate::state::App;
use crate::store::StoreError;

/// It answers: it is alive.
pub(crate) async fn alive() -> &'static str {
    "alive\n"
}

/// Its database answers too, and takes what is written.
pub(crate) async fn ready(State(app): State<Arc<App>>) -> Result<&'static str, Refused> {
    match works(&app).await {
        true => Ok("ready\n"),
        false => Err(refuse(StatusCode::SERVICE_UNAVAILABLE, "not-ready", DOES_NOT_WORK)),
    }
}

/// Whether its database answers, and takes what is written. A full disk is said elsewhere: reading goes on.
pub(super) async fn works(app: &App) -> bool {
    let works = async {
        app.store.last_change().await?;
        app.accounts.can_write().await
    };
    matches!(tokio::time::timeout(PATIENCE, works).await, Ok(Ok(()) | Err(StoreError::Full)))
}

pub(super) const DOES_NOT_WORK: &str = "the store does not work at the moment";
/// Shorter than whoever asks is wont to wait.
const PATIENCE: Duration = Duration::from_secs(2);
