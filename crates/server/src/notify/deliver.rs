//! How does a channel's next message reach its receiver: in order, tried again, and given up in the end?

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use tripoint_model::Timestamp;
use tripoint_model::text::{truncate, visible};

use super::channel::Told;
use super::news::News;
use super::wire::Attempt;
use super::{Board, Line, PAUSES, send, text_of};
use crate::listen::until;
use crate::state::{App, now};
use crate::store::{Delivery, Ended};

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
}

/// Sends what waits for one channel until told to stop. A message that is not taken is tried again, in order, and given
/// up after `AGE_MAX`.
pub(super) async fn run(board: Arc<Board>, at: usize, app: Arc<App>, stopped: watch::Receiver<bool>) {
    let Some(line) = board.lines.get(at) else { return };
    loop {
        let wait = match app.deliveries.next(&line.spec.name).await {
            Ok(Some(delivery)) => match offer(&board, line, &app, delivery).await {
                true => continue,
                false => {
                    let pause = pause(board.notify.pause, line.standing().failures);
                    line.standing().next = Some(now().plus(pause));
                    pause
                }
            },
            Ok(None) => {
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

/// One, two, four times the first, up to `PAUSES` times.
fn pause(first: Duration, failures: u32) -> Duration {
    first * 2_u32.saturating_pow(failures.saturating_sub(1)).min(PAUSES)
}

/// Tries one; says whether it is done with.
async fn offer(board: &Arc<Board>, line: &Line, app: &App, delivery: Delivery) -> bool {
    let Delivery { number, queued, body } = delivery;
    let (name, age) = (line.spec.name.clone(), now().since(queued));
    let ended = match attempt(board, &name, number, body).await {
        Attempt::Taken => Ended::Delivered,
        Attempt::Failed(error) if age < AGE_MAX => {
            tracing::warn!(channel = name, error, "a message is not taken; it is tried again");
            Ended::Failed(error)
        }
        Attempt::Failed(error) | Attempt::Unwanted(error) => {
            tracing::error!(channel = name, error, "a message is given up");
            Ended::Dead(error)
        }
    };
    {
        let mut standing = line.standing();
        match &ended {
            Ended::Delivered => {
                *standing = Standing { delivered: Some(now()), ..Standing::default() };
            }
            // Whoever answers that a message is wrong is well.
            Ended::Dead(error) => {
                *standing =
                    Standing { trouble: Some(error.clone()), delivered: standing.delivered, ..Standing::default() };
            }
            Ended::Failed(error) => {
                standing.failures = standing.failures.saturating_add(1);
                standing.trouble = Some(error.clone());
            }
        }
    }
    let is_done = !matches!(ended, Ended::Failed(_));
    if let Err(error) = app.deliveries.ended(name, number, ended).await {
        tracing::error!(%error, "it could not be kept that a message was told; it will be told again");
        return false;
    }
    is_done
}

/// Sends one message over one channel, once.
pub(super) async fn attempt(board: &Arc<Board>, name: &str, number: u64, body: String) -> Attempt {
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
        match send::send(&line.spec, &board.notify.fetcher, &told) {
            Attempt::Taken => Attempt::Taken,
            Attempt::Failed(why) => Attempt::Failed(shown(why)),
            Attempt::Unwanted(why) => Attempt::Unwanted(shown(why)),
        }
    });
    sending.await.unwrap_or_else(|error| Attempt::Failed(error.to_string()))
}

/// Older news is none.
const AGE_MAX: Duration = Duration::from_secs(24 * 3600);
/// A look without being told to.
const IDLE: Duration = Duration::from_secs(30);
/// Failures in a row after which a channel is left alone.
const BREAKS_AFTER: u32 = 5;
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
