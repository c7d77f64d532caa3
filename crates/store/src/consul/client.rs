//! Questions to Consul, and what its answers mean.

use super::{objects::Objects, wire::Pair};
use crate::{
    NOT_YOURS, StoreError,
    http::{Answer, Arriving, CallError, Connections, Http, Named, Patience, Question, Secret},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{
    Method,
    header::{HeaderMap, HeaderValue},
};
use std::{fmt, time::Duration};

/// How long a server may not have heard of its leader, and still be asked for what may be old.
const LAG: Duration = Duration::from_secs(2);

/// What stands for itself in the path of a URL (RFC 3986, section 2.3), and the slash.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');

/// A key or id as a part of a URL's path.
pub(super) fn encode(key: &str) -> impl fmt::Display {
    utf8_percent_encode(key, PATH)
}

#[derive(Debug)]
pub(super) struct Client {
    http: Http,
    pub(super) store: Named,
    token: Option<Secret>,
}

impl Client {
    pub(super) fn new(http: Http, store: Named, token: Option<&Secret>) -> Self {
        Self { http, store, token: token.cloned() }
    }

    pub(super) fn connections(&self) -> Connections {
        self.http.connections()
    }

    pub(super) fn name(&self) -> &str {
        &self.store.url
    }

    /// Reads keys with `GET /v1/kv`: the answer, before its body is there. A key or prefix that has nothing is 404.
    pub(super) async fn read(
        &self,
        doing: &'static str,
        path: &str,
        patience: Patience,
    ) -> Result<Keys<'_>, StoreError> {
        let troubled = |trouble| self.troubled(doing, trouble);
        let question = self.question(Method::GET, path, Vec::new());
        let response = self.http.open(&question, patience).await.map_err(troubled)?;
        let status = response.status();
        if !matches!(status, 200 | 404) {
            let answer = response.take_in(Patience::SMALL).await.map_err(troubled)?;
            return Err(match status {
                500.. => self.store.unavailable(doing, answer.text().into()),
                _ => self.refusal(doing, &answer),
            });
        }
        let number = |name| response.headers().get(name)?.to_str().ok()?.parse::<u64>().ok();
        let index = number("x-consul-index").ok_or_else(|| {
            let reason = "it lacks X-Consul-Index; is this a Consul server?";
            self.store.malformed(doing, format!("{reason} (status {status})"))
        })?;
        let led = response.headers().get("x-consul-knownleader").is_none_or(|known| known == "true");
        let lag = Duration::from_millis(number("x-consul-lastcontact").unwrap_or_default());
        Ok(Keys { client: self, doing, patience, index, fresh: led && lag <= LAG, response })
    }

    fn troubled(&self, doing: &'static str, trouble: CallError) -> StoreError {
        match trouble {
            CallError::NotSent(source) | CallError::NoAnswer(source) => self.store.unavailable(doing, source),
            CallError::Malformed(reason) => self.store.malformed(doing, reason),
        }
    }

    /// Asks for a change. When the answer gets lost, nobody knows whether it was made.
    pub(super) async fn put(
        &self,
        doing: &'static str,
        path: &str,
        body: Vec<u8>,
    ) -> Result<Answer, StoreError> {
        let answer = self.http.ask(&self.question(Method::PUT, path, body), Patience::SMALL).await;
        let answer = answer.map_err(|trouble| match trouble {
            CallError::NotSent(source) => self.store.unavailable(doing, source),
            CallError::NoAnswer(source) => self.store.unknown(doing, &source),
            CallError::Malformed(reason) => self.store.malformed(doing, reason),
        })?;
        match answer.status {
            500.. if was_not_carried_out(&answer.text()) => {
                Err(self.store.unavailable(doing, answer.text().into()))
            }
            500.. if answer.text().contains("Invalid Session TTL") => {
                Err(self.store.refused(doing, answer.text()))
            }
            500.. => Err(self.store.unknown(doing, &answer.text())),
            200 | 404 | 409 => Ok(answer),
            _ => Err(self.refusal(doing, &answer)),
        }
    }

    fn question<'a>(&self, method: Method, path: &'a str, body: Vec<u8>) -> Question<'a> {
        let mut headers = HeaderMap::new();
        // A secret holds nothing that a header could not.
        let token = self.token.as_ref().map(Secret::expose);
        if let Some(mut token) = token.and_then(|token| HeaderValue::from_str(&token).ok()) {
            token.set_sensitive(true);
            headers.insert("x-consul-token", token);
        }
        Question { method, path, headers, body }
    }

    /// What a status that is none of those expected comes to.
    fn refusal(&self, doing: &'static str, answer: &Answer) -> StoreError {
        match answer.status {
            // A store that is served to members knows them by their certificates.
            403 if answer.text().contains(NOT_YOURS) => self.store.refused(doing, answer.text()),
            401 | 403 => self.store.refused(doing, format!("{}; check the token", answer.text())),
            400 | 405 | 413 => self.store.refused(doing, answer.text()),
            // Too many requests: it was not looked at.
            429 => self.store.unavailable(doing, answer.text().into()),
            status => self.store.malformed(doing, format!("status {status}: {}", answer.text())),
        }
    }
}

/// An answer with keys that is arriving: all of them can be many megabytes.
#[derive(Debug)]
pub(super) struct Keys<'c> {
    client: &'c Client,
    doing: &'static str,
    patience: Patience,
    /// The index of what was asked for.
    pub(super) index: u64,
    /// Whether the server was in touch with its leader.
    pub(super) fresh: bool,
    response: Arriving,
}

impl Keys<'_> {
    /// Whether there are none.
    pub(super) fn is_nothing(&self) -> bool {
        self.response.status() == 404
    }

    /// Reads it to its end, so that the connection can be used again, and heeds nothing of it.
    pub(super) async fn take_in(self) -> Result<(), StoreError> {
        let Self { client, doing, patience, response, .. } = self;
        response.take_in(patience).await.map(drop).map_err(|trouble| client.troubled(doing, trouble))
    }

    /// Hands each key to `each` as it arrives.
    pub(super) async fn read(
        self,
        mut each: impl FnMut(Pair<'_>) -> Result<(), String>,
    ) -> Result<(), StoreError> {
        if self.is_nothing() {
            return Ok(());
        }
        let Self { client, doing, patience, response, .. } = self;
        let mut objects = Objects::default();
        let cut = |chunk: &[u8]| objects.push(chunk, |object| each(Pair::read(object)?));
        let read = response.read(patience, cut).await;
        read.map_err(|trouble| client.troubled(doing, trouble))?;
        objects.finish().map_err(|reason| client.store.malformed(doing, reason))
    }
}

/// Whether an error says that Consul did not even begin (`agent/structs/errors.go`). Others, such as
/// "leadership lost while committing log", leave it open.
fn was_not_carried_out(error: &str) -> bool {
    [
        "No cluster leader",
        "No path to datacenter",
        "node is not the leader",
        "No known Consul servers",
        "Missing node registration",
        "rate limit exceeded",
    ]
    .iter()
    .any(|certain| error.contains(certain))
}
