//! What answers look like.

use crate::{NOT_YOURS, SessionId, StoreError, state::StoredRecord};
use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::{HeaderMap, HeaderValue, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use percent_encoding::percent_decode_str;
use serde::Serialize;
use std::time::Duration;
use tokio::time::timeout;

/// How long a client may take to send the body of a request.
const BODY_DEADLINE: Duration = Duration::from_secs(30);

/// An answer that is an error: a status and a line of text, as Consul's are.
#[derive(Debug)]
pub(super) struct Error {
    status: StatusCode,
    reason: String,
}

impl Error {
    pub(super) fn new(status: StatusCode, reason: impl Into<String>) -> Self {
        Self { status, reason: reason.into() }
    }

    pub(super) fn bad(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, reason)
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        (self.status, self.reason).into_response()
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        if let StoreError::Refused { reason, .. } = &error {
            return Self::new(StatusCode::FORBIDDEN, format!("{NOT_YOURS} {reason}"));
        }
        let reason = match &error {
            // What Consul's clients know to mean that nothing was done.
            StoreError::Unavailable { source, .. } => format!("No cluster leader: {error}: {source}"),
            _ => error.to_string(),
        };
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, reason)
    }
}

/// A key as Consul shows it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Pair {
    lock_index: u64,
    key: String,
    flags: u64,
    value: Option<String>,
    create_index: u64,
    modify_index: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<SessionId>,
}

impl Pair {
    pub(super) fn new(key: &str, record: &StoredRecord) -> Self {
        Self {
            value: (!record.value.is_empty()).then(|| BASE64_STANDARD.encode(&record.value)),
            ..Self::without_value(key, record)
        }
    }

    pub(super) fn without_value(key: &str, record: &StoredRecord) -> Self {
        Self {
            lock_index: record.lock_index,
            key: key.to_owned(),
            flags: record.flags,
            value: None,
            create_index: record.created,
            modify_index: record.modified,
            session: record.session.clone(),
        }
    }
}

/// The headers that go with what was read as of `revision`.
pub(super) fn meta(revision: u64) -> HeaderMap {
    HeaderMap::from_iter(
        [
            ("x-consul-index".parse(), HeaderValue::from(revision)),
            ("x-consul-knownleader".parse(), HeaderValue::from_static("true")),
            ("x-consul-lastcontact".parse(), HeaderValue::from_static("0")),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name.ok()?, value))),
    )
}

/// The body of a request, within the route's limit of size and that of time.
pub(super) async fn body(request: Request) -> Result<Bytes, Error> {
    let late = |_| Error::new(StatusCode::REQUEST_TIMEOUT, "the request's body did not come in time");
    let body = timeout(BODY_DEADLINE, Bytes::from_request(request, &())).await.map_err(late)?;
    body.map_err(|rejection| Error::new(rejection.status(), rejection.body_text()))
}

/// The key that a path names after `start`.
pub(super) fn key_of(uri: &Uri, start: &str) -> Result<String, Error> {
    let encoded = uri.path().strip_prefix(start).unwrap_or_default();
    let key = percent_decode_str(encoded).decode_utf8().map_err(|_| Error::bad("the key is not UTF-8"))?;
    check_key(&key)?;
    Ok(key.into_owned())
}

/// Refuses keys that could not be shown or moved elsewhere.
pub(super) fn check_key(key: &str) -> Result<(), Error> {
    if key.len() > crate::MAX_KEY {
        return Err(Error::bad(format!("the key has {} bytes; at most {} go", key.len(), crate::MAX_KEY)));
    }
    if key.chars().any(char::is_control) {
        return Err(Error::bad("the key has control characters"));
    }
    Ok(())
}
