//! HTTP over the engine's socket. Every request has a connection of its own and a deadline.

use super::{EngineError, Result};
use crate::brief::brief;
use http_body_util::{BodyExt, Full};
use hyper::{
    Method, Request, Response,
    body::{Bytes, Incoming},
    client::conn::http1,
};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{future::Future, path::PathBuf, time::Duration};
use tokio::{net::UnixStream, time::timeout};

/// How long the engine may take to answer something that it only looks up.
pub(super) const LOOK: Duration = Duration::from_secs(10);
/// How long it may take to do something, which may include several calls of its plugins.
pub(super) const ACT: Duration = Duration::from_secs(60);
/// The largest answer that is read, in bytes: ten thousand containers have half of it.
const LARGEST: usize = 32 << 20;

#[derive(Debug, Clone)]
pub(super) struct Transport {
    pub(super) socket: PathBuf,
}

/// What is asked, and how long the answer may take.
#[derive(Debug)]
pub(super) struct Question {
    method: Method,
    path: String,
    body: Bytes,
    within: Duration,
}

#[derive(Deserialize)]
struct Message {
    message: String,
}

impl Question {
    pub(super) fn look(path: String) -> Self {
        Self { method: Method::GET, path, body: Bytes::new(), within: LOOK }
    }

    pub(super) fn delete(path: String) -> Self {
        Self { method: Method::DELETE, path, body: Bytes::new(), within: ACT }
    }

    pub(super) fn post(path: String, body: &impl Serialize) -> Result<Self> {
        let mut question = Self { method: Method::POST, path, body: Bytes::new(), within: ACT };
        match serde_json::to_vec(body) {
            Ok(json) => question.body = json.into(),
            Err(source) => {
                return Err(EngineError::Request { request: question.name(), source: source.into() });
            }
        }
        Ok(question)
    }

    /// What errors call it: `GET /v1.41/networks`.
    pub(super) fn name(&self) -> String {
        let path = self.path.split_once('?').map_or(self.path.as_str(), |(path, _)| path);
        format!("{} {path}", self.method)
    }
}

impl Transport {
    /// Asks, and reads the answer.
    pub(super) async fn ask<T: DeserializeOwned>(&self, question: Question) -> Result<T> {
        let request = question.name();
        let body = self.whole(question).await?;
        serde_json::from_slice(&body).map_err(|error| EngineError::Nonsense { request, why: brief(error) })
    }

    /// Asks for something that has no answer but success.
    pub(super) async fn act(&self, question: Question) -> Result<()> {
        self.whole(question).await.map(drop)
    }

    /// Asks for an answer without end. Only its beginning has a deadline.
    pub(super) async fn open(&self, question: Question) -> Result<Incoming> {
        let (request, within) = (question.name(), question.within);
        self.limited(&request, within, self.begin(question)).await.map(Response::into_body)
    }

    async fn whole(&self, question: Question) -> Result<Vec<u8>> {
        let (request, within) = (question.name(), question.within);
        let whole = async {
            let answer = self.begin(question).await?;
            self.collect(&request, answer).await
        };
        self.limited(&request, within, whole).await
    }

    /// Asks, and turns an answer that is not a success into an error.
    async fn begin(&self, question: Question) -> Result<Response<Incoming>> {
        let request = question.name();
        let answer = self.send(question).await?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let body = self.collect(&request, answer).await?;
        let message = match serde_json::from_slice::<Message>(&body) {
            Ok(body) => brief(body.message),
            Err(_) => format!("status {status}"),
        };
        Err(EngineError::Refused { request, status: status.as_u16(), message })
    }

    async fn send(&self, question: Question) -> Result<Response<Incoming>> {
        let request = question.name();
        let lost = |source| self.lost(&request, source);
        let stream = UnixStream::connect(&self.socket)
            .await
            .map_err(|source| EngineError::Connect { socket: self.socket.clone(), source })?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(lost)?;
        // It ends with the answer, or when the answer is dropped.
        tokio::spawn(connection);
        let message = Request::builder()
            .method(question.method)
            .uri(question.path)
            .header("host", "docker")
            .header("content-type", "application/json")
            .body(Full::new(question.body))
            .map_err(|source| EngineError::Request { request: request.clone(), source: source.into() })?;
        sender.send_request(message).await.map_err(lost)
    }

    async fn collect(&self, request: &str, answer: Response<Incoming>) -> Result<Vec<u8>> {
        let mut body = answer.into_body();
        let mut whole = Vec::new();
        while let Some(frame) = body.frame().await {
            if let Some(bytes) = frame.map_err(|source| self.lost(request, source))?.data_ref() {
                whole.extend_from_slice(bytes);
            }
            if whole.len() > LARGEST {
                return Err(EngineError::TooLarge { request: request.to_owned(), limit: LARGEST });
            }
        }
        Ok(whole)
    }

    async fn limited<T>(
        &self,
        request: &str,
        within: Duration,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let late =
            || EngineError::Late { socket: self.socket.clone(), request: request.to_owned(), waited: within };
        timeout(within, work).await.unwrap_or_else(|_| Err(late()))
    }

    pub(super) fn lost(&self, request: &str, source: hyper::Error) -> EngineError {
        EngineError::Lost { socket: self.socket.clone(), request: request.to_owned(), source }
    }
}
