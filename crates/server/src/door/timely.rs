//! Does the body of a request come in time, and when is a connection busy with it?

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::{BoxError, Error};
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

use super::crowd::Asked;

/// A body that has to be there whole within some time: a stranger's within less.
pub(super) struct Timely {
    body: Incoming,
    asked: Arc<Asked>,
    begun: Instant,
    within: Duration,
    until: Pin<Box<Sleep>>,
}

/// It was not.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the body did not come within {0:?}")]
pub(crate) struct TooSlow(Duration);

impl Timely {
    pub(super) fn new(body: Incoming, asked: Arc<Asked>) -> Self {
        if body.is_end_stream() {
            asked.whole();
        }
        let within = STRANGERS_WITHIN;
        Self { body, asked, begun: Instant::now(), within, until: Box::pin(sleep(within)) }
    }
}

impl HttpBody for Timely {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            if frame.is_none() || self.body.is_end_stream() {
                self.asked.whole();
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(BoxError::from)));
        }
        loop {
            ready!(self.until.as_mut().poll(cx));
            if self.within == BODY_WITHIN || !self.asked.is_known() {
                return Poll::Ready(Some(Err(BoxError::from(TooSlow(self.within)))));
            }
            self.within = BODY_WITHIN;
            let end = self.begun + BODY_WITHIN;
            self.until.as_mut().reset(end);
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The body of an answer; the connection is busy until it has been handed over to be sent. A short one is at once:
/// whoever takes it slowly gives way.
pub(super) struct Answered {
    pub(super) body: Body,
    pub(super) _asked: Arc<Asked>,
}

impl HttpBody for Answered {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A megabyte, the most that is taken over TCP, at 35 kB a second.
const BODY_WITHIN: Duration = Duration::from_secs(30);
/// A name and a password, on the slowest line.
const STRANGERS_WITHIN: Duration = Duration::from_secs(5);
