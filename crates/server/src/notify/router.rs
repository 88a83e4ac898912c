//! How does what was written down find its channels, and what becomes due?

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use tripoint_api::accounts::HostGroup;
use tripoint_api::queue::QueueRow;
use tripoint_model::{Alert, AlertStatus, Timestamp};

use super::Board;
use super::news::{self, Kind, News};
use super::plan::{Hold, Placed, Standing, Watch};
use crate::listen::until;
use crate::state::{App, now};
use crate::store::{Message, Routed, StoreError};

/// Divides messages and looks at what is due until told to stop.
pub(super) async fn run(board: Arc<Board>, app: Arc<App>, stopped: watch::Receiver<bool>) {
    let names: Vec<String> = board.names().map(str::to_owned).collect();
    match app.deliveries.keep_only(names).await {
        Ok(0) => {}
        Ok(gone) => tracing::error!(
            gone,
            "messages to channels that are not configured any more are given up; they are kept as dead letters"
        ),
        Err(error) => tracing::error!(%error, "messages to former channels cannot be given up"),
    }
    warn_of_groups(&board, &app).await;
    let mut written = app.messages.subscribe();
    let mut rates = Rates::default();
    loop {
        written.borrow_and_update();
        let wait = match turn(&board, &app, &mut rates).await {
            Ok(true) => continue,
            Ok(false) => board.notify.tick,
            Err(error) => {
                tracing::error!(%error, "what is to be told cannot be divided");
                TROUBLE
            }
        };
        tokio::select! {
            _ = written.changed() => {}
            () = tokio::time::sleep(wait) => {}
            () = until(stopped.clone()) => return,
        }
    }
}

/// Says which groups of routes there are not.
async fn warn_of_groups(board: &Board, app: &App) {
    match app.accounts.groups().await {
        Ok(known) => {
            for name in board.notify.plan.groups() {
                if known.iter().all(|group| group.name != name) {
                    tracing::warn!(name, "a route names a group of hosts that there is not; it takes nothing of it");
                }
            }
        }
        Err(error) => tracing::error!(%error, "groups of hosts cannot be read"),
    }
}

/// One look; whether there may be more at once.
async fn turn(board: &Board, app: &App, rates: &mut Rates) -> Result<bool, StoreError> {
    let at = now();
    let of_audit = board.notify.plan.of_audit();
    let is_behind = !of_audit.is_empty() && app.deliveries.tell_audit(&of_audit, at).await?;
    let messages = app.deliveries.unrouted(TOGETHER).await?;
    let is_more = messages.len() == TOGETHER as usize;
    if !messages.is_empty() {
        let mut routed = Vec::with_capacity(messages.len());
        let groups = app.accounts.groups().await?;
        for message in messages {
            routed.push(route((board, &groups), app, rates, message, at).await?);
        }
        app.deliveries.route(routed, at).await?;
    }
    steps(board, app, at).await?;
    let repeats = repeat(board, app, at).await?;
    app.deliveries.release(at).await?;
    board.lines.iter().for_each(super::Line::wake);
    Ok(is_more || repeats || is_behind)
}

async fn route(
    (board, groups): (&Board, &[HostGroup]),
    app: &App,
    rates: &mut Rates,
    message: Message,
    at: Timestamp,
) -> Result<Routed, StoreError> {
    let mut routed = Routed { number: Some(message.number), body: message.body, ..Routed::default() };
    let news = match News::read(&routed.body) {
        Ok(news) => news,
        Err(error) => {
            tracing::error!(%error, number = message.number, "a message cannot be read and is given up");
            routed.is_lost = true;
            return Ok(routed);
        }
    };
    let id = news.alert.as_ref().map(|alert| alert.id.clone());
    let (mut standing, mut is_unreadable) = (None, false);
    if let Some(id) = &id {
        let alert = readable(app, id).await?;
        is_unreadable = alert.is_err();
        let row = alert.ok().flatten().map(|alert| QueueRow::of(&alert, at).promised(&alert, &app.levels));
        standing = row.map(|row| Standing::new(row, groups));
    }
    let plan = &board.notify.plan;
    routed.placed = plan.place(&news, standing.as_ref(), at);
    routed.watches = plan.watches(&news, standing.as_ref(), at);
    routed.over = news.kind == Kind::AlertResolved;
    if let Some(id) = id.filter(|_| news.kind.group() == Some("work")) {
        for channel in app.deliveries.followers(&id).await? {
            if routed.placed.iter().all(|placed| placed.channel != channel) && board.line(&channel).is_some() {
                routed.placed.push(Placed { channel, hold: None });
            }
        }
    }
    // Routes without a filter tell of it all the same; no other can say whether it would.
    routed.is_lost = is_unreadable && routed.placed.is_empty();
    let news_kind = news.kind;
    routed.alert = news.alert.map(|alert| alert.id);
    for placed in routed.placed.iter_mut().filter(|placed| placed.hold.is_none()) {
        let Some(line) = board.line(&placed.channel) else { continue };
        // Rows of the audit are never summed up.
        let per_minute = if news_kind == Kind::Audit { 0 } else { line.spec.per_minute };
        placed.hold = rates.hold(&placed.channel, per_minute, at);
        if placed.hold.is_none() && line.spec.kind.follows() && !routed.over {
            routed.follow.push(placed.channel.clone());
        }
    }
    Ok(routed)
}

