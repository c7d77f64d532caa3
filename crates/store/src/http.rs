//! Calls to stores over HTTP: deadlines, several servers, and answers of bounded size.

mod connections;
mod followed;
mod named;
mod secret;
mod tls;
mod unreached;

pub use connections::Connections;
use connections::Fate;
use followed::Followed;
pub(crate) use named::Named;
pub use secret::{Secret, SecretError};
pub use tls::{MemberFiles, TlsError, TlsFiles};
pub(crate) use unreached::Unreached;

use futures::{Stream, StreamExt};
use hyper_util::client::legacy::connect::HttpInfo;
use reqwest::{ClientBuilder, Method, RequestBuilder, Response, Url, header::HeaderMap};
use std::{
    error::Error,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::time::{Instant, timeout_at};

/// How long an ordinary call may take. The caller is to be told within three seconds.
pub(crate) const DEADLINE: Duration = Duration::from_millis(2500);
/// How long a connection may take to come about where there is another server to try, and where there is not.
/// The kernel repeats a lost SYN after one second (RFC 6298 section 2).
const CONNECT_DEADLINES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(2)];
/// How long a silent connection is left alone before the other end is asked whether it is still there, and how
/// long between the times it is asked.
const KEEPALIVE: Duration = Duration::from_secs(3);
/// How long the other end may leave that, or anything else, unacknowledged (`TCP_USER_TIMEOUT`, tcp(7)). A watch
/// waits for a minute on a connection that a firewall, a cable or a power failure may have cut without a word.
const UNACKNOWLEDGED: Duration = Duration::from_secs(9);
/// The largest answer taken, in bytes: some 50,000 records.
pub(crate) const MAX_ANSWER: usize = 64 << 20;

/// How long to wait for an answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// Until it begins.
    pub(crate) head: Duration,
    /// From one part of it to the next.
    pub(crate) silence: Duration,
    /// Until it is there.
    pub(crate) whole: Duration,
}

impl Patience {
    /// For an answer that is small: all of it has one deadline.
    pub(crate) const SMALL: Self = Self { head: DEADLINE, silence: DEADLINE, whole: DEADLINE };

    /// For an answer that may be long, to a question that is held back for up to `held`. What counts is that data keeps
    /// coming: with a deadline for the whole answer, clients that all ask at once would all fail, and ask again for
    /// ever.
    pub(crate) const fn long(held: Duration) -> Self {
        let head = held.saturating_add(Duration::from_secs(60));
        Self { head, silence: Duration::from_secs(10), whole: head.saturating_add(Duration::from_secs(600)) }
    }
}

/// Servers that answer alike.
#[derive(Debug)]
pub(crate) struct Http {
    client: Followed<reqwest::Client>,
    servers: Arc<[String]>,
    bases: Vec<Url>,
    /// The server that answered last.
    current: AtomicUsize,
    connections: Connections,
    /// How often the connections had been given up when the client was made.
    renewed: Mutex<u64>,
}

