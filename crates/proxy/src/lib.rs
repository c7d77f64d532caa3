//! The engine's socket once more, with weft's networks in it: for people, scripts and tools that say
//! `-d overlay` and mean what Docker's own overlays were.
//!
//! A request goes on to the engine as it came, and its answer comes back as it is: nothing is kept, nothing has to end,
//! and a connection that the engine takes over becomes a `tunnel`. Only requests about networks (`route`) are
//! answered here (`networks`), with what the engine says about its own networks.
//!
//! Both sides are read by one parser and written anew, and nothing is spliced before the engine has agreed to it:
//! there is no second way to read a request.

mod connection;
mod engine;
mod forward;
mod hang_up;
mod hops;
mod networks;
mod route;
mod socket;
mod tunnel;
mod upload;

pub use socket::{bind, serve};

use axum::{
    body::Body,
    http::{Method, Request, StatusCode},
    response::IntoResponse,
};
use engine::{Engine, EngineError};
use forward::{Reply, forward};
use route::{Route, What};
use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};
use tokio::net::UnixStream;
use tokio_util::sync::CancellationToken;
use weft_http::Crowd;
use weft_model::{NetworkId, chain};
use weft_network_api::ErrorAnswer;
use weft_verbs::Verbs;

/// What the engine has of the cluster's networks, as whoever makes them there notes it.
pub trait EngineNetworks: Send + Sync + 'static {
    /// The networks that the engine has with weft's driver, by the engine's ids: which of the cluster's each is; none
    /// while the engine has not told its name yet.
    fn engine_networks(&self) -> BTreeMap<NetworkId, Option<NetworkId>>;
}

/// What stands before the engine.
pub struct Proxy {
    engine: Engine,
    verbs: Arc<dyn Verbs>,
    networks: Arc<dyn EngineNetworks>,
    /// How long the engine may take to follow the cluster before a client is answered without it.
    patience: Duration,
}

const PATIENCE: Duration = Duration::from_secs(10);

impl Proxy {
    /// A proxy for the engine at `socket`, which has `networks`.
    pub fn new(socket: PathBuf, verbs: Arc<dyn Verbs>, networks: Arc<dyn EngineNetworks>) -> Self {
        Self { engine: Engine::new(socket), verbs, networks, patience: PATIENCE }
    }

    /// Answers a client.
    async fn answer(&self, request: Request<Body>) -> Reply {
        let what = format!("{} {}", request.method(), request.uri().path());
        let reply = self.route(request).await;
        tracing::debug!(what, "{}", if reply.is_ok() { "passed" } else { "refused" });
        reply.unwrap_or_else(|failure| Reply::Answer(failure.into_response()))
    }

    async fn route(&self, request: Request<Body>) -> Result<Reply, ErrorAnswer> {
        if request.method() == Method::CONNECT {
            // It would be a way past everything here.
            return Err(ErrorAnswer::new(StatusCode::METHOD_NOT_ALLOWED, "CONNECT is not possible here"));
        }
        let Route { version, what } = Route::of(request.method(), request.uri());
        match what {
            What::ListNetworks => self.list_networks(&version, request).await,
            What::CreateNetwork => self.create_network(&version, request).await,
            What::PruneNetworks => self.prune_networks(&version, request).await,
            What::InspectNetwork(network) => self.inspect_network(&version, &network, request).await,
            What::RemoveNetwork(network) => self.remove_network(&version, &network, request).await,
            What::Connect(network) => self.connect(&version, &network, request).await,
            What::Disconnect(network) => self.disconnect(&version, &network, request).await,
            What::Hijack => self.pass(request, true).await,
            What::Other => self.pass(request, false).await,
        }
    }

    async fn pass(&self, request: Request<Body>, hijack: bool) -> Result<Reply, ErrorAnswer> {
        Ok(forward(&self.engine, request, hijack).await?)
    }
}

/// Serves one client, until it goes, with an engine that follows no cluster. For `fuzz/`.
#[doc(hidden)]
pub async fn serve_one(
    client: UnixStream,
    engine: PathBuf,
    verbs: Arc<dyn Verbs>,
    networks: Arc<dyn EngineNetworks>,
) {
    let proxy = Proxy { patience: Duration::ZERO, ..Proxy::new(engine, verbs, networks) };
    let slot = Arc::new(Crowd::of(1).slot().await);
    connection::converse(client, slot, Arc::new(proxy), CancellationToken::new()).await;
}

impl From<EngineError> for ErrorAnswer {
    fn from(error: EngineError) -> Self {
        Self::new(error.status(), chain(&error))
    }
}

#[cfg(test)]
mod tests;
