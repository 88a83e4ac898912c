//! Where is what happens told, and where would an alert be?

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::{Extension, Json};

use tripoint_api::queue::QueueRow;
use tripoint_api::routing::{AlertRouting, LevelPromise, Routing};
use tripoint_model::{Level, ServiceLevels};

use crate::auth::caller::Caller;
use crate::notify::news::{self, Kind, News};
use crate::notify::plan::Standing;
use crate::refuse::{Refused, refuse};
use crate::state::{App, now};

/// Routes, windows of maintenance and promises. Filters may name hosts: whoever sees some alone is not shown them.
pub(crate) async fn show(State(app): State<Arc<App>>, Extension(caller): Extension<Caller>) -> Json<Routing> {
    let at = now();
    let (mut routes, mut maintenance) = app.notify.as_ref().map(|board| board.plan().shown(at)).unwrap_or_default();
    let filters_hidden = !caller.sees.all();
    if filters_hidden {
        routes.iter_mut().for_each(|route| route.filter = None);
        maintenance.iter_mut().for_each(|one| one.filter = None);
    }
    Json(Routing { at, routes, maintenance, promises: promises(&app.levels), filters_hidden })
}

/// Where an alert would be told if it were new now.
pub(crate) async fn of_alert(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<AlertRouting>, Refused> {
    let missing = || refuse(StatusCode::NOT_FOUND, "not-found", "there is no such alert");
    let alert = app.store.alert(id).await?.ok_or_else(missing)?;
    let at = now();
    let Some(board) = &app.notify else { return Ok(Json(AlertRouting { at, ..AlertRouting::default() })) };
    let body = news::about(Kind::AlertNew, &alert, &[], at).to_string();
    let unreadable = |error: serde_json::Error| refuse(StatusCode::UNPROCESSABLE_ENTITY, "alert", error.to_string());
    let news = News::read(&body).map_err(unreadable)?;
    let row = QueueRow::of(&alert, at).promised(&alert, &app.levels);
    let standing = Standing::new(row, &app.accounts.groups().await?);
    Ok(Json(board.plan().explained(&news, &alert, &standing, at)))
}

fn promises(levels: &ServiceLevels) -> Vec<LevelPromise> {
    let all = Level::ALL.into_iter().rev().map(|level| {
        let seconds = |of: &[Option<std::time::Duration>]| of[level as usize].map(|within| within.as_secs());
        LevelPromise { level, respond_s: seconds(&levels.respond), resolve_s: seconds(&levels.resolve) }
    });
    all.filter(|one| one.respond_s.is_some() || one.resolve_s.is_some()).collect()
}
