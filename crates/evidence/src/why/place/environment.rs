//! Does the environment name the peer?

use super::Place;
use crate::why::look::Look;

pub(super) struct Environment;

impl Place for Environment {
    fn name(&self) -> &'static str {
        "environment"
    }

    fn search(&self, look: &mut Look<'_>) {
        let subject = look.subject;
        if !subject.is_alive {
            return;
        }
        let path = subject.proc.join("environ");
        let shown = path.display().to_string();
        match std::fs::File::open(&path).map_err(|error| Some(error.to_string())).and_then(|file| look.bounded(file)) {
            Ok(text) => {
                let own = |variable: &&str| !OF_SESSION.iter().any(|start| variable.starts_with(start));
                for (number, variable) in (1..).zip(text.split('\0')).filter(|(_, variable)| own(variable)) {
                    look.piece(self.name(), &shown, number, variable);
                }
            }
            Err(reason) => look.say(format!("{shown}: not searched, {}", reason.unwrap_or_default())),
        }
    }
}

/// Where somebody logged in from is no reason to connect there.
const OF_SESSION: &[&str] = &["SSH_CLIENT=", "SSH_CONNECTION=", "REMOTE_ADDR=", "REMOTE_HOST=", "HTTP_", "OLDPWD="];
