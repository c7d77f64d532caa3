//! The loop that takes connections.

use crate::open_files;
use axum::Router;
use futures::FutureExt;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{
    io,
    os::fd::{AsFd, OwnedFd},
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use weft_store::serve::{Crowd, Place, attentive};

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

    /// Whether those who are not accepted when this agent stops are the next one's.
    fn outlives_this_agent(&self) -> bool {
        false
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
    let converse = |stream, place| converse(stream, place, router.clone(), manners, shutdown.clone());
    each_connection(listener, MAX_CONNECTIONS, manners.end_within, &shutdown, converse).await;
}

/// Does `converse` with whoever connects to `listener`, with `at_once` of them at a time, until `shutdown`. Then
/// those that are connected already have `end_within` to come to their end.
///
/// A conversation says whose turn it is to its place, and ends when that is wanted.
pub(crate) async fn each_connection<L, F>(
    listener: L,
    at_once: usize,
    end_within: Duration,
    shutdown: &CancellationToken,
    converse: impl Fn(L::Stream, Arc<Place>) -> F,
) where
    L: Listener,
    F: Future<Output = ()> + Send + 'static,
{
    let mut queue = Queue::of(listener, at_once);
    let connections = TaskTracker::new();
    let take_on = |(stream, place)| {
        connections.spawn(converse(stream, Arc::new(place)));
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

/// Who waits to be served.
struct Queue<L: Listener> {
    listener: L,
    crowd: Crowd,
    /// Who is accepted, and has no place yet.
    first: Option<L::Stream>,
    /// Whether it was said that there are as many as there may be.
    crowded: bool,
    /// A file descriptor that is given up for a connection when there is no other: one at a time is served even
    /// then, and can ask what is wrong.
    spare: Option<OwnedFd>,
    /// Whether it was said that nobody can be accepted.
    stuck: bool,
}

impl<L: Listener> Queue<L> {
    fn of(listener: L, at_once: usize) -> Self {
        let crowd = Crowd::of(at_once);
        let mut queue = Self { listener, crowd, first: None, crowded: false, spare: None, stuck: false };
        queue.keep_a_spare();
        queue
    }

    fn keep_a_spare(&mut self) {
        if self.spare.is_none() {
            self.spare = self.listener.as_fd().try_clone_to_owned().ok();
        }
    }

    /// Whether nobody else will accept who is next.
    fn is_ours_to_end(&self) -> bool {
        self.first.is_some() || !self.listener.outlives_this_agent()
    }

    /// The next. Cancel-safe: a connection that is not accepted yet stays in the kernel's queue, and one that has
    /// no place yet in this one.
    async fn accept(&mut self) -> (L::Stream, Place) {
        loop {
            if self.first.is_none() {
                self.first = Some(self.next().await);
            }
            self.say_whether_it_is_crowded();
            let place = self.crowd.place().await;
            if let Some(stream) = self.first.take() {
                return (stream, place);
            }
        }
    }

    fn say_whether_it_is_crowded(&mut self) {
        let was = std::mem::replace(&mut self.crowded, self.crowd.is_full());
        if self.crowded && !was {
            tracing::warn!("as many connections as there may be; those that ask nothing make room for more");
        }
    }

    async fn next(&mut self) -> L::Stream {
        self.keep_a_spare();
        loop {
            match self.listener.next().await {
                Ok(stream) => {
                    self.stuck = self.spare.is_none();
                    return stream;
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
    place: Arc<Place>,
    router: Router,
    manners: Manners,
    shutdown: CancellationToken,
) {
    let connection = http1::Builder::new()
        .keep_alive(manners.keep_alive)
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_WITHIN)
        .serve_connection(TokioIo::new(stream), attentive(router, &place));
    let mut connection = std::pin::pin!(connection);
    let mut stopping = false;
    let result = loop {
        tokio::select! {
            biased;
            result = connection.as_mut() => break result,
            // Hyper closes a connection then on which no request has begun. One that carries a single request ends
            // with that.
            () = shutdown.cancelled(), if manners.keep_alive && !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
            () = place.wanted() => {
                tracing::debug!("a connection that asked nothing made room for another");
                return;
            }
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
    use crate::http::{Inherited, Terms, open};
    use axum::routing::get;
    use std::path::Path;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::UnixStream,
    };

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: weft\r\n\r\n";

    fn listen(path: &Path) -> crate::http::Socket {
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
            let manners = Manners { keep_alive, end_within: Duration::ZERO };
            let router = Router::new()
                .route("/", get(async || "here"))
                .route("/post", axum::routing::post(async |body: String| body));
            let stop = CancellationToken::new();
            let server = tokio::spawn(serve(listen(&path), router, manners, stop.clone()));
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
            let answer = answer_of(&mut connection).await;
            assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("here"), "{answer:?}");
            assert!(answer.contains("connection: close"), "{answer}");
        }
        server.await.unwrap();
    }
}
