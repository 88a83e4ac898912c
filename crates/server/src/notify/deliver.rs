//! How does a channel's next message reach its receiver: in order, tried again, and given up in the end?

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tracing::Instrument as _;

use tripoint_model::Timestamp;
use tripoint_model::text::{truncate, visible};

use super::channel::Told;
use super::news::News;
use super::wire::Attempt;
use super::{Board, Line, PAUSES, send, text_of};
use crate::listen::until;
use crate::spans;
use crate::state::{App, now};
use crate::store::{Delivery, Ended, StoreError};

/// How a channel's attempts go.
#[derive(Clone, Debug, Default)]
pub(crate) struct Standing {
    /// Failures in a row.
    pub(crate) failures: u32,
    /// Why the last attempt failed, where it did.
    pub(crate) trouble: Option<String>,
    pub(crate) delivered: Option<Timestamp>,
    /// When it is tried again.
    pub(crate) next: Option<Timestamp>,
}

impl Standing {
    /// `open`: it failed so often that it is left alone for a while; `half-open`: one message tries whether it is well.
    pub(crate) fn breaker(&self) -> &'static str {
        match (self.failures >= BREAKS_AFTER, self.next) {
            (false, _) => "closed",
            (true, Some(_)) => "open",
            (true, None) => "half-open",
        }
    }

    /// Attempts have ended.
    fn heard(&mut self, ended: &[(u64, Ended)]) {
        for (_, ended) in ended {
            match ended {
                Ended::Delivered => *self = Self { delivered: Some(now()), ..Self::default() },
                // Whoever answers that a message is wrong is well.
                Ended::Dead(error) => {
                    *self = Self { trouble: Some(error.clone()), delivered: self.delivered, ..Self::default() };
                }
                Ended::Failed(error) => {
                    self.failures = self.failures.saturating_add(1);
                    self.trouble = Some(error.clone());
                }
            }
        }
    }
}

