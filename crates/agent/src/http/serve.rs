//! The loop that takes connections.

use axum::Router;
use futures::FutureExt;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use std::{sync::Arc, time::Duration};
use tokio::{
    net::{UnixListener, UnixStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Connections at once; more wait.
const MAX_CONNECTIONS: usize = 512;

/// How long a client may take to send a request's headers.
const HEADERS_WITHIN: Duration = Duration::from_secs(30);

/// How long to wait when the process has no file descriptor left for a connection.
const RETRY_ACCEPT: Duration = Duration::from_millis(200);

/// How to treat clients.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manners {
    /// Whether a connection may carry more than one request.
    pub(crate) keep_alive: bool,
    /// How long requests may take to end when the agent stops.
    pub(crate) end_within: Duration,
}

/// Answers on `listener` until `shutdown`, and then what has begun, and whoever is connected already.
pub(crate) async fn serve(
    listener: UnixListener,
    router: Router,
    manners: Manners,
    shutdown: CancellationToken,
) {
    let converse = |stream| converse(stream, router.clone(), manners, shutdown.clone());
    each_connection(listener, MAX_CONNECTIONS, manners.end_within, &shutdown, converse).await;
}

/// Does `converse` with whoever connects to `listener`, with `at_once` of them at a time, until `shutdown`. Then
/// those that are connected already have `end_within` to come to their end.
pub(crate) async fn each_connection<F>(
    listener: UnixListener,
    at_once: usize,
    end_within: Duration,
    shutdown: &CancellationToken,
    converse: impl Fn(UnixStream) -> F,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let slots = Arc::new(Semaphore::new(at_once));
    let connections = TaskTracker::new();
    let take_on = |(stream, slot)| {
        let conversation = converse(stream);
        connections.spawn(async move {
            conversation.await;
            drop(slot);
        });
    };
    // Cancel-safe: a connection that is not accepted yet stays in the kernel's queue.
    while let Some(accepted) = shutdown.run_until_cancelled(accept(&listener, &slots)).await {
        take_on(accepted);
    }
    while let Some(accepted) = accept(&listener, &slots).now_or_never() {
        take_on(accepted);
    }
    connections.close();
    if tokio::time::timeout(end_within, connections.wait()).await.is_err() {
        tracing::info!(open = connections.len(), "left requests unanswered");
    }
}

async fn accept(
    listener: &UnixListener,
    slots: &Arc<Semaphore>,
) -> (UnixStream, Option<OwnedSemaphorePermit>) {
    if slots.available_permits() == 0 {
        tracing::warn!("as many connections as there may be; more have to wait");
    }
    // The semaphore is never closed, so there always is a permit in the end.
    let slot = Arc::clone(slots).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, slot),
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(RETRY_ACCEPT).await;
            }
        }
    }
}

async fn converse(stream: UnixStream, router: Router, manners: Manners, shutdown: CancellationToken) {
    let connection = http1::Builder::new()
        .keep_alive(manners.keep_alive)
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_WITHIN)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = std::pin::pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        // Hyper closes a connection then on which no request has begun. One that carries a single request ends
        // with that.
        () = shutdown.cancelled(), if manners.keep_alive => {
            connection.as_mut().graceful_shutdown();
            connection.as_mut().await
        }
    };
    if let Err(error) = result {
        // A client that goes away in the middle of an answer is none of ours to repair.
        tracing::debug!(error = crate::error::chain(&error), "a connection broke");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{Terms, bind};
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: weft\r\n\r\n";

    #[tokio::test]
    async fn whoever_is_connected_when_the_agent_stops_is_answered() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let listener = bind(&path, Terms { group: None, instead: "give another" }).unwrap();
        let manners = Manners { keep_alive: false, end_within: Duration::from_secs(10) };
        let router = Router::new().route("/", get(async || "here"));
        let stop = CancellationToken::new();
        let mut early = UnixStream::connect(&path).await.unwrap();
        let server = tokio::spawn(serve(listener, router, manners, stop.clone()));
        early.write_all(b"GET / HT").await.unwrap();
        // Nobody has accepted this one before the end: this is a runtime of one thread.
        tokio::task::yield_now().await;
        let mut late = UnixStream::connect(&path).await.unwrap();
        stop.cancel();
        tokio::task::yield_now().await;
        early.write_all(&REQUEST[b"GET / HT".len()..]).await.unwrap();
        late.write_all(REQUEST).await.unwrap();
        for mut connection in [early, late] {
            let mut answer = String::new();
            let reading = connection.read_to_string(&mut answer);
            tokio::time::timeout(Duration::from_secs(10), reading).await.unwrap().unwrap();
            assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("here"), "{answer:?}");
            assert!(answer.contains("connection: close"), "{answer}");
        }
        server.await.unwrap();
    }
}
