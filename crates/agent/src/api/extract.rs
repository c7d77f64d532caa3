//! Reading requests. What is wrong with one is said in JSON, as with every other error.

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Request, rejection::BytesRejection},
    http::{StatusCode, request::Parts},
};
use serde::de::DeserializeOwned;
use weft_network_api::{ErrorAnswer, MAX_BODY};
use weft_verbs::{Error, Kind};

/// A JSON body, with any content type: the engine does not look at it either.
pub(super) struct Json<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = ErrorAnswer;

    async fn from_request(request: Request, state: &S) -> Result<Self, ErrorAnswer> {
        let body = Bytes::from_request(request, state).await.map_err(unreadable)?;
        // A list would do for an object with serde; nobody means that.
        if body.trim_ascii_start().first().is_some_and(|&first| first != b'{') {
            return Err(Error::invalid("invalid JSON body: expected an object, {…}").into());
        }
        match serde_json::from_slice(&body) {
            Ok(value) => Ok(Self(value)),
            Err(_) if body.trim_ascii().is_empty() => {
                Err(Error::invalid("the request has no body: expected a JSON object").into())
            }
            Err(error) => Err(Error::invalid(format!("invalid JSON body: {error}")).into()),
        }
    }
}

fn unreadable(rejection: BytesRejection) -> ErrorAnswer {
    match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            let message = format!("the request's body is larger than {MAX_BODY} bytes");
            ErrorAnswer::new(StatusCode::PAYLOAD_TOO_LARGE, message)
        }
        status => {
            ErrorAnswer::new(status, format!("cannot read the request's body: {}", rejection.body_text()))
        }
    }
}

/// A part of the path.
pub(super) struct Path<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = ErrorAnswer;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ErrorAnswer> {
        match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(rejection) => Err(Error::new(Kind::Invalid, rejection.body_text()).into()),
        }
    }
}

/// What follows the question mark.
pub(super) struct Query<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = ErrorAnswer;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ErrorAnswer> {
        match axum::extract::Query::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(value)) => Ok(Self(value)),
            Err(rejection) => Err(Error::new(Kind::Invalid, rejection.body_text()).into()),
        }
    }
}

/// Reads a flag of a query as the engine does: absent, empty, `0`, `no`, `false` and `none` are false,
/// everything else is true (`daemon/server/httputils/form.go`).
pub(super) fn flag(value: Option<&str>) -> bool {
    !matches!(value.unwrap_or_default().trim().to_lowercase().as_str(), "" | "0" | "no" | "false" | "none")
}
