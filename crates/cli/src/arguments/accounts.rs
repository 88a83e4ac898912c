//! What can be typed after `tripoint users`, `tokens` and `audit`?

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use tripoint_api::{Role, Scope};

#[derive(Subcommand)]
pub enum Users {
    /// Make one; without --password-file a password is made and printed once
    Add {
        /// Lower-case letters, digits, dots, dashes, underscores and @
        name: String,
        /// viewer, analyst, responder or admin
        #[arg(long)]
        role: Role,
        /// See hosts of this group only; may be given again
        #[arg(long = "group", value_name = "GROUP")]
        groups: Vec<String>,
        #[command(flatten)]
        password: Password,
    },
    /// All of them
    List,
    /// Change one; its sessions end
    Change(UsersChange),
    /// Drop one with its sessions and tokens
    Remove {
        /// Its name
        name: String,
    },
    /// A code, printed once, by which a user who forgot its password chooses another; its authenticator is still asked for
    Reset {
        /// Its name
        name: String,
        /// How you know who asks; it stands in the audit
        #[arg(long)]
        reason: String,
    },
    /// Named sets of hosts that users are held to
    #[command(subcommand, arg_required_else_help = true)]
    Groups(Groups),
}

#[derive(Args)]
pub struct UsersChange {
    /// Its name
    pub name: String,
    /// viewer, analyst, responder or admin
    #[arg(long)]
    pub role: Option<Role>,
    /// See hosts of this group only; may be given again
    #[arg(long = "group", value_name = "GROUP", conflicts_with = "all_hosts")]
    pub groups: Vec<String>,
    /// See every host
    #[arg(long)]
    pub all_hosts: bool,
    /// Shut it out
    #[arg(long, conflicts_with = "enable")]
    pub disable: bool,
    /// Let it in again
    #[arg(long)]
    pub enable: bool,
    /// Make a new password and print it once
    #[arg(long)]
    pub new_password: bool,
    /// Forget its authenticator, which it has lost
    #[arg(long, requires = "reason")]
    pub remove_totp: bool,
    /// With --remove-totp: how you know who asks; it stands in the audit
    #[arg(long, requires = "remove_totp")]
    pub reason: Option<String>,
    #[command(flatten)]
    pub password: Password,
}

#[derive(Args)]
pub struct Password {
    /// Read the password from the first line of this file; - for the standard input
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
}

#[derive(Subcommand)]
pub enum Groups {
    /// Make one, or say anew which hosts it has
    Set {
        /// Its name
        name: String,
        /// Patterns of host names, such as `web-*`
        #[arg(required = true)]
        hosts: Vec<String>,
    },
    /// All of them
    List,
    /// Drop one that nobody is held to
    Remove {
        /// Its name
        name: String,
    },
}

#[derive(Subcommand)]
pub enum Tokens {
    /// Make one; it is printed once and kept nowhere
    Add {
        /// What to call it
        name: String,
        /// viewer, analyst, responder or admin; at most your own
        #[arg(long)]
        role: Role,
        /// Hold it to AREA:read or AREA:write (alerts, actions, exceptions, intel, connections, health, admin); may be
        /// given again
        #[arg(long = "scope", value_name = "SCOPE")]
        scopes: Vec<Scope>,
        /// How long it holds, at most 366 days
        #[arg(long = "for", value_name = "SPAN", value_parser = days)]
        span: Duration,
    },
    /// All of them, when each ends and when it was last used
    List,
    /// Take one back
    Remove {
        /// Its id
        id: String,
    },
}

/// Spans of exceptions end at 30 days; a token may hold longer.
fn days(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no span: a number of d or h, such as 90d");
    let split = text.len().checked_sub(1).filter(|at| text.is_char_boundary(*at)).ok_or_else(wrong)?;
    let (number, unit) = text.split_at(split);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let seconds = match unit {
        "d" => number.checked_mul(86_400),
        "h" => number.checked_mul(3_600),
        _ => None,
    };
    seconds.filter(|seconds| *seconds > 0).map(Duration::from_secs).ok_or_else(wrong)
}

#[derive(Subcommand)]
pub enum Audit {
    /// What was done, the newest first; from the data folder when no server answers
    List {
        /// At most so many rows
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
        limit: u32,
        /// Only rows before this one
        #[arg(long, value_name = "NUMBER")]
        after: Option<u64>,
    },
    /// Whether anything in it was changed afterwards; reads the data folder, no server is needed
    Verify,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_days_or_hours() {
        assert_eq!(days("90d"), Ok(Duration::from_secs(90 * 86_400)));
        assert_eq!(days("1h"), Ok(Duration::from_secs(3600)));
        for wrong in ["", "d", "0d", "90", "-1d", "1y", "99999999999999999999d", "18446744073709551615d", "1ä"] {
            assert!(days(wrong).is_err(), "{wrong}");
        }
    }
}
