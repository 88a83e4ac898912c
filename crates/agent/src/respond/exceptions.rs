//! What does it change here that somebody allowed something, or withdrew that?

use std::fs;

use tripoint_api::agent::Answer;
use tripoint_model::{Action, ActionKind, Exception, Scope, Terms};

use super::Respond;
use crate::detect::Wake;

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
        self.guard.exceptions.clear();
        for exception in exceptions {
            self.add_exception(exception);
        }
        self.exceptions_known = true;
        self.keep_exceptions();
    }

    /// Written whole and renamed; without it policy waits for the server at the next start.
    fn keep_exceptions(&self) {
        let beside = self.exceptions_file.with_extension("new");
        let written = serde_json::to_vec(&self.guard.exceptions)
            .map_err(std::io::Error::other)
            .and_then(|bytes| fs::write(&beside, bytes))
            .and_then(|()| fs::rename(&beside, &self.exceptions_file));
        if let Err(error) = written {
            tracing::error!(%error, "exceptions could not be kept");
        }
    }
}
