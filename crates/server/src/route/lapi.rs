//! How do programs made for CrowdSec's Local API, and firewalls that read a list, get our blocks?

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::connect_info::ConnectInfo;
use axum::extract::rejection::QueryRejection;
use axum::extract::{DefaultBodyLimit, Query, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use serde_json::{Value, json};

use tripoint_api::path;

use crate::access::Peer;
use crate::auth::gate;
use crate::auth::permits::Who;
use crate::auth::quota::Standing;
use crate::lapi::filter::{Asked, Filter, bad, place};
use crate::lapi::list::{Family, list};
use crate::lapi::metrics::Usage;
use crate::lapi::stream::{Changes, Question};
use crate::lapi::way::{Cover, Way};
use crate::lapi::{Refused, Shown, forbidden, key, refuse};
use crate::state::{App, now};
use crate::store::{Bouncer, Decision, Pull, Sent, Which};

type Answered = Result<Response, Refused>;
type Pairs = Result<Query<Vec<(String, String)>>, QueryRejection>;

/// What bouncers may ask.
pub(super) fn router(app: &Arc<App>) -> Router<Arc<App>> {
    Router::new()
        .route(path::DECISIONS_STREAM, get(stream))
        .route(path::DECISIONS, get(live))
        .route(path::USAGE_METRICS, post(usage))
        .route(path::BLOCKLIST, get(blocklist))
        .layer(DefaultBodyLimit::max(1 << 20))
        .route_layer(middleware::from_fn_with_state(Arc::clone(app), bouncers))
}

/// Lets bouncers pass whose key is ours. Firewalls that read lists may know Basic only: there the key is the password.
async fn bouncers(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    mut request: Request,
    next: Next,
) -> Response {
    let is_list = request.uri().path() == path::BLOCKLIST;
    let refusal = || match is_list {
        true => {
            let ways = [(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"tripoint\""))];
            let why = "a bouncer's key is needed, as X-Api-Key or as the password";
            (ways, refuse(StatusCode::UNAUTHORIZED, why)).into_response()
        }
        false => forbidden().into_response(),
    };
    if !gate::permit_of(&request).is_ok_and(|permit| permit.who == Who::Bouncers) {
        return forbidden().into_response();
    }
    let said = said_key(request.headers(), is_list).map(|said| key::hash(&said));
    let (quota, far) = (&app.auth.quota, peer.far());
    let standing = far.map(|source| quota.may_try(source, said.as_deref(), Instant::now())).transpose();
    let standing = match standing {
        Ok(standing) => standing,
        Err(wait) => return too_many(wait),
    };
    let failed = || far.map(|source| quota.failed(source, said.as_deref(), Instant::now()));
    let Some(shown) = said.clone() else {
        failed();
        return refusal();
    };
    match app.store.bouncer(shown.clone()).await {
        Ok(Some(bouncer)) => {
            if standing == Some(Standing::New)
                && let Err(wait) = quota.known(&shown, Instant::now())
            {
                return too_many(wait);
            }
            gate::is_known(&request);
            request.extensions_mut().insert(Arc::new(bouncer));
            next.run(request).await
        }
        Ok(None) => {
            failed();
            refusal()
        }
        Err(error) => Refused::from(error).into_response(),
    }
}

/// In the form of the LAPI; its clients wait as they are told.
fn too_many(wait: Duration) -> Response {
    let crate::refuse::Refused(problem, after) = gate::too_many(wait);
    let after = [(header::RETRY_AFTER, HeaderValue::from(after.unwrap_or(1)))];
    (after, refuse(StatusCode::TOO_MANY_REQUESTS, problem.detail)).into_response()
}

fn said_key(headers: &HeaderMap, is_list: bool) -> Option<String> {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let basic = || text(header::AUTHORIZATION).filter(|_| is_list).and_then(key::basic_password);
    text(API_KEY).map(str::to_owned).or_else(basic)
}

/// Changes since the bouncer last asked.
async fn stream(
    State(app): State<Arc<App>>,
    Extension(bouncer): Extension<Arc<Bouncer>>,
    method: Method,
    headers: HeaderMap,
    pairs: Pairs,
) -> Answered {
    let Query(pairs) = pairs.map_err(|error| bad(error.body_text()))?;
    let asked = Asked::new(&pairs)?;
    let is_startup = asked.flag("startup", false)?;
    let filter = Filter::read(&asked)?;
    // Looks whether the key is good; what is not read is not handed out.
    if method == Method::HEAD {
        return Ok(Json(Changes::default()).into_response());
    }
    let moment = now();
    let user_agent = user_agent(&headers);
    let way = Way::of(&user_agent, app.expand_prefix);
    let after = if is_startup { 0 } else { bouncer.cursor };
    let rows = app.store.decisions(Which::ChangedAfter(after), STREAM_MAX, moment).await?;
    let cover = match way {
        Way::Addresses { .. } if !rows.is_empty() => {
            Some(Cover::of(&app.store.decisions(Which::InForce, ROWS_MAX, moment).await?, way))
        }
        _ => None,
    };
    let question = Question { is_startup, filter: &filter, way, cover: cover.as_ref(), now: moment };
    let (changes, last) = question.answer(&rows);
    let cursor = Some(last.unwrap_or(after));
    app.store.pulled(Pull { name: bouncer.name.clone(), user_agent, cursor, sent: changes.count() }, moment).await?;
    Ok(Json(changes).into_response())
}

