//! How is the first admin made?

use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::connect_info::ConnectInfo;
use axum::http::StatusCode;

use tripoint_api::Role;
use tripoint_api::accounts::{NewUser, Setup, User};

use super::session::try_once;
use super::users::account;
use crate::access::Peer;
use crate::auth::audit;
use crate::refuse::{Refused, json, refuse};
use crate::state::App;
use crate::store::users::Kept;

/// Makes the first admin of whoever has the code. Of two at once one is the first.
pub(crate) async fn first(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    body: Bytes,
) -> Result<Json<User>, Refused> {
    let Setup { code, name, password } = json(&body)?;
    try_once(&app, peer, TRIED)?;
    if !app.auth.setup.is(&code, Instant::now()) {
        let why = "this is no code of this start of the server, it is older than an hour, or there is an admin already";
        return Err(refuse(StatusCode::FORBIDDEN, "setup-code", why));
    }
    app.auth.tries.succeeded(peer.source(), TRIED);
    let user = account(&app, NewUser { name, role: Role::Admin, password, groups: Vec::new() }).await?;
    let shown = user.shown();
    audit::is(&user.name, "setup code");
    let kept = app.accounts.add_user(user, true).await?;
    if kept != Kept::Done && !app.accounts.has_admin().await? {
        return Err(refuse(StatusCode::CONFLICT, "name-taken", "somebody is called so already; take another name"));
    }
    app.auth.setup.forget();
    match kept {
        Kept::Done => Ok(Json(shown)),
        _ => Err(refuse(StatusCode::CONFLICT, "set-up", "there is an admin already")),
    }
}

/// No user can be called so.
const TRIED: &str = "(setup)";