/// An answer, whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The body as a line of text, for people.
    pub(crate) fn text(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        let line: String = text.trim().chars().take(300).collect();
        line.replace(char::is_control, " ")
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum CallError {
    /// No server could be connected to: for certain, nothing was done.
    NotSent(Box<dyn Error + Send + Sync>),
    /// The question was sent, or may have been.
    NoAnswer(Box<dyn Error + Send + Sync>),
    /// The answer is not valid.
    Malformed(String),
}

/// What to ask.
#[derive(Debug)]
pub(crate) struct Question<'a> {
    pub(crate) method: Method,
    /// Absolute, and percent-encoded.
    pub(crate) path: &'a str,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Http {
    /// A client for servers given as `host:port`.
    pub(crate) fn new(servers: &[String], tls: Option<&TlsFiles>) -> Result<Self, HttpError> {
        let files = tls.map(TlsFiles::all).unwrap_or_default();
        let (scheme, tls) = (if tls.is_some() { "https" } else { "http" }, tls.cloned());
        Self::with(servers, scheme, files, move |builder| tls::configure(builder, tls.as_ref()))
    }

    /// A client with these files of a member, for servers that are members of the same cluster.
    pub(crate) fn of_member(servers: &[String], files: &MemberFiles) -> Result<Self, HttpError> {
        let (all, files) = (files.all(), files.clone());
        Self::with(servers, "https", all, move |builder| tls::configure_member(builder, &files))
    }

    fn with(
        servers: &[String],
        scheme: &str,
        files: Vec<PathBuf>,
        configure: impl Fn(ClientBuilder) -> Result<ClientBuilder, TlsError> + Send + Sync + 'static,
    ) -> Result<Self, HttpError> {
        let timeout = CONNECT_DEADLINES[usize::from(servers.len() == 1)];
        let client = Followed::files(files, move || client(timeout, &configure))?;
        let base = |server: &String| {
            Url::parse(&format!("{scheme}://{server}/")).map_err(|_| HttpError::Server(server.clone()))
        };
        let bases = servers.iter().map(base).collect::<Result<Vec<_>, _>>()?;
        // Not all the first: reads that any server may answer are spread.
        let current = rand::random_range(0..bases.len().max(1));
        Ok(Self {
            client,
            servers: servers.into(),
            bases,
            current: AtomicUsize::new(current),
            connections: Connections::default(),
            renewed: Mutex::default(),
        })
    }

    /// The client's connections, for a caller that knows when an address of this host is gone.
    pub(crate) fn connections(&self) -> Connections {
        self.connections.clone()
    }

    /// Asks one server after the other until one is there, and takes in its whole answer.
    pub(crate) async fn ask(&self, question: &Question<'_>, patience: Patience) -> Result<Answer, CallError> {
        let end = Instant::now() + patience.whole;
        let answer = self.open(question, patience).await?;
        answer.take_in(Patience { whole: end.saturating_duration_since(Instant::now()), ..patience }).await
    }

    /// Asks one server after the other until one is there, and leaves its answer to be read.
    pub(crate) async fn open(
        &self,
        question: &Question<'_>,
        patience: Patience,
    ) -> Result<Arriving, CallError> {
        let (began, first) = (Instant::now(), self.current.load(Ordering::Relaxed));
        let deadline = began + patience.head;
        let mut trouble = CallError::Malformed("no server is given".into());
        for turn in 0..self.bases.len() {
            let index = (first + turn) % self.bases.len();
            // Before the client is taken: what is given up from now on was given up under this request.
            let mut fate = self.connections.fate();
            let request = self.request(&self.bases[index], question)?;
            let sent = tokio::select! {
                sent = timeout_at(deadline, request.send()) => sent,
                () = fate.given_up() => return Err(CallError::NoAnswer(Unreached::moved().into())),
            };
            trouble = match sent {
                Ok(Ok(response)) => {
                    self.current.store(index, Ordering::Relaxed);
                    if let Some(connection) = response.extensions().get::<HttpInfo>() {
                        self.connections.come_from(connection.local_addr().ip());
                    }
                    return Ok(Arriving { response, servers: Arc::clone(&self.servers), fate });
                }
                Ok(Err(error)) if error.is_connect() => CallError::NotSent(self.unreached(&error)),
                Ok(Err(error)) => return self.unanswered(index, self.unreached(&error)),
                Err(_) => {
                    let silent = Unreached::silent(began.elapsed(), &self.servers);
                    return self.unanswered(index, silent.into());
                }
            };
        }
        Err(trouble)
    }

    fn unreached(&self, error: &reqwest::Error) -> Box<dyn Error + Send + Sync> {
        Unreached::new(error, &self.servers).into()
    }

    /// The question may have been heard, so it is not put to another server; the next one is.
    fn unanswered(&self, index: usize, why: Box<dyn Error + Send + Sync>) -> Result<Arriving, CallError> {
        self.current.store((index + 1) % self.bases.len(), Ordering::Relaxed);
        Err(CallError::NoAnswer(why))
    }

    fn request(&self, base: &Url, question: &Question<'_>) -> Result<RequestBuilder, CallError> {
        let url = base.join(question.path).map_err(|error| CallError::Malformed(error.to_string()))?;
        let request = self.client().request(question.method.clone(), url);
        Ok(request.headers(question.headers.clone()).body(question.body.clone()))
    }

    /// The client: another than before if its connections were given up, since it would go on with them.
    fn client(&self) -> Arc<reqwest::Client> {
        // Each change of it is whole. Held until the client is another: nobody goes on with the one before.
        let mut renewed = self.renewed.lock().unwrap_or_else(PoisonError::into_inner);
        let times = self.connections.times_given_up();
        if std::mem::replace(&mut *renewed, times) != times {
            self.client.renew();
        }
        self.client.get()
    }
}

