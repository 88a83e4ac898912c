//! What was done, by whom?

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use serde::Deserialize;

use tripoint_api::AuditList;

use crate::refuse::{Refused, refuse};
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
    query: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<AuditList>, Refused> {
    let Query(asked) = query.map_err(|error| refuse(StatusCode::BAD_REQUEST, "unreadable", error.body_text()))?;
    Ok(Json(app.accounts.audit(asked.limit.unwrap_or(100), asked.after).await?))
}
