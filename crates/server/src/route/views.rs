//! Which searches do people keep?

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::{Extension, Json};

use tripoint_api::views::{OwnedView, VIEW_NAME_MAX, VIEWS_MAX, View, ViewList};

use super::queue::read;
use crate::auth::caller::Caller;
use crate::refuse::{Refused, json, refuse};
use crate::state::App;

/// The caller's own, and those that others share.
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<ViewList>, Refused> {
    let mut views = app.store.views(caller.owner()).await?;
    let own = caller.owner();
    views.iter_mut().filter(|view| view.owner == own).for_each(|view| view.owner.clone_from(&caller.name));
    Ok(Json(ViewList { views }))
}

/// Keeps one, or changes it.
pub(crate) async fn put(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<Json<OwnedView>, Refused> {
    let view: View = json(&body)?;
    let length = view.name.chars().count();
    if view.name.trim().is_empty() || length > VIEW_NAME_MAX || view.name.chars().any(char::is_control) {
        let detail = format!("a name has 1 to {VIEW_NAME_MAX} characters, none of them a control character");
        return Err(refuse(StatusCode::UNPROCESSABLE_ENTITY, "incomplete", detail));
    }
    read(&view.filter)?;
    if !app.store.put_view(OwnedView { owner: caller.owner(), view: view.clone() }).await? {
        let detail = format!("you keep {VIEWS_MAX} searches already; drop one first");
        return Err(refuse(StatusCode::UNPROCESSABLE_ENTITY, "too-many", detail));
    }
    Ok(Json(OwnedView { owner: caller.name, view }))
}

/// Drops one of the caller's own.
pub(crate) async fn remove(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> Result<StatusCode, Refused> {
    if app.store.remove_view(caller.owner(), name).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(refuse(StatusCode::NOT_FOUND, "not-found", "you keep no search of this name"))
    }
}
