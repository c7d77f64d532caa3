//! Questions to etcd's JSON gateway, and what its answers mean.

use super::wire::ErrorResponse;
use crate::{
    StoreError,
    http::{Answer, Arriving, CallError, Connections, Http, Named, Patience, Question, Secret},
};
use reqwest::{
    Method,
    header::{AUTHORIZATION, HeaderMap, HeaderValue},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{sync::PoisonError, sync::RwLock};

/// gRPC's codes (`google.golang.org/grpc/codes`).
const NOT_FOUND: i64 = 5;
const UNAUTHENTICATED: i64 = 16;

/// The user to log in as.
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
pub(super) enum NoAnswer {
    /// What it names does not exist.
    NotFound(String),
    Store(StoreError),
}

impl From<StoreError> for NoAnswer {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Client {
    pub(super) fn new(http: Http, store: Named, user: Option<EtcdUser>) -> Self {
        Self { http, store, user, token: RwLock::new(None) }
    }

    pub(super) fn connections(&self) -> Connections {
        self.http.connections()
    }

    pub(super) fn name(&self) -> &str {
        &self.store.url
    }

    /// Asks, once more with a new token if the one it has is not good any more.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        (kind, doing): (Kind, &'static str),
        path: &str,
        question: &(impl Serialize + Sync),
    ) -> Result<T, NoAnswer> {
        self.ask_for((kind, doing), path, question, Patience::SMALL).await
    }

    /// The same for an answer that is waited for otherwise.
    pub(super) async fn ask_for<T: DeserializeOwned>(
        &self,
        (kind, doing): (Kind, &'static str),
        path: &str,
        question: &(impl Serialize + Sync),
        patience: Patience,
    ) -> Result<T, NoAnswer> {
        let body =
            serde_json::to_vec(question).map_err(|error| self.store.refused(doing, error.to_string()))?;
        self.log_in_if_needed(doing).await?;
        let mut answer = self.send((kind, doing), path, body.clone(), patience).await?;
        if is_logged_out(answer.status, &answer.body) && self.user.is_some() {
            self.forget_token();
            self.log_in_if_needed(doing).await?;
            answer = self.send((kind, doing), path, body, patience).await?;
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
    ) -> Result<Arriving, NoAnswer> {
        let body =
            serde_json::to_vec(question).map_err(|error| self.store.refused(doing, error.to_string()))?;
        self.log_in_if_needed(doing).await?;
        let question = self.question(path, body);
        let response = self.http.open(&question, Patience::SMALL).await;
        let response = response.map_err(|trouble| self.trouble(Kind::Read, doing, trouble))?;
        match response.status() {
            200 => Ok(response),
            404 => Err(self.no_gateway(doing, "status 404").into()),
            status => {
                // The token may have expired; the next watch logs in again.
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
        (kind, doing): (Kind, &'static str),
        path: &str,
        body: Vec<u8>,
        patience: Patience,
    ) -> Result<Answer, StoreError> {
        let answer = self.http.ask(&self.question(path, body), patience).await;
        answer.map_err(|trouble| self.trouble(kind, doing, trouble))
    }

    async fn log_in_if_needed(&self, doing: &'static str) -> Result<(), NoAnswer> {
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
        let password = user.password.expose();
        let log_in = LogIn { name: &user.name, password: &password };
        let body =
            serde_json::to_vec(&log_in).map_err(|error| self.store.refused(doing, error.to_string()))?;
        let call = (Kind::Read, "log in");
        let answer = self.send(call, "/v3/auth/authenticate", body, Patience::SMALL).await?;
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

    /// For an answer that knows of no such path.
    fn no_gateway(&self, doing: &'static str, reason: &str) -> StoreError {
        let what = "its JSON gateway does not answer: is this etcd 3.4 or later, and does it run with \
                    --enable-grpc-gateway?";
        self.store.refused(doing, format!("{what} ({reason})"))
    }

    pub(super) fn forget_token(&self) {
        *self.token.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn trouble(&self, kind: Kind, doing: &'static str, trouble: CallError) -> StoreError {
        match (trouble, kind) {
            (CallError::NotSent(source), _) | (CallError::NoAnswer(source), Kind::Read) => {
                self.store.unavailable(doing, source)
            }
            (CallError::NoAnswer(source), Kind::Write) => self.store.unknown(doing, &source),
            (CallError::Malformed(reason), _) => self.store.malformed(doing, reason),
        }
    }

    /// What an HTTP status that is not 200 means; the gateway makes it of gRPC's code
    /// (`runtime/errors.go`, `HTTPStatusFromCode`).
    fn failure(&self, kind: Kind, doing: &'static str, status: u16, body: &[u8]) -> NoAnswer {
        let error: ErrorResponse = serde_json::from_slice(body).unwrap_or_default();
        let reason = match error.reason() {
            "" => format!("status {status}; is this an etcd server?"),
            reason => reason.chars().take(300).collect(),
        };
        match (status, kind) {
            (404, _) if error.code == NOT_FOUND => NoAnswer::NotFound(reason),
            (404, _) => self.no_gateway(doing, &reason).into(),
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

/// Whether the token is not good any more: it has ended, or users or roles were changed since it was given
/// (`api/v3rpc/rpctypes/error.go`, `ErrGRPCInvalidAuthToken` and `ErrGRPCAuthOldRevision`; the latter is status 400).
fn is_logged_out(status: u16, body: &[u8]) -> bool {
    status == 401 || (status >= 400 && is_of_login(&String::from_utf8_lossy(body)))
}

/// Whether an error speaks of the token.
pub(super) fn is_of_login(reason: &str) -> bool {
    reason.contains("invalid auth token") || reason.contains("revision of auth store is old")
}

/// Whether an error says that etcd did not even begin (`api/v3rpc/rpctypes/error.go`). Others, such as
/// "request timed out", leave it open.
fn was_not_carried_out(reason: &str) -> bool {
    ["no leader", "not leader", "not capable", "too many requests", "mvcc: database space exceeded"]
        .iter()
        .any(|certain| reason.contains(certain))
}
