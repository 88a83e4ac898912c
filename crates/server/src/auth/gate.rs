//! May this request pass, and is it written down?

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::RequestExt as _;
use axum::body::Body;
use axum::extract::connect_info::ConnectInfo;
use axum::extract::{MatchedPath, RawPathParams, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt as _;

use tripoint_api::{Area, AuditEntry, Scope, path};
use tripoint_model::Timestamp;

use super::audit::{Call, asked, within};
use super::caller::{By, Caller};
use super::device;
use super::factor::is_open;
use super::identity::{Way, identify, nobody, shown_hash};
use super::origin::{Origins, is_json};
use super::permits::{self, Confirm, Hosts, Permit, Who};
use super::quota::{Asker, Standing};
use crate::access::Peer;
use crate::door::crowd::Asked;
use crate::refuse::{Kind, Refused, known_fields, refuse};
use crate::state::{App, now};

mod body;

pub(crate) use body::BODY_MAX;

/// Lets people and their programs pass.
pub(crate) async fn people(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    request: Request,
    next: Next,
) -> Response {
    let (method, route) = (request.method().clone(), route_of(&request).to_owned());
    let said = request.headers().contains_key(header::AUTHORIZATION) || request.headers().contains_key(header::COOKIE);
    pass(app, peer, request, next).await.unwrap_or_else(|refused| {
        // Whoever shows nothing has not tried.
        if refused.0.status == StatusCode::UNAUTHORIZED.as_u16() && said {
            told_no("", peer, (method.as_str(), &route), &refused);
        }
        refused.into_response()
    })
}

/// Questions leave no row in the audit: to whom one was refused stands in the log. Who is only told to wait does not.
fn told_no(who: &str, peer: Peer, (method, route): (&str, &str), refused: &Refused) {
    if ![401, 403].contains(&refused.0.status) {
        return;
    }
    let kind = refused.0.kind.trim_start_matches("tripoint:");
    tracing::warn!(who, from = %peer.from(), what = %format_args!("{method} {route}"), kind, "refused");
}

fn route_of(request: &Request) -> &str {
    request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str)
}

/// Lets people's TAXII clients pass; what is refused is refused as TAXII does.
pub(crate) async fn taxii(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    request: Request,
    next: Next,
) -> Response {
    let (permit, headers) = (permit_of(&request), request.headers().clone());
    let way = Way { basic: true, passive: false };
    let allowed = match known(&app, peer, permit, (&headers, way)).await {
        Ok((permit, caller)) => caller.map_or(Ok(()), |caller| may(permit, &caller)),
        Err(refused) => Err(refused),
    };
    let Err(refused) = allowed else {
        is_known(&request);
        return next.run(request).await;
    };
    told_no("", peer, (request.method().as_str(), route_of(&request)), &refused);
    let Refused(problem, after) = refused;
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::FORBIDDEN);
    let mut response = crate::taxii::refuse(status, problem.detail).into_response();
    if status == StatusCode::UNAUTHORIZED {
        let ways = HeaderValue::from_static("Basic realm=\"tripoint\", Bearer");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, ways);
    }
    if let Some(seconds) = after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// Lets agents pass: through the Unix socket only.
pub(crate) async fn agents(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    request: Request,
    next: Next,
) -> Response {
    let is_theirs = permit_of(&request).is_ok_and(|permit| permit.who == Who::Agents);
    if is_theirs && app.access.may_report(peer) {
        return match *request.method() {
            Method::GET => next.run(request).await,
            _ => to_the_end(next.run(request)).await,
        };
    }
    refuse(StatusCode::FORBIDDEN, "forbidden", "only the agent, as root through the Unix socket").into_response()
}

/// The row of this request; where it has none, nobody may ask it.
pub(crate) fn permit_of(request: &Request) -> Result<&'static Permit, Refused> {
    let route = route_of(request);
    permits::find(request.method().as_str(), route).ok_or_else(|| match permits::knows(route) {
        true => refuse(StatusCode::METHOD_NOT_ALLOWED, "wrong-method", "this path does not know this method"),
        false => forbidden("nobody may ask this: it is in no table"),
    })
}

