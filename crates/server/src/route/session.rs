//! How does a person sign in, stay signed in, and sign out?

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::connect_info::ConnectInfo;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};

use tripoint_api::accounts::{Confirm, Login, Me, Session};

use crate::access::Peer;
use crate::auth::audit;
use crate::auth::caller::{By, Caller, Sees, public_id};
use crate::auth::device;
use crate::auth::identity::{COOKIE, cookie};
use crate::auth::password::Unavailable;
use crate::auth::secret;
use crate::auth::totp;
use crate::refuse::{Refused, json, refuse};
use crate::state::{App, now};
use crate::store::sessions::{LONGEST, SessionRow};
use crate::store::users::Account;

/// Signs in: a new session with an id of its own, whatever the browser had before.
pub(crate) async fn begin(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refused> {
    let login: Login = json(&body)?;
    let known = device::known(&app.auth.sealer, &headers, &login.name);
    match &known {
        Some(proof) => app.auth.tries.begin_known(proof, Instant::now()).map_err(too_many)?,
        None => try_once(&app, peer, &login.name)?,
    }
    let account = app.accounts.user(&login.name).await?;
    let kept = account.as_ref().map(|user| user.password.as_str());
    let is_it = app.auth.passwords.is(&login.password, kept).await.map_err(unavailable)?;
    // One answer and one amount of work, whatever was wrong.
    let account = account.filter(|user| is_it && !user.disabled).ok_or_else(wrong)?;
    let factor = Factor::of(&app, &account, login.totp.as_deref())?;
    let (id, created) = (secret::long().map_err(|_| no_random())?, now());
    let session = SessionRow::new(secret::hash(&id), account.name.clone(), peer.from(), &headers, created);
    audit::is(&account.name, &format!("session {}", public_id(&session.hash)));
    let take = move |user: &mut Account| factor.take(user);
    let begun = app.accounts.begin(session.clone(), account.password, take, created).await?;
    let user = begun.ok_or_else(wrong)?;
    app.auth.quota.good(&session.hash, Instant::now());
    match &known {
        Some(proof) => app.auth.tries.succeeded_known(proof),
        None => app.auth.tries.succeeded(peer.source(), &login.name),
    }
    if let Some(old) = cookie(&headers) {
        end_old(&app, secret::hash(&old)).await?;
    }
    let mark = known.is_none().then(|| device::mark(&app.auth.sealer, &login.name)).transpose();
    let mark = mark.map_err(|_| no_random())?;
    let caller = Caller::of_user(user, By::Session(Box::new(session)), Sees::default());
    let caller = caller.from(peer, app.auth.demand);
    let mut response = Json(caller.me()).into_response();
    set_cookie(&mut response, &id, LONGEST);
    if let Some(mark) = mark {
        give_cookie(&mut response, device::COOKIE, &mark, device::HOLDS);
    }
    Ok(response)
}

/// The browser has another cookie from now on: nobody needs the session of the one before, whosever it was.
async fn end_old(app: &App, hash: String) -> Result<(), Refused> {
    if let Some(session) = app.accounts.session(&hash, now()).await? {
        app.accounts.end_sessions(session.person, Some(hash)).await?;
    }
    Ok(())
}

/// Who asks.
pub(crate) async fn show(Extension(caller): Extension<Caller>) -> Json<Me> {
    Json(caller.me())
}

/// Signs out.
pub(crate) async fn end(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Refused> {
    let hash = caller.session().map(|session| session.hash.clone()).ok_or_else(wrong)?;
    app.accounts.end_sessions(caller.name, Some(hash)).await?;
    Ok(gone())
}

/// Signs out everywhere.
pub(crate) async fn end_all(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Refused> {
    app.accounts.end_sessions(caller.name, None).await?;
    Ok(gone())
}

/// One's own sessions.
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<Vec<Session>>, Refused> {
    let own = caller.session().map(|session| session.hash.as_str());
    let shown = |row: SessionRow| Session {
        id: public_id(&row.hash),
        created: row.created,
        used: row.used,
        current: own == Some(row.hash.as_str()),
        source: row.source,
        agent: row.agent,
    };
    Ok(Json(app.accounts.sessions(&caller.name, now()).await?.into_iter().map(shown).collect()))
}

/// Ends one of one's own sessions.
pub(crate) async fn end_one(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<StatusCode, Refused> {
    let own = app.accounts.sessions(&caller.name, now()).await?;
    let found = own.into_iter().find(|session| public_id(&session.hash) == id);
    let found = found.ok_or_else(|| refuse(StatusCode::NOT_FOUND, "not-found", "you have no such session"))?;
    app.accounts.end_sessions(caller.name, Some(found.hash)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Proves again who is there, by the password or the authenticator.
pub(crate) async fn confirm(
    State(app): State<Arc<App>>,
    Extension(mut caller): Extension<Caller>,
    body: Bytes,
) -> Result<Json<Me>, Refused> {
    let said: Confirm = json(&body)?;
    try_again(&app, &caller)?;
    let user = app.accounts.user(&caller.name).await?.ok_or_else(wrong)?;
    match (said.password, said.totp) {
        (Some(password), _) => {
            if !app.auth.passwords.is(&password, Some(&user.password)).await.map_err(unavailable)? {
                return Err(wrong());
            }
        }
        (None, Some(code)) if user.totp.is_some() => {
            let factor = Factor::of(&app, &user, Some(&code))?;
            let take = move |user: &mut Account| factor.take(user);
            app.accounts.change_own(user.name, false, take).await?.ok_or_else(wrong)?;
        }
        _ => return Err(wrong()),
    }
    app.auth.tries.succeeded_known(&caller.proof());
    if let By::Session(session) = &mut caller.by {
        session.confirmed = now();
        app.accounts.touch_session(session.hash.clone(), true, session.confirmed).await?;
    }
    Ok(Json(caller.me()))
}

/// What was shown beside the password.
pub(super) enum Factor {
    /// Nothing, and nothing is asked for.
    None,
    /// A code of this step.
    Step(i64),
    /// A recovery code with this hash.
    Recovery(String),
}

impl Factor {
    /// Reads it; whether it still opens is said by `take`, when it is written.
    pub(super) fn of(app: &App, user: &Account, said: Option<&str>) -> Result<Self, Refused> {
        let Some(sealed) = &user.totp else { return Ok(Self::None) };
        let Some(said) = said.map(str::trim).filter(|said| !said.is_empty()) else {
            let why = "the six digits of the authenticator are needed too";
            return Err(refuse(StatusCode::UNAUTHORIZED, "totp-needed", why));
        };
        let seed = app.auth.sealer.open(&totp::seed_purpose(&user.name), sealed).map_err(|error| {
            tracing::error!(user = user.name, %error, "the seed of an authenticator cannot be read");
            refuse(StatusCode::SERVICE_UNAVAILABLE, "sealed", "the authenticator cannot be compared at the moment")
        })?;
        if let Some(step) = totp::step(&seed, said, user.totp_step, now()) {
            return Ok(Self::Step(step));
        }
        let hash = secret::hash(&said.to_ascii_uppercase());
        if user.recovery.contains(&hash) { Ok(Self::Recovery(hash)) } else { Err(wrong()) }
    }

    /// Uses it up; `false` when somebody was quicker.
    pub(super) fn take(&self, user: &mut Account) -> bool {
        match self {
            Self::None => user.totp.is_none(),
            Self::Step(step) => {
                let is_new = *step > user.totp_step;
                user.totp_step = *step;
                is_new
            }
            Self::Recovery(hash) => {
                let before = user.recovery.len();
                user.recovery.retain(|kept| kept != hash);
                user.recovery.len() < before
            }
        }
    }
}

/// Lets somebody try a secret, or says how long to wait.
pub(super) fn try_once(app: &App, peer: Peer, name: &str) -> Result<(), Refused> {
    app.auth.tries.begin(peer.source(), name, Instant::now()).map_err(too_many)
}

/// The same for somebody who is signed in: what others failed keeps nobody from proving who is there.
pub(super) fn try_again(app: &App, caller: &Caller) -> Result<(), Refused> {
    app.auth.tries.begin_known(&caller.proof(), Instant::now()).map_err(too_many)
}

fn too_many(wait: Duration) -> Refused {
    let seconds = wait.as_secs_f64().ceil() as u16;
    let why = format!("too many tries; the next one in {seconds} seconds");
    refuse(StatusCode::TOO_MANY_REQUESTS, "too-many-tries", why).after(seconds)
}

/// Of everything that can be wrong with a name, a password and a code.
pub(super) fn wrong() -> Refused {
    refuse(StatusCode::UNAUTHORIZED, "wrong-credentials", "name, password or code is wrong")
}

pub(super) fn unavailable(error: Unavailable) -> Refused {
    refuse(StatusCode::SERVICE_UNAVAILABLE, "busy", error.to_string())
}

pub(super) fn no_random() -> Refused {
    refuse(StatusCode::SERVICE_UNAVAILABLE, "random", "the system gives no random bytes")
}

/// Done, and the browser forgets the cookie.
pub(super) fn gone() -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    set_cookie(&mut response, "", Duration::ZERO);
    // Nothing that was shown is kept anyway (`no-store`); a browser that kept some of it all the same forgets it too.
    response.headers_mut().insert("clear-site-data", HeaderValue::from_static("\"cache\""));
    response
}

pub(super) fn set_cookie(response: &mut Response, id: &str, holds: Duration) {
    give_cookie(response, COOKIE, id, holds);
}

pub(super) fn give_cookie(response: &mut Response, name: &str, says: &str, holds: Duration) {
    let text = format!("{name}={says}; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age={}", holds.as_secs());
    // Digits and words of ours.
    if let Ok(value) = HeaderValue::from_str(&text) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}
