//! weft's own resources, under `/weft/v1`.

mod authority;
mod check;
mod debug;
mod endpoints;
mod events;
mod explain;
mod leave;
mod lines;
mod logs;
mod nodes;
mod output;
mod ping;
mod processes;
mod resolve;
mod status;
mod users;

use super::{FromAfar, SharedVerbs};
use crate::events::Events;
use axum::{
    Router,
    routing::{delete, get, post},
};
use std::sync::Arc;

/// What is answered soon, also from afar.
pub(super) fn shared_routes() -> Router<FromAfar> {
    Router::new()
        .route("/weft/v1/nodes", get(nodes::list))
        .route("/weft/v1/nodes/{node}", get(nodes::inspect))
        .route("/weft/v1/endpoints", get(endpoints::list))
        .route("/weft/v1/endpoints/{network}/{endpoint}", delete(endpoints::detach))
        .route("/weft/v1/status", get(status::status))
        .route("/weft/v1/plan", get(status::plan))
        .route("/weft/v1/resolve", get(resolve::resolve))
}

/// What is answered soon, on this host alone.
pub(super) fn local_routes() -> Router<SharedVerbs> {
    Router::new()
        .route("/weft/v1/nodes/{node}", delete(nodes::remove))
        .route("/weft/v1/nodes/{node}/agent", get(nodes::agent))
        .route("/weft/v1/endpoints", post(endpoints::attach).delete(endpoints::detach_owned))
        .route("/weft/v1/attachments", get(endpoints::attachments))
        .route("/weft/v1/users/{user}/{id}", delete(users::revoke))
        .route("/weft/v1/processes", get(processes::list).post(processes::run))
        .route("/weft/v1/processes/{process}", get(processes::inspect).delete(processes::remove))
        .route("/weft/v1/authority", get(authority::inspect))
        .route("/weft/v1/authority/rotate", post(authority::rotate))
        .route("/weft/v1/debug", get(debug::inside))
}

/// What happened, and what happens for as long as somebody listens, on this host alone.
pub(super) fn event_routes() -> Router<Arc<Events>> {
    Router::new().route("/weft/v1/events", get(events::events))
}

/// What is answered when it is done, however long it takes, on this host alone.
pub(super) fn lasting_routes() -> Router<SharedVerbs> {
    Router::new()
        .route("/weft/v1/leave", post(leave::leave))
        .route("/weft/v1/explain", get(explain::explain))
        .route("/weft/v1/check", post(check::check))
        .route("/weft/v1/ping", get(ping::ping))
        .route("/weft/v1/processes/{process}/stop", post(processes::stop))
        .route("/weft/v1/processes/{process}/wait", get(processes::wait))
        .route("/weft/v1/processes/{process}/logs", get(logs::logs))
}
