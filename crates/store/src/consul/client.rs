//! Questions to Consul, and what its answers mean.

use super::{objects::Objects, wire::Pair};
use crate::{
    StoreError,
    http::{Answer, DEADLINE, Http, Named, Question, Secret, Trouble, read_body, take_in},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{
    Method,
    header::{HeaderMap, HeaderValue},
};
use std::{fmt, time::Duration};
use tokio::time::Instant;

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
    headers: HeaderMap,
}

impl Client {
    pub(super) fn new(http: Http, name: String, token: Option<&Secret>) -> Self {
        let mut headers = HeaderMap::new();
        // A secret holds nothing that a header could not.
        if let Some(mut token) = token.and_then(|token| HeaderValue::from_str(token.expose()).ok()) {
            token.set_sensitive(true);
            headers.insert("x-consul-token", token);
        }
        Self { http, store: Named(name), headers }
    }

    pub(super) fn name(&self) -> &str {
        &self.store.0
    }

    /// Reads keys with `GET /v1/kv`, and hands each to `each` as it arrives, with the answer's index: all of them
    /// can be many megabytes. Returns the index. A key or prefix that has nothing is 404.
    pub(super) async fn read(
        &self,
        doing: &'static str,
        path: &str,
        deadline: Duration,
        mut each: impl FnMut(u64, Pair<'_>) -> Result<(), String>,
    ) -> Result<u64, StoreError> {
        let deadline = Instant::now() + deadline;
        let troubled = |trouble| match trouble {
            Trouble::NotSent(source) | Trouble::NoAnswer(source) => self.store.unavailable(doing, source),
            Trouble::Malformed(reason) => self.store.malformed(doing, reason),
        };
        let question = self.question(Method::GET, path, Vec::new());
        let response = self.http.open(&question, deadline).await.map_err(troubled)?;
        let status = response.status().as_u16();
        if !matches!(status, 200 | 404) {
            let answer = take_in(response, deadline).await.map_err(troubled)?;
            return Err(match status {
                500.. => self.store.unavailable(doing, answer.text().into()),
                _ => self.refusal(doing, &answer),
            });
        }
        let index = response.headers().get("x-consul-index");
        let index = index.and_then(|index| index.to_str().ok()?.parse().ok()).ok_or_else(|| {
            let reason = "it lacks X-Consul-Index; is this a Consul server?";
            self.store.malformed(doing, format!("{reason} (status {status})"))
        })?;
        if status == 200 {
            let mut objects = Objects::default();
            let cut = |chunk: &[u8]| objects.push(chunk, |object| each(index, Pair::read(object)?));
            read_body(response, deadline, cut).await.map_err(troubled)?;
            objects.finish().map_err(|reason| self.store.malformed(doing, reason))?;
        }
        Ok(index)
    }

    /// Asks for a change. When the answer gets lost, nobody knows whether it was made.
    pub(super) async fn put(
        &self,
        doing: &'static str,
        path: &str,
        body: Vec<u8>,
    ) -> Result<Answer, StoreError> {
        let answer = self.http.ask(&self.question(Method::PUT, path, body), DEADLINE).await;
        let answer = answer.map_err(|trouble| match trouble {
            Trouble::NotSent(source) => self.store.unavailable(doing, source),
            Trouble::NoAnswer(source) => self.store.unknown(doing, &source),
            Trouble::Malformed(reason) => self.store.malformed(doing, reason),
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
        Question { method, path, headers: self.headers.clone(), body }
    }

    /// What a status that is none of those expected comes to.
    fn refusal(&self, doing: &'static str, answer: &Answer) -> StoreError {
        match answer.status {
            401 | 403 => self.store.refused(doing, format!("{}; check the token", answer.text())),
            400 | 405 | 413 => self.store.refused(doing, answer.text()),
            // Too many requests: it was not looked at.
            429 => self.store.unavailable(doing, answer.text().into()),
            status => self.store.malformed(doing, format!("status {status}: {}", answer.text())),
        }
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
