//! Request bodies that nobody read to their end.
//!
//! An answer may be made without reading the body: a 401 is. The bytes still on their way would then
//! meet a closed connection, and a client that has just reused it sees its next request fail. So the
//! rest of a small body is read and thrown away; a connection with a large one is closed, and says so.
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderValue, Response, header};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::sync::oneshot;

/// Most bytes that are read only to be thrown away.
const REST_MAX: usize = 64 << 10;
/// Longest wait for them.
const REST_TIME_MAX: Duration = Duration::from_secs(2);

/// A body that comes back when it is dropped before its end.
#[derive(Debug)]
pub(super) struct Lent<B: HttpBody> {
    body: Option<B>,
    back: Option<oneshot::Sender<B>>,
}

/// The other end of a lent body.
#[derive(Debug)]
pub(super) struct Rest<B>(oneshot::Receiver<B>);

/// Lends `body` to a handler.
pub(super) fn lend<B: HttpBody>(body: B) -> (Lent<B>, Rest<B>) {
    let (back, rest) = oneshot::channel();
    (Lent { body: Some(body), back: Some(back) }, Rest(rest))
}

impl<B: HttpBody<Data = Bytes> + Unpin> Rest<B> {
    /// Reads what the handler left, or marks `response` as the connection's last.
    pub(super) async fn settle(mut self, response: &mut Response<Body>) {
        // A handler that still reads, or has read everything, gives nothing back.
        let Ok(body) = self.0.try_recv() else { return };
        let drained = tokio::time::timeout(REST_TIME_MAX, drain(body)).await;
        if !drained.unwrap_or(false) {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
        }
    }
}

/// Whether the body ended within the bound.
async fn drain<B: HttpBody<Data = Bytes> + Unpin>(mut body: B) -> bool {
    let mut seen = 0;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return false };
        seen += frame.data_ref().map_or(0, Bytes::len);
        if seen > REST_MAX {
            return false;
        }
    }
    true
}

impl<B: HttpBody<Data = Bytes> + Unpin> HttpBody for Lent<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let polled = Pin::new(body).poll_frame(cx);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.body = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

impl<B: HttpBody> Drop for Lent<B> {
    fn drop(&mut self) {
        let body = self.body.take().filter(|body| !body.is_end_stream());
        if let (Some(body), Some(back)) = (body, self.back.take()) {
            // Whoever lent it may be gone with the connection.
            let _ = back.send(body);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endless() -> Body {
        let chunks = futures::stream::repeat_with(|| {
            Ok::<_, std::convert::Infallible>(Bytes::from_static(&[0; 8192]))
        });
        Body::from_stream(chunks)
    }

    #[tokio::test]
    async fn a_small_body_that_nobody_read_costs_the_connection_nothing() {
        let (body, rest) = lend(Body::from("{}"));
        drop(body);
        let mut response = Response::new(Body::empty());
        rest.settle(&mut response).await;
        assert!(!response.headers().contains_key(header::CONNECTION));
    }

    #[tokio::test]
    async fn an_endless_body_that_nobody_read_closes_the_connection_and_says_so() {
        let (body, rest) = lend(endless());
        drop(body);
        let mut response = Response::new(Body::empty());
        rest.settle(&mut response).await;
        assert_eq!(response.headers()[header::CONNECTION], "close");
    }

    #[tokio::test]
    async fn a_body_that_was_read_is_not_missed() {
        let (body, rest) = lend(Body::from("{}"));
        assert_eq!(body.collect().await.unwrap().to_bytes(), "{}");
        let mut response = Response::new(Body::empty());
        rest.settle(&mut response).await;
        assert!(!response.headers().contains_key(header::CONNECTION));
    }
}