/// Sends what waits for one channel until told to stop. A message that is not taken is tried again, in order, and given
/// up after `AGE_MAX`, or when it alone is not taken.
pub(super) async fn run(board: Arc<Board>, at: usize, app: Arc<App>, stopped: watch::Receiver<bool>) {
    let Some(line) = board.lines.get(at) else { return };
    let mut course = Course::default();
    loop {
        let wait = match course.turn(&board, line, &app).await {
            Ok(Turn::Done) => continue,
            Ok(Turn::Later(pause)) => {
                line.standing().next = Some(now().plus(pause));
                pause
            }
            Ok(Turn::Nothing) => {
                tokio::select! {
                    () = line.wake.notified() => continue,
                    () = tokio::time::sleep(IDLE) => continue,
                    () = until(stopped.clone()) => return,
                }
            }
            Err(error) => {
                tracing::error!(%error, channel = line.spec.name, "what is to be told cannot be read");
                IDLE
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = until(stopped.clone()) => return,
        }
        line.standing().next = None;
    }
}

/// What is to be done after a turn.
enum Turn {
    /// The next one.
    Done,
    /// Nothing waits.
    Nothing,
    /// The same again after a pause.
    Later(Duration),
}

/// How the sending over one channel goes on.
#[derive(Default)]
struct Course {
    /// What attempts came to, where the store has not taken it yet: for that no message is sent twice.
    unwritten: Vec<(u64, Ended)>,
    /// How often in a row the store did not.
    refused: u32,
    /// Of mails that some of their receivers have: the others.
    left: BTreeMap<u64, Vec<String>>,
}

impl Course {
    /// Tries the message whose turn it is, or writes down how the last ones ended.
    async fn turn(&mut self, board: &Arc<Board>, line: &Line, app: &App) -> Result<Turn, StoreError> {
        let name = &line.spec.name;
        if self.unwritten.is_empty() {
            let Some(first) = app.deliveries.next(name, None).await? else { return Ok(Turn::Nothing) };
            let ended = self.offer(board, line, &first).await;
            let is_stuck = matches!(ended, Ended::Failed(_)) && first.tries + 1 >= STEPS_OVER_AFTER;
            let behind = if is_stuck { app.deliveries.next(name, Some(first.number)).await? } else { None };
            self.unwritten = match behind {
                Some(behind) => self.beside(board, line, (first, ended), behind).await,
                None => vec![(first.number, ended)],
            };
            line.standing().heard(&self.unwritten);
        }
        let ended = std::mem::take(&mut self.unwritten);
        let is_done = ended.iter().all(|(_, ended)| !matches!(ended, Ended::Failed(_)));
        if let Err(error) = app.deliveries.ended(name.clone(), ended.clone()).await {
            tracing::error!(%error, channel = name, "how an attempt ended could not be kept; that is tried again");
            self.refused = self.refused.saturating_add(1);
            self.unwritten = ended;
            return Ok(Turn::Later(pause(board.notify.pause, self.refused)));
        }
        self.refused = 0;
        Ok(if is_done { Turn::Done } else { Turn::Later(pause(board.notify.pause, line.standing().failures)) })
    }

    /// A message has failed many times: is the receiver ill, or is it the message? The one behind it tells. Where that is
    /// taken and the first still is not, the first is given up: it would hold up everybody behind it.
    async fn beside(
        &mut self,
        board: &Arc<Board>,
        line: &Line,
        (first, failed): (Delivery, Ended),
        behind: Delivery,
    ) -> Vec<(u64, Ended)> {
        match self.offer(board, line, &behind).await {
            Ended::Failed(_) => vec![(first.number, failed)],
            ended @ Ended::Dead(_) => vec![(behind.number, ended), (first.number, failed)],
            Ended::Delivered => {
                let again = match self.offer(board, line, &first).await {
                    Ended::Failed(error) => {
                        tracing::error!(channel = line.spec.name, error, "a message is given up: others are taken");
                        self.left.remove(&first.number);
                        Ended::Dead(format!("{error}; the message behind it was taken"))
                    }
                    ended => ended,
                };
                vec![(first.number, again), (behind.number, Ended::Delivered)]
            }
        }
    }

    /// Tries one.
    async fn offer(&mut self, board: &Arc<Board>, line: &Line, delivery: &Delivery) -> Ended {
        let (name, age) = (&line.spec.name, now().since(delivery.queued));
        let left = self.left.remove(&delivery.number);
        let tried = attempt(board, name, (delivery.number, delivery.body.clone()), left.clone()).await;
        let (tried, left) = match tried {
            Attempt::Partly(left, why) => (Attempt::Failed(why), Some(left)),
            Attempt::Failed(why) => (Attempt::Failed(why), left),
            other => (other, None),
        };
        self.left.extend(left.filter(|_| age < AGE_MAX).map(|left| (delivery.number, left)));
        match tried {
            Attempt::Taken => Ended::Delivered,
            Attempt::Failed(error) if age < AGE_MAX => {
                tracing::warn!(channel = name, error, "a message is not taken; it is tried again");
                Ended::Failed(error)
            }
            Attempt::Failed(error) | Attempt::Partly(_, error) | Attempt::Unwanted(error) => {
                tracing::error!(channel = name, error, "a message is given up");
                Ended::Dead(error)
            }
        }
    }
}

/// One, two, four times the first, up to `PAUSES` times.
fn pause(first: Duration, failures: u32) -> Duration {
    first * 2_u32.saturating_pow(failures.saturating_sub(1)).min(PAUSES)
}

/// Sends one message over one channel, once; a mail to `left` alone, where some of its receivers have it.
pub(super) async fn attempt(
    board: &Arc<Board>,
    name: &str,
    (number, body): (u64, String),
    left: Option<Vec<String>>,
) -> Attempt {
    let span = spans::deliver(name);
    let (board, name) = (Arc::clone(board), name.to_owned());
    let sending = tokio::task::spawn_blocking(move || {
        let Some(line) = board.line(&name) else { return Attempt::Unwanted("there is no such channel".into()) };
        let news = match News::read(&body) {
            Ok(news) => news,
            Err(error) => return Attempt::Unwanted(format!("the message cannot be read: {error}")),
        };
        let text = text_of(&line.spec, &news);
        let seconds = now().0.div_euclid(1_000_000);
        let told = Told { news: &news, text: &text, number, seconds };
        let shown = |why: String| truncate(&visible(&line.spec.redacted(&why)), WHY_MAX).0.to_owned();
        match send::send(&line.spec, &board.notify.fetcher, &told, left.as_deref()) {
            Attempt::Taken => Attempt::Taken,
            Attempt::Partly(left, why) => Attempt::Partly(left, shown(why)),
            Attempt::Failed(why) => Attempt::Failed(shown(why)),
            Attempt::Unwanted(why) => Attempt::Unwanted(shown(why)),
        }
    });
    let attempt = sending.instrument(span.clone()).await.unwrap_or_else(|error| Attempt::Failed(error.to_string()));
    if !matches!(attempt, Attempt::Taken) {
        span.record("otel.status_code", "error");
    }
    attempt
}

/// Older news is none.
const AGE_MAX: Duration = Duration::from_secs(24 * 3600);
/// A look without being told to.
const IDLE: Duration = Duration::from_secs(30);
/// Failures in a row after which a channel is left alone.
const BREAKS_AFTER: u32 = 5;
/// Failures of one message, a minute's, after which the one behind it is tried too.
const STEPS_OVER_AFTER: u64 = 6;
const WHY_MAX: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_bound_and_the_breaker_opens() {
        let second = Duration::from_secs(1);
        let pauses: Vec<u64> = (1..=12).map(|failures| pause(second, failures).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
        assert_eq!(pause(second, u32::MAX).as_secs(), 300);
        let standing = |failures, next| Standing { failures, next, ..Standing::default() }.breaker();
        assert_eq!(standing(BREAKS_AFTER - 1, Some(Timestamp(1))), "closed");
        assert_eq!(standing(BREAKS_AFTER, Some(Timestamp(1))), "open");
        assert_eq!(standing(BREAKS_AFTER, None), "half-open");
    }
}
