//! Who is told, unasked, what has happened?

mod deliver;
mod feeds;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use tripoint_fetch::Fetcher;

use crate::state::App;
use crate::store::Tell;
pub(crate) use deliver::NotifyState;

/// Where messages go, how they are signed, and what is told.
pub struct Notify {
    /// The receiver.
    pub url: String,
    /// What both sides know.
    pub secret: Vec<u8>,
    /// Connects, with the certificates that are trusted.
    pub fetcher: Fetcher,
    /// How often feeds are looked at.
    pub every: Duration,
    /// What is told.
    pub tell: Tell,
    /// How long the first pause is after an attempt that failed; it doubles up to `PAUSES` times that.
    pub pause: Duration,
}

/// How many times the first pause the longest is: five minutes for one of a second.
pub const PAUSES: u32 = 300;

/// Looks at feeds and sends what is written down, until told to stop.
pub(crate) async fn run(notify: Notify, app: Arc<App>, own: PathBuf, stopped: watch::Receiver<bool>) {
    let notify = Arc::new(notify);
    let sending = deliver::run(Arc::clone(&notify), Arc::clone(&app), stopped.clone());
    if notify.tell.feeds {
        tokio::join!(sending, feeds::run(&notify, app, own, stopped));
    } else {
        sending.await;
    }
}
