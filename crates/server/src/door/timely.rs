//! Does the body of a request come in time, and is a connection known to be busy while it is answered?

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::{BoxError, Error};
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use tokio::time::{Sleep, sleep};

use super::crowd::Busy;

/// A body that has to be there whole within some time.
pub(super) struct Timely {
    body: Incoming,
    until: Pin<Box<Sleep>>,
}

/// It was not.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the body did not come within {BODY_WITHIN:?}")]
pub(crate) struct TooSlow;

impl Timely {
    pub(super) fn new(body: Incoming) -> Self {
        Self { body, until: Box::pin(sleep(BODY_WITHIN)) }
    }
}

impl HttpBody for Timely {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(frame) => Poll::Ready(frame.map(|frame| frame.map_err(BoxError::from))),
            Poll::Pending => self.until.as_mut().poll(cx).map(|()| Some(Err(BoxError::from(TooSlow)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The body of an answer; the connection is busy until it is sent.
pub(super) struct Answered {
    pub(super) body: Body,
    pub(super) _busy: Busy,
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
