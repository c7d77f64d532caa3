//! The Docker Engine API for networks.

mod networks;
mod system;

use super::FromAfar;
use axum::{
    Router,
    http::{StatusCode, Uri},
    routing::{get, post},
};
use weft_network_api::ErrorAnswer;

/// What an engine has besides networks.
const RESOURCES_OF_ENGINES: [&str; 18] = [
    "auth",
    "build",
    "commit",
    "configs",
    "containers",
    "distribution",
    "events",
    "exec",
    "images",
    "nodes",
    "plugins",
    "secrets",
    "services",
    "session",
    "swarm",
    "system",
    "tasks",
    "volumes",
];

pub(super) fn routes() -> Router<FromAfar> {
    Router::new()
        .route("/_ping", get(system::ping))
        .route("/version", get(system::version))
        .route("/info", get(system::info))
        .route("/networks", get(networks::list))
        .route("/networks/create", post(networks::create))
        .route("/networks/prune", post(networks::prune))
        .route("/networks/{network}", get(networks::inspect).delete(networks::remove))
        .route("/networks/{network}/connect", post(networks::connect))
        .route("/networks/{network}/disconnect", post(networks::disconnect))
}

/// Answers every other path.
pub(super) async fn elsewhere(uri: Uri) -> ErrorAnswer {
    let resource = uri.path().split('/').nth(1).unwrap_or_default();
    if RESOURCES_OF_ENGINES.contains(&resource) {
        let message = format!("weft serves networks only; ask the container engine for {resource}");
        return ErrorAnswer::new(StatusCode::NOT_IMPLEMENTED, message);
    }
    let path: String = uri.path().chars().take(100).collect();
    ErrorAnswer::new(StatusCode::NOT_FOUND, format!("page not found: weft has nothing at {path}"))
}
