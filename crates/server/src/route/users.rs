//! Who may sign in, and which hosts are whose?

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::{Extension, Json};

use tripoint_api::accounts::{HostGroup, NAME_MAX, NewUser, User, UserChange};

use super::session::unavailable;
use crate::auth::caller::Caller;
use crate::auth::names;
use crate::auth::password::{self, Weak};
use crate::refuse::{Refused, json, refuse};
use crate::state::{App, now};
use crate::store::users::{Account, Kept};

/// Every user.
pub(crate) async fn list(State(app): State<Arc<App>>) -> Result<Json<Vec<User>>, Refused> {
    Ok(Json(app.accounts.users().await?.iter().map(Account::shown).collect()))
}

/// Makes a user.
pub(crate) async fn add(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<Json<User>, Refused> {
    let user = account(&app, json(&body)?).await?;
    let shown = user.shown();
    done(app.accounts.add_user(user, false).await?, "user")?;
    // Whoever could make one needs no code.
    app.auth.setup.forget();
    tracing::info!(user = shown.name, role = shown.role.as_str(), by = caller.name, "user added");
    Ok(Json(shown))
}

/// Changes a user; its sessions end.
pub(crate) async fn change(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<Json<User>, Refused> {
    let UserChange { role, groups, disabled, password, remove_totp, reason: why } = json(&body)?;
    if remove_totp {
        reason(why.as_deref())?;
        if caller.session().is_some() && caller.name == name {
            let why = "one's own is removed by its owner (DELETE /v1/me/totp); a lost one by another admin or by root";
            return Err(refuse(StatusCode::CONFLICT, "own", why));
        }
    }
    let hashed = match password {
        Some(password) => {
            acceptable(&app, &name, &password).await?;
            Some(app.auth.passwords.hash(&password).await.map_err(unavailable)?)
        }
        None => None,
    };
    let edit = move |user: &mut Account| {
        user.role = role.unwrap_or(user.role);
        user.groups = groups.unwrap_or(std::mem::take(&mut user.groups));
        user.disabled = disabled.unwrap_or(user.disabled);
        user.password = hashed.unwrap_or(std::mem::take(&mut user.password));
        if remove_totp {
            user.forget_totp();
        }
    };
    let (kept, after) = app.accounts.administer(name.clone(), edit).await?;
    done(kept, "user")?;
    tracing::info!(user = name, by = caller.name, "user changed");
    after.map(|user| Json(user.shown())).ok_or_else(|| missing("user"))
}

/// Drops a user with its sessions and tokens.
pub(crate) async fn remove(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> Result<StatusCode, Refused> {
    done(app.accounts.remove_user(name.clone()).await?, "user")?;
    tracing::info!(user = name, by = caller.name, "user removed");
    Ok(StatusCode::NO_CONTENT)
}

/// Every group of hosts.
pub(crate) async fn groups(State(app): State<Arc<App>>) -> Result<Json<Vec<HostGroup>>, Refused> {
    Ok(Json(app.accounts.groups().await?))
}

/// Makes a group of hosts, or says anew which they are.
pub(crate) async fn set_group(State(app): State<Arc<App>>, body: Bytes) -> Result<Json<HostGroup>, Refused> {
    let group: HostGroup = json(&body)?;
    check_name(&group.name)?;
    let is_pattern = |text: &String| !text.trim().is_empty() && text.len() <= PATTERN_MAX;
    if group.hosts.is_empty() || group.hosts.len() > PATTERNS_MAX || !group.hosts.iter().all(is_pattern) {
        let rule = format!("a group has 1 to {PATTERNS_MAX} patterns of 1 to {PATTERN_MAX} bytes");
        return Err(refuse(StatusCode::UNPROCESSABLE_ENTITY, "group", rule));
    }
    done(app.accounts.set_group(group.clone()).await?, "group")?;
    Ok(Json(group))
}

/// Drops a group of hosts that nobody is held to.
pub(crate) async fn remove_group(State(app): State<Arc<App>>, Path(name): Path<String>) -> Result<StatusCode, Refused> {
    match app.accounts.remove_group(name).await? {
        Kept::Taken => Err(refuse(StatusCode::CONFLICT, "in-use", "a user is held to this group")),
        kept => done(kept, "group").map(|()| StatusCode::NO_CONTENT),
    }
}

/// A user as it would be kept.
pub(super) async fn account(app: &App, new: NewUser) -> Result<Account, Refused> {
    check_name(&new.name)?;
    acceptable(app, &new.name, &new.password).await?;
    let hashed = app.auth.passwords.hash(&new.password).await.map_err(unavailable)?;
    Ok(Account::new(new.name, new.role, new.groups, hashed, now()))
}

pub(super) fn check_name(name: &str) -> Result<(), Refused> {
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-' | b'@');
    if name.is_empty() || name.len() > NAME_MAX || !name.bytes().all(is_plain) {
        let rule = format!("a name has 1 to {NAME_MAX} lower-case letters, digits, dots, dashes, underscores and @");
        return Err(refuse(StatusCode::UNPROCESSABLE_ENTITY, "name", rule));
    }
    if !names::is_free(name) {
        let why = format!("{name} would be taken for somebody else");
        return Err(refuse(StatusCode::UNPROCESSABLE_ENTITY, "name", why));
    }
    Ok(())
}

/// Whether a new password may be this user's.
pub(super) async fn acceptable(app: &App, name: &str, password: &str) -> Result<(), Refused> {
    let weak = |why: Weak| refuse(StatusCode::UNPROCESSABLE_ENTITY, "password", why.to_string());
    password::check(name, password).map_err(weak)?;
    let Some(breached) = app.auth.breached.clone() else { return Ok(()) };
    let password = password.to_owned();
    let found = tokio::task::spawn_blocking(move || breached.holds(&password)).await;
    let found = found.map_err(|error| error.to_string()).and_then(|found| found.map_err(|error| error.to_string()));
    match found {
        Ok(false) => Ok(()),
        Ok(true) => Err(weak(Weak::Breached)),
        Err(error) => {
            tracing::error!(error, "a new password cannot be compared with breached ones");
            let why = "new passwords cannot be compared with breached ones at the moment; the log says why";
            Err(refuse(StatusCode::SERVICE_UNAVAILABLE, "breached-unreadable", why))
        }
    }
}

/// How it was found out who asks: what lets somebody in again needs one, and it stands in the audit.
pub(super) fn reason(said: Option<&str>) -> Result<(), Refused> {
    let length = said.map_or(0, |said| said.trim().chars().count());
    if (REASON_MIN..=REASON_MAX).contains(&length) {
        return Ok(());
    }
    let rule = format!("say in `reason` how you know who asks, in {REASON_MIN} to {REASON_MAX} characters");
    Err(refuse(StatusCode::UNPROCESSABLE_ENTITY, "reason", rule))
}

pub(super) fn done(kept: Kept, what: &str) -> Result<(), Refused> {
    let conflict = |kind: &str, why: String| Err(refuse(StatusCode::CONFLICT, kind, why));
    match kept {
        Kept::Done => Ok(()),
        Kept::Missing => Err(missing(what)),
        Kept::Taken => conflict("name-taken", format!("there is a {what} of that name, or there are too many already")),
        Kept::NoGroup => {
            Err(refuse(StatusCode::UNPROCESSABLE_ENTITY, "no-group", "a group that it names is not there"))
        }
        Kept::LastAdmin => conflict("last-admin", "nobody would be left who may say who may what".to_owned()),
    }
}

fn missing(what: &str) -> Refused {
    refuse(StatusCode::NOT_FOUND, "not-found", format!("there is no such {what}"))
}

/// `seen in person`.
const REASON_MIN: usize = 8;
const REASON_MAX: usize = 500;
const PATTERNS_MAX: usize = 1_000;
/// As long as a host's name can be.
const PATTERN_MAX: usize = 253;