async fn pass(app: Arc<App>, peer: Peer, mut request: Request, next: Next) -> Result<Response, Refused> {
    let (headers, named) = (request.headers().clone(), named(&mut request).await);
    let permit = permit_of(&request);
    let (permit, caller) = known(&app, peer, permit, (&headers, Way::default())).await?;
    if let Some(caller) = &caller {
        is_known(&request);
        request.extensions_mut().insert(caller.clone());
    }
    let allowed = match &caller {
        Some(caller) => check_caller(&app, permit, caller, &named).await,
        None => Ok(()),
    };
    let allowed = allowed.and_then(|()| known_fields(permit, request.uri()));
    if !permit.is_change() {
        let who = caller.as_ref().map_or("", |caller| caller.name.as_str());
        allowed.inspect_err(|refused| told_no(who, peer, (&permit.method.to_uppercase(), permit.route), refused))?;
        let response = next.run(request).await;
        return Ok(match caller {
            Some(caller) => while_allowed(app, peer, headers, caller, response),
            None => response,
        });
    }
    let checked = allowed.and_then(|()| check_change(&app.auth.origins, permit, caller.as_ref(), &headers, now()));
    let (parts, body) = request.into_parts();
    let body = body::read(body, permit.who == Who::Anybody).await?;
    let call = Call::new(entry(permit, caller.as_ref(), peer, target(&named), &body));
    let asked = checked.map(|()| Request::from_parts(parts, body.into()));
    Ok(to_the_end(change(app, (permit, caller.is_some()), call, asked, next)).await)
}

