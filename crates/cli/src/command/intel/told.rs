//! What does the server tell others of what the feeds call bad?

use std::io;
use std::path::Path;
use std::sync::Arc;

use tripoint_api::FeedHealth;
use tripoint_intel::FeedStatus;
use tripoint_intel::export::{self, Wish};
use tripoint_server::{ReadFeeds, WriteIndicators};

use crate::context::now;

/// The verdicts as `intel export stix` writes them.
pub fn indicators_of(data_dir: &Path) -> WriteIndicators {
    let data_dir = data_dir.to_owned();
    Arc::new(move |out: &mut dyn io::Write| {
        let wish = Wish { at: now(), min_confidence: CONFIDENCE_MIN, direction: None, category: None };
        let verdicts = export::verdicts(&data_dir, &wish).map_err(io::Error::other)?;
        let format = export::FORMATS.iter().find(|format| format.name() == "stix");
        let format = format.ok_or_else(|| io::Error::other("there is no format stix"))?;
        export::write(*format, &verdicts, wish.at, out).map(drop)
    })
}

/// How the feeds are, as `intel list` and `doctor` say it.
pub fn feeds_of(data_dir: &Path) -> ReadFeeds {
    let data_dir = data_dir.to_owned();
    Arc::new(move || {
        let now = now();
        let one = |feed: FeedStatus| FeedHealth {
            trouble: feed.trouble(now),
            state: format!("{:?}", feed.state).to_lowercase(),
            feed: feed.feed,
            count: feed.count,
            last_success: feed.last_success,
            last_change: feed.last_change,
        };
        tripoint_intel::list(&data_dir).into_iter().map(one).collect()
    })
}

/// What `intel export` takes when it is not told.
const CONFIDENCE_MIN: u8 = 50;
