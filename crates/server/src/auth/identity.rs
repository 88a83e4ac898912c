//! Whose request is this?

use axum::http::{HeaderMap, StatusCode, header};

use tripoint_model::Timestamp;

use super::caller::{By, Caller, Sees};
use super::secret::hash;
use crate::access::{MACHINE, Peer};
use crate::lapi::key::basic_password;
use crate::refuse::{Refused, refuse};
use crate::state::App;
use crate::store::StoreError;
use crate::store::sessions::USED_EVERY;
use crate::store::users::Account;

/// How a question is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Way {
    /// Whether a token may come as the password of Basic, as TAXII's clients send it. Browsers send that unasked, also
    /// for pages of others: it proves nothing where something can be changed.
    pub(crate) basic: bool,
    /// Whether it is no use of a session, only a look whether it holds.
    pub(crate) passive: bool,
}

/// What a request shows to prove whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Shown {
    Token(String),
    Cookie(String),
    Nothing,
}

/// Who asks; `None` = nobody whom this server knows. Whoever shows something is taken by it and by nothing else.
pub(crate) async fn identify(
    app: &App,
    peer: Peer,
    headers: &HeaderMap,
    Way { basic, passive }: Way,
    now: Timestamp,
) -> Result<Option<Caller>, Refused> {
    let local = app.access.local(peer)?;
    match shown(headers, basic) {
        Shown::Token(token) if app.access.is_token(&token) => {
            Ok(Some(Caller::of_host(MACHINE.to_owned(), By::Machine)))
        }
        Shown::Token(token) => Ok(of_token(app, &token, passive, now).await?),
        Shown::Cookie(id) => {
            let caller = of_session(app, &id, passive, now).await?;
            Ok(caller.map(|caller| caller.from(peer, app.auth.demand)))
        }
        Shown::Nothing => Ok(local),
    }
}

/// The hash of what a request shows, if it shows anything.
pub(crate) fn shown_hash(headers: &HeaderMap, way: Way) -> Option<String> {
    match shown(headers, way.basic) {
        Shown::Token(text) | Shown::Cookie(text) => Some(hash(&text)),
        Shown::Nothing => None,
    }
}

fn shown(headers: &HeaderMap, basic: bool) -> Shown {
    if let Some(said) = headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap_or_default()) {
        // The name of the way to show it has no case (RFC 9110, 11.1).
        let token = said.split_once(' ').filter(|(way, _)| way.eq_ignore_ascii_case("Bearer"));
        let token = token.map(|(_, token)| token.trim().to_owned());
        let token = token.or_else(|| basic_password(said).filter(|_| basic));
        return Shown::Token(token.unwrap_or_default());
    }
    cookie(headers).map_or(Shown::Nothing, Shown::Cookie)
}

/// What our cookie says.
pub(crate) fn cookie(headers: &HeaderMap) -> Option<String> {
    cookie_of(headers, COOKIE)
}

/// What a cookie of this name says.
pub(crate) fn cookie_of(headers: &HeaderMap, wanted: &str) -> Option<String> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = all.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.into_iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.to_owned())
}

async fn of_session(app: &App, id: &str, passive: bool, now: Timestamp) -> Result<Option<Caller>, StoreError> {
    let Some(mut session) = app.accounts.session(&hash(id), now).await? else { return Ok(None) };
    let Some(user) = allowed(app, &session.person).await? else { return Ok(None) };
    if !passive && now.since(session.used) > USED_EVERY {
        app.accounts.touch_session(session.hash.clone(), false, now).await?;
        session.used = now;
    }
    of_user(app, user, By::Session(Box::new(session))).await.map(Some)
}

async fn of_token(app: &App, token: &str, passive: bool, now: Timestamp) -> Result<Option<Caller>, StoreError> {
    if !token.starts_with(TOKEN_PREFIX) {
        return Ok(None);
    }
    let Some(found) = app.accounts.token(&hash(token), now).await? else { return Ok(None) };
    let (row, of_ours) = (found.token, found.of_user);
    let by = By::Token { id: row.id.clone(), scopes: row.scopes };
    let mut caller = if of_ours {
        let Some(user) = allowed(app, &row.maker).await? else { return Ok(None) };
        of_user(app, user, by).await?
    } else if app.access.still_may(&row.maker) {
        Caller::of_host(row.maker, by)
    } else {
        return Ok(None);
    };
    caller.role = caller.role.min(row.role);
    if !passive && row.last_used.is_none_or(|last| now.since(last) > USED_EVERY) {
        app.accounts.touch_token(row.id, now).await?;
    }
    Ok(Some(caller))
}

async fn allowed(app: &App, name: &str) -> Result<Option<Account>, StoreError> {
    Ok(app.accounts.user(name).await?.filter(|user| !user.disabled))
}

async fn of_user(app: &App, user: Account, by: By) -> Result<Caller, StoreError> {
    let sees = match user.groups.is_empty() {
        true => Sees::default(),
        false => Sees::only(app.accounts.patterns(&user.groups).await?),
    };
    Ok(Caller::of_user(user, by, sees))
}

/// The refusal of whoever is nobody.
pub(crate) fn nobody() -> Refused {
    refuse(StatusCode::UNAUTHORIZED, "unauthorized", "a valid token or session is needed")
}

/// Bound to this host, to encryption and to the root path by its name (RFC 6265bis section 4.1.3.2).
pub(crate) const COOKIE: &str = "__Host-tripoint";
/// So that scanners for forgotten secrets know one.
pub(crate) const TOKEN_PREFIX: &str = "tp_";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_proof_is_read_and_the_token_goes_before_the_cookie() {
        let of = |basic: bool, pairs: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.append(*name, value.parse().unwrap());
            }
            shown(&headers, basic)
        };
        assert_eq!(of(false, &[]), Shown::Nothing);
        assert_eq!(of(false, &[("cookie", "a=b; __Host-tripoint=x1; c=d")]), Shown::Cookie("x1".into()));
        assert_eq!(of(false, &[("cookie", "x__Host-tripoint=x1; tripoint=x2")]), Shown::Nothing);
        assert_eq!(
            of(false, &[("cookie", "__Host-tripoint=x"), ("authorization", "Bearer t")]),
            Shown::Token("t".into())
        );
        assert_eq!(of(false, &[("authorization", "bearer  t ")]), Shown::Token("t".into()));
        assert_eq!(of(true, &[("authorization", "Basic dTpw")]), Shown::Token("p".into()));
        assert_eq!(of(false, &[("authorization", "Basic dTpw")]), Shown::Token(String::new()));
        assert_eq!(of(false, &[("authorization", "Digest x")]), Shown::Token(String::new()), "not the socket's word");
    }
}
