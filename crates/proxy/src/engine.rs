//! The engine behind the proxy.

use super::{hops, tunnel::End};
use axum::{
    body::{Body, Bytes},
    http::{
        HeaderValue, Method, Request, Response, StatusCode,
        header::{HOST, TRANSFER_ENCODING},
    },
};
use hyper::{
    body::Incoming,
    client::conn::http1::{self, Parts},
};
use hyper_util::rt::TokioIo;
use std::{
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::net::UnixStream;
use tokio_util::task::AbortOnDropHandle;
use weft_http::Kept;

/// How long the engine may take for what we ask ourselves.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// The longest answer that is read whole, in bytes. Thousands of networks fit.
const LONGEST_ANSWER: usize = 64 << 20;

/// Why there is no answer of the engine.
#[derive(Debug, thiserror::Error)]
pub(super) enum EngineError {
    /// Nobody listens, or not to us.
    #[error("cannot connect to the container engine at {socket}; is it running?")]
    Connect { socket: PathBuf, source: io::Error },
    /// It is too busy to accept.
    #[error("the container engine at {0} is too busy to accept a connection")]
    Busy(PathBuf),
    /// It ended in the middle, or answered nonsense.
    #[error("the container engine at {socket} did not answer")]
    Lost { socket: PathBuf, source: hyper::Error },
    /// It did not answer us in time.
    #[error("the container engine at {0} has not answered for {limit} s", limit = ANSWER_WITHIN.as_secs())]
    Silent(PathBuf),
    /// Its answer ended in the middle, or does not end.
    #[error("the answer of the container engine at {socket} broke off")]
    Cut { socket: PathBuf, source: axum::Error },
    /// It would speak something else than HTTP with a client that did not ask, or has not asked all.
    #[error("the container engine at {0} switched to another protocol at the wrong moment")]
    Switched(PathBuf),
}

/// Where it listens.
#[derive(Debug, Clone)]
pub(super) struct Engine {
    socket: PathBuf,
}

/// What it answers, with the connection that the answer comes over.
pub(super) struct Answer {
    response: Response<Incoming>,
    connection: Connection,
}

/// A connection that HTTP is spoken on: until this is dropped, or it becomes something else.
type Connection = AbortOnDropHandle<hyper::Result<Parts<TokioIo<UnixStream>>>>;

impl Engine {
    pub(super) fn new(socket: PathBuf) -> Self {
        Self { socket }
    }

    pub(super) fn socket(&self) -> &Path {
        &self.socket
    }

    /// Sends a request over a connection of its own: one kept from an earlier request may be closed by the engine
    /// at the moment it is used again, and nobody could say then whether the request was carried out.
    pub(super) async fn send(&self, request: Request<Body>) -> Result<Answer, EngineError> {
        let lost = |source| EngineError::Lost { socket: self.socket.clone(), source };
        let stream = TokioIo::new(self.connect().await?);
        let mut builder = http1::Builder::new();
        builder.preserve_header_case(true).title_case_headers(true);
        let (mut sender, connection) = builder.handshake(stream).await.map_err(lost)?;
        let connection = AbortOnDropHandle::new(tokio::spawn(connection.without_shutdown()));
        let response = sender.send_request(request).await.map_err(lost)?;
        Ok(Answer { response, connection })
    }

    /// Asks something of our own, and reads the answer whole.
    pub(super) async fn ask(&self, method: Method, uri: &str) -> Result<Response<Bytes>, EngineError> {
        let mut request = Request::new(Body::empty());
        *request.method_mut() = method;
        // A URI made of parsed parts can be parsed; any other would name nothing that exists.
        *request.uri_mut() = uri.parse().unwrap_or_default();
        request.headers_mut().insert(HOST, HeaderValue::from_static("docker"));
        let answer = async { self.read(self.send(request).await?.into_response()).await };
        let answer = tokio::time::timeout(ANSWER_WITHIN, answer).await;
        answer.unwrap_or_else(|_| Err(EngineError::Silent(self.socket.clone())))
    }

    /// Reads an answer whole.
    pub(super) async fn read(&self, response: Response<Body>) -> Result<Response<Bytes>, EngineError> {
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, LONGEST_ANSWER).await;
        let body = body.map_err(|source| EngineError::Cut { socket: self.socket.clone(), source })?;
        Ok(Response::from_parts(parts, body))
    }

    async fn connect(&self) -> Result<UnixStream, EngineError> {
        let socket = || self.socket.clone();
        weft_http::connect(&self.socket).await.map_err(|source| match source.kind() {
            ErrorKind::WouldBlock => EngineError::Busy(socket()),
            _ => EngineError::Connect { socket: socket(), source },
        })
    }
}

impl EngineError {
    /// The status that says that the engine behind us is at fault.
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Silent(_) | Self::Busy(_) => StatusCode::GATEWAY_TIMEOUT,
            _ => StatusCode::BAD_GATEWAY,
        }
    }
}

impl Answer {
    /// The answer. Its connection is closed when it is dropped: when the client has gone, at once, and not only when
    /// the engine sends something that cannot be delivered.
    pub(super) fn into_response(self) -> Response<Body> {
        let Self { mut response, connection } = self;
        hops::strip(response.headers_mut());
        // Whether the body is sent in chunks is decided anew.
        response.headers_mut().remove(TRANSFER_ENCODING);
        response.map(|body| Body::new(Kept::new(body, connection)))
    }

    /// What the engine answers, but for its body.
    pub(super) fn head(&self) -> &Response<Incoming> {
        &self.response
    }

    /// The connection itself, once the engine has agreed to speak something else on it. Nothing if it broke.
    pub(super) async fn into_end(self) -> Option<End> {
        let parts = self.connection.await.ok()?.ok()?;
        Some(End { stream: parts.io.into_inner(), said: parts.read_buf })
    }
}
