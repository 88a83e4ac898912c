//! Who was refused by PAM?
//!
//! `pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.7  user=root`, from
//! whichever program asked. Names from outside stand in `ruser`, before `rhost`: the first `rhost=` behind a blank
//! `ruser` is PAM's. [Linux-PAM: pam_unix_auth.c]

use super::{Service, Told, between};
use crate::entry::Outcome;
use crate::log::leading_address;

/// Linux-PAM.
pub struct Pam;

impl Service for Pam {
    fn name(&self) -> &'static str {
        "pam"
    }

    fn programs(&self) -> &'static [&'static str] {
        &["*"]
    }

    fn read<'l>(&self, message: &'l str) -> Option<Told<'l>> {
        let (module, rest) = message.split_once("authentication failure; ")?;
        (module.contains("pam_") || module.is_empty() && rest.starts_with("logname=")).then_some(())?;
        let at = rest.find("rhost=")?;
        // `rhost=` twice: what is named in `ruser` comes first, what is named in `user` last.
        let named = between(rest, "ruser=", "rhost=").unwrap_or_default().trim();
        let (host, behind) = rest[at + 6..].split_once(' ').unwrap_or((&rest[at + 6..], ""));
        let (host, behind) = match behind.trim_start().strip_prefix("rhost=") {
            Some(again) => again.split_once(' ').unwrap_or((again, "")),
            None => (host, behind),
        };
        let user = behind.trim_start().strip_prefix("user=").map_or(named, str::trim);
        let remote = leading_address(host).map(|(address, _)| address);
        (!host.trim().is_empty()).then(|| Told::log_in("pam", remote, user, Outcome::Failed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{LogIn, Said};

    #[test]
    fn names_forge_no_address() {
        let head = "pam_unix(x:auth): authentication failure; logname= uid=0 euid=0 tty=x ";
        for (rest, expected) in [
            ("ruser= rhost=203.0.113.9  user=root", "203.0.113.9 root"),
            ("ruser=eve rhost=203.0.113.9 ", "203.0.113.9 eve"),
            ("ruser=x rhost=192.0.2.1 rhost=203.0.113.9", "203.0.113.9 x"),
            ("ruser= rhost=203.0.113.9 user=x rhost=192.0.2.1", "203.0.113.9 x rhost=192.0.2.1"),
            ("ruser= rhost=gone.example", "- "),
        ] {
            let message = format!("{head}{rest}");
            let Some(Told { remote, said: Said::LogIn(LogIn { user, .. }) }) = Pam.read(&message) else {
                panic!("{rest}")
            };
            assert_eq!(format!("{} {user}", remote.map_or("-".into(), |at| at.to_string())), expected);
        }
        assert_eq!(Pam.read(&format!("{head}ruser= rhost=  user=root")), None, "on the console");
    }
}
