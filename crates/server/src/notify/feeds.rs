//! Which feeds got into trouble, and which are well again?

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;

use tripoint_api::FeedHealth;

use crate::listen::until;
use crate::state::{App, now};

/// Trouble by feed, as it was told.
type Told = BTreeMap<String, String>;

/// Looks at the feeds until told to stop. What found no room among the messages is tried at the next look; what did is
/// kept in a file, so that a restart repeats nothing.
pub(super) async fn run(every: Duration, app: Arc<App>, own: PathBuf, stopped: watch::Receiver<bool>) {
    let path = own.join("notified.json");
    let mut told = read(&path);
    loop {
        let feeds = app.feeds().await;
        for message in changes(&feeds, &told) {
            match app.store.queue(message.body(), now()).await {
                Ok(true) => app.messages.send_modify(|count| *count += 1),
                Ok(false) => break,
                Err(error) => {
                    tracing::error!(%error, feed = message.feed, "trouble with a feed cannot be written down");
                    break;
                }
            }
            match message.trouble {
                Some(trouble) => drop(told.insert(message.feed, trouble)),
                None => drop(told.remove(&message.feed)),
            }
            write(&path, &told);
        }
        tokio::select! {
            () = tokio::time::sleep(every) => {}
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
    fn body(&self) -> Value {
        let kind = if self.trouble.is_some() { "feed-trouble" } else { "feed-recovered" };
        json!({ "schema": 1, "type": kind, "feed": self.feed, "trouble": self.trouble, "at": now() })
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
}
