//! Refuses all clients of a socket that systemd keeps and no agent serves; otherwise they would get no answer at all.

use crate::{Limits, ServerSocket, serve};
use axum::{Json, Router, http::StatusCode};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const LIMITS: Limits = Limits { keep_alive: false, end_within: Duration::from_secs(1) };

/// Answers everybody on `socket` with `why`, until `shutdown`.
pub async fn turn_away(socket: ServerSocket, why: String, shutdown: CancellationToken) {
    // An engine looks for `Err` in an answer that is no success (moby, `pkg/plugins/client.go`), everybody else for
    // `message`.
    let answer = Json(serde_json::json!({ "message": why, "Err": why }));
    let router = Router::new().fallback(async move || (StatusCode::SERVICE_UNAVAILABLE, answer.clone()));
    serve(socket, router, LIMITS, shutdown).await;
}
