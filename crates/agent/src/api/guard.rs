//! What surrounds every handler: a task of its own, in which it can panic and be waited for. It ends with its client; what
//! a verb changes goes on to its end, which the core sees to.

use axum::{
    extract::Request,
    http::StatusCode,
    middleware::Next,
    response::{IntoResponse, Response},
};
use std::time::{Duration, Instant};
use tokio::task::JoinError;
use tokio_util::task::AbortOnDropHandle;
use weft_network_api::ErrorAnswer;

/// How long a request may take.
const DEADLINE: Duration = Duration::from_secs(30);

/// For requests that end soon.
pub(super) async fn brief(request: Request, next: Next) -> Response {
    let what = format!("{} {}", request.method(), request.uri().path());
    let started = Instant::now();
    let task = AbortOnDropHandle::new(tokio::spawn(next.run(request)));
    let response = match tokio::time::timeout(DEADLINE, task).await {
        Ok(result) => finished(&what, result),
        Err(_) => {
            let message = format!(
                "{what} is not done after {} s and goes on; the store or the kernel is slow: see `weft status`",
                DEADLINE.as_secs()
            );
            ErrorAnswer::new(StatusCode::GATEWAY_TIMEOUT, message).into_response()
        }
    };
    tracing::debug!(what, status = response.status().as_u16(), took = ?started.elapsed(), "answered");
    response
}

/// For requests that last as long as a process does.
pub(super) async fn lasting(request: Request, next: Next) -> Response {
    let what = format!("{} {}", request.method(), request.uri().path());
    finished(&what, AbortOnDropHandle::new(tokio::spawn(next.run(request))).await)
}

fn finished(what: &str, result: Result<Response, JoinError>) -> Response {
    result.unwrap_or_else(|error| {
        tracing::error!(what, %error, "a request failed in a way that it must not: please report this");
        let message = format!("{what} failed inside the agent: please report this with the agent's log");
        ErrorAnswer::new(StatusCode::INTERNAL_SERVER_ERROR, message).into_response()
    })
}
