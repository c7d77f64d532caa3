//! `/metrics`, for Prometheus.

use super::FromAfar;
use crate::metrics::{CONTENT_TYPE, Metrics};
use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use weft_network_api::ErrorAnswer;

/// How old the last look may be. Prometheus asks less often; a client that asks more often gets the last result, since
/// to look at thousands of entries takes a while.
const FRESH: Duration = Duration::from_secs(1);

/// The one path there is.
pub(super) fn routes(metrics: Arc<Metrics>) -> Router<FromAfar> {
    let looked = Arc::new(Mutex::new(None::<Instant>));
    let counting = Arc::new(tokio::sync::Mutex::new(()));
    let show = async move |State(core): State<FromAfar>| -> Response {
        let is_due = {
            let mut looked = looked.lock().unwrap_or_else(PoisonError::into_inner);
            let is_due = looked.is_none_or(|looked| looked.elapsed() >= FRESH);
            if is_due {
                *looked = Some(Instant::now());
            }
            is_due
        };
        let status = if is_due { core.examine().await } else { core.status() };
        if is_due {
            // One after the other: an older count after a newer one would look like interfaces made anew.
            let _alone = counting.lock().await;
            metrics.traffic.follow(core.traffic().await);
        }
        match metrics.render(&status) {
            Ok(text) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response(),
            Err(error) => {
                ErrorAnswer::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response()
            }
        }
    };
    Router::new().route("/metrics", get(show))
}
