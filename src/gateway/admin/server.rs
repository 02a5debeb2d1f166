//! Answering the owner's processes.
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use gateway_os::peer::PeerPolicy;
use gateway_os::socket::{AsyncListener, AsyncStream};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Call, CallError, CallErrorKind, LINE_BYTES_MAX, Reply};

/// Calls answered at a time; more wait in the socket's queue.
const CALLS: usize = 32;
/// Calls that wait for news at a time; those do not keep others from being answered.
const FOLLOWERS: usize = 64;
/// Longest time a caller may take to write its line.
const READ_LIMIT: Duration = Duration::from_secs(5);
/// Pause after an accept that failed, for instance for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Answers calls on `listener` until `stop` is cancelled.
///
/// A peer of another user, or one that descends from a task, is told so and not listened to.
pub async fn serve_admin<F, A>(listener: AsyncListener, answer: F, stop: CancellationToken)
where
    F: Fn(Call) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Result<Value, CallError>> + Send,
{
    let policy = Arc::new(PeerPolicy::for_this_process());
    let places = Arc::new(Semaphore::new(CALLS));
    let followers = Arc::new(Semaphore::new(FOLLOWERS));
    let calls = TaskTracker::new();
    loop {
        let place = tokio::select! {
            () = stop.cancelled() => break,
            place = places.clone().acquire_owned() => place,
        };
        let Ok(place) = place else { break };
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok(stream) => stream,
            Err(error) => {
                tracing::warn!(%error, "the admin socket could not accept");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (policy, answer, stop) = (policy.clone(), answer.clone(), stop.clone());
        let followers = followers.clone();
        calls.spawn(async move {
            // Held until the end, unless the call turns out to be one that waits.
            let take_place = move |call: &Call| place_of(call, place, &followers);
            tokio::select! {
                () = serve_one(stream, &policy, take_place, answer) => {}
                // A call may be a long poll: it ends with the gateway.
                () = stop.cancelled() => {}
            }
        });
    }
    calls.close();
    calls.wait().await;
}

/// The place in which a call is answered: for one that waits for news another than it came in by.
fn place_of(
    call: &Call,
    place: OwnedSemaphorePermit,
    followers: &Arc<Semaphore>,
) -> Result<OwnedSemaphorePermit, CallError> {
    match call {
        Call::Events { wait_secs: 1.., .. } | Call::Trace { wait_secs: 1.., .. } => {
            followers.clone().try_acquire_owned().map_err(|_| {
                let message = format!("{FOLLOWERS} others follow what the gateway does already");
                CallError::new(CallErrorKind::Unavailable, message, "end one of them")
            })
        }
        _ => Ok(place),
    }
}

async fn serve_one<F, A>(
    stream: AsyncStream,
    policy: &PeerPolicy,
    take_place: impl FnOnce(&Call) -> Result<OwnedSemaphorePermit, CallError>,
    answer: F,
) where
    F: Fn(Call) -> A,
    A: Future<Output = Result<Value, CallError>>,
{
    let refusal = refusal(&stream, policy);
    let mut stream = BufReader::new(stream);
    // A refused peer's line is read too: closing on unread bytes would lose the answer on its way.
    let call = match tokio::time::timeout(READ_LIMIT, read_call(&mut stream)).await {
        Ok(None) => return,
        Ok(Some(call)) => Ok(call),
        Err(late) => Err(late),
    };
    let reply = match (refusal, call) {
        (Some(refusal), _) => {
            tracing::warn!(refusal, "a call on the admin socket was refused");
            let hint = "run the command in a terminal of your own";
            Reply::Error(CallError::new(CallErrorKind::Permission, refusal, hint))
        }
        (None, Ok(Ok(call))) => {
            let answered = match take_place(&call) {
                Ok(_place) => answer(call).await,
                Err(error) => Err(error),
            };
            answered.map_or_else(Reply::Error, Reply::Ok)
        }
        (None, Ok(Err(message))) => {
            Reply::Error(CallError::invalid(message, "use the `gateway` of the same version"))
        }
        (None, Err(_)) => return,
    };
    let Ok(mut line) = serde_json::to_vec(&reply) else { return };
    line.push(b'\n');
    // A caller that has gone away needs no answer.
    let _ = stream.get_mut().write_all(&line).await;
    let _ = stream.get_mut().shutdown().await;
}

fn refusal(stream: &AsyncStream, policy: &PeerPolicy) -> Option<&'static str> {
    match stream.peer() {
        Ok(peer) => policy.verdict(peer).refusal(),
        Err(_) => Some("this socket cannot tell who is calling"),
    }
}

/// The line of a caller; none when it left without a word, having looked only who listens.
async fn read_call(stream: &mut BufReader<AsyncStream>) -> Option<Result<Call, String>> {
    let mut line = Vec::new();
    let mut limited = stream.take(LINE_BYTES_MAX);
    match limited.read_until(b'\n', &mut line).await {
        Ok(0) => None,
        Ok(_) => {
            Some(serde_json::from_slice(&line).map_err(|error| format!("not a call: {error}")))
        }
        Err(error) => Some(Err(error.to_string())),
    }
}
