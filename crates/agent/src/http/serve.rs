//! The loop that takes connections.

use crate::open_files;
use axum::Router;
use futures::FutureExt;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use std::{
    io,
    os::fd::{AsFd, OwnedFd},
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Connections at once; more wait.
const MAX_CONNECTIONS: usize = 512;

/// How long a client may take to send a request's headers.
const HEADERS_WITHIN: Duration = Duration::from_secs(30);

/// How long to wait when a connection cannot be accepted.
const RETRY_ACCEPT: Duration = Duration::from_millis(200);

/// How to treat clients.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manners {
    /// Whether a connection may carry more than one request.
    pub(crate) keep_alive: bool,
    /// How long requests may take to end when the agent stops.
    pub(crate) end_within: Duration,
}

/// Where connections come from.
pub(crate) trait Listener: AsFd {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static;

    /// The next. Cancel-safe: a connection that is not accepted yet stays in the kernel's queue.
    fn next(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

impl Listener for UnixListener {
    type Stream = UnixStream;

    async fn next(&self) -> io::Result<UnixStream> {
        self.accept().await.map(|(stream, _)| stream)
    }
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    async fn next(&self) -> io::Result<TcpStream> {
        self.accept().await.map(|(stream, _)| stream)
    }
}

/// Answers on `listener` until `shutdown`, and then what has begun, and whoever is connected already.
pub(crate) async fn serve(
    listener: impl Listener,
    router: Router,
    manners: Manners,
    shutdown: CancellationToken,
) {
    let converse = |stream| converse(stream, router.clone(), manners, shutdown.clone());
    each_connection(listener, MAX_CONNECTIONS, manners.end_within, &shutdown, converse).await;
}

/// Does `converse` with whoever connects to `listener`, with `at_once` of them at a time, until `shutdown`. Then
/// those that are connected already have `end_within` to come to their end.
pub(crate) async fn each_connection<L, F>(
    listener: L,
    at_once: usize,
    end_within: Duration,
    shutdown: &CancellationToken,
    converse: impl Fn(L::Stream) -> F,
) where
    L: Listener,
    F: Future<Output = ()> + Send + 'static,
{
    let mut queue = Queue::of(listener, at_once);
    let connections = TaskTracker::new();
    let take_on = |(stream, slot)| {
        let conversation = converse(stream);
        connections.spawn(async move {
            conversation.await;
            drop(slot);
        });
    };
    while let Some(accepted) = shutdown.run_until_cancelled(queue.accept()).await {
        take_on(accepted);
    }
    while let Some(accepted) = queue.accept().now_or_never() {
        take_on(accepted);
    }
    connections.close();
    if tokio::time::timeout(end_within, connections.wait()).await.is_err() {
        tracing::info!(open = connections.len(), "left requests unanswered");
    }
}

/// Who waits to be served.
struct Queue<L> {
    listener: L,
    slots: Arc<Semaphore>,
    /// A file descriptor that is given up for a connection when there is no other: one at a time is served even
    /// then, and can ask what is wrong.
    spare: Option<OwnedFd>,
    /// Whether it was said that nobody can be accepted.
    stuck: bool,
}

impl<L: Listener> Queue<L> {
    fn of(listener: L, at_once: usize) -> Self {
        let mut queue =
            Self { listener, slots: Arc::new(Semaphore::new(at_once)), spare: None, stuck: false };
        queue.keep_a_spare();
        queue
    }

    fn keep_a_spare(&mut self) {
        if self.spare.is_none() {
            self.spare = self.listener.as_fd().try_clone_to_owned().ok();
        }
    }

    /// The next. Cancel-safe: a connection that is not accepted yet stays in the kernel's queue.
    async fn accept(&mut self) -> (L::Stream, Option<OwnedSemaphorePermit>) {
        if self.slots.available_permits() == 0 {
            tracing::warn!("as many connections as there may be; more have to wait");
        }
        // The semaphore is never closed, so there always is a permit in the end.
        let slot = Arc::clone(&self.slots).acquire_owned().await.ok();
        self.keep_a_spare();
        loop {
            match self.listener.next().await {
                Ok(stream) => {
                    self.stuck = self.spare.is_none();
                    return (stream, slot);
                }
                Err(error) => self.make_room(&error).await,
            }
        }
    }

    /// Does what can be done for the next attempt to succeed.
    async fn make_room(&mut self, error: &io::Error) {
        if !self.stuck {
            self.stuck = true;
            tracing::warn!(%error, "cannot accept connections as they come");
            open_files::shortage().iter().for_each(|why| tracing::warn!("{why}"));
        }
        // Dropped, it leaves its place to the connection.
        if self.spare.take().is_none() {
            tokio::time::sleep(RETRY_ACCEPT).await;
            self.keep_a_spare();
        }
    }
}

async fn converse(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    router: Router,
    manners: Manners,
    shutdown: CancellationToken,
) {
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
