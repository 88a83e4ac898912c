//! How does each change get its row in the audit, in the transaction of the change itself?
//!
//! The gate says who asks for what and runs the request within a `Call`. The store's writer finds it there and writes
//! the row with the first change that the request makes, so that neither is without the other. What changed nothing,
//! or was refused in the end, gets its row when the answer is known.

pub mod chain;
pub mod head;
pub mod offline;
pub mod restored;
pub(crate) mod sign;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde_json::{Map, Value};

use tripoint_api::AuditEntry;

use super::secret;

tokio::task_local! {
    static CALL: Arc<Call>;
}

/// A request that may change something, while it runs.
#[derive(Debug, Default)]
pub(crate) struct Call(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    entry: AuditEntry,
    /// Whether its row is in the chain.
    written: bool,
    /// Whether the writer's job at hand changed nothing after all.
    nothing: bool,
    /// The key that it is done once by, and the hash of what was asked.
    once: Option<(String, String)>,
}

impl Call {
    pub(crate) fn new(entry: AuditEntry) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State { entry, ..State::default() })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The row of a change that was made, once.
    pub(crate) fn row(&self) -> Option<AuditEntry> {
        let mut state = self.state();
        let nothing = std::mem::take(&mut state.nothing);
        if nothing || state.written {
            return None;
        }
        state.written = true;
        Some(AuditEntry { result: "done".to_owned(), ..state.entry.clone() })
    }

    /// The key that it is done once by, where it has one.
    pub(crate) fn once(&self) -> Option<(String, String)> {
        self.state().once.clone()
    }

    /// The change was not kept after all.
    pub(crate) fn unwritten(&self) {
        self.state().written = false;
    }

    /// The row of how it ended, where the row of its change does not say it.
    pub(crate) fn end(&self, good: bool, result: &str) -> Option<AuditEntry> {
        let state = self.state();
        (!(state.written && good)).then(|| AuditEntry { result: result.to_owned(), ..state.entry.clone() })
    }
}

/// Runs a request, or a part of it in another task, as this call.
pub(crate) async fn within<T>(call: Arc<Call>, work: impl Future<Output = T>) -> T {
    CALL.scope(call, work).await
}

/// The call that runs, where one does.
pub(crate) fn current() -> Option<Arc<Call>> {
    CALL.try_with(Arc::clone).ok()
}

fn with_state(change: impl FnOnce(&mut State)) {
    if let Some(call) = current() {
        change(&mut call.state());
    }
}

/// Says how something was before and is now.
pub(crate) fn changed(before: &impl Serialize, after: &impl Serialize) {
    let text = |value: Value| if value.is_null() { String::new() } else { cut(value.to_string()) };
    let json = |value: Result<Value, _>| value.map(text).unwrap_or_default();
    let (before, after) = (json(serde_json::to_value(before)), json(serde_json::to_value(after)));
    with_state(|state| (state.entry.before, state.entry.after) = (before, after));
}

/// Says that the store's job changes nothing: there was no such thing, or it was there already.
pub(crate) fn nothing_changed() {
    with_state(|state| state.nothing = true);
}

/// What a job says of itself: `false` = it changed nothing.
pub(crate) fn said<E>(done: Result<bool, E>) -> Result<bool, E> {
    if let Ok(false) = done {
        nothing_changed();
    }
    done
}

/// Says by which key the call is done once, and the hash of what was asked.
pub(crate) fn once(key: &str, asked: &str) {
    with_state(|state| state.once = Some((key.to_owned(), asked.to_owned())));
}

/// Says who it is, where that is found out on the way.
pub(crate) fn is(who: &str, by: &str) {
    with_state(|state| (state.entry.who, state.entry.by) = (who.to_owned(), by.to_owned()));
}

/// What was asked for, fit to be kept: without secrets, or as length and hash where it is long. And why, where it says.
pub(crate) fn asked(body: &[u8]) -> (String, String) {
    if body.is_empty() {
        return Default::default();
    }
    // So few bytes hold few values.
    let short = (body.len() <= TEXT_MAX).then(|| serde_json::from_slice::<Map<String, Value>>(body).ok()).flatten();
    let Some(mut fields) = short else {
        let hash = secret::hex(ring::digest::digest(&ring::digest::SHA256, body).as_ref());
        return (format!("{{\"bytes\":{},\"sha256\":\"{hash}\"}}", body.len()), String::new());
    };
    let reason = ["reason", "comment"].iter().find_map(|name| fields.get(*name)?.as_str().map(str::to_owned));
    for name in SECRET {
        if let Some(value) = fields.get_mut(*name) {
            *value = "***".into();
        }
    }
    (Value::Object(fields).to_string(), reason.unwrap_or_default())
}

fn cut(mut text: String) -> String {
    if text.len() > TEXT_MAX {
        let end = (0..=TEXT_MAX).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    text
}

/// What is never kept of a body.
const SECRET: &[&str] = &["password", "old", "new", "totp", "code", "token", "secret", "consent"];
/// Longer texts are no reading matter.
const TEXT_MAX: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_of_a_body_holds_no_secret_and_is_short() {
        let (kept, reason) = asked(br#"{"name":"ada","password":"three wet owls","totp":"123456","reason":"why"}"#);
        assert_eq!(kept, r#"{"name":"ada","password":"***","reason":"why","totp":"***"}"#);
        assert_eq!(reason, "why");
        for long in ["x".repeat(5000), format!("{{\"a\":\"{}\"}}", "x".repeat(5000)), "[1,2]".into()] {
            let (kept, _) = asked(long.as_bytes());
            assert!(kept.starts_with("{\"bytes\":") && kept.len() < 120, "{kept}");
        }
        assert_eq!(asked(b""), (String::new(), String::new()));
        assert!(cut("ä".repeat(5000)).len() <= TEXT_MAX + 3);
    }

    #[tokio::test]
    async fn a_call_has_one_row_for_its_change_and_one_for_an_end_that_differs() {
        let call = Call::new(AuditEntry::default());
        let job = async {
            nothing_changed();
            call.row()
        };
        assert_eq!(within(Arc::clone(&call), job).await, None);
        let row = within(Arc::clone(&call), async {
            changed(&1, &None::<u8>);
            call.row()
        });
        let row = row.await.unwrap();
        assert_eq!((row.before.as_str(), row.after.as_str(), row.result.as_str()), ("1", "", "done"));
        assert_eq!(call.row(), None, "once");
        assert_eq!(call.end(true, "200"), None);
        assert_eq!(call.end(false, "504").unwrap().result, "504");
        assert!(current().is_none());
    }
}
