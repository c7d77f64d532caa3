//! `/v1/kv`: <https://developer.hashicorp.com/consul/api-docs/kv>.

use super::{
    Store, duration,
    reply::{Error, Pair, body, key_of, meta},
};
use crate::{
    EmbeddedStore, SessionId,
    state::{Bind, Overlay, State, Write},
};
use axum::{
    Json,
    extract::{Query, Request},
    http::{StatusCode, Uri},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use std::{collections::BTreeSet, time::Duration};
use tokio::time::timeout;

const PATH: &str = "/v1/kv/";
/// How long a query waits that does not say, and the longest it may, as in Consul
/// (`agent/consul/rpc.go`, `defaultQueryTime`, `maxQueryTime`).
const WAIT: Duration = Duration::from_secs(300);
const MAX_WAIT: Duration = Duration::from_secs(600);

/// Parameters without a value are there or not.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Reading {
    recurse: Option<String>,
    keys: Option<String>,
    separator: Option<String>,
    raw: Option<String>,
    index: u64,
    wait: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Writing {
    recurse: Option<String>,
    cas: Option<u64>,
    flags: u64,
    acquire: Option<String>,
    release: Option<String>,
}

pub(super) async fn get(
    Store(store): Store,
    uri: Uri,
    Query(reading): Query<Reading>,
) -> Result<Response, Error> {
    let key = key_of(&uri, PATH)?;
    if reading.index > 0 {
        wait(&store, &key, &reading).await?;
    }
    let (index, answer) = store.read(|state| (index(state, &key, &reading), read(state, &key, &reading)));
    Ok((meta(index), answer?).into_response())
}

/// For a prefix: when a key below it changed last, as in Consul (`agent/consul/state/kvs.go`, `kvsListTxn`). A watch of
/// that prefix need not wake for later changes.
fn index(state: &State, key: &str, reading: &Reading) -> u64 {
    let is_of_many = reading.keys.is_some() || reading.recurse.is_some();
    if is_of_many { state.last_change(key) } else { state.revision }
}

fn read(state: &State, key: &str, reading: &Reading) -> Result<Response, Error> {
    if reading.keys.is_some() {
        let keys = keys(state, key, reading.separator.as_deref());
        return Ok(if keys.is_empty() { nothing() } else { Json(keys).into_response() });
    }
    if reading.recurse.is_some() {
        let pairs: Vec<_> = state.under(key).map(|(key, record)| Pair::new(key, record)).collect();
        return Ok(if pairs.is_empty() { nothing() } else { Json(pairs).into_response() });
    }
    if key.is_empty() {
        return Err(Error::bad("Missing key name"));
    }
    Ok(match state.records.get(key) {
        None => nothing(),
        Some(record) if reading.raw.is_some() => record.value.clone().into_response(),
        Some(record) => Json([Pair::new(key, record)]).into_response(),
    })
}

fn nothing() -> Response {
    StatusCode::NOT_FOUND.into_response()
}

/// The keys under a prefix, up to and with the first separator after it.
fn keys(state: &State, prefix: &str, separator: Option<&str>) -> BTreeSet<String> {
    let separator = separator.filter(|separator| !separator.is_empty());
    let cut = |key: &String| {
        let rest = &key[prefix.len()..];
        let end = separator.and_then(|separator| Some(rest.find(separator)? + separator.len()));
        key[..prefix.len() + end.unwrap_or(rest.len())].to_owned()
    };
    state.under(prefix).map(|(key, _)| cut(key)).collect()
}

/// Waits until something may have happened under `key` after the index that the client knows.
async fn wait(store: &EmbeddedStore, key: &str, reading: &Reading) -> Result<(), Error> {
    let wait = match reading.wait.as_deref() {
        None | Some("") => WAIT,
        Some(text) => duration::parse(text).ok_or_else(|| Error::bad("Invalid wait time"))?,
    };
    let mut revisions = store.revisions();
    let changed = async {
        loop {
            revisions.mark_unchanged();
            let changed = store.read(|state| state.changed_since(key, reading.index));
            if changed || revisions.changed().await.is_err() {
                return;
            }
        }
    };
    // When the time is up, the client gets what there is.
    let _ = timeout(wait.min(MAX_WAIT), changed).await;
    Ok(())
}

pub(super) async fn put(
    Store(store): Store,
    uri: Uri,
    Query(writing): Query<Writing>,
    request: Request,
) -> Result<Json<bool>, Error> {
    let key = key_of(&uri, PATH)?;
    if key.is_empty() {
        return Err(Error::bad("Missing key name"));
    }
    let value = body(request).await?.to_vec();
    let done =
        store.change("put", move |overlay| overlay.attempt(|overlay| write(overlay, &key, value, writing)));
    match done.await? {
        Ok(()) => Ok(Json(true)),
        Err(NotDone::ByCondition) => Ok(Json(false)),
        Err(NotDone::NoSession) => Err(Error::bad("invalid session")),
    }
}

enum NotDone {
    ByCondition,
    NoSession,
}

fn write(overlay: &mut Overlay<'_>, key: &str, value: Vec<u8>, writing: Writing) -> Result<(), NotDone> {
    let held = overlay.get(key);
    if writing.cas.is_some_and(|index| index != held.map_or(0, |record| record.modified)) {
        return Err(NotDone::ByCondition);
    }
    let bound = held.and_then(|record| record.session.clone());
    let bind = match (writing.acquire.map(SessionId), writing.release.map(SessionId)) {
        (Some(session), _) => {
            if overlay.session(&session).is_none() {
                return Err(NotDone::NoSession);
            }
            if bound.is_some_and(|bound| bound != session) {
                return Err(NotDone::ByCondition);
            }
            Bind::To(session)
        }
        (None, Some(session)) if bound.as_ref() == Some(&session) => Bind::Release,
        (None, Some(_)) => return Err(NotDone::ByCondition),
        (None, None) => Bind::Keep,
    };
    overlay.put(key, Write { value, flags: writing.flags, bind });
    Ok(())
}

pub(super) async fn delete(
    Store(store): Store,
    uri: Uri,
    Query(writing): Query<Writing>,
) -> Result<Json<bool>, Error> {
    let key = key_of(&uri, PATH)?;
    let recurse = writing.recurse.is_some();
    if key.is_empty() && !recurse {
        return Err(Error::bad("Missing key name"));
    }
    if recurse && writing.cas.is_some() {
        return Err(Error::bad("Conflicting flags: ?cas and ?recurse"));
    }
    let done = store.change("delete", move |overlay| {
        overlay.attempt(|overlay| {
            // As in Consul, a key that is gone already was deleted.
            let held = overlay.get(&key).map(|record| record.modified);
            if held.is_some_and(|held| writing.cas.is_some_and(|index| index != held)) {
                return Err(());
            }
            let keys = if recurse { overlay.keys(&key) } else { BTreeSet::from([key]) };
            keys.iter().for_each(|key| overlay.delete(key));
            Ok(())
        })
    });
    Ok(Json(done.await?.is_ok()))
}
