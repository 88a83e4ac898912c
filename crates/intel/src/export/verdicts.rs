//! What do the feeds in force call bad now, and how sure are they together?

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use tripoint_model::{AppliesTo, Category, Indicator, IndicatorLookup, Observable, Source, Timestamp, confidence};

use crate::guardlist::{self, Texts};
use crate::image::Builder;
use crate::image::copies::{self, Sketch};
use crate::index::Index;
use crate::store::{StoreError, check_copy, copy_path, list, read_copy};

/// One thing that is called bad.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What.
    pub observable: Observable,
    /// Of which kind, by the surest claim.
    pub category: Category,
    /// In which direction, by all claims.
    pub direction: AppliesTo,
    /// 0 to 100, of all feeds together.
    pub confidence: u8,
    /// Who says so.
    pub feeds: Vec<String>,
    /// The earliest that a feed names.
    pub first_seen: Option<Timestamp>,
    /// The latest that a feed names.
    pub last_seen: Option<Timestamp>,
    /// When the last of the claims ends; nothing where one has no end.
    pub valid_until: Option<Timestamp>,
}

/// Which verdicts are wanted.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    /// Claims that hold at this moment.
    pub at: Timestamp,
    /// At least so sure.
    pub min_confidence: u8,
    /// Only what is bad in this direction.
    pub direction: Option<AppliesTo>,
    /// Only of this kind.
    pub category: Option<Category>,
}

/// What is exported, by observable.
#[derive(Debug, Default)]
pub struct Verdicts {
    /// Sorted, each observable once.
    pub entries: Vec<Entry>,
    /// What was left out because a guard list holds it, or part of it.
    pub guarded: usize,
    /// Autonomous systems, which are left out: no program that is told of them blocks so much unasked.
    pub systems: usize,
    /// Feeds that have a copy in force.
    pub feeds: usize,
    /// Feeds whose stored copy is damaged.
    pub damaged: Vec<String>,
}

/// What one observable has gathered.
struct Gathered {
    surest: u16,
    category: Category,
    direction: AppliesTo,
    /// By the feed's number what its surest claim is worth, of 10,000.
    by_feed: Vec<(u16, u16)>,
    first_seen: Option<Timestamp>,
    last_seen: Option<Timestamp>,
    /// Nothing inside: no end.
    valid_until: Option<Timestamp>,
}

/// Reads every copy in force.
pub fn verdicts(data_dir: &Path, wish: &Wish) -> Result<Verdicts, StoreError> {
    let mut out = Verdicts::default();
    let mut gathered: BTreeMap<Observable, Gathered> = BTreeMap::new();
    let trust = crate::trust::load(data_dir);
    let known = list(data_dir).into_iter().map(|status| (status.feed.clone(), status.source(wish.at)));
    let mut feeds: Vec<(String, Source)> = known.filter(|(feed, _)| copy_path(data_dir, feed).exists()).collect();
    let mut sketches = vec![Sketch::default(); feeds.len()];
    out.feeds = feeds.len();
    for (number, (feed, source)) in feeds.iter().enumerate() {
        let sketch = &mut sketches[number];
        let number = u16::try_from(number).map_err(|_| StoreError::TooMany)?;
        let path = copy_path(data_dir, feed);
        let mut show = |indicator: &Indicator| {
            let taught = Source { verdicts: trust.of(feed, indicator.category), origins: Vec::new(), ..*source };
            let (stated, kind) = (indicator.confidence, indicator.category);
            let worth = confidence::worth(stated, kind, indicator.last_seen, &taught, wish.at);
            sketch.add(&indicator.observable);
            // At most 10,000.
            gather(&mut gathered, (number, worth as u16), indicator, wish);
        };
        if check_copy(&path).and_then(|()| read_copy(&path, &mut show)).is_err() {
            out.damaged.push(feed.clone());
        }
    }
    let plain: Vec<(&str, &Source)> = feeds.iter().map(|(feed, source)| (feed.as_str(), source)).collect();
    let origins = copies::origins(&plain, &sketches);
    feeds.iter_mut().zip(origins).for_each(|((_, source), origins)| source.origins = origins);
    let guards = Guards::load(data_dir)?;
    for (observable, gathered) in gathered {
        let entry = gathered.entry(observable, &feeds);
        if entry.confidence < wish.min_confidence || wish.category.is_some_and(|only| entry.category != only) {
            continue;
        }
        if matches!(entry.observable, Observable::System(_)) {
            out.systems += 1;
            continue;
        }
        if guards.hold(&entry.observable) {
            out.guarded += 1;
            continue;
        }
        out.entries.push(entry);
    }
    Ok(out)
}

