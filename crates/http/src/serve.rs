//! The loop that takes connections.

use crate::{Listener, Slot, attentive, queue::Queue};
use axum::Router;
use futures::FutureExt;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{sync::Arc, time::Duration};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Connections at once; more wait.
const MAX_CONNECTIONS: usize = 512;

/// How long a client may take to send a request's headers.
const HEADERS_WITHIN: Duration = Duration::from_secs(30);

/// How to treat clients.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Whether a connection may carry more than one request.
    pub keep_alive: bool,
    /// How long requests may take to end when the agent stops.
    pub end_within: Duration,
}

/// Answers on `listener` with `router` until `shutdown`, and then finishes the requests that have begun, and those of
/// clients that are connected already.
pub async fn serve(listener: impl Listener, router: Router, limits: Limits, shutdown: CancellationToken) {
    let converse = |stream, slot| converse(stream, slot, router.clone(), limits, shutdown.clone());
    each_connection(listener, MAX_CONNECTIONS, limits.end_within, &shutdown, converse).await;
}

/// Does `converse` with each client that connects to `listener`, with `at_once` of them at a time, until `shutdown`.
/// Then those that are connected already have `end_within` to finish.
///
/// A conversation tells its place which side is to speak, and ends when the place is wanted.
pub async fn each_connection<L, F>(
    listener: L,
    at_once: usize,
    end_within: Duration,
    shutdown: &CancellationToken,
    converse: impl Fn(L::Stream, Arc<Slot>) -> F,
) where
    L: Listener,
    F: Future<Output = ()> + Send + 'static,
{
    let mut queue = Queue::of(listener, at_once);
    let connections = TaskTracker::new();
    let take_on = |(stream, slot)| {
        connections.spawn(converse(stream, Arc::new(slot)));
    };
    while let Some(accepted) = shutdown.run_until_cancelled(queue.accept()).await {
        take_on(accepted);
    }
    while queue.is_ours_to_end()
        && let Some(accepted) = queue.accept().now_or_never()
    {
        take_on(accepted);
    }
    connections.close();
    if tokio::time::timeout(end_within, connections.wait()).await.is_err() {
        tracing::info!(open = connections.len(), "left requests unanswered");
    }
}

/// Answers the requests of one client with `router`, until it goes, its place is wanted, or `shutdown`.
pub async fn converse(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    slot: Arc<Slot>,
    router: Router,
    limits: Limits,
    shutdown: CancellationToken,
) {
    let connection = http1::Builder::new()
        .keep_alive(limits.keep_alive)
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_WITHIN)
        .serve_connection(TokioIo::new(stream), attentive(router, &slot));
    let mut connection = std::pin::pin!(connection);
    let mut stopping = false;
    let result = loop {
        tokio::select! {
            biased;
            result = connection.as_mut() => break result,
            // Hyper closes a connection then on which no request has begun. One that carries a single request ends
            // with that.
            () = shutdown.cancelled(), if limits.keep_alive && !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
            () = slot.wanted() => {
                tracing::debug!("a connection that asked nothing made room for another");
                return;
            }
        }
    };
    if let Err(error) = result {
        // A client that goes away in the middle of an answer is none of ours to repair.
        tracing::debug!(%error, "a connection broke");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Inherited, ServerSocket, Terms, open};
    use axum::routing::get;
    use std::path::Path;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::UnixStream,
    };

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: weft\r\n\r\n";

    fn listen(path: &Path) -> ServerSocket {
        open(path, Terms { group: None, instead: "give another" }, &Inherited::default()).unwrap()
    }

    async fn answer_of(connection: &mut UnixStream) -> String {
        let mut answer = String::new();
        let reading = connection.read_to_string(&mut answer);
        tokio::time::timeout(Duration::from_secs(10), reading).await.unwrap().unwrap();
        answer
    }

    /// Idle ones, and some that stopped in the middle of what they say, of its head or of its body.
    #[tokio::test]
    async fn who_asks_nothing_holds_up_nobody() {
        for keep_alive in [false, true] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("socket");
            let limits = Limits { keep_alive, end_within: Duration::ZERO };
            let router = Router::new()
                .route("/", get(async || "here"))
                .route("/post", axum::routing::post(async |body: String| body));
            let stop = CancellationToken::new();
            let server = tokio::spawn(serve(listen(&path), router, limits, stop.clone()));
            let mut silent = Vec::new();
            for number in 0..MAX_CONNECTIONS + 50 {
                let mut stream = UnixStream::connect(&path).await.unwrap();
                let said = [
                    &b""[..],
                    b"GET / HT",
                    b"POST /post HTTP/1.1\r\nHost: w\r\nContent-Length: 9\r\n\r\nhalf",
                ];
                stream.write_all(said[number % 3]).await.unwrap();
                silent.push(stream);
                tokio::task::yield_now().await;
            }
            let began = std::time::Instant::now();
            let mut asking = UnixStream::connect(&path).await.unwrap();
            asking.write_all(REQUEST).await.unwrap();
            let mut answer = [0; 15];
            asking.read_exact(&mut answer).await.unwrap();
            assert_eq!(&answer, b"HTTP/1.1 200 OK");
            assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
            stop.cancel();
            server.await.unwrap();
        }
    }

    #[tokio::test]
    async fn whoever_is_connected_when_the_agent_stops_is_answered() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let listener = listen(&path);
        let limits = Limits { keep_alive: false, end_within: Duration::from_secs(10) };
        let router = Router::new().route("/", get(async || "here"));
        let stop = CancellationToken::new();
        let mut early = UnixStream::connect(&path).await.unwrap();
        let server = tokio::spawn(serve(listener, router, limits, stop.clone()));
        early.write_all(b"GET / HT").await.unwrap();
        // Nobody has accepted this one before the end: this is a runtime of one thread.
        tokio::task::yield_now().await;
        let mut late = UnixStream::connect(&path).await.unwrap();
        stop.cancel();
        tokio::task::yield_now().await;
        early.write_all(&REQUEST[b"GET / HT".len()..]).await.unwrap();
        late.write_all(REQUEST).await.unwrap();
        for mut connection in [early, late] {
            let answer = answer_of(&mut connection).await;
            assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("here"), "{answer:?}");
            assert!(answer.contains("connection: close"), "{answer}");
        }
        server.await.unwrap();
    }
}
