//! The embedded store for other machines, over the part of Consul's HTTP API that weft uses: `/v1/kv`,
//! `/v1/txn`, `/v1/session` and `/v1/status/leader`. The stock `consul kv` command works on it.
//!
//! What it does not do, Consul's documentation calls by name: ACL policies, datacenters, health checks of
//! sessions, and any session behaviour but `delete`.

mod auth;
mod connections;
mod duration;
mod kv;
mod reply;
mod session;
mod txn;

use crate::{EmbeddedStore, Secret};
use auth::Access;
use axum::{
    Router,
    extract::{DefaultBodyLimit, State},
    http::StatusCode,
    middleware,
    routing::{get, put},
};
use std::{future::Future, io, net::SocketAddr, sync::Arc};
use tokio::net::TcpListener;

/// The largest value, in bytes, as in Consul (`kv_max_value_size`).
const MAX_VALUE: usize = 512 * 1024;
/// The largest transaction, in bytes of JSON: room for one value of [`MAX_VALUE`](crate::MAX_VALUE) for each
/// of a dozen keys, in base64.
const MAX_TXN: usize = 4 << 20;

/// Where a store is served, and what its clients need.
#[derive(Debug, Clone)]
pub struct ServeConfig {
    listen: SocketAddr,
    token: Option<Secret>,
}

/// How to speak TLS with members of the cluster, each time as it is by then: certificates are renewed.
pub type ServerTls = Arc<dyn Fn() -> Arc<rustls::ServerConfig> + Send + Sync>;

/// Why a store cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Everyone could write to it.
    #[error(
        "will not serve the store on {0} without a token: whoever reaches that address could change the whole \
         cluster; let `weft init` set this host up, give a token-file, or listen on 127.0.0.1"
    )]
    NoToken(SocketAddr),
    /// Others have its token, or can guess it.
    #[error("will not serve the store with this token: {0}")]
    WeakToken(String),
    /// The address cannot be had.
    #[error(
        "cannot serve the store on {listen}: {source}; choose another address, or stop what listens there"
    )]
    Listen {
        /// The address.
        listen: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

impl ServeConfig {
    /// Serves on `listen` to clients that have `token`, or a certificate of the cluster if this host has one.
    pub fn new(listen: SocketAddr, token: Option<Secret>) -> Self {
        Self { listen, token }
    }

    /// What clients have to show where this host can tell members by their certificates, or cannot.
    ///
    /// # Errors
    /// [`ServeError::NoToken`] if there is nothing that they could show, and other machines can reach the address.
    fn access(&self, certificates: bool) -> Result<Access, ServeError> {
        match &self.token {
            Some(token) => Ok(Access::Token(token.clone())),
            None if self.listen.ip().to_canonical().is_loopback() => Ok(Access::Open),
            None if certificates => Ok(Access::Certificate),
            None => Err(ServeError::NoToken(self.listen)),
        }
    }

    /// Looks at what clients have to show before a store is served that is `new`: their `certificates`, if this host has one
    /// of its own, or a token. One that was served by an earlier release with a token that would be refused now goes on with a
    /// warning, so that an upgrade does not stop a cluster.
    ///
    /// # Errors
    /// [`ServeError::NoToken`]; [`ServeError::WeakToken`] if others can read it, or guess it.
    pub fn check(&self, new: bool, certificates: bool) -> Result<(), ServeError> {
        self.access(certificates)?;
        let Some(why) = self.token.as_ref().and_then(Secret::weakness) else { return Ok(()) };
        if new {
            return Err(ServeError::WeakToken(why));
        }
        tracing::warn!(why, "the store is served with a weak token, which the next release will refuse");
        Ok(())
    }

    /// Where it listens.
    pub fn listen(&self) -> SocketAddr {
        self.listen
    }

    /// The token that clients must have.
    pub fn token(&self) -> Option<&Secret> {
        self.token.as_ref()
    }
}

/// A store that is being served once it [runs](Server::run).
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    router: Router,
    tls: Option<ServerTls>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Server({})", self.address)
    }
}

impl Server {
    /// Takes the address. With `tls`, members of the cluster need no token.
    ///
    /// # Errors
    /// [`ServeError::NoToken`]; [`ServeError::Listen`] if the address cannot be had.
    pub async fn bind(
        config: ServeConfig,
        store: EmbeddedStore,
        tls: Option<ServerTls>,
    ) -> Result<Self, ServeError> {
        let access = config.access(tls.is_some())?;
        let listen = config.listen;
        let failed = |source| ServeError::Listen { listen, source };
        let listener = TcpListener::bind(listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address, router: router(access, store, address), tls })
    }

    /// The address, with the port that was chosen if none was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop`. Calls that are being answered then break off, as they would in a crash.
    pub async fn run(self, stop: impl Future<Output = ()> + Send) {
        tokio::select! {
            () = connections::accept(self.listener, self.router, self.tls) => {}
            () = stop => {}
        }
    }
}

fn router(access: Access, store: EmbeddedStore, address: SocketAddr) -> Router {
    let open = matches!(access, Access::Open);
    let kv = || get(kv::get).put(kv::put).delete(kv::delete).layer(DefaultBodyLimit::max(MAX_VALUE));
    let router = Router::new()
        // Two routes, since a wildcard does not match nothing.
        .route("/v1/kv/", kv())
        .route("/v1/kv/{*key}", kv())
        .route("/v1/txn", put(txn::put).layer(DefaultBodyLimit::max(MAX_TXN)))
        .route("/v1/session/create", put(session::create))
        .route("/v1/session/renew/{id}", put(session::renew))
        .route("/v1/session/destroy/{id}", put(session::destroy))
        .route("/v1/session/info/{id}", get(session::info))
        .route("/v1/session/list", get(session::list))
        .route("/v1/status/leader", get(move || async move { axum::Json(address) }))
        .fallback(async || {
            (StatusCode::NOT_FOUND, "weft serves the part of Consul's API that it uses itself\n")
        })
        .with_state(store)
        .layer(middleware::from_fn_with_state(Arc::new(access), auth::check));
    // With a token it is asked for by any name that a host has.
    if open { weft_http::for_programs(router) } else { router }
}

type Store = State<EmbeddedStore>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_token_only_this_machine_and_members_are_served() {
        let token = || Some(Secret::new("s3cret", "here").unwrap());
        let served = |address: &str, token, certificates| {
            ServeConfig::new(address.parse().unwrap(), token).access(certificates)
        };
        for address in ["127.0.0.1:8500", "127.9.9.9:1", "[::1]:8500", "[::ffff:127.0.0.1]:8500"] {
            assert!(matches!(served(address, None, false), Ok(Access::Open)), "{address}");
        }
        for address in ["0.0.0.0:8500", "[::]:8500", "192.0.2.1:8500", "[2001:db8::1]:8500"] {
            assert!(served(address, None, false).is_err(), "{address}");
            assert!(matches!(served(address, None, true), Ok(Access::Certificate)), "{address}");
            assert!(matches!(served(address, token(), true), Ok(Access::Token(_))), "{address}");
        }
    }
}
