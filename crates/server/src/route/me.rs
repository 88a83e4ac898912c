//! What does a person change of its own: password and authenticator?

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::{Extension, Json};

use tripoint_api::accounts::{PasswordChange, TotpCode, TotpSeed};
use tripoint_api::recovery::RecoveryCodes;

use super::session::{gone, no_random, try_again, unavailable, wrong};
use super::users::acceptable;
use crate::auth::caller::Caller;
use crate::auth::secret::{base32, hash, random};
use crate::auth::totp;
use crate::refuse::{Refused, json, refuse};
use crate::state::{App, now};
use crate::store::users::Account;

/// A new password for the old one. Every session ends.
pub(crate) async fn password(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<Response, Refused> {
    let PasswordChange { old, new } = json(&body)?;
    acceptable(&app, &caller.name, &new).await?;
    try_again(&app, &caller)?;
    let user = app.accounts.user(&caller.name).await?.ok_or_else(wrong)?;
    if !app.auth.passwords.is(&old, Some(&user.password)).await.map_err(unavailable)? {
        return Err(wrong());
    }
    app.auth.tries.succeeded_known(&caller.proof());
    let hashed = app.auth.passwords.hash(&new).await.map_err(unavailable)?;
    let was = user.password;
    let edit = move |user: &mut Account| {
        let is_same = user.password == was;
        user.password = hashed;
        is_same
    };
    app.accounts.change_own(caller.name, true, edit).await?.ok_or_else(wrong)?;
    Ok(gone())
}

/// A new seed for an authenticator; it counts once a code of it was shown.
pub(crate) async fn enrol(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<TotpSeed>, Refused> {
    let seed = random::<{ totp::SEED_BYTES }>().map_err(|_| no_random())?;
    let sealed = app.auth.sealer.seal(&totp::seed_purpose(&caller.name), &seed).map_err(|_| no_random())?;
    let uri = totp::uri(&caller.name, &seed);
    let edit = move |user: &mut Account| {
        user.totp_new = Some(sealed);
        true
    };
    app.accounts.change_own(caller.name, false, edit).await?.ok_or_else(wrong)?;
    Ok(Json(TotpSeed { secret: base32(&seed), uri }))
}

/// The authenticator shows the right digits: from now on they are asked for.
pub(crate) async fn confirm_totp(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<Json<RecoveryCodes>, Refused> {
    let TotpCode { code } = json(&body)?;
    try_again(&app, &caller)?;
    let user = app.accounts.user(&caller.name).await?.ok_or_else(wrong)?;
    let none = || refuse(StatusCode::CONFLICT, "no-seed", "ask for a seed first");
    let sealed = user.totp_new.ok_or_else(none)?;
    let seed = app.auth.sealer.open(&totp::seed_purpose(&caller.name), &sealed).map_err(|_| none())?;
    let is_near = || totp::is_near(&seed, &code, now());
    let step = totp::step(&seed, &code, 0, now()).ok_or_else(|| if is_near() { other_time() } else { wrong() })?;
    app.auth.tries.succeeded_known(&caller.proof());
    let mut codes = Vec::with_capacity(RECOVERY_CODES);
    for _ in 0..RECOVERY_CODES {
        codes.push(base32(&random::<16>().map_err(|_| no_random())?));
    }
    let hashes = codes.iter().map(|code| hash(code)).collect();
    let edit = move |user: &mut Account| {
        let is_same = user.totp_new.as_ref() == Some(&sealed);
        (user.totp, user.totp_new) = (user.totp_new.take(), None);
        (user.totp_step, user.recovery) = (step, hashes);
        is_same
    };
    app.accounts.change_own(caller.name, false, edit).await?.ok_or_else(none)?;
    Ok(Json(RecoveryCodes { codes }))
}

/// Said while it is set up, where it helps: later a wrong code is a wrong code.
fn other_time() -> Refused {
    let why = "these digits were or will be right at another time: set the clock of the authenticator, or be quicker";
    refuse(StatusCode::UNPROCESSABLE_ENTITY, "other-time", why)
}

/// No authenticator any more.
pub(crate) async fn remove_totp(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
) -> Result<StatusCode, Refused> {
    let edit = |user: &mut Account| {
        user.forget_totp();
        true
    };
    app.accounts.change_own(caller.name, false, edit).await?.ok_or_else(wrong)?;
    Ok(StatusCode::NO_CONTENT)
}

/// For as many lost authenticators.
const RECOVERY_CODES: usize = 10;
