//! What is asked by and about those who may ask?

use serde_json::{Value, json};
use tripoint_api::accounts::{
    Confirm, HostGroup, Login, Me, NewToken, NewUser, PasswordChange, Session, Setup, Token, TokenMade, TotpCode,
    TotpSeed, User, UserChange,
};
use tripoint_api::oidc::SignInWays;
use tripoint_api::recovery::{RecoveryCodes, Reset, ResetCode, ResetWish};
use tripoint_api::{AuditList, path};

use super::{Route, bouncers, delete, get, of, post};

/// How one proves who one is, where that is another way than everywhere.
pub(super) fn ways(route: &Route) -> Option<Value> {
    let lets_in = [path::SETUP, path::SESSION, path::RESET].contains(&route.path) && route.method == "post";
    let for_anybody =
        [path::ALIVE, path::READY, path::OIDC, path::OIDC_BEGIN, path::OIDC_CALLBACK].contains(&route.path);
    let keyed = bouncers::KEYED.iter().any(|keyed| keyed.path == route.path);
    if lets_in || for_anybody { Some(json!([])) } else { keyed.then(|| json!([{ "bouncer": [] }])) }
}

pub(super) const ROUTES: &[Route] = &[
    post(path::SETUP, "Makes the first admin, once, with the code that the server printed.")
        .with::<Setup>()
        .gives::<User>(),
    post(path::SESSION, "Signs in; the answer sets the cookie `__Host-tripoint`.").with::<Login>().gives::<Me>(),
    get(path::SESSION, "Who asks.").gives::<Me>(),
    post(path::RESET, "Another password by a code that an admin had made; every session ends.").with::<Reset>(),
    get(path::OIDC, "How one may sign in beside name and password; anybody may ask.").gives::<SignInWays>(),
    get(path::OIDC_BEGIN, "Sends a browser to the provider to sign in, or to prove again who is there.")
        .asking(&[("then", of::<String>), ("confirm", of::<bool>)])
        .goes_on(),
    get(path::OIDC_CALLBACK, "Where the provider sends it back to.")
        .asking(&[("code", of::<String>), ("state", of::<String>), ("iss", of::<String>), ("error", of::<String>)])
        .goes_on(),
    delete(path::SESSION, "Signs out."),
    post(path::SESSION_CONFIRM, "Proves again who is there; holds five minutes.").with::<Confirm>().gives::<Me>(),
    get(path::SESSIONS, "One's own sessions.").gives::<Vec<Session>>(),
    delete(path::SESSIONS, "Signs out everywhere."),
    delete("/v1/sessions/{id}", "Ends one of one's own sessions."),
    post(path::OWN_PASSWORD, "A new password; every session ends.").with::<PasswordChange>(),
    post(path::OWN_TOTP, "A seed for an authenticator, shown once.").gives::<TotpSeed>(),
    post(path::OWN_TOTP_CONFIRM, "The authenticator shows the right digits.")
        .with::<TotpCode>()
        .gives::<RecoveryCodes>(),
    delete(path::OWN_TOTP, "No authenticator any more."),
    get(path::USERS, "Who may sign in.").gives::<Vec<User>>(),
    post(path::USERS, "Makes a user.").with::<NewUser>().gives::<User>(),
    post("/v1/users/{name}", "Changes a user; its sessions end.").with::<UserChange>().gives::<User>(),
    delete("/v1/users/{name}", "Drops a user with its sessions and tokens."),
    post("/v1/users/{name}/reset", "A code, told this once, by which a user chooses another password.")
        .with::<ResetWish>()
        .gives::<ResetCode>(),
    get(path::GROUPS, "Groups of hosts.").gives::<Vec<HostGroup>>(),
    post(path::GROUPS, "Makes a group of hosts, or says anew which they are.").with::<HostGroup>().gives::<HostGroup>(),
    delete("/v1/groups/{name}", "Drops a group that nobody is held to."),
    get(path::TOKENS, "One's own tokens; an admin's are everybody's.").gives::<Vec<Token>>(),
    post(path::TOKENS, "Makes a token, which is told this once.").with::<NewToken>().gives::<TokenMade>(),
    delete("/v1/tokens/{id}", "Takes a token back."),
    get(path::AUDIT, "What was done, the newest first.")
        .asking(&[("limit", of::<u32>), ("after", of::<u64>)])
        .gives::<AuditList>(),
];
