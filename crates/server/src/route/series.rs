//! How many alerts and connections were there, over time?

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};

use tripoint_api::ConnectionQuery;
use tripoint_api::series::{AlertSeriesQuery, BUCKETS_MAX, ContactSeriesQuery, Series};
use tripoint_model::contact::HOUR;
use tripoint_model::{Contact, Observable, Timestamp};

use super::queue::filter_of;
use crate::auth::caller::Caller;
use crate::refuse::{Params, Refused, refuse};
use crate::state::{App, now};
use crate::store::Stretches;

/// Alerts by when they began, a line for each severity.
pub(crate) async fn alerts(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Params(query): Params<AlertSeriesQuery>,
) -> Result<Json<Series>, Refused> {
    let filter = filter_of(query.filter.as_deref())?;
    let (since, span) = span(query.since, query.until)?;
    let buckets = query.buckets.unwrap_or(BUCKETS).clamp(1, BUCKETS_MAX);
    // Whole seconds, rounded up: the last stretch may end later than asked for, never earlier.
    let step_s = span.as_secs().div_ceil(buckets.into()).max(1);
    let stretches = Stretches { since, step_s, count: buckets };
    let of = app.seen_by(&caller).await?;
    Ok(Json(app.store.alert_series(filter, of, stretches).await?))
}

/// Connections hour by hour, a line for each of the most frequent applications, directions or hosts.
pub(crate) async fn connections(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Params(query): Params<ContactSeriesQuery>,
) -> Result<Json<Series>, Refused> {
    if let Some(Observable::System(number)) = query.peer {
        let why = format!("AS{number} is no peer; ask for a network of it");
        return Err(refuse(StatusCode::UNPROCESSABLE_ENTITY, "target", why));
    }
    let (since, span) = span(query.since, query.until)?;
    let since_hour = Contact::hour_of(since);
    let hours = (since.since(since_hour) + span).as_secs().div_ceil(HOUR.as_secs()).max(1);
    let step = hours.div_ceil(BUCKETS_MAX.into());
    let count = u32::try_from(hours.div_ceil(step)).unwrap_or(BUCKETS_MAX);
    let stretches = Stretches { since: since_hour, step_s: step * HOUR.as_secs(), count };
    let ContactSeriesQuery { by, application, peer, direction, host, .. } = query;
    let only = ConnectionQuery { application, peer, direction, host, ..ConnectionQuery::default() };
    let of = app.seen_by(&caller).await?;
    Ok(Json(app.store.contact_series(only, of, (by.unwrap_or_default(), stretches)).await?))
}

/// What is asked for: a day back from now, where nothing is said.
fn span(since: Option<Timestamp>, until: Option<Timestamp>) -> Result<(Timestamp, Duration), Refused> {
    let until = until.unwrap_or_else(now);
    let since = since.unwrap_or_else(|| until.minus(DAY));
    if since >= until || until.since(since) > SPAN_MAX {
        let why = "since comes before until, by at most ten years";
        return Err(refuse(StatusCode::UNPROCESSABLE_ENTITY, "span", why));
    }
    Ok((since, until.since(since)))
}

const DAY: Duration = Duration::from_secs(86_400);
const SPAN_MAX: Duration = Duration::from_secs(3653 * 86_400);
const BUCKETS: u32 = 48;
