//! What was done, by whom?

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use tripoint_api::AuditList;

use crate::refuse::{Params, Refused};
use crate::state::App;

/// Which page.
#[derive(Deserialize)]
pub(crate) struct Asked {
    limit: Option<u32>,
    after: Option<u64>,
}

/// A page of the audit, the newest first.
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Params(asked): Params<Asked>,
) -> Result<Json<AuditList>, Refused> {
    Ok(Json(app.accounts.audit(asked.limit.unwrap_or(100), asked.after).await?))
}
