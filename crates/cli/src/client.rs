//! The agent's HTTP, over its socket, or from another host.

mod error;
mod host;
mod place;
mod tls;
mod unix_socket;

pub(crate) use error::ClientError;
pub(crate) use host::{Host, TcpHost};
pub(crate) use place::Place;
pub(crate) use tls::TlsFlags;
pub(crate) use unix_socket::UnixSocket;

use crate::patience::patiently;
use http_body_util::BodyExt;
use hyper::{
    Method, Response, StatusCode,
    body::{Bytes, Incoming},
};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    future::Future,
    path::Path,
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::time::timeout;
use weft_api::docker::ErrorBody;

/// How long it may take to answer: a little longer than it takes itself.
const ANSWER: Duration = Duration::from_secs(35);
/// The largest answer that is read, in bytes: a list of a hundred thousand endpoints has half of it.
const LARGEST: usize = 64 << 20;

/// A way to the agent. Every request has a connection of its own.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    host: Host,
    tls: TlsFlags,
    /// Made when something is asked for: not every command does.
    http: OnceLock<weft_http::Client>,
}

type Result<T> = std::result::Result<T, ClientError>;

impl Client {
    pub(crate) fn new(host: Host, tls: TlsFlags) -> Self {
        Self { host, tls, http: OnceLock::new() }
    }

    /// Refuses another host's agent, for what is about this one.
    ///
    /// # Errors
    /// If it is another's.
    pub(crate) fn must_be_here(&self, doing: &str) -> anyhow::Result<()> {
        match &self.host {
            Host::Unix(_) => Ok(()),
            Host::Tcp(_) => anyhow::bail!(
                "{doing} is about this host, and --host (or WEFT_HOST) names another, {}: do it there, or leave that out",
                self.host
            ),
        }
    }

    /// The agent's socket, if it is on this host.
    pub(crate) fn socket(&self) -> Option<&Path> {
        match &self.host {
            Host::Unix(socket) => Some(socket.path()),
            Host::Tcp(_) => None,
        }
    }

    fn http(&self) -> Result<&weft_http::Client> {
        if let Some(http) = self.http.get() {
            return Ok(http);
        }
        let http = match &self.host {
            Host::Unix(socket) => weft_http::Client::new(socket.path(), "weft", LARGEST),
            Host::Tcp(host) => {
                let server = remote(host, &self.tls);
                let server = server.map_err(|cause| ClientError::Files { host: self.host.clone(), cause })?;
                weft_http::Client::over_tls(server, "weft", LARGEST)
            }
        };
        Ok(self.http.get_or_init(|| http))
    }

