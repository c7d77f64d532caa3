//! `/v1/session`: <https://developer.hashicorp.com/consul/api-docs/session>.

use super::{
    Store, duration,
    reply::{Error, body, meta},
};
use crate::{SessionId, Store as _, state};
use axum::{
    Json,
    extract::{Path, Request},
    http::{HeaderMap, StatusCode},
};
use serde::{Deserialize, Serialize};
use std::{ops::RangeInclusive, time::Duration};

/// The TTLs accepted. Consul accepts none below 10 s, to spare its servers; a single server can take shorter ones.
const TTLS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(86_400);
/// The longest name, in bytes.
const MAX_NAME: usize = 256;
/// The most sessions at a time, far more than a cluster has nodes.
const MAX_SESSIONS: usize = 10_000;

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct New {
    name: String,
    behavior: String,
    #[serde(rename = "TTL")]
    ttl: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Created {
    #[serde(rename = "ID")]
    id: SessionId,
}

/// A session as Consul shows it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Session {
    #[serde(rename = "ID")]
    id: SessionId,
    name: String,
    node: &'static str,
    /// In nanoseconds.
    lock_delay: u64,
    behavior: &'static str,
    #[serde(rename = "TTL")]
    ttl: String,
    node_checks: [&'static str; 0],
    create_index: u64,
    modify_index: u64,
}

impl Session {
    fn new(id: &SessionId, session: &state::Session) -> Self {
        Self {
            id: id.clone(),
            name: session.name.clone(),
            node: "weft",
            lock_delay: 0,
            behavior: "delete",
            ttl: format!("{}ms", session.ttl.as_millis()),
            node_checks: [],
            create_index: session.created,
            modify_index: session.created,
        }
    }
}

pub(super) async fn create(Store(store): Store, request: Request) -> Result<Json<Created>, Error> {
    let body = body(request).await?;
    let new: New = if body.is_empty() { Ok(New::default()) } else { serde_json::from_slice(&body) }
        .map_err(|error| Error::bad(format!("Request decode failed: {error}")))?;
    if new.behavior != "delete" {
        return Err(Error::bad("this store has sessions with Behavior \"delete\" only"));
    }
    if new.name.len() > MAX_NAME {
        return Err(Error::bad(format!("a session's name has at most {MAX_NAME} bytes")));
    }
    let ttl = duration::parse(&new.ttl).filter(|ttl| TTLS.contains(ttl));
    let ttl =
        ttl.ok_or_else(|| Error::bad(format!("Invalid Session TTL {:?}: give 10s to 86400s", new.ttl)))?;
    if store.read(|state| state.sessions.len()) >= MAX_SESSIONS {
        return Err(Error::new(StatusCode::TOO_MANY_REQUESTS, "too many sessions"));
    }
    let id = store.open_named_session(new.name, ttl).await?;
    Ok(Json(Created { id }))
}

pub(super) async fn renew(
    Store(store): Store,
    Path(id): Path<SessionId>,
) -> Result<Json<Vec<Session>>, Error> {
    if !store.renew_session(&id).await? {
        return Err(Error::new(StatusCode::NOT_FOUND, format!("Session id '{id}' not found")));
    }
    Ok(Json(store.read(|state| {
        state.sessions.get(&id).map(|session| Session::new(&id, session)).into_iter().collect()
    })))
}

pub(super) async fn destroy(Store(store): Store, Path(id): Path<SessionId>) -> Result<Json<bool>, Error> {
    store.close_session(&id).await?;
    Ok(Json(true))
}

pub(super) async fn info(Store(store): Store, Path(id): Path<SessionId>) -> (HeaderMap, Json<Vec<Session>>) {
    store.read(|state| {
        let session = state.sessions.get(&id).map(|session| Session::new(&id, session));
        (meta(state.revision), Json(session.into_iter().collect()))
    })
}

pub(super) async fn list(Store(store): Store) -> (HeaderMap, Json<Vec<Session>>) {
    store.read(|state| {
        let sessions = state.sessions.iter().map(|(id, session)| Session::new(id, session)).collect();
        (meta(state.revision), Json(sessions))
    })
}
