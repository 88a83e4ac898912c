//! Which programs may ask in whose name?

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use std::time::Duration;

use tripoint_api::Role;
use tripoint_api::accounts::{NewToken, TOKEN_DAYS_MAX, Token, TokenMade};

use super::session::no_random;
use super::users::check_name;
use crate::auth::caller::Caller;
use crate::auth::identity::TOKEN_PREFIX;
use crate::auth::secret::{hash, hex, long, random};
use crate::refuse::{Refused, json, refuse};
use crate::state::{App, now};
use crate::store::tokens::{Maker, TokenRow};

/// One's own tokens; those of all for whoever says who may what.
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<Vec<Token>>, Refused> {
    Ok(Json(app.accounts.tokens(only(&caller)).await?))
}

/// Makes a token; this answer is the only place where it stands.
pub(crate) async fn add(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<Json<TokenMade>, Refused> {
    let NewToken { name, role, mut scopes, expires } = json(&body)?;
    let wrong = |kind: &str, why: String| Err(refuse(StatusCode::UNPROCESSABLE_ENTITY, kind, why));
    check_name(&name)?;
    let created = now();
    if role > caller.role {
        return wrong("role", format!("you are {}: a token of yours is that at most", caller.role.as_str()));
    }
    if expires <= created || expires > created.plus(Duration::from_secs(TOKEN_DAYS_MAX * 86_400)) {
        return wrong("expires", format!("a token ends within {TOKEN_DAYS_MAX} days from now"));
    }
    scopes.sort_unstable();
    scopes.dedup();
    let id = hex(&random::<8>().map_err(|_| no_random())?);
    let token = format!("{TOKEN_PREFIX}{}", long().map_err(|_| no_random())?);
    let of_user = caller.is_user;
    let row = Token { id: id.clone(), name, maker: caller.name, role, scopes, created, expires, last_used: None };
    if !app.accounts.add_token(TokenRow { token: row, of_user }, hash(&token), created).await? {
        return Err(refuse(StatusCode::CONFLICT, "too-many", "there are too many tokens; take some back first"));
    }
    Ok(Json(TokenMade { id, token, expires }))
}

/// Takes a token back.
pub(crate) async fn remove(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<StatusCode, Refused> {
    if !app.accounts.remove_token(id, only(&caller)).await? {
        return Err(refuse(StatusCode::NOT_FOUND, "not-found", "there is no such token of yours"));
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Whose tokens it has to do with; `None` = everybody's.
fn only(caller: &Caller) -> Option<Maker> {
    let own = || Maker { name: caller.name.clone(), of_user: caller.is_user };
    (caller.role < Role::Admin || !caller.sees.all()).then(own)
}
