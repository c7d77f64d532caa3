//! Answering.

use axum::http::{Method, StatusCode, Uri};
use weft_network_api::ErrorAnswer;

/// What a handler returns.
pub(super) type Reply<T> = Result<T, ErrorAnswer>;

pub(super) async fn method_not_allowed(method: Method, uri: Uri) -> ErrorAnswer {
    ErrorAnswer::new(StatusCode::METHOD_NOT_ALLOWED, format!("{method} is not possible on {}", uri.path()))
}
