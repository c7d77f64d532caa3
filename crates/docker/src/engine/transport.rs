//! HTTP over the engine's socket. Every request has a connection of its own and a deadline.

use super::{EngineError, Result};
use crate::brief::brief;
use hyper::{
    Method, Response,
    body::{Bytes, Incoming},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    future::Future,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::time::timeout;
use weft_http::{Client, ClientError};

/// How long the engine may take to answer something that it only looks up.
pub(super) const LOOK: Duration = Duration::from_secs(10);
/// How long it may take to do something, which may include several calls of its plugins.
pub(super) const ACT: Duration = Duration::from_secs(60);
/// The largest answer that is read, in bytes: ten thousand containers have half of it.
const LARGEST: usize = 32 << 20;

#[derive(Debug, Clone)]
pub(super) struct Transport {
    client: Client,
    socket: PathBuf,
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
    pub(super) fn new(socket: PathBuf) -> Self {
        Self { client: Client::new(&socket, "docker", LARGEST), socket }
    }

    pub(super) fn socket(&self) -> &Path {
        &self.socket
    }

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

    async fn whole(&self, question: Question) -> Result<Bytes> {
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
        let answer = self.client.send(question.method, &question.path, question.body).await;
        answer.map_err(|error| self.failed(&request, error))
    }

    async fn collect(&self, request: &str, answer: Response<Incoming>) -> Result<Bytes> {
        self.client.read(answer).await.map_err(|error| self.failed(request, error))
    }

    fn failed(&self, request: &str, error: ClientError) -> EngineError {
        let (socket, request) = (self.socket().to_owned(), request.to_owned());
        match error {
            ClientError::Connect(source) => EngineError::Connect { socket, source },
            ClientError::Lost(source) => EngineError::Lost { socket, request, source },
            ClientError::TooLarge(limit) => EngineError::TooLarge { request, limit },
            ClientError::Request(source) => EngineError::Request { request, source: source.into() },
        }
    }

    async fn limited<T>(
        &self,
        request: &str,
        within: Duration,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let late = || EngineError::Late {
            socket: self.socket().to_owned(),
            request: request.to_owned(),
            waited: within,
        };
        timeout(within, work).await.unwrap_or_else(|_| Err(late()))
    }

    pub(super) fn lost(&self, request: &str, source: hyper::Error) -> EngineError {
        EngineError::Lost { socket: self.socket().to_owned(), request: request.to_owned(), source }
    }
}
