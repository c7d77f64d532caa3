//! Questions to etcd's JSON gateway, and what its answers mean.

use super::wire::ErrorResponse;
use crate::{
    StoreError,
    http::{Answer, DEADLINE, Http, Named, Question, Secret, Trouble},
};
use reqwest::{
    Method, Response,
    header::{AUTHORIZATION, HeaderMap, HeaderValue},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{sync::PoisonError, sync::RwLock};
use tokio::time::Instant;

/// gRPC's codes (`google.golang.org/grpc/codes`).
const NOT_FOUND: i64 = 5;
const UNAUTHENTICATED: i64 = 16;

/// Who asks.
#[derive(Debug, Clone)]
pub struct EtcdUser {
    /// The user's name.
    pub name: String,
    /// The user's password.
    pub password: Secret,
}

#[derive(Debug)]
pub(super) struct Client {
    http: Http,
    pub(super) store: Named,
    user: Option<EtcdUser>,
    /// What etcd gave the user; it ends after a while (`--auth-token-ttl`).
    token: RwLock<Option<HeaderValue>>,
}

/// Whether a question changes something, so that it matters when its answer gets lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Read,
    Write,
}

/// Why there is no answer to make use of.
#[derive(Debug)]
pub(super) enum Failure {
    /// What it names does not exist.
    NotFound(String),
    Store(StoreError),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Client {
    pub(super) fn new(http: Http, name: String, user: Option<EtcdUser>) -> Self {
        Self { http, store: Named(name), user, token: RwLock::new(None) }
    }

    pub(super) fn name(&self) -> &str {
        &self.store.0
    }

    /// Asks, once more with a new token if the one it has is not good any more.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        (kind, doing): (Kind, &'static str),
        path: &str,
        question: &(impl Serialize + Sync),
    ) -> Result<T, Failure> {
        let body =
            serde_json::to_vec(question).map_err(|error| self.store.refused(doing, error.to_string()))?;
        self.log_in_if_needed(doing).await?;
        let mut answer = self.send(kind, doing, path, body.clone()).await?;
        if answer.status == 401 && self.user.is_some() {
            self.forget_token();
            self.log_in_if_needed(doing).await?;
            answer = self.send(kind, doing, path, body).await?;
        }
        if answer.status != 200 {
            return Err(self.failure(kind, doing, answer.status, &answer.body));
        }
        // Serde would take a list for the fields in their order, too.
        if !answer.body.trim_ascii_start().starts_with(b"{") {
            return Err(self.store.malformed(doing, format!("no JSON object: {}", answer.text())).into());
        }
        let parsed = serde_json::from_slice(&answer.body);
        parsed.map_err(|error| self.store.malformed(doing, error.to_string()).into())
    }

    /// Opens a stream of answers.
    pub(super) async fn stream(
        &self,
        doing: &'static str,
        path: &str,
        question: &(impl Serialize + Sync),
    ) -> Result<Response, Failure> {
        let body =
            serde_json::to_vec(question).map_err(|error| self.store.refused(doing, error.to_string()))?;
        self.log_in_if_needed(doing).await?;
        let question = self.question(path, body);
        let response = self.http.open(&question, Instant::now() + DEADLINE).await;
        let response = response.map_err(|trouble| self.trouble(Kind::Read, doing, trouble))?;
        match response.status().as_u16() {
            200 => Ok(response),
            status => {
                // The token may have ended: whoever watches again logs in again.
                self.forget_token();
                Err(self.store.malformed(doing, format!("status {status}; is this an etcd server?")).into())
            }
        }
    }

