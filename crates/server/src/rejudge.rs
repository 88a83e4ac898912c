//! Which alerts have to be judged anew because lists or advisories changed, and how far is that?
//!
//! Agents judge what they still know of. Here is judged what they do not: alerts of hosts that are silent, of connections
//! that were over before the agent was started. Every report goes through the same judge before it is merged, so that an
//! agent with former images and the server never fight: the newer images have the word on lists and advisories, the host
//! on what happened and on what runs there. One task does it beside everything else: a few alerts at a time, resting as
//! long as it worked.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use tripoint_api::Batch;
use tripoint_api::agent::Item;
use tripoint_model::confidence::Source;
use tripoint_model::indicator::Claim;
use tripoint_model::judgement::Software;
use tripoint_model::{Alert, AlertId, AlertStatus, Edition, Timestamp};

use crate::listen::until;
use crate::state::{App, now};
use crate::store::{Due, Store, StoreError};

/// What the server has to know of judging and cannot do itself.
pub trait Rejudge: Send + Sync {
    /// Opens the newest whole images of the data folder, where they are not in force yet; which are.
    fn look(&self) -> Editions;
    /// The alert as it is judged at `now` with the images in force, where they know more than those that it was judged
    /// with; `Alert::judged` says with which it was.
    fn anew(&self, alert: &Alert, now: Timestamp) -> Alert;
    /// The same with what its host found of its software since.
    fn with_software(&self, alert: &Alert, software: &Software, now: Timestamp) -> Alert;
}

/// The images in force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Editions {
    /// Of lists.
    pub intel: Option<Edition>,
    /// Of advisories.
    pub vuln: Option<Edition>,
}

impl Editions {
    /// When they were built, 0 where there are none.
    pub(crate) fn built(self) -> (i64, i64) {
        let built = |edition: Option<Edition>| edition.map_or(0, |edition| edition.built.0);
        (built(self.intel), built(self.vuln))
    }
}

/// The judge, and how far it is.
pub(crate) struct Judging {
    judge: Arc<dyn Rejudge>,
    same: AtomicU64,
    changed: AtomicU64,
    waiting: AtomicU64,
    passes: AtomicU64,
}

/// How far judging anew is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Progress {
    /// Alerts looked at that stayed what they were.
    pub(crate) same: u64,
    /// Alerts that changed.
    pub(crate) changed: u64,
    /// Alerts that are still to be looked at.
    pub(crate) waiting: u64,
    /// How often all were done.
    pub(crate) passes: u64,
}

impl Judging {
    pub(crate) fn new(judge: Arc<dyn Rejudge>) -> Self {
        let zero = AtomicU64::default;
        Self { judge, same: zero(), changed: zero(), waiting: zero(), passes: zero() }
    }

    /// How far it is.
    pub(crate) fn progress(&self) -> Progress {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Progress {
            same: read(&self.same),
            changed: read(&self.changed),
            waiting: read(&self.waiting),
            passes: read(&self.passes),
        }
    }

    /// Judges what an agent reports with our images, where they know more than its own; what it says of the software of
    /// an alert becomes another report of that alert.
    pub(crate) async fn batch(&self, mut batch: Batch, store: &dyn Store, now: Timestamp) -> Result<Batch, StoreError> {
        let is_judged = |item: &Item| matches!(item, Item::Alert { .. } | Item::Software { .. });
        if !batch.items.iter().any(is_judged) {
            return Ok(batch);
        }
        let stored = named(&batch, store).await?;
        let judge = Arc::clone(&self.judge);
        let judged = tokio::task::spawn_blocking(move || {
            let mut known = stored;
            let items = batch.items.into_iter().filter_map(|item| one(&*judge, item, &mut known, now));
            batch.items = items.collect();
            batch
        });
        judged.await.map_err(|error| StoreError::Database(format!("a report could not be judged: {error}")))
    }

    async fn look(&self) -> Editions {
        let judge = Arc::clone(&self.judge);
        tokio::task::spawn_blocking(move || judge.look()).await.unwrap_or_default()
    }
}

/// Alerts of the reporting host whose software is told of, as they stand.
async fn named(batch: &Batch, store: &dyn Store) -> Result<HashMap<AlertId, Alert>, StoreError> {
    let mut out = HashMap::new();
    for item in &batch.items {
        if let Item::Software { alert: id, .. } = item
            && let Some(alert) = store.alert(id.0.clone()).await?
            && alert.host == batch.agent.host
        {
            out.insert(id.clone(), alert);
        }
    }
    Ok(out)
}

/// An item as it is to be taken in; `known` are alerts as they are told so far.
fn one(judge: &dyn Rejudge, item: Item, known: &mut HashMap<AlertId, Alert>, now: Timestamp) -> Option<Item> {
    match item {
        Item::Alert { alert } => {
            let alert = Box::new(judge.anew(&alert, now));
            // What is said of its software later in the same batch is said of this.
            if let Some(known) = known.get_mut(&alert.id) {
                *known = Alert { work: std::mem::take(&mut known.work), ..Alert::clone(&alert) };
            }
            Some(Item::Alert { alert })
        }
        Item::Software { alert: id, software } => {
            // Nobody is told what has become of what is done.
            let stands = known.get_mut(&id).filter(|alert| alert.work.status != AlertStatus::Resolved)?;
            let told = judge.with_software(stands, &software, now);
            stands.clone_from(&told);
            Some(Item::Alert { alert: Box::new(told) })
        }
        other => Some(other),
    }
}