    /// Reads something.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        self.parse(path, self.ask(Method::GET, path, Bytes::new(), Some(ANSWER)).await?)
    }

    /// Reads a text.
    pub(crate) async fn text(&self, path: &str) -> Result<String> {
        let body = self.ask(Method::GET, path, Bytes::new(), Some(ANSWER)).await?;
        String::from_utf8(body.into()).map_err(|error| self.nonsense(path, &error))
    }

    /// Makes something, or does something, and reads the answer.
    pub(crate) async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T> {
        let body = serde_json::to_vec(body).map_err(|error| self.nonsense(path, &error))?;
        self.parse(path, self.ask(Method::POST, path, body.into(), Some(ANSWER)).await?)
    }

    /// Does something that has no answer.
    pub(crate) async fn act(&self, path: &str, body: &impl Serialize) -> Result<()> {
        let body = serde_json::to_vec(body).map_err(|error| self.nonsense(path, &error))?;
        self.ask(Method::POST, path, body.into(), Some(ANSWER)).await.map(drop)
    }

    /// Does something that takes as long as it takes, and reads the answer.
    pub(crate) async fn carry_out<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T> {
        let body = serde_json::to_vec(body).map_err(|error| self.nonsense(path, &error))?;
        self.parse(path, self.ask(Method::POST, path, body.into(), None).await?)
    }

    /// Removes something.
    pub(crate) async fn delete(&self, path: &str) -> Result<()> {
        self.ask(Method::DELETE, path, Bytes::new(), Some(ANSWER)).await.map(drop)
    }

    /// Asks for something that takes as long as a process runs.
    pub(crate) async fn wait<T: DeserializeOwned>(&self, method: Method, path: &str) -> Result<Option<T>> {
        let body = self.ask(method, path, Bytes::new(), None).await?;
        if body.is_empty() { Ok(None) } else { self.parse(path, body).map(Some) }
    }

    /// Passes on an endless answer, piece by piece.
    pub(crate) async fn stream(
        &self,
        method: Method,
        path: &str,
        mut each: impl FnMut(&[u8]) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let answer = self.send(method, path, Bytes::new()).await?;
        let mut body = self.refused(answer).await?.into_body();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|source| ClientError::Lost { host: self.host.clone(), source })?;
            if let Some(bytes) = frame.data_ref() {
                each(bytes)?;
            }
        }
        Ok(())
    }

    async fn ask(&self, method: Method, path: &str, body: Bytes, within: Option<Duration>) -> Result<Bytes> {
        let whole = async {
            let answer = self.refused(self.send(method, path, body).await?).await?;
            self.collect(answer).await
        };
        match within {
            Some(limit) => patiently("Waiting for the agent", self.limited(limit, whole)).await,
            None => whole.await,
        }
    }

    async fn send(&self, method: Method, path: &str, body: Bytes) -> Result<Response<Incoming>> {
        self.http()?.send(method, path, body).await.map_err(|error| self.failed(path, error))
    }

    fn failed(&self, path: &str, error: weft_http::ClientError) -> ClientError {
        use weft_http::ClientError as Cause;
        let host = self.host.clone();
        match error {
            Cause::Connect(cause) => ClientError::Connect { host, cause },
            Cause::Lost(source) => ClientError::Lost { host, source },
            error @ (Cause::TooLarge(_) | Cause::Request(_)) => self.nonsense(path, &error),
        }
    }

    /// Turns an answer that is not a success into an error.
    async fn refused(&self, answer: Response<Incoming>) -> Result<Response<Incoming>> {
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let body = self.limited(ANSWER, self.collect(answer)).await?;
        let body = serde_json::from_slice(&body).unwrap_or_else(|_| ErrorBody {
            message: format!("the agent answered {status}"),
            exit_code: None,
        });
        Err(ClientError::Refused { status: status.as_u16(), body })
    }

    async fn collect(&self, answer: Response<Incoming>) -> Result<Bytes> {
        self.http()?.read(answer).await.map_err(|error| self.failed("the answer", error))
    }

    async fn limited<T>(&self, limit: Duration, work: impl Future<Output = Result<T>>) -> Result<T> {
        let late = || ClientError::Late { host: self.host.clone(), waited: limit };
        timeout(limit, work).await.unwrap_or_else(|_| Err(late()))
    }

    fn parse<T: DeserializeOwned>(&self, path: &str, body: Bytes) -> Result<T> {
        serde_json::from_slice(&body).map_err(|error| self.nonsense(path, &error))
    }

    fn nonsense(&self, what: &str, why: &dyn std::fmt::Display) -> ClientError {
        ClientError::Nonsense { host: self.host.clone(), what: what.to_owned(), why: why.to_string() }
    }
}

impl ClientError {
    /// Whether there is no agent that could answer: none, or one that does not start.
    pub(crate) fn is_without_agent(&self) -> bool {
        match self {
            // Another host's says nothing of this one.
            Self::Connect { host: Host::Tcp(_), .. } => false,
            Self::Connect { cause, .. } => {
                matches!(cause.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::ConnectionRefused)
            }
            Self::Refused { status, .. } => *status == StatusCode::SERVICE_UNAVAILABLE.as_u16(),
            _ => false,
        }
    }

    /// Whether the agent says that it does not know the thing.
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { status, .. } if *status == StatusCode::NOT_FOUND.as_u16())
    }
}

fn remote(host: &TcpHost, tls: &TlsFlags) -> anyhow::Result<weft_http::TlsServer> {
    let [authority, certificate, key] = tls.read()?;
    let config = Arc::new(weft_trust::api_client(&authority, (&certificate, &key))?);
    Ok(weft_http::TlsServer { name: host.name().to_owned(), port: host.port(), config })
}

/// A name as a part of a path: everything that could mean something else there is written as `%XX`.
pub(crate) fn part(name: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~');
    let escaped = name.bytes().map(|byte| match byte {
        byte if plain(&byte) => char::from(byte).to_string(),
        // A part that is only dots would be gone from the path.
        b'.' if name.bytes().any(|other| other != b'.') => ".".to_owned(),
        byte => format!("%{byte:02X}"),
    });
    escaped.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_stay_one_part() {
        assert_eq!(part("my-net_1.x"), "my-net_1.x");
        assert_eq!(part("../a?b#c"), "..%2Fa%3Fb%23c");
        assert_eq!(part(".."), "%2E%2E");
    }

    proptest! {
        #[test]
        fn any_name_makes_a_path(name in "\\PC{0,20}") {
            let uri: hyper::Uri = format!("/networks/{}", part(&name)).parse().unwrap();
            prop_assert_eq!(uri.path().matches('/').count(), 2);
        }
    }
}
