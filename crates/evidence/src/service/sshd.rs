//! Who tried to log in over SSH?
//!
//! OpenSSH's messages: user names stand in them as the client sent them, so an address is looked for behind the *last*
//! ` from `; a user called `x from 192.0.2.1` names nobody else. [openssh-portable: auth.c, monitor.c]

use super::{Service, Told, between};
use crate::entry::Outcome;
use crate::log::leading_address;

/// OpenSSH.
pub struct Sshd;

impl Service for Sshd {
    fn name(&self) -> &'static str {
        "sshd"
    }

    fn programs(&self) -> &'static [&'static str] {
        &["sshd", "sshd-session", "sshd-auth"]
    }

    fn read<'l>(&self, message: &'l str) -> Option<Told<'l>> {
        let message = message.strip_prefix("error: ").or_else(|| message.strip_prefix("fatal: ")).unwrap_or(message);
        let message = message.strip_prefix("PAM: ").unwrap_or(message);
        let (_, before, outcome) = STARTS.iter().copied().find(|(start, ..)| message.starts_with(start))?;
        let (who, at) = message.rsplit_once(" from ")?;
        let (remote, _) = leading_address(at.trim_start())?;
        let user = match before {
            "" => who.rsplit_once(" for ").map_or("", |(_, user)| user),
            before => who.split_once(before).map_or("", |(_, user)| user),
        };
        let user = user.strip_prefix("invalid user ").or_else(|| user.strip_prefix("illegal user ")).unwrap_or(user);
        let unknown = who.contains(" for invalid user ") || who.contains(" for illegal user ");
        let outcome = if unknown { Outcome::UnknownUser } else { outcome };
        let user = between(user, "'", "'").unwrap_or(user);
        Some(Told::log_in("sshd", Some(remote), user.trim(), outcome))
    }
}

/// How a message begins, what stands before the user's name in it (nothing: ` for `), and what it means.
const STARTS: &[(&str, &str, Outcome)] = &[
    ("Failed ", "", Outcome::Failed),
    ("Accepted ", "", Outcome::Accepted),
    ("Invalid user ", "Invalid user ", Outcome::UnknownUser),
    ("Illegal user ", "Illegal user ", Outcome::UnknownUser),
    ("User ", "User ", Outcome::Failed),
    ("ROOT LOGIN REFUSED", "", Outcome::Failed),
    ("maximum authentication attempts exceeded", "", Outcome::Failed),
    ("Authentication failure", "", Outcome::Failed),
    ("User not known to the underlying authentication module", "", Outcome::UnknownUser),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{LogIn, Said};

    #[test]
    fn who_tried_is_told_and_names_forge_nothing() {
        for (message, expected) in [
            ("Failed password for root from 203.0.113.9 port 4711 ssh2", "root 203.0.113.9 Failed"),
            ("Failed password for invalid user bob from 2001:db8::9 port 4711 ssh2", "bob 2001:db8::9 UnknownUser"),
            ("Accepted publickey for eve from 203.0.113.9 port 4711 ssh2: RSA SHA256:x", "eve 203.0.113.9 Accepted"),
            ("Invalid user x from 192.0.2.1 from 203.0.113.9 port 4711", "x from 192.0.2.1 203.0.113.9 UnknownUser"),
            ("error: PAM: Authentication failure for root from 203.0.113.9", "root 203.0.113.9 Failed"),
            (
                "error: maximum authentication attempts exceeded for root from 203.0.113.9 port 4711 ssh2 [preauth]",
                "root 203.0.113.9 Failed",
            ),
            ("User root from 203.0.113.9 not allowed because not listed in AllowUsers", "root 203.0.113.9 Failed"),
        ] {
            let Some(Told { remote, said: Said::LogIn(LogIn { user, outcome, .. }) }) = Sshd.read(message) else {
                panic!("{message}")
            };
            assert_eq!(format!("{user} {} {outcome:?}", remote.unwrap()), expected, "{message}");
        }
        for message in ["Server listening on 0.0.0.0 port 22.", "Failed to allocate from ", "", "User from"] {
            assert_eq!(Sshd.read(message), None, "{message}");
        }
    }
}
