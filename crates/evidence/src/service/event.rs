//! Which log-in do the named values of a line tell of?
//!
//! Programs that write JSON or `name=value` say what happened in one field and who it was in another. A row is a kind
//! of event: the fields that it is known by, where the peer and the account stand, and what it means.

use super::Told;
use crate::entry::{LogIn, Outcome, Said};
use crate::log::fields::Fields;
use crate::log::leading_address;

/// One kind of event.
struct Event {
    service: &'static str,
    /// Names of fields, and what each holds; an empty text: anything.
    known_by: &'static [(&'static str, &'static str)],
    remote: &'static str,
    user: &'static str,
    outcome: Outcome,
}

/// What the fields tell by the first row that fits; the peer is missing where it stands in another field.
pub(crate) fn read(fields: &Fields<'_>) -> Option<Told<'static>> {
    let fits = |event: &&Event| {
        event.known_by.iter().all(|(name, part)| fields.get(name).is_some_and(|value| value.contains(part)))
    };
    let event = EVENTS.iter().find(fits)?;
    let remote = fields.get(event.remote).and_then(leading_address).map(|(address, _)| address);
    let user = fields.get(event.user).unwrap_or_default().to_owned();
    let log_in = LogIn { service: event.service, user: user.into(), outcome: event.outcome };
    Some(Told { remote, said: Said::LogIn(log_in) })
}

/// The services of all rows.
#[cfg(test)]
pub(crate) fn services() -> impl Iterator<Item = &'static str> {
    EVENTS.iter().map(|event| event.service)
}

macro_rules! event {
    ($outcome:ident $service:literal [$($name:literal : $part:literal),+] $remote:literal $user:literal) => {
        Event {
            service: $service,
            known_by: &[$(($name, $part)),+],
            remote: $remote,
            user: $user,
            outcome: Outcome::$outcome,
        }
    };
}

const EVENTS: &[Event] = &[
    event!(UnknownUser "authelia" ["msg": "Unsuccessful ", "msg": "user not found"] "remote_ip" "username"),
    event!(UnknownUser "authelia" ["msg": "getting details for user", "error": "user not found"] "remote_ip" "username"),
    event!(Failed "authelia" ["msg": "Unsuccessful "] "remote_ip" "username"),
    event!(UnknownUser "authentik" ["event": "invalid_login", "action": "invalid_identifier"] "client_ip" "identifier"),
    event!(Failed "authentik" ["event": "invalid_login"] "client_ip" "identifier"),
    event!(Failed "authentik" ["action": "login_failed"] "client_ip" "context.username"),
    event!(UnknownUser "miniflux" ["authentication_failed": "true", "error": "unable to find this user"] "client_ip" "username"),
    event!(Failed "miniflux" ["authentication_failed": "true"] "client_ip" "username"),
    event!(Failed "navidrome" ["msg": "/auth/login", "httpStatus": "401"] "remoteAddr" "username"),
    event!(Failed "mongodb" ["c": "ACCESS", "msg": "Authentication failed"] "attr.remote" "attr.principalName"),
    event!(Failed "mongodb" ["c": "ACCESS", "msg": "Failed to authenticate"] "attr.client" "attr.user"),
    event!(Accepted "mongodb" ["c": "ACCESS", "msg": "Successfully authenticated"] "attr.remote" "attr.user"),
    event!(Failed "sftpgo" ["sender": "connection_failed", "login_type": "password"] "client_ip" "username"),
    event!(Failed "teleport" ["event": "user.login", "success": "false"] "addr.remote" "user"),
    event!(Accepted "teleport" ["event": "user.login", "success": "true"] "addr.remote" "user"),
    event!(Failed "aws-console" ["eventName": "ConsoleLogin", "errorMessage": "Failed authentication"] "sourceIPAddress" "userIdentity.userName"),
    event!(Failed "aws-console" ["eventName": "ConsoleLogin", "responseElements.ConsoleLogin": "Failure"] "sourceIPAddress" "userIdentity.userName"),
    event!(Accepted "aws-console" ["eventName": "ConsoleLogin", "responseElements.ConsoleLogin": "Success"] "sourceIPAddress" "userIdentity.userName"),
    // A honeypot: who comes at all is probing.
    event!(Failed "cowrie" ["eventid": "cowrie.login.failed"] "src_ip" "username"),
    event!(Refused "cowrie" ["eventid": "cowrie.session.connect"] "src_ip" "dst_port"),
    event!(Failed "nextcloud" ["app": "core", "message": "Login failed"] "remoteAddr" "user"),
    event!(Failed "gitlab" ["message": "Failed Login"] "remote_ip" "username"),
];
