//! How does somebody sign in, or prove again to be there, whom another server knows?

use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::State;
use axum::extract::connect_info::ConnectInfo;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use tripoint_api::AuditEntry;
use tripoint_api::oidc::SignInWays;
use tripoint_api::path;

use super::session::{give_cookie, no_random, set_cookie};
use crate::access::Peer;
use crate::auth::audit::{self, Call, within};
use crate::auth::caller::public_id;
use crate::auth::device;
use crate::auth::gate;
use crate::auth::identity::{Way, cookie_of, identify};
use crate::auth::secret;
use crate::oidc::{Brought, Oidc, OidcError, Person, SIGN_IN_HOLDS};
use crate::refuse::{Params, Refused, refuse};
use crate::state::{App, now};
use crate::store::foreign::Foreign;
use crate::store::sessions::{LONGEST, SessionRow};
use crate::store::users::Kept;

/// How one may sign in, for whoever has not.
pub(crate) async fn ways(State(app): State<Arc<App>>) -> Json<SignInWays> {
    Json(SignInWays { oidc: app.oidc.as_ref().map(|oidc| oidc.name().to_owned()) })
}

/// What a browser asks for.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Wish {
    #[serde(default)]
    then: String,
    #[serde(default)]
    confirm: bool,
}

/// Sends a browser to the provider.
pub(crate) async fn begin(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    Params(wish): Params<Wish>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let oidc = configured(&app)?;
    // Where the provider knows somebody already, a page of somebody else's would sign them in unasked.
    let from = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    if from.is_some_and(|from| ![&b"same-origin"[..], b"none"].contains(&from)) {
        return Err(refuse(StatusCode::FORBIDDEN, "cross-site", "this was not asked by a page of this server"));
    }
    let confirms = match wish.confirm {
        false => None,
        true => {
            let caller = identify(&app, peer, &headers, Way { basic: false, passive: true }, now()).await?;
            let session = caller.as_ref().and_then(|caller| caller.session());
            let session = session.ok_or_else(|| refuse(StatusCode::FORBIDDEN, "forbidden", "sign in first"))?;
            Some((session.hash.clone(), session.person.clone()))
        }
    };
    let (to, sealed) = oidc.begin((confirms, own_page(&wish.then)), peer.source(), now()).await.map_err(refusal)?;
    let mut response = go_on(&to);
    remember(&mut response, &sealed, SIGN_IN_HOLDS.as_secs());
    Ok(response)
}

/// Takes what a browser brings back from the provider.
pub(crate) async fn finish(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    Params(brought): Params<Brought>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let oidc = configured(&app)?;
    let begun = cookie_of(&headers, COOKIE);
    let done = match oidc.finish(brought, begun.as_deref(), peer.source(), now()).await {
        Ok(person) => {
            let call = Call::new(entry(peer, &person));
            let done = enter(&app, peer, &headers, person, &call).await;
            if let Err(refused) = &done {
                not_let_in(&app, peer, &call, refused).await;
            }
            done
        }
        Err(error) => {
            let refused = refusal(error.clone());
            // Anybody can bring what is no answer to a question of ours.
            match error {
                OidcError::NotOurs(_) => tracing::debug!(%error, from = peer.from(), "no answer of a provider"),
                _ => {
                    not_let_in(&app, peer, &Call::new(AuditEntry { asked: error.to_string(), ..of(peer) }), &refused)
                        .await
                }
            }
            Err(refused)
        }
    };
    let mut response = match done {
        Ok(response) => response,
        // A person is shown the sign-in page again, which says why.
        Err(refused) if crate::console::wants_page(&headers) => {
            let kind = refused.0.kind.strip_prefix("tripoint:").unwrap_or_default();
            go_on(&format!("/?refused={kind}"))
        }
        Err(refused) => refused.into_response(),
    };
    remember(&mut response, "", 0);
    Ok(response)
}

/// The row of somebody whom nobody knows yet.
fn of(peer: Peer) -> AuditEntry {
    AuditEntry {
        at: now(),
        by: "nobody".to_owned(),
        from: peer.from(),
        what: format!("GET {}", path::OIDC_CALLBACK),
        ..AuditEntry::default()
    }
}

/// The row of somebody whom the provider knows.
fn entry(peer: Peer, person: &Person) -> AuditEntry {
    let confirms = person.confirms.as_ref();
    let asked = format!("{} {}", person.issuer, person.subject);
    match confirms {
        Some((hash, name)) => {
            let by = format!("session {}", public_id(hash));
            AuditEntry { who: name.clone(), by, asked: format!("confirm {asked}"), ..of(peer) }
        }
        None => AuditEntry { asked, ..of(peer) },
    }
}

/// Writes down that somebody was refused, as it is of a wrong password.
async fn not_let_in(app: &App, peer: Peer, call: &Call, refused: &Refused) {
    if !app.auth.quota.is_told(peer.source(), Instant::now()) {
        return;
    }
    let kind = refused.0.kind.strip_prefix("tripoint:").unwrap_or_default();
    tracing::warn!(kind, why = refused.0.detail, from = peer.from(), "nobody signed in by the provider");
    let status = StatusCode::from_u16(refused.0.status).unwrap_or(StatusCode::FORBIDDEN);
    gate::ended(app, call, status, kind).await;
}

