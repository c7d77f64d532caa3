//! `/v1/txn`: <https://developer.hashicorp.com/consul/api-docs/txn>.

use super::{
    Store,
    reply::{Error, Pair, body, check_key},
};
use crate::{
    MAX_OPS, SessionId,
    state::{Bind, Overlay, StoredRecord, Write},
};
use axum::{
    Json,
    extract::Request,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};

#[derive(Debug, Deserialize)]
struct Op {
    #[serde(rename = "KV")]
    kv: Kv,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Kv {
    verb: Verb,
    key: String,
    #[serde(default)]
    value: Option<String>,
    #[serde(default)]
    flags: u64,
    #[serde(default)]
    index: u64,
    #[serde(default)]
    session: String,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Verb {
    Get,
    Set,
    Cas,
    Lock,
    Unlock,
    CheckIndex,
    CheckSession,
    CheckNotExists,
    Delete,
    DeleteCas,
    DeleteTree,
}

#[derive(Debug, Serialize)]
struct Shown {
    #[serde(rename = "KV")]
    kv: Pair,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Failed {
    op_index: usize,
    what: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    results: Option<Vec<Shown>>,
    errors: Option<Vec<Failed>>,
}

pub(super) async fn put(Store(store): Store, request: Request) -> Result<Response, Error> {
    let body = body(request).await?;
    let ops: Vec<Op> = serde_json::from_slice(&body)
        .map_err(|error| Error::bad(format!("Failed to parse body: {error}")))?;
    if ops.len() > MAX_OPS {
        let reason = format!("Transaction contains too many operations ({} > {MAX_OPS})", ops.len());
        return Err(Error::new(StatusCode::PAYLOAD_TOO_LARGE, reason));
    }
    let steps = ops.into_iter().map(|op| ValidOp::new(op.kv)).collect::<Result<Vec<_>, _>>()?;
    let done = store.change("txn", move |overlay| overlay.attempt(|overlay| carry_out(overlay, &steps)));
    Ok(match done.await? {
        Ok(results) => Json(Answer { results: Some(results), errors: None }).into_response(),
        Err(errors) => {
            (StatusCode::CONFLICT, Json(Answer { results: None, errors: Some(errors) })).into_response()
        }
    })
}

/// An operation that was checked.
struct ValidOp {
    kv: Kv,
    value: Vec<u8>,
    session: SessionId,
}

impl ValidOp {
    fn new(mut kv: Kv) -> Result<Self, Error> {
        check_key(&kv.key)?;
        if kv.key.is_empty() {
            return Err(Error::bad("Must provide key"));
        }
        let value = BASE64_STANDARD.decode(kv.value.take().unwrap_or_default());
        let value = value.map_err(|error| Error::bad(format!("the value of {:?}: {error}", kv.key)))?;
        if value.len() > super::MAX_VALUE {
            return Err(Error::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("Value for key {:?} is too large", kv.key),
            ));
        }
        let session = SessionId(std::mem::take(&mut kv.session));
        Ok(Self { kv, value, session })
    }
}

fn carry_out(overlay: &mut Overlay<'_>, steps: &[ValidOp]) -> Result<Vec<Shown>, Vec<Failed>> {
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    for (op_index, step) in steps.iter().enumerate() {
        match step.run(overlay) {
            Ok(shown) => results.extend(shown),
            Err(what) => errors.push(Failed { op_index, what }),
        }
    }
    if errors.is_empty() { Ok(results) } else { Err(errors) }
}

impl ValidOp {
    /// Carries out one operation, in Consul's words if it fails (`agent/consul/state/txn.go`, `txnKVS`).
    fn run(&self, overlay: &mut Overlay<'_>) -> Result<Option<Shown>, String> {
        let key = &self.kv.key;
        let held = overlay.get(key).map(AsRef::as_ref);
        let index = held.map_or(0, |record| record.modified);
        let stale = || Err(format!("failed to set key {key:?}, index is stale"));
        match self.kv.verb {
            Verb::Get => {
                let record = held.ok_or_else(|| format!("key {key:?} doesn't exist"))?;
                return Ok(Some(Shown { kv: Pair::new(key, record) }));
            }
            Verb::Set => self.write(overlay, Bind::Keep),
            Verb::Cas if index == self.kv.index => self.write(overlay, Bind::Keep),
            Verb::Cas => return stale(),
            Verb::Lock => {
                self.may_lock(overlay, held)?;
                self.write(overlay, Bind::To(self.session.clone()));
            }
            Verb::Unlock if is_bound_to(held, &self.session) => self.write(overlay, Bind::Release),
            Verb::Unlock => return Err(format!("failed to unlock key {key:?}, isn't held by this session")),
            Verb::CheckIndex if held.is_some() && index == self.kv.index => {}
            Verb::CheckIndex => {
                return Err(format!("key {key:?} is at index {index}, not {}", self.kv.index));
            }
            Verb::CheckSession if is_bound_to(held, &self.session) => {}
            Verb::CheckSession => return Err(format!("key {key:?} isn't held by this session")),
            Verb::CheckNotExists if held.is_none() => return Ok(None),
            Verb::CheckNotExists => return Err(format!("key {key:?} exists")),
            Verb::DeleteCas if held.is_some() && index != self.kv.index => {
                return Err(format!("failed to delete key {key:?}, index is stale"));
            }
            Verb::Delete | Verb::DeleteCas => overlay.delete(key),
            Verb::DeleteTree => overlay.keys(key).iter().for_each(|key| overlay.delete(key)),
        }
        Ok(overlay.get(key).map(|record| Shown { kv: Pair::without_value(key, record) }))
    }

    fn may_lock(&self, overlay: &Overlay<'_>, held: Option<&StoredRecord>) -> Result<(), String> {
        if overlay.session(&self.session).is_none() {
            return Err(format!("failed session lookup: invalid session {:?}", self.session.0));
        }
        let bound = held.and_then(|record| record.session.as_ref());
        if bound.is_some_and(|bound| *bound != self.session) {
            return Err(format!("failed to lock key {:?}, lock is already held", self.kv.key));
        }
        Ok(())
    }

    fn write(&self, overlay: &mut Overlay<'_>, bind: Bind) {
        let write = Write { value: self.value.clone(), flags: self.kv.flags, bind };
        overlay.put(&self.kv.key, write);
    }
}

fn is_bound_to(held: Option<&StoredRecord>, session: &SessionId) -> bool {
    held.is_some_and(|record| record.session.as_ref() == Some(session))
}
