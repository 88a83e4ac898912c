//! Who was in contact with whom, lately?

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};

use tripoint_api::{ConnectionList, ConnectionQuery};
use tripoint_model::Observable;

use crate::auth::caller::Caller;
use crate::refuse::{Params, Refused, refuse};
use crate::state::{App, now};

/// A page of the connections that are kept.
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Params(query): Params<ConnectionQuery>,
) -> Result<Json<ConnectionList>, Refused> {
    if let Some(Observable::System(number)) = query.peer {
        let why = format!("AS{number} is no peer; ask for a network of it");
        return Err(refuse(StatusCode::UNPROCESSABLE_ENTITY, "target", why));
    }
    let of = app.seen_by(&caller).await?;
    Ok(Json(app.store.contacts(query, of, now()).await?))
}