/// Does a change, or refuses it, and writes down how it ended.
async fn change(
    app: Arc<App>,
    (permit, is_known): (&'static Permit, bool),
    call: Arc<Call>,
    asked: Result<Request, Refused>,
    next: Next,
) -> Response {
    let response = match asked {
        Ok(request) => within(Arc::clone(&call), next.run(request)).await,
        Err(refused) => refused.into_response(),
    };
    if permit.area == Area::Admin {
        app.auth.rights.send_modify(|count| *count += 1);
    }
    let kind = response.extensions().get::<Kind>().map_or_else(String::new, |kind| kind.0.clone());
    // Strangers could fill the audit with nonsense: told is what took a try.
    if is_known || response.status().is_success() || TRIED.contains(&kind.as_str()) {
        ended(&app, &call, response.status(), &kind).await;
    }
    response
}

/// Does a change whole, also when whoever asked for it hangs up meanwhile: what the store has kept has to be written
/// down, told and remembered as well.
async fn to_the_end(change: impl Future<Output = Response> + Send + 'static) -> Response {
    tokio::spawn(tracing::Instrument::in_current_span(change)).await.unwrap_or_else(|error| {
        tracing::error!(%error, "a change broke off");
        let detail = "the server failed in the midst of it; look whether it was done";
        refuse(StatusCode::INTERNAL_SERVER_ERROR, "broken-off", detail).into_response()
    })
}

/// The row of the request and who asks; nobody only where anybody may.
async fn known(
    app: &App,
    peer: Peer,
    permit: Result<&'static Permit, Refused>,
    (headers, way): (&HeaderMap, Way),
) -> Result<(&'static Permit, Option<Caller>), Refused> {
    let quota = &app.auth.quota;
    // The kernel says who is at the Unix socket, and what comes there is ours.
    let far = peer.far();
    if let Ok(permit) = permit
        && permit.who == Who::Anybody
    {
        let asker = far.map(|source| asker(app, permit, headers, source));
        asker.map_or(Ok(()), |asker| quota.anybody(asker, Instant::now())).map_err(too_many)?;
        return Ok((permit, None));
    }
    let Some(source) = far else {
        let caller = identify(app, peer, headers, way, now()).await?.ok_or_else(nobody)?;
        return Ok((permit?, Some(caller)));
    };
    let shown = shown_hash(headers, way);
    let standing = quota.may_try(source, shown.as_deref(), Instant::now()).map_err(too_many)?;
    let Some(caller) = identify(app, peer, headers, way, now()).await? else {
        quota.failed(source, shown.as_deref(), Instant::now());
        return Err(nobody());
    };
    if let (Standing::New, Some(shown)) = (standing, shown) {
        quota.known(&shown, Instant::now()).map_err(too_many)?;
    }
    Ok((permit?, Some(caller)))
}

/// By what a question is counted that anybody may ask.
fn asker(app: &App, permit: &Permit, headers: &HeaderMap, source: IpAddr) -> Asker {
    if [path::ALIVE, path::READY].contains(&permit.route) {
        return Asker::Alive(source);
    }
    device::known_at_all(&app.auth.sealer, headers).map_or(Asker::Anybody(source), Asker::Browser)
}

/// Whoever is known may take its time with a body.
pub(crate) fn is_known(request: &Request) {
    if let Some(asked) = request.extensions().get::<Arc<Asked>>() {
        asked.known();
    }
}

/// The refusal of whoever asks too much.
pub(crate) fn too_many(wait: Duration) -> Refused {
    let seconds = wait.as_secs_f64().ceil().min(3600.0) as u16;
    let why = format!("too many requests; the next one in {seconds} seconds");
    refuse(StatusCode::TOO_MANY_REQUESTS, "too-many-requests", why).after(seconds)
}

fn forbidden(detail: &str) -> Refused {
    refuse(StatusCode::FORBIDDEN, "forbidden", detail)
}

/// Whether the caller may by its role, scopes and hosts.
fn may(permit: &Permit, caller: &Caller) -> Result<(), Refused> {
    let (role, fits, why) = match permit.who {
        Who::People(role) => (Some(role), true, ""),
        Who::Persons(role) => {
            (Some(role), caller.is_person(), "a token does not say who agrees: sign in, or ask through the Unix socket")
        }
        Who::Givers(role) => {
            let gives = !matches!(caller.by, By::Token { .. });
            (Some(role), gives, "a token gives no rights away: sign in, or ask through the Unix socket")
        }
        Who::SignedIn => (None, caller.session().is_some(), "only for whoever has signed in"),
        Who::Root => (None, caller.is_root(), "only root, through the Unix socket, sets the guard aside"),
        Who::Anybody => (None, true, ""),
        Who::Agents | Who::Bouncers => (None, false, "not for people"),
    };
    if !fits {
        return Err(forbidden(why));
    }
    if caller.needs_totp && !is_open(permit) {
        let why = "add an authenticator first: POST /v1/me/totp, then /v1/me/totp/confirm with its digits";
        return Err(refuse(StatusCode::FORBIDDEN, "second-factor-needed", why));
    }
    if role.is_some_and(|least| caller.role < least) {
        return Err(forbidden(&format!(
            "{} may not do this; it takes {}",
            caller.role.as_str(),
            role.map_or("", |r| r.as_str())
        )));
    }
    caller.has(Scope { area: permit.area, write: permit.write })?;
    if permit.hosts == Hosts::Whole && !caller.sees.all() {
        return Err(forbidden("this concerns all hosts, and not all are yours"));
    }
    Ok(())
}

/// Whether the caller may ask this of this: an alert of a host that it does not see is not there.
async fn check_caller(app: &App, permit: &Permit, caller: &Caller, named: &Named) -> Result<(), Refused> {
    may(permit, caller)?;
    if permit.hosts != Hosts::OfAlert || caller.sees.all() {
        return Ok(());
    }
    let id = named.iter().find(|(name, _)| name == "id").map(|(_, id)| id.clone());
    match app.store.alert(id.unwrap_or_default()).await? {
        Some(alert) if caller.sees.host(&alert.host) => Ok(()),
        _ => Err(refuse(StatusCode::NOT_FOUND, "not-found", "there is no such alert")),
    }
}

/// What a change needs beside the right: from a page of ours where a browser asks, and proven where it matters.
fn check_change(
    origins: &Origins,
    permit: &Permit,
    caller: Option<&Caller>,
    headers: &HeaderMap,
    now: Timestamp,
) -> Result<(), Refused> {
    let by_browser = caller.is_some_and(|caller| caller.session().is_some());
    // Whoever says to be another's page is refused whatever else it shows.
    let foreign = if by_browser { !origins.asks(headers) } else { origins.is_foreign(headers) };
    if foreign {
        return Err(refuse(StatusCode::FORBIDDEN, "cross-site", "this was not asked by a page of this server"));
    }
    if (by_browser || caller.is_none()) && !is_json(headers) {
        return Err(refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not-json", "the body has to be said to be JSON"));
    }
    match caller {
        Some(caller) if permit.confirm == Confirm::Yes => caller.confirmed(now),
        _ => Ok(()),
    }
}

fn entry(permit: &Permit, caller: Option<&Caller>, peer: Peer, target: String, body: &[u8]) -> AuditEntry {
    let (asked, reason) = asked(body);
    AuditEntry {
        at: now(),
        who: caller.map_or_else(String::new, |caller| caller.name.clone()),
        by: caller.map_or_else(|| "nobody".to_owned(), Caller::proof),
        from: peer.from(),
        what: format!("{} {}", permit.method.to_uppercase(), permit.route),
        target,
        asked,
        reason,
        ..AuditEntry::default()
    }
}

/// What stands in the path where the route has names, as the routes themselves read it.
type Named = Vec<(String, String)>;

/// Reads that; nothing where it is no text, which no route takes.
async fn named(request: &mut Request) -> Named {
    let Ok(named) = request.extract_parts::<RawPathParams>().await else { return Named::new() };
    named.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// The same in one text, for the audit.
fn target(named: &Named) -> String {
    let values: Vec<&str> = named.iter().map(|(_, value)| value.as_str()).collect();
    values.join(" ").chars().take(TARGET_KEPT).collect()
}

/// Writes down how a call ended that the row of its change does not tell of. Who was told to wait has had rows enough.
pub(crate) async fn ended(app: &App, call: &Call, status: StatusCode, kind: &str) {
    if status == StatusCode::TOO_MANY_REQUESTS {
        return;
    }
    let result = format!("{} {kind}", status.as_u16());
    if let Some(entry) = call.end(status.is_success(), result.trim_end())
        && let Err(error) = app.accounts.write_down(entry).await
    {
        tracing::error!(%error, "a call could not be written down");
    }
}

/// Ends a stream when whoever asked may not any more, or sees other hosts.
fn while_allowed(app: Arc<App>, peer: Peer, headers: HeaderMap, caller: Caller, response: Response) -> Response {
    let is_stream = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "text/event-stream");
    if !is_stream || matches!(caller.by, By::Socket { .. } | By::Machine) {
        return response;
    }
    let mut rights = app.auth.rights.subscribe();
    let over = async move {
        loop {
            tokio::select! {
                _ = rights.changed() => {}
                () = tokio::time::sleep(LOOKED_AGAIN) => {}
            }
            match identify(&app, peer, &headers, LOOK, now()).await {
                Ok(Some(still)) if is_as(&still, &caller) => {}
                _ => return,
            }
        }
    };
    response.map(|body| Body::from_stream(body.into_data_stream().take_until(Box::pin(over))))
}

/// Whether it may and sees what it did.
fn is_as(still: &Caller, before: &Caller) -> bool {
    still.role == before.role && still.sees == before.sees && still.needs_totp == before.needs_totp
}

const TARGET_KEPT: usize = 512;
/// How tries of strangers fail: those that were made to wait for, and wishes of whoever had the code.
const TRIED: &[&str] = &["wrong-credentials", "totp-needed", "setup-code", "set-up", "name", "password"];
const LOOK: Way = Way { basic: false, passive: true };
/// Sessions and tokens end without anybody doing something.
const LOOKED_AGAIN: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests;
