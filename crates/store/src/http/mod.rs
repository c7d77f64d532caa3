//! Calls to stores over HTTP: deadlines, several servers, and answers of bounded size.

mod named;
mod secret;
mod tls;

pub(crate) use named::Named;
pub use secret::{Secret, SecretError};
pub use tls::{TlsError, TlsFiles};

use futures::StreamExt;
use reqwest::{Method, RequestBuilder, Response, Url, header::HeaderMap};
use std::{
    error::Error,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};
use tokio::time::{Instant, timeout_at};

/// How long an ordinary call may take. Whoever waits for it is to be told within three seconds.
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

/// Servers that answer alike.
#[derive(Debug)]
pub(crate) struct Http {
    client: reqwest::Client,
    bases: Vec<Url>,
    /// The server that answered last.
    current: AtomicUsize,
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
pub(crate) enum Trouble {
    /// No server could be connected to: for certain, nothing was done.
    NotSent(Box<dyn Error + Send + Sync>),
    /// The question was sent, or may have been.
    NoAnswer(Box<dyn Error + Send + Sync>),
    /// The answer makes no sense.
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
        // Stores are reached directly, whatever proxy the environment names, and redirect nobody: a redirect
        // could lead a token astray.
        let builder = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_DEADLINES[usize::from(servers.len() == 1)])
            .tcp_keepalive(KEEPALIVE)
            .tcp_keepalive_interval(KEEPALIVE)
            .tcp_user_timeout(UNACKNOWLEDGED)
            .pool_idle_timeout(Duration::from_secs(30))
            .tcp_nodelay(true);
        let client = tls::configure(builder, tls)?.build().map_err(HttpError::Client)?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let base = |server: &String| {
            Url::parse(&format!("{scheme}://{server}/")).map_err(|_| HttpError::Server(server.clone()))
        };
        let bases = servers.iter().map(base).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { client, bases, current: AtomicUsize::new(0) })
    }

    /// Asks one server after the other until one is there, and takes in its whole answer.
    pub(crate) async fn ask(&self, question: &Question<'_>, deadline: Duration) -> Result<Answer, Trouble> {
        let deadline = Instant::now() + deadline;
        take_in(self.open(question, deadline).await?, deadline).await
    }

    /// Asks one server after the other until one is there, and leaves its answer to be read.
    pub(crate) async fn open(&self, question: &Question<'_>, deadline: Instant) -> Result<Response, Trouble> {
        let (began, first) = (Instant::now(), self.current.load(Ordering::Relaxed));
        let mut trouble = Trouble::Malformed("no server is given".into());
        for turn in 0..self.bases.len() {
            let index = (first + turn) % self.bases.len();
            let request = self.request(&self.bases[index], question)?;
            trouble = match timeout_at(deadline, request.send()).await {
                Ok(Ok(response)) => {
                    self.current.store(index, Ordering::Relaxed);
                    return Ok(response);
                }
                Ok(Err(error)) if error.is_connect() => Trouble::NotSent(error.into()),
                Ok(Err(error)) => return self.unanswered(index, error.into()),
                Err(_) => return self.unanswered(index, too_late(began)),
            };
        }
        Err(trouble)
    }

    /// The question may have been heard, so it is not put to another server; the next one is.
    fn unanswered(&self, index: usize, why: Box<dyn Error + Send + Sync>) -> Result<Response, Trouble> {
        self.current.store((index + 1) % self.bases.len(), Ordering::Relaxed);
        Err(Trouble::NoAnswer(why))
    }

    fn request(&self, base: &Url, question: &Question<'_>) -> Result<RequestBuilder, Trouble> {
        let url = base.join(question.path).map_err(|error| Trouble::Malformed(error.to_string()))?;
        let request = self.client.request(question.method.clone(), url);
        Ok(request.headers(question.headers.clone()).body(question.body.clone()))
    }
}

/// Takes in a whole answer.
pub(crate) async fn take_in(response: Response, deadline: Instant) -> Result<Answer, Trouble> {
    let status = response.status().as_u16();
    let mut body = Vec::new();
    let keep = |chunk: &[u8]| {
        body.extend_from_slice(chunk);
        Ok(())
    };
    read_body(response, deadline, keep).await?;
    Ok(Answer { status, body })
}

/// Hands the body of an answer to `each` as it arrives.
pub(crate) async fn read_body(
    response: Response,
    deadline: Instant,
    mut each: impl FnMut(&[u8]) -> Result<(), String>,
) -> Result<(), Trouble> {
    let mut chunks = response.bytes_stream();
    let (began, mut length) = (Instant::now(), 0);
    loop {
        let chunk = timeout_at(deadline, chunks.next()).await;
        let Some(chunk) = chunk.map_err(|_| Trouble::NoAnswer(too_late(began)))? else { return Ok(()) };
        let chunk = chunk.map_err(|error| Trouble::NoAnswer(error.into()))?;
        length += chunk.len();
        if length > MAX_ANSWER {
            return Err(Trouble::Malformed(format!("it is larger than {MAX_ANSWER} bytes")));
        }
        each(&chunk).map_err(Trouble::Malformed)?;
    }
}

fn too_late(began: Instant) -> Box<dyn Error + Send + Sync> {
    format!("no answer within {:.1?}", began.elapsed()).into()
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
