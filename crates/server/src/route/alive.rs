//! Is the server alive, and is it ready to be asked? For whoever keeps it running: no questions asked, nothing told.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;

use crate::refuse::{Refused, refuse};
use crate::state::App;

/// It answers: it is alive.
pub(crate) async fn alive() -> &'static str {
    "alive\n"
}

/// Its database answers too.
pub(crate) async fn ready(State(app): State<Arc<App>>) -> Result<&'static str, Refused> {
    match tokio::time::timeout(PATIENCE, app.store.last_change()).await {
        Ok(Ok(_)) => Ok("ready\n"),
        _ => Err(refuse(StatusCode::SERVICE_UNAVAILABLE, "not-ready", "the store does not work at the moment")),
    }
}

/// Shorter than whoever asks is wont to wait.
const PATIENCE: Duration = Duration::from_secs(2);
