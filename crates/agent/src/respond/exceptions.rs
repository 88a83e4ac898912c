//! What does it change here that somebody allowed something, or withdrew that?

use std::path::Path;

use tripoint_api::agent::Answer;
use tripoint_journal::kept;
use tripoint_model::{Action, ActionKind, Exception, Scope, Terms};

use super::Respond;
use crate::detect::Wake;

/// What was kept; nothing where nothing was, or where it is damaged: nobody is blocked by what nobody said.
pub(super) fn read(path: &Path) -> Option<Vec<Exception>> {
    let bytes =
        kept::read(path).inspect_err(|error| tracing::error!(%error, "policy waits for the server's exceptions"));
    let list = bytes.ok()??;
    serde_json::from_slice(&list)
        .inspect_err(|error| tracing::error!(%error, "policy waits for the server's exceptions"))
        .ok()
}

impl Respond {
    pub(super) fn remove_exception(&mut self, id: &str) -> Answer {
        self.guard.exceptions.retain(|exception| exception.id != id);
        self.keep_exceptions();
        let _ = self.detector.send(Wake::RemoveException(id.to_owned()));
        Answer::default()
    }

    pub(super) fn add_exception(&mut self, exception: Exception) -> Answer {
        self.guard.exceptions.retain(|known| known.id != exception.id);
        self.guard.exceptions.push(exception.clone());
        self.keep_exceptions();
        let mut answer = Answer::default();
        // Allow beats block at once: what the exception covers is lifted.
        let whole = exception.application.is_none() && !exception.is_about_alerts();
        if let Some(target) = exception.target.clone().filter(|_| whole && exception.is_for_host(&self.guard.host)) {
            let action = Action {
                kind: ActionKind::Allow,
                target: target.into(),
                scope: Scope::Host,
                expires: exception.expires,
                reason: exception.reason.clone(),
                requester: exception.owner.clone(),
                cause: None,
                terms: Terms::default(),
            };
            answer = self.act(&[action], false);
        }
        let _ = self.detector.send(Wake::AddException(exception));
        // A standing block that the exception now covers does not stay either.
        self.reconcile();
        answer
    }

    /// The server's list replaces ours: what it has no more was withdrawn while we were away.
    pub(super) fn know_exceptions(&mut self, exceptions: Vec<Exception>) {
        let withdrawn = |known: &&Exception| exceptions.iter().all(|exception| exception.id != known.id);
        for gone in self.guard.exceptions.iter().filter(withdrawn) {
            let _ = self.detector.send(Wake::RemoveException(gone.id.clone()));
        }
        // After a start each is applied, later those that were not known as they are.
        let applied = if self.exceptions_asked { std::mem::take(&mut self.guard.exceptions) } else { Vec::new() };
        self.guard.exceptions.clear();
        let (known, news): (Vec<Exception>, Vec<Exception>) =
            exceptions.into_iter().partition(|exception| applied.contains(exception));
        self.guard.exceptions = known;
        for exception in news {
            self.add_exception(exception);
        }
        (self.exceptions_known, self.exceptions_asked) = (true, true);
        self.keep_exceptions();
    }

    /// Written whole and renamed; without it policy waits for the server at the next start.
    fn keep_exceptions(&self) {
        let written = serde_json::to_vec(&self.guard.exceptions)
            .map_err(std::io::Error::other)
            .and_then(|bytes| kept::write(&self.exceptions_file, &bytes));
        if let Err(error) = written {
            tracing::error!(%error, "exceptions could not be kept");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use tripoint_responder::testing::FakeFirewall;

    use super::*;

    fn exception(id: &str, address: &str) -> Exception {
        let text = format!(
            r#"{{"id":"{id}","target":"{address}","reason":"r","owner":"ada","created":"2026-11-20T03:00:00Z",
            "expires":"2096-11-21T03:00:00Z"}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn what_was_allowed_and_withdrawn_while_apart_is_applied_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let config = crate::config::load(folder.path(), None).unwrap().config;
        let (wake, wakes) = mpsc::sync_channel(64);
        let (report, _reports) = tokio::sync::mpsc::unbounded_channel();
        let firewall = Box::new(FakeFirewall::default());
        let mut respond = Respond::open(&folder.path().join("ledger"), firewall, &config, wake, report).unwrap();
        let mut told = |exceptions: &[Exception]| -> Vec<String> {
            respond.know_exceptions(exceptions.to_vec());
            let one = |wake| match wake {
                Wake::AddException(exception) => Some(format!("+{}", exception.id)),
                Wake::RemoveException(id) => Some(format!("-{id}")),
                _ => None,
            };
            let changes = wakes.try_iter().filter_map(one).collect();
            let mut ids: Vec<&str> = respond.guard.exceptions.iter().map(|known| known.id.as_str()).collect();
            ids.sort_unstable();
            assert!(ids.iter().copied().eq(exceptions.iter().map(|exception| exception.id.as_str())), "{ids:?}");
            changes
        };
        let (a, b, c) = (exception("a", "203.0.113.1"), exception("b", "203.0.113.2"), exception("c", "203.0.113.3"));
        assert_eq!(told(&[a.clone(), b.clone()]), ["+a", "+b"]);
        assert_eq!(told(&[b.clone(), c.clone()]), ["-a", "+c"], "one that stands is not made again");
        assert!(told(&[b.clone(), c]).is_empty());
        let expires = tripoint_model::Timestamp(b.expires.0 + 1);
        assert_eq!(told(&[Exception { expires, ..b }]), ["-c", "+b"], "one that was changed is");
    }
}