/// The guard lists alone.
struct Guards {
    index: Option<Index>,
    texts: Texts,
}

impl Guards {
    /// With a damaged list nothing is handed on: a firewall would block what it guards.
    fn load(data_dir: &Path) -> Result<Self, StoreError> {
        let mut builder = Builder::default();
        guardlist::store::add(data_dir, &mut builder)?;
        let index = Index::open(Arc::new(builder.finish(Timestamp::default()))).ok();
        Ok(Self { index, texts: Texts::load(data_dir) })
    }

    /// What cannot be asked counts as guarded: an export blocks at once and everywhere.
    fn hold(&self, observable: &Observable) -> bool {
        let Some(index) = &self.index else { return true };
        let listed = match observable {
            Observable::Domain(name) => !index.guard_name(name).is_empty(),
            other => other.net().is_some_and(|net| !index.guard_net(net).is_empty()),
        };
        listed || self.texts.listed(observable).iter().any(|listed| listed.purpose.spares())
    }
}

fn gather(
    gathered: &mut BTreeMap<Observable, Gathered>,
    (feed, worth): (u16, u16),
    indicator: &Indicator,
    wish: &Wish,
) {
    let begun = indicator.valid_from.is_none_or(|from| from <= wish.at);
    let lasts = indicator.valid_until.is_none_or(|until| wish.at < until);
    let wanted =
        wish.direction.is_none_or(|only| indicator.direction == AppliesTo::Both || indicator.direction == only);
    if !(begun && lasts && wanted) {
        return;
    }
    let Some(known) = gathered.get_mut(&indicator.observable) else {
        gathered.insert(indicator.observable.clone(), Gathered::first(feed, worth, indicator));
        return;
    };
    if worth > known.surest {
        (known.surest, known.category) = (worth, indicator.category);
    }
    if indicator.direction != known.direction {
        known.direction = AppliesTo::Both;
    }
    match known.by_feed.iter_mut().find(|(number, _)| *number == feed) {
        Some((_, sure)) => *sure = worth.max(*sure),
        None => known.by_feed.push((feed, worth)),
    }
    known.first_seen = [known.first_seen, indicator.first_seen].into_iter().flatten().min();
    known.last_seen = known.last_seen.max(indicator.last_seen);
    known.valid_until = known.valid_until.zip(indicator.valid_until).map(|(one, other)| one.max(other));
}

impl Gathered {
    fn first(feed: u16, worth: u16, indicator: &Indicator) -> Self {
        Self {
            surest: worth,
            category: indicator.category,
            direction: indicator.direction,
            by_feed: vec![(feed, worth)],
            first_seen: indicator.first_seen,
            last_seen: indicator.last_seen,
            valid_until: indicator.valid_until,
        }
    }

    fn entry(self, observable: Observable, feeds: &[(String, Source)]) -> Entry {
        let by_feed =
            self.by_feed.iter().filter_map(|(number, worth)| Some((feeds.get(usize::from(*number))?, *worth)));
        let lists: Vec<(&[String], u32)> =
            by_feed.clone().map(|((name, source), worth)| (source.origins_of(name), u32::from(worth))).collect();
        Entry {
            observable,
            category: self.category,
            direction: self.direction,
            confidence: confidence::together(&lists),
            feeds: by_feed.map(|((name, _), _)| name.clone()).collect(),
            first_seen: self.first_seen,
            last_seen: self.last_seen,
            valid_until: self.valid_until,
        }
    }
}