    fn question<'a>(&self, path: &'a str, body: Vec<u8>) -> Question<'a> {
        let mut headers = HeaderMap::new();
        let token = self.token.read().unwrap_or_else(PoisonError::into_inner).clone();
        headers.extend(token.map(|token| (AUTHORIZATION, token)));
        Question { method: Method::POST, path, headers, body }
    }

    async fn send(
        &self,
        kind: Kind,
        doing: &'static str,
        path: &str,
        body: Vec<u8>,
    ) -> Result<Answer, StoreError> {
        let answer = self.http.ask(&self.question(path, body), DEADLINE).await;
        answer.map_err(|trouble| self.trouble(kind, doing, trouble))
    }

    async fn log_in_if_needed(&self, doing: &'static str) -> Result<(), Failure> {
        #[derive(Serialize)]
        struct LogIn<'a> {
            name: &'a str,
            password: &'a str,
        }
        #[derive(Deserialize)]
        struct LoggedIn {
            token: String,
        }
        let Some(user) = &self.user else { return Ok(()) };
        if self.token.read().unwrap_or_else(PoisonError::into_inner).is_some() {
            return Ok(());
        }
        let log_in = LogIn { name: &user.name, password: user.password.expose() };
        let body =
            serde_json::to_vec(&log_in).map_err(|error| self.store.refused(doing, error.to_string()))?;
        let answer = self.send(Kind::Read, "log in", "/v3/auth/authenticate", body).await?;
        if answer.status != 200 {
            return Err(self.failure(Kind::Read, "log in", answer.status, &answer.body));
        }
        let token = serde_json::from_slice::<LoggedIn>(&answer.body).ok();
        let token = token.and_then(|answer| HeaderValue::from_str(&answer.token).ok());
        let Some(mut token) = token else {
            return Err(self.store.malformed("log in", "it has no token".into()).into());
        };
        token.set_sensitive(true);
        *self.token.write().unwrap_or_else(PoisonError::into_inner) = Some(token);
        Ok(())
    }

    fn forget_token(&self) {
        *self.token.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn trouble(&self, kind: Kind, doing: &'static str, trouble: Trouble) -> StoreError {
        match (trouble, kind) {
            (Trouble::NotSent(source), _) | (Trouble::NoAnswer(source), Kind::Read) => {
                self.store.unavailable(doing, source)
            }
            (Trouble::NoAnswer(source), Kind::Write) => self.store.unknown(doing, &source),
            (Trouble::Malformed(reason), _) => self.store.malformed(doing, reason),
        }
    }

    /// What an HTTP status that is not 200 means; the gateway makes it of gRPC's code
    /// (`runtime/errors.go`, `HTTPStatusFromCode`).
    fn failure(&self, kind: Kind, doing: &'static str, status: u16, body: &[u8]) -> Failure {
        let error: ErrorResponse = serde_json::from_slice(body).unwrap_or_default();
        let reason = match error.reason() {
            "" => format!("status {status}; is this an etcd server?"),
            reason => reason.chars().take(300).collect(),
        };
        match (status, kind) {
            (404, _) if error.code == NOT_FOUND => Failure::NotFound(reason),
            (404, _) => self.store.malformed(doing, format!("{reason}; etcd 3.4 or later is needed")).into(),
            (401 | 403, _) => self.store.refused(doing, format!("{reason}; check user and password")).into(),
            (400, _) if error.code == UNAUTHENTICATED || reason.contains("user name is empty") => {
                self.store.refused(doing, format!("{reason}; give a user and a password file")).into()
            }
            (400 | 413 | 429, _) => self.store.refused(doing, reason).into(),
            (500.., Kind::Read) => self.store.unavailable(doing, reason.into()).into(),
            (500.., Kind::Write) if was_not_carried_out(&reason) => {
                self.store.unavailable(doing, reason.into()).into()
            }
            (500.., Kind::Write) => self.store.unknown(doing, &reason).into(),
            _ => self.store.malformed(doing, reason).into(),
        }
    }
}

/// Whether an error says that etcd did not even begin (`api/v3rpc/rpctypes/error.go`). Others, such as
/// "request timed out", leave it open.
fn was_not_carried_out(reason: &str) -> bool {
    ["no leader", "not leader", "not capable", "too many requests", "mvcc: database space exceeded"]
        .iter()
        .any(|certain| reason.contains(certain))
}
