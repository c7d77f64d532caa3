//! Answering.

use axum::http::{Method, StatusCode, Uri};
use weft_network_api::Failure;

/// What a handler returns.
pub(super) type Reply<T> = Result<T, Failure>;

pub(super) async fn method_not_allowed(method: Method, uri: Uri) -> Failure {
    Failure::new(StatusCode::METHOD_NOT_ALLOWED, format!("{method} is not possible on {}", uri.path()))
}
