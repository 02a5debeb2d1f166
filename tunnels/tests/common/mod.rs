//! What the tests of both providers share: a server behind the tunnel, and waiting for states.
#![allow(dead_code, reason = "each test binary uses its own part")]
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use gateway_tunnels::{
    ClientAddress, Connection, Note, Options, Provider, Tunnel, TunnelEvent, TunnelHandle,
    TunnelState, testing,
};
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::{broadcast, mpsc};
use url::Url;

/// The longest a test waits for anything: a failure, not a delay.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn options() -> Options {
    Options::new(Arc::new(testing::no_wait))
}

/// A tunnel with a server behind it.
pub(crate) struct Served {
    pub(crate) handle: TunnelHandle,
    pub(crate) events: broadcast::Receiver<TunnelEvent>,
    /// Each item becomes one event of the open `/sse` stream.
    pub(crate) sse: broadcast::Sender<&'static str>,
}

impl Served {
    pub(crate) fn start(provider: Arc<dyn Provider>, options: Options) -> Self {
        let (handle, incoming) = Tunnel::start(provider, options);
        let events = handle.events();
        let (sse, _) = broadcast::channel(16);
        tokio::spawn(serve(incoming, sse.clone()));
        Self { handle, events, sse }
    }

    /// Waits for a state.
    pub(crate) async fn until(
        &self,
        mut condition: impl FnMut(&TunnelState) -> bool,
    ) -> TunnelState {
        let mut state = self.handle.state();
        let waited = tokio::time::timeout(PATIENCE, state.wait_for(|state| condition(state))).await;
        let Ok(found) = waited else { panic!("still {:?}", self.handle.state().borrow()) };
        let Ok(state) = found else {
            panic!("the tunnel ended as {:?}", self.handle.state().borrow())
        };
        state.clone()
    }

    pub(crate) async fn until_up(&self) -> Url {
        let state = self.until(|state| state.is_up() || state.is_final()).await;
        match state {
            TunnelState::Up { url, .. } => url,
            other => panic!("not up but {other:?}"),
        }
    }

    pub(crate) async fn until_failed(&self) -> (String, String, Option<String>) {
        match self.until(TunnelState::is_final).await {
            TunnelState::Failed { cause, told, hint } => (cause.code().to_owned(), told, hint),
            other => panic!("not failed but {other:?}"),
        }
    }

    /// Waits for an event.
    pub(crate) async fn event<T>(&mut self, mut pick: impl FnMut(&TunnelEvent) -> Option<T>) -> T {
        let waited = tokio::time::timeout(PATIENCE, async {
            loop {
                match self.events.recv().await {
                    Ok(event) => {
                        if let Some(found) = pick(&event) {
                            return found;
                        }
                    }
                    Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => panic!("the tunnel is gone"),
                }
            }
        });
        let Ok(found) = waited.await else {
            panic!("no such event; the state is {:?}", self.handle.state().borrow())
        };
        found
    }

    pub(crate) async fn note(&mut self, mut wanted: impl FnMut(&Note) -> bool) -> Note {
        self.event(|event| match event {
            TunnelEvent::Note(note) if wanted(note) => Some(note.clone()),
            _ => None,
        })
        .await
    }

    pub(crate) async fn back_up(&mut self) -> Url {
        self.event(|event| match event {
            TunnelEvent::Up { url, outage: Some(_) } => Some(url.clone()),
            _ => None,
        })
        .await
    }
}

async fn serve(mut incoming: mpsc::Receiver<Connection>, sse: broadcast::Sender<&'static str>) {
    while let Some(connection) = incoming.recv().await {
        let (peer, sse) = (connection.peer, sse.clone());
        let service = service_fn(move |request| {
            let sse = sse.subscribe();
            async move { Ok::<_, Infallible>(answer(&request, peer, sse)) }
        });
        tokio::spawn(async move {
            let _ = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(connection.io), service)
                .await;
        });
    }
}

fn answer(
    request: &Request<Incoming>,
    peer: ClientAddress,
    sse: broadcast::Receiver<&'static str>,
) -> Response<BoxBody<Bytes, Infallible>> {
    if request.uri().path() == "/sse" {
        let events = futures::stream::unfold(sse, |mut sse| async move {
            match sse.recv().await {
                Ok("end") | Err(_) => None,
                Ok(text) => Some((Bytes::from(format!("data: {text}\n\n")), sse)),
            }
        });
        let body = StreamBody::new(events.map(|bytes| Ok(Frame::data(bytes))));
        return Response::builder()
            .header("content-type", "text/event-stream")
            .body(BodyExt::boxed(body))
            .unwrap();
    }
    let header = |name: &str| {
        request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    };
    let text = format!(
        "path={} host={} peer={peer:?} cf={} proto={}",
        request.uri().path(),
        header("host"),
        header("cf-connecting-ip"),
        header("x-forwarded-proto"),
    );
    Response::new(Full::from(text).boxed())
}
