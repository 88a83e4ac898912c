//! How does a message reach its receiver: signed, in order, tried again, and given up in the end?
//!
//! A message is a `POST` of JSON, signed: `X-Tripoint-Signature: sha256=HEX` is the HMAC-SHA-256 (RFC 2104) over the
//! header `X-Tripoint-Timestamp` (seconds since 1970), a full stop and the body. Whoever receives it compares both and
//! refuses times that are minutes away, so that no message can be played again.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tokio::sync::watch;

use tripoint_fetch::{Call, Method};

use super::{Notify, PAUSES};
use crate::listen::until;
use crate::state::{App, now};
use crate::store::Message;

/// Why the last attempt failed, where it did.
#[derive(Default)]
pub(crate) struct NotifyState(Mutex<Option<String>>);

impl NotifyState {
    pub(crate) fn trouble(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, trouble: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }
}

/// What an attempt came to.
#[derive(Debug, PartialEq, Eq)]
enum Attempt {
    Taken,
    /// Not taken now.
    Failed(String),
    /// This one will never be taken; the next may.
    Unwanted(String),
}

/// Sends what is written down until told to stop. One that is not taken is tried again, in order, and given up after
/// `AGE_MAX`.
pub(super) async fn run(notify: Arc<Notify>, app: Arc<App>, stopped: watch::Receiver<bool>) {
    let mut written = app.messages.subscribe();
    let mut pause = notify.pause;
    loop {
        written.borrow_and_update();
        let wait = match app.store.next_message().await {
            Ok(Some(message)) => match offer(&notify, &app, message).await {
                true => {
                    pause = notify.pause;
                    continue;
                }
                false => {
                    let now = pause;
                    pause = (pause * 2).min(notify.pause * PAUSES);
                    now
                }
            },
            Ok(None) => {
                tokio::select! {
                    _ = written.changed() => continue,
                    () = tokio::time::sleep(IDLE) => continue,
                    () = until(stopped.clone()) => return,
                }
            }
            Err(error) => {
                tracing::error!(%error, "what is to be told cannot be read");
                IDLE
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = until(stopped.clone()) => return,
        }
    }
}

/// Tries one; says whether it is done with.
async fn offer(notify: &Arc<Notify>, app: &App, message: Message) -> bool {
    let (number, age) = (message.number, now().since(message.queued));
    let sender = Arc::clone(notify);
    let attempt = tokio::task::spawn_blocking(move || send(&sender, message.body.as_bytes())).await;
    let attempt = attempt.unwrap_or_else(|error| Attempt::Failed(error.to_string()));
    let delivered = match &attempt {
        Attempt::Taken => true,
        Attempt::Failed(error) if age < AGE_MAX => {
            tracing::warn!(error, "nobody takes messages; it is tried again");
            app.notify.set(Some(error.clone()));
            return false;
        }
        Attempt::Failed(error) | Attempt::Unwanted(error) => {
            tracing::error!(error, "a message is given up");
            false
        }
    };
    app.notify.set(match attempt {
        Attempt::Taken => None,
        Attempt::Failed(error) | Attempt::Unwanted(error) => Some(error),
    });
    if let Err(error) = app.store.message_done(number, delivered).await {
        tracing::error!(%error, "it could not be kept that a message was told; it will be told again");
        return false;
    }
    true
}

fn send(notify: &Notify, body: &[u8]) -> Attempt {
    let seconds = now().0.div_euclid(1_000_000).to_string();
    let signature = format!("sha256={}", sign(&notify.secret, &seconds, body));
    let headers = [("x-tripoint-timestamp", seconds.as_str()), ("x-tripoint-signature", signature.as_str())];
    let call = Call { method: Method::Post, url: &notify.url, bearer: None, json: Some(body), headers: &headers };
    match notify.fetcher.call(&call) {
        Ok(said) => judge(said.status),
        Err(error) => Attempt::Failed(error.to_string()),
    }
}

/// A receiver that says that this body is wrong will not change its mind (RFC 9110 section 15.5).
fn judge(status: u16) -> Attempt {
    let said = format!("the receiver answered with status {status}");
    match status {
        200..=299 => Attempt::Taken,
        400 | 413 | 415 | 422 => Attempt::Unwanted(said),
        _ => Attempt::Failed(said),
    }
}

fn sign(secret: &[u8], seconds: &str, body: &[u8]) -> String {
    // A key of any length is taken (RFC 2104 section 2).
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return String::new() };
    mac.update(seconds.as_bytes());
    mac.update(b".");
    mac.update(body);
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Older news is none.
const AGE_MAX: Duration = Duration::from_secs(24 * 3600);
/// A look without being told to.
const IDLE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_the_standard() {
        // HMAC-SHA-256 of "1.x" with the key "k", by another program.
        assert_eq!(sign(b"k", "1", b"x"), "976cb87e4f568d1c0f03f32859e90af8597cf00b978ba37c229c97d3a15b8449");
    }

    #[test]
    fn only_a_body_that_is_wrong_is_given_up_at_once() {
        for (status, taken, unwanted) in [
            (200, true, false),
            (204, true, false),
            (302, false, false),
            (401, false, false),
            (422, false, true),
            (503, false, false),
        ] {
            let attempt = judge(status);
            assert_eq!(
                (attempt == Attempt::Taken, matches!(attempt, Attempt::Unwanted(_))),
                (taken, unwanted),
                "{status}"
            );
        }
    }
}
