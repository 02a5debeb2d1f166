//! Bodies with an end: requests that must arrive in time, event streams that stop at shutdown.
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Instant, Sleep};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// Why a request's body could not be had.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BodyError {
    /// It is larger than this route takes.
    #[error("the body is too large")]
    TooLarge,
    /// It did not arrive in time.
    #[error("the body did not arrive in time")]
    TooSlow,
    /// The connection broke, or its framing is wrong.
    #[error("the body did not arrive whole")]
    Broken,
}

/// Reads a whole request body. The guard has bounded it in size and time.
///
/// # Errors
///
/// Says which bound it broke.
pub async fn read_whole(mut body: Body) -> Result<Bytes, BodyError> {
    // Nearly all come in one piece, which need not be copied.
    let (mut whole, mut pieces) = (Bytes::new(), BytesMut::new());
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|err| cause(&err))?.into_data() else { continue };
        if whole.is_empty() {
            whole = data;
            continue;
        }
        if pieces.is_empty() {
            pieces.extend_from_slice(&whole);
        }
        pieces.extend_from_slice(&data);
    }
    Ok(if pieces.is_empty() { whole } else { pieces.freeze() })
}

fn cause(err: &(dyn std::error::Error + 'static)) -> BodyError {
    let mut next = Some(err);
    while let Some(err) = next {
        if err.is::<LengthLimitError>() {
            return BodyError::TooLarge;
        }
        if let Some(known) = err.downcast_ref::<BodyError>() {
            return *known;
        }
        next = err.source();
    }
    BodyError::Broken
}

/// Bounds a request body to `bytes_max` and to `time_max` from its first wait.
pub(super) fn bounded<B>(body: B, bytes_max: usize, time_max: Duration) -> Body
where
    B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<axum::BoxError>,
{
    if body.is_end_stream() {
        return Body::empty();
    }
    Body::new(Limited::new(Timed { body, time_max, began: None, deadline: None }, bytes_max))
}

struct Timed<B> {
    body: B,
    time_max: Duration,
    /// When the first wait began.
    began: Option<Instant>,
    /// Set at the second wait only: most bodies come whole at the first, and setting a timer costs
    /// more than reading them. A body that does not come at all ends with its connection.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl<B> HttpBody for Timed<B>
where
    B: HttpBody<Data = Bytes> + Unpin,
    B::Error: Into<axum::BoxError>,
{
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let Some(began) = self.began else {
            self.began = Some(Instant::now());
            return Poll::Pending;
        };
        let until = began + self.time_max;
        let deadline =
            self.deadline.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
        match deadline.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Some(Err(BodyError::TooSlow.into()))),
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Ends an event stream `grace` after `draining` is cancelled, so that last words get out.
pub(super) fn ends_at_shutdown(body: Body, draining: CancellationToken, grace: Duration) -> Body {
    let draining = Some(Box::pin(draining.cancelled_owned()));
    Body::new(EndsAtShutdown { body, draining, grace, last_words: None })
}

struct EndsAtShutdown {
    body: Body,
    draining: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
    grace: Duration,
    last_words: Option<Pin<Box<Sleep>>>,
}

impl HttpBody for EndsAtShutdown {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Some(draining) = &mut self.draining
            && draining.as_mut().poll(cx).is_ready()
        {
            self.draining = None;
            self.last_words = Some(Box::pin(tokio::time::sleep(self.grace)));
        }
        if let Some(last_words) = &mut self.last_words
            && last_words.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(None);
        }
        Pin::new(&mut self.body).poll_frame(cx)
    }
}

/// Turns a body that cannot fail into the one every route answers with.
pub fn infallible<B>(body: B) -> Body
where
    B: HttpBody<Data = Bytes, Error = Infallible> + Send + 'static,
{
    Body::new(body)
}