/// Lets a person in whom the provider knows, or takes its word that it is still there.
async fn enter(
    app: &App,
    peer: Peer,
    headers: &HeaderMap,
    person: Person,
    call: &Arc<Call>,
) -> Result<Response, Refused> {
    if let Some((hash, name)) = &person.confirms {
        let known = app.accounts.foreign(&person.issuer, &person.subject).await?;
        let session = app.accounts.session(hash, now()).await?;
        if known.as_ref() != Some(name) || session.is_none_or(|session| session.person != *name) {
            return Err(refuse(StatusCode::FORBIDDEN, "oidc-refused", "somebody else signed in at the provider"));
        }
        within(Arc::clone(call), app.accounts.touch_session(hash.clone(), true, now())).await?;
        return Ok(go_on(&person.then));
    }
    let Some(may) = person.may else {
        let why = "the provider knows you, and none of your groups may anything here";
        return Err(refuse(StatusCode::FORBIDDEN, "oidc-no-role", why));
    };
    let provisioned = AuditEntry {
        who: "server".to_owned(),
        by: "server".to_owned(),
        asked: format!("{} {}", person.issuer, person.subject),
        result: "done".to_owned(),
        ..of(peer)
    };
    let Person { issuer, subject, name, then, .. } = person;
    let known = Foreign { issuer, subject, wished: name, role: may.role, groups: may.groups };
    let account = app.accounts.provision(known, provisioned, now()).await?.map_err(unkept)?;
    if account.disabled {
        return Err(refuse(StatusCode::FORBIDDEN, "oidc-disabled", "this user is disabled here"));
    }
    app.auth.rights.send_modify(|count| *count += 1);
    let (id, created) = (secret::long().map_err(|_| no_random())?, now());
    let session = SessionRow::new(secret::hash(&id), account.name.clone(), peer.from(), headers, created);
    let hash = session.hash.clone();
    let begun = within(Arc::clone(call), async {
        audit::is(&account.name, &format!("session {}", public_id(&session.hash)));
        app.accounts.begin(session, account.password.clone(), |_| true, created).await
    });
    let changed = || refuse(StatusCode::FORBIDDEN, "oidc-refused", "the user was changed meanwhile; try again");
    begun.await?.ok_or_else(changed)?;
    app.auth.quota.good(&hash, Instant::now());
    let mut response = go_on(&then);
    set_cookie(&mut response, &id, LONGEST);
    if device::known(&app.auth.sealer, headers, &account.name).is_none() {
        let mark = device::mark(&app.auth.sealer, &account.name).map_err(|_| no_random())?;
        give_cookie(&mut response, device::COOKIE, &mark, device::HOLDS);
    }
    Ok(response)
}

fn configured(app: &App) -> Result<&Oidc, Refused> {
    app.oidc.as_deref().ok_or_else(|| refuse(StatusCode::NOT_FOUND, "not-found", "no provider is configured"))
}

fn refusal(error: OidcError) -> Refused {
    let said = error.to_string();
    match error {
        OidcError::NotOurs(_) | OidcError::Refused(_) => refuse(StatusCode::FORBIDDEN, "oidc-refused", said),
        OidcError::Provider(_) | OidcError::Busy => refuse(StatusCode::SERVICE_UNAVAILABLE, "oidc-unavailable", said),
    }
}

fn unkept(kept: Kept) -> Refused {
    let why = match kept {
        Kept::LastAdmin => "nobody would be left who may say who may what",
        Kept::NoGroup => "a group of hosts that oidc.role names is not there",
        Kept::Missing => "this user was dropped",
        Kept::Taken | Kept::Done => "there is no room or no name for one more user",
    };
    refuse(StatusCode::FORBIDDEN, "oidc-refused", why)
}

/// A page of ours, whatever was wished for.
fn own_page(wished: &str) -> String {
    let is_plain = wished.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let is_ours = wished.starts_with('/') && !wished.starts_with("//") && wished.len() <= PAGE_MAX;
    if is_plain && is_ours { wished.to_owned() } else { "/".to_owned() }
}

fn go_on(to: &str) -> Response {
    let Ok(to) = HeaderValue::from_str(to) else {
        return refuse(StatusCode::SERVICE_UNAVAILABLE, "oidc-unavailable", "the provider's address is no address")
            .into_response();
    };
    let headers = [(header::LOCATION, to), (REFERRER_POLICY, HeaderValue::from_static("no-referrer"))];
    (StatusCode::SEE_OTHER, headers).into_response()
}

/// The browser comes back from another site, so this one cookie is sent then too: it opens nothing by itself.
fn remember(response: &mut Response, sealed: &str, seconds: u64) {
    let text = format!("{COOKIE}={sealed}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={seconds}");
    if let Ok(value) = HeaderValue::from_str(&text) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}

/// Bound to this host, to encryption and to the root path by its name.
const COOKIE: &str = "__Host-tripoint-oidc";
const REFERRER_POLICY: HeaderName = HeaderName::from_static("referrer-policy");
const PAGE_MAX: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_sent_to_pages_of_ours_alone() {
        assert_eq!(own_page("/alerts?filter=a%20b"), "/alerts?filter=a%20b");
        let long = format!("/{}", "a".repeat(PAGE_MAX));
        for other in ["", "//example.org", "https://example.org", "/\\example.org", "/\r\nx: y", "x", "/\u{e9}", &long]
        {
            assert_eq!(own_page(other), "/", "{other}");
        }
    }
}
