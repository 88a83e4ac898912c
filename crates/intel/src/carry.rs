//! How do feeds that another host gathered come into force here, all of them or none?

use std::fs;
use std::path::{Path, PathBuf};

use crate::guardlist;
use crate::import::Context;
use crate::past::{Limits, remember};
use crate::store::{FeedStatus, Store, StoreError, check_copy, check_name, copy_path, list, read_copy};

/// A feed's copy: indicators as this crate writes them, sealed by their count and checksum.
#[derive(Clone, Debug)]
pub struct FeedCopy {
    /// Its status; the name is in it.
    pub status: FeedStatus,
    /// Where the copy lies.
    pub path: PathBuf,
}

/// Every copy in force.
pub fn copies(data_dir: &Path) -> Vec<FeedCopy> {
    let all = list(data_dir).into_iter().map(|status| FeedCopy { path: copy_path(data_dir, &status.feed), status });
    all.filter(|copy| copy.path.exists()).collect()
}

/// Reads a copy to its end: its seal holds, and every line of it is an indicator.
pub fn check(copy: &FeedCopy) -> Result<(), StoreError> {
    check_name(&copy.status.feed)?;
    check_copy(&copy.path)
        .and_then(|()| read_copy(&copy.path, &mut |_| {}))
        .map_err(|source| StoreError::Io { path: copy.path.clone(), source })
}

/// Moves checked copies to their places and publishes the image that they make with the feeds that
/// stay; gives its generation. The image is as old as the newest of its feeds.
pub fn put(copies: &[FeedCopy], context: &Context<'_>) -> Result<u64, StoreError> {
    let (data_dir, now) = (context.data_dir, context.now);
    let store = Store::open(data_dir)?;
    // Before anything is moved: all of them come into force, or none.
    if let Some(reason) = guardlist::store::hindrance(data_dir) {
        return Err(StoreError::Guard(reason));
    }
    for copy in copies {
        check_name(&copy.status.feed)?;
        let path = copy_path(data_dir, &copy.status.feed);
        let at = |source| StoreError::Io { path: path.clone(), source };
        fs::create_dir_all(path.parent().unwrap_or(data_dir)).map_err(at)?;
        let mut indicators = Vec::new();
        read_copy(&copy.path, &mut |indicator| indicators.push(indicator.clone())).map_err(at)?;
        let remembered = remember(data_dir, &copy.status.feed, &indicators, Limits::default(), now).map_err(at)?;
        fs::rename(&copy.path, &path).map_err(at)?;
        // What this host lost, not the one that made the bundle.
        store.set_status(&FeedStatus { history_lost: remembered.lost, ..copy.status.clone() })?;
    }
    store.publish_again(context)
}

#[cfg(test)]
mod tests {
    use tripoint_model::{AppliesTo, Category, Indicator, Timestamp};

    use super::*;
    use crate::images::open_newest;
    use crate::store::FeedState;

    #[test]
    fn a_copy_keeps_its_age_and_a_damaged_one_is_refused() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let permit = ["203.0.113.0/24".parse().unwrap()];
        let store = Store::open(from.path()).unwrap();
        store
            .save("a", &[Indicator::new("203.0.113.1".parse().unwrap(), Category::C2, AppliesTo::Out, 5)], Timestamp(1))
            .unwrap();
        let status = FeedStatus {
            feed: "a".into(),
            state: FeedState::Ok,
            count: 1,
            last_success: Some(Timestamp(7)),
            ..FeedStatus::default()
        };
        store.set_status(&status).unwrap();
        let copies = copies(from.path());
        check(&copies[0]).unwrap();
        let whole = fs::read(&copies[0].path).unwrap();
        for at in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[at] ^= 1;
            fs::write(&copies[0].path, &flipped).unwrap();
            assert!(check(&copies[0]).is_err(), "byte {at}");
        }
        fs::write(&copies[0].path, &whole).unwrap();
        let context = Context { data_dir: to.path(), permit_ranges: &permit, own: &[], now: Timestamp(100) };
        put(&copies, &context).unwrap();
        let (_, index) = open_newest(to.path()).unwrap();
        assert_eq!((index.len(), index.built()), (1, Timestamp(7)));
        assert_eq!(list(to.path())[0].last_success, Some(Timestamp(7)));
        // The next bundle says something else: what went is remembered.
        let gone: tripoint_model::Observable = "203.0.113.1".parse().unwrap();
        store
            .save("a", &[Indicator::new("203.0.113.2".parse().unwrap(), Category::C2, AppliesTo::Out, 5)], Timestamp(8))
            .unwrap();
        put(&super::copies(from.path()), &Context { now: Timestamp(200), ..context }).unwrap();
        let past = crate::past::withdrawn(to.path(), "a", &gone).withdrawn;
        assert_eq!((past.len(), past[0].since, past[0].gone), (1, Some(Timestamp(100)), Timestamp(200)));
    }
}
