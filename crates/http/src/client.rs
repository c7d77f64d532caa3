//! Asking over a unix socket, or by TLS: one request a connection.

mod way;

pub use way::TlsServer;

use http_body_util::{BodyExt, Full};
use hyper::{
    Method, Request, Response,
    body::{Bytes, Incoming},
    client::conn::http1,
};
use hyper_util::rt::TokioIo;
use std::{
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::{net::UnixStream, time::Instant};
use way::Way;

/// How long to try to connect, while the other side is too busy to accept.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// The pause between attempts: the kernel does not wait for a socket that does not block (unix(7)).
const PAUSE: Duration = Duration::from_millis(10);

/// A client of a server that listens on a unix socket.
#[derive(Debug, Clone)]
pub struct Client {
    way: Way,
    host: &'static str,
    largest: usize,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody there, or not for us; [`ErrorKind::WouldBlock`]: too busy to accept for five seconds.
    #[error("cannot connect")]
    Connect(#[source] io::Error),
    /// It went away in the middle, or does not speak HTTP.
    #[error("the connection broke")]
    Lost(#[source] hyper::Error),
    /// It said more than that many bytes.
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
    /// What is asked for cannot be written as a request.
    #[error("it cannot be asked for")]
    Request(#[source] hyper::http::Error),
}

impl Client {
    /// For a server that listens on `socket`, calls itself `host` and has answers of `largest` bytes at most.
    pub fn new(socket: impl Into<PathBuf>, host: &'static str, largest: usize) -> Self {
        Self { way: Way::Unix(socket.into()), host, largest }
    }

    /// For a server of another host, that has answers of `largest` bytes at most.
    pub fn over_tls(server: TlsServer, host: &'static str, largest: usize) -> Self {
        Self { way: Way::Tls(server), host, largest }
    }

    /// Sends a request, with `body` as its JSON, over a connection of its own, which ends with the answer, or when the
    /// answer is dropped. There is no deadline: the caller has one. Safe to cancel, but the request may be carried out.
    ///
    /// # Errors
    /// All but [`ClientError::TooLarge`].
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Response<Incoming>, ClientError> {
        let stream = self.way.open().await.map_err(ClientError::Connect)?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(ClientError::Lost)?;
        tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", self.host)
            .header("content-type", "application/json")
            .body(Full::new(body))
            .map_err(ClientError::Request)?;
        sender.send_request(request).await.map_err(ClientError::Lost)
    }

    /// Reads an answer whole.
    ///
    /// # Errors
    /// [`ClientError::Lost`] and [`ClientError::TooLarge`].
    pub async fn read(&self, answer: Response<Incoming>) -> Result<Bytes, ClientError> {
        let mut body = answer.into_body();
        let mut whole = Vec::new();
        while let Some(frame) = body.frame().await {
            if let Some(bytes) = frame.map_err(ClientError::Lost)?.data_ref() {
                whole.extend_from_slice(bytes);
            }
            if whole.len() > self.largest {
                return Err(ClientError::TooLarge(self.largest));
            }
        }
        Ok(whole.into())
    }
}

/// Connects to `socket`, and waits a while if the server there is too busy to accept.
///
/// # Errors
/// Those of connect(2); [`ErrorKind::WouldBlock`] after five seconds in which it stayed busy.
pub async fn connect(socket: &Path) -> io::Result<UnixStream> {
    let deadline = Instant::now() + CONNECT_WITHIN;
    loop {
        match UnixStream::connect(socket).await {
            Err(error) if error.kind() == ErrorKind::WouldBlock && Instant::now() < deadline => {
                tokio::time::sleep(PAUSE).await;
            }
            done => return done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Inherited, Limits, Terms, open, serve};
    use axum::{Router, routing::post};
    use tokio_util::sync::CancellationToken;

    #[tokio::test]
    async fn what_is_asked_is_answered_up_to_a_size() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let client = Client::new(&path, "weft", 8);
        let absent = client.send(Method::GET, "/", Bytes::new()).await.unwrap_err();
        assert!(matches!(&absent, ClientError::Connect(error) if error.kind() == ErrorKind::NotFound));
        let socket = open(&path, Terms { group: None, instead: "-" }, &Inherited::default()).unwrap();
        let limits = Limits { keep_alive: false, end_within: Duration::ZERO };
        let stop = CancellationToken::new();
        let router = Router::new().route("/", post(async |body: Bytes| body));
        let server = tokio::spawn(serve(socket, router, limits, stop.clone()));
        for (said, fits) in [("12345678", true), ("123456789", false)] {
            let answer = client.send(Method::POST, "/", said.into()).await.unwrap();
            match client.read(answer).await {
                Ok(body) => assert!(fits && body == said),
                Err(error) => assert!(!fits && matches!(error, ClientError::TooLarge(8)), "{error}"),
            }
        }
        let nonsense = client.send(Method::GET, "no path", Bytes::new()).await.unwrap_err();
        assert!(matches!(nonsense, ClientError::Request(_)), "{nonsense}");
        stop.cancel();
        server.await.unwrap();
    }
}
