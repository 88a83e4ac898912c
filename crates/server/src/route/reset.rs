//! How does somebody who forgot its password get in again?
//!
//! An admin who knows who asks has a code made, which is told once and handed over. It opens for an hour, once, and for
//! its own user alone; where that has an authenticator it is asked for too, so whoever got hold of the code has nothing.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::connect_info::ConnectInfo;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::{Extension, Json};

use tripoint_api::recovery::{Reset, ResetCode, ResetWish};

use super::session::{Factor, gone, no_random, try_once, unavailable, wrong};
use super::users::{acceptable, done, reason};
use crate::access::Peer;
use crate::auth::audit;
use crate::auth::caller::Caller;
use crate::auth::secret::{base32, hash, random};
use crate::refuse::{Refused, json, refuse};
use crate::state::{App, now};
use crate::store::users::Account;

/// Makes a code for a user.
pub(crate) async fn make(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<Json<ResetCode>, Refused> {
    let wish: ResetWish = json(&body)?;
    reason(Some(&wish.reason))?;
    let user = app.accounts.user(&name).await?;
    if user.is_some_and(|user| user.password.is_empty()) {
        let why = "a provider signs this user in: its password is kept there";
        return Err(refuse(StatusCode::CONFLICT, "no-password", why));
    }
    let code = base32(&random::<16>().map_err(|_| no_random())?);
    let expires = now().plus(HOLDS);
    done(app.accounts.make_reset(name.clone(), hash(&code), expires).await?, "user")?;
    tracing::info!(user = name, by = caller.name, "a code for another password was made");
    // Behind `#`, so that no program on the way writes it down.
    let link = app.url.as_ref().map(|url| format!("{url}/reset#{}:{code}", tripoint_api::path::segment(&name)));
    Ok(Json(ResetCode { name, code, link, expires }))
}

/// Another password by a code. Signing in comes after that.
pub(crate) async fn redeem(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    body: Bytes,
) -> Result<Response, Refused> {
    let Reset { name, code, password, totp } = json(&body)?;
    try_once(&app, peer, &name)?;
    let hashed = hash(&code.trim().to_ascii_uppercase());
    // One answer, whatever was wrong.
    if !app.accounts.reset_holds(&name, &hashed, now()).await? {
        return Err(wrong());
    }
    let user = app.accounts.user(&name).await?.filter(|user| !user.disabled).ok_or_else(wrong)?;
    let factor = Factor::of(&app, &user, totp.as_deref())?;
    app.auth.tries.succeeded(peer.source(), &name);
    acceptable(&app, &name, &password).await?;
    let new = app.auth.passwords.hash(&password).await.map_err(unavailable)?;
    audit::is(&name, "reset code");
    let take = move |user: &mut Account| {
        user.password = new;
        !user.disabled && factor.take(user)
    };
    app.accounts.use_reset(name, hashed, take, now()).await?.ok_or_else(wrong)?;
    Ok(gone())
}

/// So that it can be handed over, and is no second password.
const HOLDS: Duration = Duration::from_secs(3600);