/// A client that takes `timeout` at most to connect.
fn client(
    timeout: Duration,
    configure: impl FnOnce(ClientBuilder) -> Result<ClientBuilder, TlsError>,
) -> Result<reqwest::Client, HttpError> {
    // Stores are reached directly, even if the environment names a proxy. Redirects are not followed: one could send
    // the token to another server.
    let builder = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(timeout)
        .tcp_keepalive(KEEPALIVE)
        .tcp_keepalive_interval(KEEPALIVE)
        .tcp_user_timeout(UNACKNOWLEDGED)
        .pool_idle_timeout(Duration::from_secs(30))
        .tcp_nodelay(true);
    configure(builder)?.build().map_err(HttpError::Client)
}

/// An answer whose head has arrived and whose body has not.
#[derive(Debug)]
pub(crate) struct Arriving {
    response: Response,
    servers: Arc<[String]>,
    fate: Fate,
}

impl Arriving {
    pub(crate) fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// What comes, piece by piece, without a deadline.
    pub(crate) fn pieces(self) -> impl Stream<Item = Result<impl AsRef<[u8]>, Box<dyn Error + Send + Sync>>> {
        let Self { response, servers, mut fate } = self;
        async_stream::stream! {
            let mut pieces = response.bytes_stream();
            loop {
                let piece = tokio::select! {
                    piece = pieces.next() => piece,
                    () = fate.given_up() => {
                        yield Err(Unreached::moved().into());
                        return;
                    }
                };
                let Some(piece) = piece else { return };
                yield piece.map_err(|error| Unreached::new(&error, &servers).into());
            }
        }
    }

    /// Takes all of it in.
    pub(crate) async fn take_in(self, patience: Patience) -> Result<Answer, CallError> {
        let (status, mut body) = (self.status(), Vec::new());
        let keep = |piece: &[u8]| {
            body.extend_from_slice(piece);
            Ok(())
        };
        self.read(patience, keep).await?;
        Ok(Answer { status, body })
    }

    /// Hands the body to `each` as it arrives.
    pub(crate) async fn read(
        self,
        patience: Patience,
        mut each: impl FnMut(&[u8]) -> Result<(), String>,
    ) -> Result<(), CallError> {
        let servers = Arc::clone(&self.servers);
        let pieces = self.pieces();
        futures::pin_mut!(pieces);
        let (began, mut length) = (Instant::now(), 0);
        let end = began + patience.whole;
        loop {
            let piece = timeout_at(end.min(Instant::now() + patience.silence), pieces.next()).await;
            let silent = |_| CallError::NoAnswer(Unreached::silent(began.elapsed(), &servers).into());
            let Some(piece) = piece.map_err(silent)? else { return Ok(()) };
            let piece = piece.map_err(CallError::NoAnswer)?;
            length += piece.as_ref().len();
            if length > MAX_ANSWER {
                return Err(CallError::Malformed(format!("it is larger than {MAX_ANSWER} bytes")));
            }
            each(piece.as_ref()).map_err(CallError::Malformed)?;
        }
    }
}

/// Why a client cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// A server's name or port makes no URL.
    #[error("{0:?} is no server: write HOST, HOST:PORT or [IPv6]:PORT")]
    Server(String),
    /// The files for TLS cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The HTTP client refuses its settings.
    #[error("cannot set up an HTTP client")]
    Client(#[source] reqwest::Error),
}
