//! Have the images changed that agents read?

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::watch;

use tripoint_api::Order;

use crate::listen::until;
use crate::state::App;

/// Tells every agent when a file of the folder appears, goes or changes.
pub(crate) async fn watch(folder: PathBuf, app: Arc<App>, stopped: watch::Receiver<bool>) {
    let mut seen = look(&folder);
    // What an earlier run kept for agents is only worth something beside the newest.
    if let Some(images) = &app.images {
        images.look().await;
    }
    let stop = until(stopped);
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = tokio::time::sleep(EACH) => {}
            () = &mut stop => return,
        }
        let now = look(&folder);
        if now != seen {
            seen = now;
            if let Some(images) = &app.images {
                images.look().await;
            }
            let hosts = app.connected_hosts();
            if let Err(error) = app.give(&hosts, Order::ContentChanged).await {
                tracing::error!(error = %error, "agents could not be told of new content");
            }
        }
    }
}

/// Each file and when it changed.
pub(crate) type Stamp = BTreeMap<PathBuf, Option<SystemTime>>;

/// How a folder looks now.
pub(crate) fn look(folder: &Path) -> Stamp {
    let Ok(entries) = std::fs::read_dir(folder) else { return BTreeMap::new() };
    let stamp = |entry: std::fs::DirEntry| {
        let changed = entry.metadata().and_then(|metadata| metadata.modified()).ok();
        (entry.path(), changed)
    };
    entries.filter_map(Result::ok).map(stamp).collect()
}

const EACH: Duration = Duration::from_secs(1);
