//! Who tried to log in over SSH?
//!
//! OpenSSH's messages: user names stand in them as the client sent them, so an address is looked for behind the *last*
//! ` from `; a user called `x from 192.0.2.1` names nobody else. [openssh-portable: auth.c, monitor.c]

use std::sync::OnceLock;

use regex::Regex;

use super::{Service, Told};
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
        let message = bare(message);
        // Most messages are of none of these; their beginning tells.
        let likely = MESSAGES.iter().zip(compiled()).filter(|((start, ..), _)| message.starts_with(start));
        let (found, outcome) =
            likely.filter_map(|((_, _, outcome), pattern)| Some((pattern.captures(message)?, *outcome))).next()?;
        let remote = leading_address(found.name("ip")?.as_str()).map(|(address, _)| address);
        let user = found.name("user").map_or("", |user| user.as_str());
        // Clients offer one key after another; only for accounts that are none does it say anything.
        if message.starts_with("Failed publickey ") && found.name("unknown").is_none() {
            return None;
        }
        let outcome = if found.name("unknown").is_some() { Outcome::UnknownUser } else { outcome };
        Some(Told::log_in("sshd", remote, user.trim().trim_matches('\''), outcome))
    }
}

/// Without what the severity, the kernel's console or PAM put before it.
pub(super) fn bare(message: &str) -> &str {
    let mut message = message.trim_end();
    if let Some(repeated) = message.strip_prefix("message repeated ") {
        message = repeated.split_once(" times: [ ").map_or(repeated, |(_, rest)| rest.trim_end_matches(']'));
    }
    if let Some(rest) = message.strip_prefix("kernel:") {
        message = rest.split_once(']').map_or(rest, |(_, rest)| rest).trim_start_matches([':', ' ']);
    }
    for start in ["error: ", "fatal: ", "PAM: "] {
        message = message.strip_prefix(start).unwrap_or(message);
    }
    message
}

fn compiled() -> &'static [Regex] {
    static COMPILED: OnceLock<Vec<Regex>> = OnceLock::new();
    COMPILED.get_or_init(|| {
        let full = |pattern: &str| {
            let pattern = pattern.replace("<from>", FROM).replace("<peer>", r"(?P<ip>[\w.:%-]+)");
            Regex::new(&format!("^{pattern}$")).unwrap_or_else(|error| panic!("{pattern}: {error}"))
        };
        MESSAGES.iter().map(|(_, pattern, _)| full(pattern)).collect()
    })
}

/// The end of most messages. Behind the protocol stands a key, or what the client says of itself.
const FROM: &str = r"from (?P<ip>[\w.:%-]+)(?:(?: port \d+)?(?: ssh\d)?(?: \[preauth\])?| port \d+ ssh\d: (?:ruser .*|[A-Z][\w-]* [\w:+/=$.]+.*)| via [\w.:]+)";

/// How a message begins, the whole of it, and what it means. A name is what a client sent and may hold anything, also
/// ` from 192.0.2.1`: it takes as much as it can, so that the last address is the peer's.
const MESSAGES: &[(&str, &str, Outcome)] = &[
    (
        "Failed ",
        r"Failed [\w/.-]+ for (?P<unknown>(?:invalid|illegal) user |<)?(?:user )?(?P<user>.*?) from (?P<ip>[\w.:%-]+) port \d+ ssh1: ruser .*",
        Outcome::Failed,
    ),
    (
        "Failed ",
        r"Failed [\w/.-]+ for (?P<unknown>(?:invalid|illegal) user |<)?(?:user )?(?P<user>.*) <from>",
        Outcome::Failed,
    ),
    ("Accepted ", r"Accepted [\w/.-]+ for (?P<user>.*) <from>", Outcome::Accepted),
    ("Invalid user ", r"Invalid user (?P<user>.*) ?from <peer>(?: port \d+)?", Outcome::UnknownUser),
    ("Illegal user ", r"Illegal user (?P<user>.*) ?from <peer>(?: port \d+)?", Outcome::UnknownUser),
    ("User ", r"User (?P<user>.*) from <peer> not allowed because .*", Outcome::Failed),
    (
        "ROOT LOGIN REFUSED",
        r"(?P<user>ROOT|root) (?:LOGIN|login) (?:REFUSED|refused) (?:FROM|from) <peer>(?: port \d+)?(?: \[preauth\])?",
        Outcome::Failed,
    ),
    (
        "maximum authentication attempts",
        r"maximum authentication attempts exceeded for (?P<unknown>invalid user )?(?P<user>.*) <from>",
        Outcome::Failed,
    ),
    (
        "Authentication ",
        r"Authentication (?:failure|error) for (?P<unknown>(?:illegal|invalid) user )?(?P<user>.*) <from>",
        Outcome::Failed,
    ),
    (
        "authentication ",
        r"authentication (?:failure|error) for (?P<unknown>(?:illegal|invalid) user )?(?P<user>.*) <from>",
        Outcome::Failed,
    ),
    (
        "User not known",
        r"User not known to the underlying authentication module for (?P<unknown>illegal user |invalid user )?(?P<user>.*) <from>",
        Outcome::UnknownUser,
    ),
    (
        "Disconnecting ",
        r"Disconnecting (?:authenticating|(?P<unknown>invalid)) user (?P<user>.*) <peer> port \d+: (?:Too many authentication failures|Change of username or service not allowed).*",
        Outcome::Failed,
    ),
    (
        "Disconnected from ",
        r"Disconnected from (?:authenticating|(?P<unknown>invalid)) user (?P<user>.*) <peer> port \d+ \[preauth\]",
        Outcome::Failed,
    ),
    (
        "Connection ",
        r"Connection (?:closed|reset) by (?:authenticating|(?P<unknown>invalid)) user (?P<user>.*) <peer> port \d+(?: \[preauth\])?",
        Outcome::Failed,
    ),
    (
        "Received disconnect",
        r"Received disconnect from (?P<ip>[\da-fA-F.:]+?)(?: port \d+)?: ?(?:3: .*: Auth fail(?: .*)?|14: No supported authentication methods available)(?: \[preauth\])?",
        Outcome::Failed,
    ),
    (
        "Received disconnect",
        r"Received disconnect from (?P<ip>[\da-fA-F.:]+?)(?: port \d+)?: ?11: .* \[preauth\]",
        Outcome::Refused,
    ),
    (
        "Did not receive identification",
        r"Did not receive identification string from <peer>(?: port \d+)?",
        Outcome::Refused,
    ),
    ("Bad protocol version", r"Bad protocol version identification '.*' from <peer>(?: port \d+)?", Outcome::Refused),
    (
        "banner exchange",
        r"banner exchange: Connection from <peer> port \d+: (?:invalid format|could not read protocol version)",
        Outcome::Refused,
    ),
    (
        "Unable to negotiate",
        r"Unable to negotiate with (?P<ip>[\da-fA-F.:]+)(?: port \d+)?: no matching .*",
        Outcome::Refused,
    ),
    ("refused connect", r"refused connect from (?:.*@)?\S+ \(<peer>\)", Outcome::Refused),
    (
        "Connection ",
        r"Connection (?:closed|reset) by (?P<ip>[\da-fA-F.:]+)(?: port \d+)? \[preauth\]",
        Outcome::Refused,
    ),
    (
        "Timeout before",
        r"Timeout before authentication for(?: connection from)? (?P<ip>[\da-fA-F.:]+).*",
        Outcome::Refused,
    ),
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
