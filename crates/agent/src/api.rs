//! The door for people and programs: HTTP on a unix socket.
//!
//! It parses, calls one verb of the core, and answers; it owns no state. The paths are those of the Docker
//! Engine API for networks (`docker`), so that the stock docker command line works, and weft's own beside
//! them (`weft`).

mod docker;
mod extract;
mod guard;
mod local_only;
mod metrics;
mod reply;
mod version;
mod weft;

pub use weft_http::{BindError, ServerSocket};

use crate::{events::Events, metrics::Metrics};
use axum::{Router, extract::DefaultBodyLimit, middleware};
use std::{path::Path, sync::Arc, time::Duration};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use weft_http::{Inherited, Limits, Terms};
use weft_network_api::MAX_BODY;
use weft_verbs::{RemoteVerbs, Verbs};

/// What a handler gets that answers on this host alone.
type SharedVerbs = Arc<dyn Verbs>;

/// What one gets that also answers who asks from another host.
type FromAfar = Arc<dyn RemoteVerbs>;

/// Which group may connect, and what to do where the socket cannot be had.
const TERMS: Terms = Terms { group: Some("weft"), instead: "give this one another --host" };

/// Clients may wait for a process as long as it runs: when the agent stops, they are left soon.
const LIMITS: Limits = Limits { keep_alive: true, end_within: Duration::from_secs(2) };

/// Listens on `path`, on the socket that is `inherited` if it is there; root may connect, and group `weft`.
///
/// # Errors
/// [`BindError`]. A program that listens on `path` already is not disturbed.
pub fn bind(path: &Path, inherited: &Inherited) -> Result<ServerSocket, BindError> {
    weft_http::open(path, TERMS, inherited)
}

/// Answers on `listener` until `shutdown`, and then what has begun.
pub async fn serve(listener: ServerSocket, router: Router, shutdown: CancellationToken) {
    weft_http::serve(listener, router, LIMITS, shutdown).await;
}

/// Answers scrapes on `listener` until `shutdown`, and nothing else: of those on this host that can connect, not
/// all may change something.
pub(crate) async fn serve_metrics(
    listener: TcpListener,
    core: Arc<dyn RemoteVerbs>,
    metrics: Arc<Metrics>,
    shutdown: CancellationToken,
) {
    let router = metrics::routes(metrics).layer(middleware::from_fn(guard::brief)).with_state(core);
    weft_http::serve(listener, weft_http::for_programs(router), LIMITS, shutdown).await;
}

/// Everything that is answered on the socket.
pub(crate) fn local_router(core: Arc<dyn Verbs>, metrics: Arc<Metrics>, events: Arc<Events>) -> Router {
    let events = weft::event_routes().layer(middleware::from_fn(guard::lasting)).with_state(events);
    whole(verbs(core, metrics).merge(events))
}

/// Everything that is answered on the socket by verbs.
pub fn router(core: Arc<dyn Verbs>, metrics: Arc<Metrics>) -> Router {
    whole(verbs(core, metrics))
}

fn verbs(core: Arc<dyn Verbs>, metrics: Arc<Metrics>) -> Router {
    let brief = weft::local_routes().layer(middleware::from_fn(guard::brief));
    let local = brief.merge(weft::lasting_routes().layer(middleware::from_fn(guard::lasting)));
    let shared = shared(Arc::clone(&core) as _, metrics);
    shared.merge(local.with_state(core))
}

/// Everything that is answered who asks from another host. It has no way to a process.
pub(crate) fn remote_router(core: Arc<dyn RemoteVerbs>, metrics: Arc<Metrics>) -> Router {
    whole(shared(core, metrics).merge(local_only::routes()))
}

fn shared(core: FromAfar, metrics: Arc<Metrics>) -> Router {
    let routes = docker::routes().merge(weft::shared_routes()).merge(metrics::routes(metrics));
    routes.layer(middleware::from_fn(guard::brief)).with_state(core)
}

fn whole(routes: Router) -> Router {
    let routes = routes
        .fallback(docker::elsewhere)
        .method_not_allowed_fallback(reply::method_not_allowed)
        .layer(DefaultBodyLimit::max(MAX_BODY));
    // The version has to go before a route is looked for, and layers of a router come after that: hence a
    // router around the router.
    Router::new().fallback_service(routes).layer(middleware::from_fn(version::strip))
}