/// The alert, or that what is stored of it cannot be read: one that is damaged must not hold up what is told of others.
async fn readable(app: &App, id: &str) -> Result<Result<Option<Alert>, ()>, StoreError> {
    match app.store.alert(id.to_owned()).await {
        Err(error @ StoreError::Unreadable { .. }) => {
            tracing::error!(%error, alert = id, "an alert that is to be told of cannot be read");
            Ok(Err(()))
        }
        other => other.map(Ok),
    }
}

/// Tells receivers that forget after a while what they were told of, again.
async fn repeat(board: &Board, app: &App, at: Timestamp) -> Result<bool, StoreError> {
    let mut is_more = false;
    for line in &board.lines {
        let Some(every) = line.spec.kind.repeats() else { continue };
        let name = &line.spec.name;
        let due = app.deliveries.followed(name, at.minus(every), TOGETHER).await?;
        is_more |= due.len() == TOGETHER as usize;
        let mut all = Vec::with_capacity(due.len());
        for id in due {
            let alert = readable(app, &id).await?.ok().flatten();
            let open = |alert: &Alert| alert.work.status != AlertStatus::Resolved && alert.suppressed_by.is_none();
            all.push(match alert.filter(open) {
                Some(alert) => Routed {
                    body: news::about(Kind::AlertNew, &alert, &[], at).to_string(),
                    placed: vec![Placed { channel: name.clone(), hold: None }],
                    follow: vec![name.clone()],
                    alert: Some(id),
                    ..Routed::default()
                },
                None => Routed { alert: Some(id), unfollow: Some(name.clone()), ..Routed::default() },
            });
        }
        if !all.is_empty() {
            app.deliveries.route(all, at).await?;
        }
    }
    Ok(is_more)
}

/// Takes the steps of escalations that are due.
async fn steps(board: &Board, app: &App, at: Timestamp) -> Result<(), StoreError> {
    for (id, route, number) in app.deliveries.watches_due(at).await? {
        let plan = &board.notify.plan;
        let step = plan.step(&route, number);
        let alert = readable(app, &id).await?.ok().flatten();
        let met = step.zip(alert).filter(|(step, alert)| step.is_met(alert));
        let (next, tell) = match met {
            Some((step, alert)) => {
                let next = plan.step(&route, number + 1);
                let next = next.map(|next| Watch { route: route.clone(), step: number + 1, due: at.plus(next.after) });
                (next, Some(unattended((board, app), &alert, step, at)))
            }
            None => (None, None),
        };
        app.deliveries.step(id, route, next, tell, at).await?;
    }
    Ok(())
}

fn unattended((board, app): (&Board, &App), alert: &Alert, step: &super::plan::Step, at: Timestamp) -> Routed {
    let body = news::about(Kind::AlertUnattended, alert, &[step.when.word()], at).to_string();
    let placed = board.notify.plan.place_step(&step.to, &QueueRow::of(alert, at).promised(alert, &app.levels), at);
    let follows = |placed: &&Placed| {
        placed.hold.is_none() && board.line(&placed.channel).is_some_and(|line| line.spec.kind.follows())
    };
    let follow = placed.iter().filter(follows).map(|placed| placed.channel.clone()).collect();
    Routed { body, follow, placed, alert: Some(alert.id.0.clone()), ..Routed::default() }
}

/// How many messages each channel had in this minute.
#[derive(Default)]
struct Rates(BTreeMap<String, (Timestamp, u32)>);

impl Rates {
    /// What holds a message back that is too much; the first ones of a minute go at once.
    fn hold(&mut self, channel: &str, per_minute: u32, at: Timestamp) -> Option<Hold> {
        if per_minute == 0 {
            return None;
        }
        let (begun, count) = self.0.entry(channel.to_owned()).or_insert((at, 0));
        if at.since(*begun) >= MINUTE || at < *begun {
            (*begun, *count) = (at, 0);
        }
        *count = count.saturating_add(1);
        let is_much = *count > per_minute;
        is_much.then(|| Hold { bundle: format!("more than {per_minute} in a minute"), due: begun.plus(MINUTE) })
    }
}

/// Messages that are divided in one transaction.
const TOGETHER: u32 = 256;
const TROUBLE: Duration = Duration::from_secs(5);
const MINUTE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_waits_for_the_end_of_its_minute() {
        let mut rates = Rates::default();
        let at = |second: i64| Timestamp::from_seconds(1000 + second);
        let mut held = |second: i64| rates.hold("a", 2, at(second)).map(|hold| hold.due);
        assert_eq!((held(0), held(1), held(2), held(59)), (None, None, Some(at(60)), Some(at(60))));
        assert_eq!((held(60), held(61), held(62)), (None, None, Some(at(120))));
        assert_eq!(rates.hold("b", 0, at(0)), None);
    }
}
