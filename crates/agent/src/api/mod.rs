//! The door for people and programs: HTTP on a unix socket.
//!
//! It parses, calls one verb of the core, and answers; it owns no state. The paths are those of the Docker
//! Engine API for networks ([`docker`]), so that the stock docker command line works, and weft's own beside
//! them ([`weft`]).

mod docker;
mod extract;
mod guard;
mod reply;
mod serve;
mod socket;
mod version;
mod weft;

pub use serve::serve;
pub use socket::{BindError, bind};

use crate::core::Verbs;
use axum::{Router, extract::DefaultBodyLimit, middleware};
use std::sync::Arc;

/// What every handler gets.
type Core = Arc<dyn Verbs>;

/// The largest body that is read, in bytes. The largest meaningful one, a network with hundreds of labels,
/// has a tenth of it.
const MAX_BODY: usize = 1 << 20;

/// Everything that is answered on the socket.
pub fn router(core: Arc<dyn Verbs>) -> Router {
    let brief = docker::routes().merge(weft::brief_routes()).layer(middleware::from_fn(guard::brief));
    let lasting = weft::lasting_routes().layer(middleware::from_fn(guard::lasting));
    let routes = brief
        .merge(lasting)
        .fallback(docker::elsewhere)
        .method_not_allowed_fallback(reply::method_not_allowed)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(core);
    // The version has to go before a route is looked for, and layers of a router come after that: hence a
    // router around the router.
    Router::new().fallback_service(routes).layer(middleware::from_fn(version::strip))
}
