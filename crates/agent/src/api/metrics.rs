//! `/metrics`, for Prometheus.

use super::{Core, reply::Failure};
use crate::metrics::{CONTENT_TYPE, Metrics};
use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use std::sync::Arc;

/// The one path there is.
pub(super) fn routes(metrics: Arc<Metrics>) -> Router<Core> {
    let show = async move |State(core): State<Core>| -> Response {
        // As a person would ask: whoever scrapes wants to know how things are, not how they were.
        let status = core.examine().await;
        match metrics.render(&status) {
            Ok(text) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response(),
            Err(error) => Failure::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
        }
    };
    Router::new().route("/metrics", get(show))
}
