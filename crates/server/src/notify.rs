//! Who is told, unasked, that a feed is in trouble and that it is well again?
//!
//! A message is a `POST` of JSON, signed: `X-Tripoint-Signature: sha256=HEX` is the HMAC-SHA-256 (RFC 2104) over the
//! header `X-Tripoint-Timestamp` (seconds since 1970), a full stop and the body. Whoever receives it compares both and
//! refuses times that are minutes away, so that no message can be played again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;
use tokio::sync::watch;

use tripoint_api::FeedHealth;
use tripoint_fetch::{Call, Fetcher, Method};

use crate::listen::until;
use crate::state::{App, now};

/// Where messages go, and how they are signed.
pub struct Notify {
    /// The receiver.
    pub url: String,
    /// What both sides know.
    pub secret: Vec<u8>,
    /// Connects, with the certificates that are trusted.
    pub fetcher: Fetcher,
    /// How often feeds are looked at.
    pub every: Duration,
}

/// Trouble by feed, as it was told.
type Told = BTreeMap<String, String>;

/// Looks at the feeds until told to stop. What could not be told is told the next time; what was told is kept in a
/// file, so that a restart repeats nothing.
pub(crate) async fn run(notify: Notify, app: Arc<App>, own: PathBuf, stopped: watch::Receiver<bool>) {
    let path = own.join("notified.json");
    let notify = Arc::new(notify);
    let mut told = read(&path);
    loop {
        let feeds = app.feeds().await;
        for message in changes(&feeds, &told) {
            let sender = Arc::clone(&notify);
            let body = message.body();
            let sent = tokio::task::spawn_blocking(move || send(&sender, &body)).await;
            let failure = match sent {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error),
                Err(error) => Some(error.to_string()),
            };
            if let Some(error) = failure {
                tracing::warn!(error, feed = message.feed, "nobody could be told about this feed; it is tried again");
                break;
            }
            match message.trouble {
                Some(trouble) => drop(told.insert(message.feed, trouble)),
                None => drop(told.remove(&message.feed)),
            }
            write(&path, &told);
        }
        tokio::select! {
            () = tokio::time::sleep(notify.every) => {}
            () = until(stopped.clone()) => return,
        }
    }
}

/// One thing to tell.
#[derive(Debug, PartialEq, Eq)]
struct Message {
    feed: String,
    /// `None`: it is well again.
    trouble: Option<String>,
}

impl Message {
    fn body(&self) -> Vec<u8> {
        let kind = if self.trouble.is_some() { "feed-trouble" } else { "feed-recovered" };
        json!({ "schema": 1, "type": kind, "feed": self.feed, "trouble": self.trouble, "at": now() }).to_string().into()
    }
}

/// What is new since the last telling. Numbers in a trouble grow by the day; only its kind counts as new.
fn changes(feeds: &[FeedHealth], told: &Told) -> Vec<Message> {
    let present: BTreeMap<&str, &str> =
        feeds.iter().filter_map(|feed| Some((feed.feed.as_str(), feed.trouble.as_deref()?))).collect();
    let is_new = |feed: &str, trouble: &str| told.get(feed).is_none_or(|before| kind(before) != kind(trouble));
    let worse = present.iter().filter(|(feed, trouble)| is_new(feed, trouble));
    let worse = worse.map(|(feed, trouble)| Message { feed: (*feed).into(), trouble: Some((*trouble).into()) });
    let well = told.keys().filter(|feed| !present.contains_key(feed.as_str()));
    worse.chain(well.map(|feed| Message { feed: feed.clone(), trouble: None })).collect()
}

/// The words without their numbers.
fn kind(trouble: &str) -> String {
    trouble.chars().filter(|c| !c.is_ascii_digit()).collect()
}

fn send(notify: &Notify, body: &[u8]) -> Result<(), String> {
    let seconds = now().0.div_euclid(1_000_000).to_string();
    let signature = format!("sha256={}", sign(&notify.secret, &seconds, body));
    let headers = [("x-tripoint-timestamp", seconds.as_str()), ("x-tripoint-signature", signature.as_str())];
    let call = Call { method: Method::Post, url: &notify.url, bearer: None, json: Some(body), headers: &headers };
    let said = notify.fetcher.call(&call).map_err(|error| error.to_string())?;
    match said.status {
        200..=299 => Ok(()),
        status => Err(format!("the receiver answered with status {status}")),
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

/// What cannot be read is told once more.
fn read(path: &Path) -> Told {
    std::fs::read(path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

fn write(path: &Path, told: &Told) {
    let beside = path.with_extension("new");
    let written = serde_json::to_vec(told)
        .map_err(std::io::Error::other)
        .and_then(|bytes| std::fs::write(&beside, bytes))
        .and_then(|()| std::fs::rename(&beside, path));
    if let Err(error) = written {
        tracing::warn!(%error, path = %path.display(), "what was told could not be kept; a restart tells it again");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(name: &str, trouble: Option<&str>) -> FeedHealth {
        FeedHealth { feed: name.into(), trouble: trouble.map(str::to_owned), ..FeedHealth::default() }
    }

    #[test]
    fn each_change_is_told_once() {
        let told = Told::from([("a".into(), "overdue for 2 days".into()), ("b".into(), "it is empty".into())]);
        let feeds =
            [feed("a", Some("overdue for 3 days")), feed("b", None), feed("c", Some("an HTML page")), feed("d", None)];
        let message =
            |feed: &str, trouble: Option<&str>| Message { feed: feed.into(), trouble: trouble.map(Into::into) };
        assert_eq!(changes(&feeds, &told), [message("c", Some("an HTML page")), message("b", None)]);
        let other = [feed("a", Some("it is empty"))];
        assert_eq!(changes(&other, &told)[0], message("a", Some("it is empty")), "another trouble is news");
    }

    #[test]
    fn the_signature_is_that_of_the_standard() {
        // HMAC-SHA-256 of "1.x" with the key "k", by another program.
        assert_eq!(sign(b"k", "1", b"x"), "976cb87e4f568d1c0f03f32859e90af8597cf00b978ba37c229c97d3a15b8449");
    }
}
