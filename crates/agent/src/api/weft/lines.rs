//! Answers that are a line of JSON for each thing, for as long as there is more to say.

use axum::{
    body::{Body, Bytes},
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
};
use futures::Stream;
use serde::Serialize;
use std::io;

/// The answer.
pub(super) fn answer(lines: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Response {
    ([(CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(lines)).into_response()
}

/// A line of it.
pub(super) fn line(thing: &impl Serialize) -> io::Result<Bytes> {
    let mut line = serde_json::to_vec(thing)?;
    line.push(b'\n');
    Ok(line.into())
}