/// Judges anew after each new image until the server stops; where there is no judge, nothing.
pub(crate) async fn run(app: Arc<App>, judging: Arc<Judging>, stopped: watch::Receiver<bool>) {
    let mut done: Option<(Editions, Instant)> = None;
    loop {
        let editions = judging.look().await;
        // What came in while images were changed was judged with the former ones: it is looked for now and then.
        let is_done = done.is_some_and(|(with, at)| with == editions && at.elapsed() < LOOK_AGAIN);
        if !is_done && editions != Editions::default() {
            match pass(&app, &judging, editions, &stopped).await {
                Ok(with) => done = Some((with, Instant::now())),
                Err(error) => tracing::warn!(error = %error, "alerts could not be judged anew"),
            }
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = until(stopped.clone()) => return,
        }
    }
}

/// Looks at every open alert that was judged with former images; with which it ended. Images that come meanwhile are in
/// force from the next few alerts on: it goes on where it is and begins again at its end, so that none waits for another
/// however often there are new ones.
async fn pass(
    app: &App,
    judging: &Judging,
    mut editions: Editions,
    stopped: &watch::Receiver<bool>,
) -> Result<Editions, StoreError> {
    let mut all = app.judgements.before(editions.built()).await?;
    judging.waiting.store(all, Ordering::Relaxed);
    if all == 0 {
        return Ok(editions);
    }
    let (began, mut after, mut changed, mut again) = (Instant::now(), String::new(), 0, false);
    while !*stopped.borrow() {
        let worked = Instant::now();
        let newest = judging.look().await;
        if newest != editions {
            (editions, again) = (newest, true);
            let waiting = app.judgements.before(editions.built()).await?;
            all = all.max(waiting);
            judging.waiting.store(waiting, Ordering::Relaxed);
        }
        let with = editions.built();
        let due = app.judgements.due(with, &after, TOGETHER).await?;
        let Some(last) = due.last() else {
            if std::mem::take(&mut again) {
                after.clear();
                continue;
            }
            break;
        };
        last.alert.id.0.clone_into(&mut after);
        let count = due.len() as u64;
        let news = some(app, judging, due, with).await?;
        changed += news;
        judging.changed.fetch_add(news, Ordering::Relaxed);
        judging.same.fetch_add(count.saturating_sub(news), Ordering::Relaxed);
        judging.waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| Some(n.saturating_sub(count))).ok();
        tokio::time::sleep(worked.elapsed().min(REST_MAX)).await;
    }
    if !*stopped.borrow() {
        judging.waiting.store(0, Ordering::Relaxed);
        judging.passes.fetch_add(1, Ordering::Relaxed);
        let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let number = |edition: Option<Edition>| edition.and_then(|edition| edition.number);
        let (intel, vuln) = (number(editions.intel), number(editions.vuln));
        tracing::info!(alerts = all, changed, took_ms, intel, vuln, "open alerts judged anew");
    }
    Ok(editions)
}

/// Judges these and keeps what changed; how many that were.
async fn some(app: &App, judging: &Judging, due: Vec<Due>, with: (i64, i64)) -> Result<u64, StoreError> {
    let (judge, moment) = (Arc::clone(&judging.judge), now());
    let judged = tokio::task::spawn_blocking(move || {
        let (mut news, mut same): (Vec<Due>, Vec<(AlertId, Timestamp)>) = (Vec::new(), Vec::new());
        for Due { alert, changed } in due {
            let anew = judge.anew(&alert, moment);
            if says_the_same(&alert, &anew) {
                same.push((alert.id, changed));
            } else {
                news.push(Due { alert: anew, changed });
            }
        }
        (news, same)
    });
    let Ok((news, same)) = judged.await else {
        return Err(StoreError::Database("judging panicked".into()));
    };
    let changed = app.judgements.keep(news, same, with, moment).await?;
    if !changed.is_empty() {
        app.show(&changed);
        app.messages.send_modify(|count| *count += 1);
    }
    Ok(changed.len() as u64)
}

/// Whether another judgement says nothing else: only which images it was made with.
fn says_the_same(before: &Alert, after: &Alert) -> bool {
    let mut after = after.clone();
    after.judged.clone_from(&before.judged);
    if after.claims.len() == before.claims.len()
        && after.claims.iter().zip(&before.claims).all(|(a, b)| weighs_the_same(a, b))
    {
        after.claims.clone_from(&before.claims);
    }
    after == *before
}

/// Whether two claims say the same but for when it was said last: feeds move their dates with every copy.
fn weighs_the_same(a: &Claim, b: &Claim) -> bool {
    let undated = |claim: &Claim| Claim {
        first_seen: None,
        last_seen: None,
        valid_from: None,
        valid_until: None,
        source: Source::default(),
        ..claim.clone()
    };
    undated(a) == undated(b)
}

/// How often it is looked for new images.
const LOOK: Duration = Duration::from_secs(1);
/// How often it is looked for alerts that slipped in.
const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// Alerts judged at once: some 3 MB of them are held, and a writer waits for at most so many.
const TOGETHER: u32 = 64;
/// A batch that took long was not made longer by us.
const REST_MAX: Duration = Duration::from_millis(250);
