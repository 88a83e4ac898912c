//! How is one alert handed to programs that read STIX?

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Serialize;
use serde_json::{Map, Value};
use tripoint_model::{Alert, Timestamp};

use crate::refuse::{Refused, refuse};
use crate::state::App;
use crate::store::StoreError;
use crate::taxii::stix;

/// Objects of STIX 2.1.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) struct StixBundle {
    /// Always `bundle`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// `bundle--UUID`, the same for the same state of the alert.
    id: String,
    /// Who says it, then what.
    objects: Vec<Map<String, Value>>,
}

/// A bundle of STIX 2.1: who says it, what was seen, the vulnerabilities, and what we make of it.
pub(crate) async fn bundle(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<StixBundle>, Refused> {
    let missing = || refuse(StatusCode::NOT_FOUND, "not-found", "there is no such alert");
    let (changed, alert) = one_state(&app, id).await?.ok_or_else(missing)?;
    let id = format!("bundle--{}", stix::uuid4(&format!("bundle {} {}", alert.id, changed.0)));
    let mut objects = vec![stix::identity()];
    objects.extend(stix::objects(&alert, changed));
    objects.extend(stix::vulnerabilities(&alert, changed));
    objects.push(stix::note(&alert, changed, &objects));
    let object = |value| if let Value::Object(object) = value { Some(object) } else { None };
    let objects = objects.into_iter().filter_map(object).collect();
    Ok(Json(StixBundle { kind: "bundle", id, objects }))
}

/// An alert and the version that it is of: read anew where it was changed in between.
async fn one_state(app: &App, id: String) -> Result<Option<(Timestamp, Alert)>, StoreError> {
    for _ in 0..TRIES {
        let Some(before) = app.store.version(id.clone()).await? else { return Ok(None) };
        let Some(alert) = app.store.alert(id.clone()).await? else { return Ok(None) };
        if app.store.version(id.clone()).await? == Some(before) {
            return Ok(Some((before, alert)));
        }
    }
    Err(StoreError::Late)
}

/// An alert changes some times a second at most.
const TRIES: usize = 20;
