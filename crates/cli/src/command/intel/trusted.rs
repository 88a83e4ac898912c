//! How far is each feed believed, and what taught it?

use std::path::Path;

use serde::Serialize;
use tripoint_intel::FeedStatus;
use tripoint_model::Category;

/// A feed as it is doing, with what verdicts say of it.
#[derive(Serialize)]
pub(super) struct Shown<'f> {
    #[serde(flatten)]
    status: &'f FeedStatus,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    taught: Vec<Taught>,
}

/// What closed alerts say of its claims of one category.
#[derive(Serialize)]
struct Taught {
    category: Category,
    /// Alerts closed as real.
    confirmed: u32,
    /// Alerts closed as false.
    wrong: u32,
    /// How much of the claims is believed, by the descriptor and after the verdicts.
    reliability: u32,
}

pub(super) fn shown<'f>(data_dir: &Path, feeds: &'f [FeedStatus]) -> Vec<Shown<'f>> {
    let trust = tripoint_intel::trust::load(data_dir);
    let of = |status: &'f FeedStatus| Shown {
        taught: trust
            .all_of(&status.feed)
            .map(|(category, verdicts)| Taught {
                category,
                confirmed: verdicts.confirmed,
                wrong: verdicts.wrong,
                reliability: u32::from(status.reliability.0) * u32::from(verdicts.believed().0) / 100,
            })
            .collect(),
        status,
    };
    feeds.iter().map(of).collect()
}
