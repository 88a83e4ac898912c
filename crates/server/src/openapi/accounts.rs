//! What is asked by and about those who may ask?

use serde_json::{Value, json};

use tripoint_api::path;

use super::{Route, Schema, bouncers, get, post};

/// How one proves who one is, where that is another way than everywhere.
pub(super) fn ways(route: &Route) -> Option<Value> {
    let lets_in = [path::SETUP, path::SESSION].contains(&route.path) && route.method == "post";
    let keyed = bouncers::KEYED.iter().any(|keyed| keyed.path == route.path);
    if lets_in { Some(json!([])) } else { keyed.then(|| json!([{ "bouncer": [] }])) }
}

const fn delete(path: &'static str, summary: &'static str) -> Route {
    Route { method: "delete", request: None, answer: None, ..post(path, summary, "", "") }
}

pub(super) const PEOPLE: &[Route] = &[
    post(path::SETUP, "Makes the first admin, once, with the code that the server printed.", "Setup", "User"),
    post(path::SESSION, "Signs in; the answer sets the cookie `__Host-tripoint`.", "Login", "Me"),
    get(path::SESSION, "Who asks.", &[], "Me"),
    delete(path::SESSION, "Signs out."),
    post(path::SESSION_CONFIRM, "Proves again who is there; holds five minutes.", "Confirm", "Me"),
    get(path::SESSIONS, "One's own sessions.", &[], "[]Session"),
    delete(path::SESSIONS, "Signs out everywhere."),
    delete("/v1/sessions/{id}", "Ends one of one's own sessions."),
    Route { answer: None, ..post(path::OWN_PASSWORD, "A new password; every session ends.", "PasswordChange", "") },
    Route { request: None, ..post(path::OWN_TOTP, "A seed for an authenticator, shown once.", "", "TotpSeed") },
    post(path::OWN_TOTP_CONFIRM, "The authenticator shows the right digits.", "TotpCode", "RecoveryCodes"),
    delete(path::OWN_TOTP, "No authenticator any more."),
    get(path::USERS, "Who may sign in.", &[], "[]User"),
    post(path::USERS, "Makes a user.", "NewUser", "User"),
    post("/v1/users/{name}", "Changes a user; its sessions end.", "UserChange", "User"),
    delete("/v1/users/{name}", "Drops a user with its sessions and tokens."),
    get(path::GROUPS, "Groups of hosts.", &[], "[]HostGroup"),
    post(path::GROUPS, "Makes a group of hosts, or says anew which they are.", "HostGroup", "HostGroup"),
    delete("/v1/groups/{name}", "Drops a group that nobody is held to."),
    get(path::TOKENS, "One's own tokens; an admin's are everybody's.", &[], "[]Token"),
    post(path::TOKENS, "Makes a token, which is told this once.", "NewToken", "TokenMade"),
    delete("/v1/tokens/{id}", "Takes a token back."),
    get(path::AUDIT, "What was done, the newest first.", &["limit", "after"], "AuditList"),
];

pub(super) const SCHEMAS: &[Schema] = &[
    ("Setup", "The first admin.", &["code! string", "name! string", "password! string"]),
    ("Login", "Who, and what proves it.", &["name! string", "password! string", "totp string"]),
    ("Confirm", "One of the two.", &["password string", "totp string"]),
    (
        "Me",
        "Who asks, how it proved that, and what it may.",
        &[
            "name! string",
            "role! string",
            "by! string",
            "groups []string",
            "scopes []string",
            "has_totp boolean",
            "confirmed_until time",
            "ends time",
        ],
    ),
    (
        "Session",
        "Somebody who has signed in.",
        &["id! string", "created! time", "used! time", "source! string", "agent! string", "current! boolean"],
    ),
    ("PasswordChange", "The old one and the new one.", &["old! string", "new! string"]),
    ("TotpSeed", "For an authenticator (RFC 6238).", &["secret! string", "uri! string"]),
    ("TotpCode", "Six digits.", &["code! string"]),
    ("RecoveryCodes", "Each opens once.", &["codes! []string"]),
    ("NewUser", "A user.", &["name! string", "role! string", "password! string", "groups []string"]),
    (
        "UserChange",
        "What is not said stays.",
        &["role string", "groups []string", "disabled boolean", "password string", "remove_totp boolean"],
    ),
    (
        "User",
        "Somebody who may sign in. Roles: viewer, analyst, responder, admin; without groups it sees every host.",
        &[
            "name! string",
            "role! string",
            "groups! []string",
            "disabled! boolean",
            "has_totp! boolean",
            "created! time",
            "last_login time",
        ],
    ),
    ("HostGroup", "Patterns of host names.", &["name! string", "hosts! []string"]),
    (
        "NewToken",
        "Scopes are AREA:read or AREA:write; areas: alerts, actions, exceptions, intel, connections, health, admin.",
        &["name! string", "role! string", "scopes []string", "expires! time"],
    ),
    ("TokenMade", "For Authorization: Bearer; kept nowhere.", &["id! string", "token! string", "expires! time"]),
    (
        "Token",
        "A token as it is kept.",
        &[
            "id! string",
            "name! string",
            "maker! string",
            "role! string",
            "scopes []string",
            "created! time",
            "expires! time",
            "last_used time",
        ],
    ),
    ("AuditList", "A page, the newest first.", &["rows! []AuditRow", "next integer"]),
    (
        "AuditRow",
        "What somebody did, and the chain's hash over it and all before.",
        &[
            "number! integer",
            "at! time",
            "who! string",
            "by! string",
            "from! string",
            "what! string",
            "target string",
            "asked string",
            "reason string",
            "before string",
            "after string",
            "result! string",
            "hash! string",
        ],
    ),
];