/// What is in force on one address or network, for bouncers that ask at each request.
async fn live(
    State(app): State<Arc<App>>,
    Extension(bouncer): Extension<Arc<Bouncer>>,
    headers: HeaderMap,
    pairs: Pairs,
) -> Answered {
    let Query(pairs) = pairs.map_err(|error| bad(error.body_text()))?;
    let asked = Asked::new(&pairs)?;
    let filter = Filter::read(&asked)?;
    let place = place(&asked)?;
    let moment = now();
    let rows: Vec<Decision> = match place {
        Some(place) => app.store.decisions(place, LIVE_MAX + 1, moment).await?,
        None => Vec::new(),
    };
    if rows.len() > LIVE_MAX as usize {
        return Err(bad(format!("more than {LIVE_MAX} decisions; ask for less, or for the stream")));
    }
    let shown = rows.iter().filter(|decision| filter.takes(decision));
    let shown: Vec<Shown> =
        shown.map(|decision| Shown::new(decision, decision.net, decision.expires, moment)).collect();
    seen(&app, &bouncer, &headers, shown.len()).await?;
    let body = if shown.is_empty() { Value::Null } else { json!(shown) };
    Ok(Json(body).into_response())
}

/// What a bouncer says it did.
async fn usage(State(app): State<Arc<App>>, Extension(bouncer): Extension<Arc<Bouncer>>, body: Bytes) -> Answered {
    let usage: Usage = serde_json::from_slice(&body).map_err(|error| bad(error.to_string()))?;
    app.store.metered(bouncer.name.clone(), usage.sum(), now()).await?;
    Ok((StatusCode::CREATED, Json(json!({}))).into_response())
}

/// One address or network a line.
async fn blocklist(
    State(app): State<Arc<App>>,
    Extension(bouncer): Extension<Arc<Bouncer>>,
    headers: HeaderMap,
    pairs: Pairs,
) -> Answered {
    let Query(pairs) = pairs.map_err(|error| bad(error.body_text()))?;
    let asked = Asked::new(&pairs)?;
    let family = match asked.text("family") {
        None => None,
        Some("v4") => Some(Family::V4),
        Some("v6") => Some(Family::V6),
        Some(_) => return Err(bad("family is v4 or v6".to_owned())),
    };
    let limit = match asked.text("limit").map(str::parse::<u32>) {
        None => ROWS_MAX,
        Some(Ok(limit)) if limit > 0 => limit,
        Some(_) => return Err(bad("limit is a number of lines from 1".to_owned())),
    };
    let rows = app.store.decisions(Which::InForce, ROWS_MAX, now()).await?;
    let nets: Vec<_> = rows.iter().map(|decision| decision.net).collect();
    let list = list(&nets, family, limit as usize);
    seen(&app, &bouncer, &headers, 0).await?;
    let etag = format!("\"{}\"", list.etag);
    let is_known = headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|tag| tag.trim() == "*" || tag.trim().trim_start_matches("W/") == etag);
    let left_out = [(LEFT_OUT, list.left_out.to_string())];
    if is_known {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, etag)], left_out).into_response());
    }
    let kind = [(header::CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()), (header::ETAG, etag)];
    Ok((kind, left_out, list.text).into_response())
}

/// Writes down that a bouncer asked, where it keeps no place: not at each of its requests.
async fn seen(app: &App, bouncer: &Bouncer, headers: &HeaderMap, count: usize) -> Result<(), Refused> {
    let moment = now();
    if bouncer.last_pull.is_some_and(|last| moment.since(last) < SEEN_EVERY) && count == 0 {
        return Ok(());
    }
    let sent = Sent { new: count as u64, deleted: 0 };
    let pull = Pull { name: bouncer.name.clone(), user_agent: user_agent(headers), cursor: None, sent };
    Ok(app.store.pulled(pull, moment).await?)
}

fn user_agent(headers: &HeaderMap) -> String {
    let said = headers.get(header::USER_AGENT).map(HeaderValue::as_bytes).unwrap_or_default();
    String::from_utf8_lossy(said).chars().take(USER_AGENT_MAX).collect()
}

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
/// How many lines of a list had no room.
const LEFT_OUT: HeaderName = HeaderName::from_static("x-tripoint-left-out");
/// Decisions that are looked at for one answer: more than hosts have room for.
pub(super) const ROWS_MAX: u32 = 200_000;
/// Changes looked at for one answer; the rest comes with the next question.
const STREAM_MAX: u32 = 50_000;
/// Decisions in a live answer: those on one address are few.
const LIVE_MAX: u32 = 10_000;
/// How exact the time of the last question is where a bouncer asks at each of its requests.
const SEEN_EVERY: Duration = Duration::from_secs(60);
/// Characters kept of what a bouncer calls itself.
const USER_AGENT_MAX: usize = 200;
