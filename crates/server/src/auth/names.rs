//! May somebody be called so?
//!
//! Names stand in history and in the audit for who did something. Some stand there for somebody who is no user.

use crate::access;

/// Whether nobody who is no user is called so in history.
pub(crate) fn is_free(name: &str) -> bool {
    !NOBODYS.contains(&name)
}

/// The same for a name that somebody chose elsewhere: users of this host ask through the socket by theirs.
pub(crate) fn is_free_for_others(name: &str) -> bool {
    is_free(name) && !access::is_user_of_host(name)
}

/// Names that stand in history for others.
const NOBODYS: &[&str] = &["root", "token", "tripoint", "policy", "agent", "nobody", "server", "socket", "setup"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_others_are_not_free() {
        for name in ["agent", "policy", "tripoint", "token", "nobody", "server", "root", crate::access::MACHINE] {
            assert!(!is_free(name) && !is_free_for_others(name), "{name}");
        }
        assert!(is_free("ada") && is_free_for_others("nobody-of-this-host"));
        // Wherever there are users at all.
        assert!(is_free("daemon") && !is_free_for_others("daemon"));
    }
}
