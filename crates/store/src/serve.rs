//! The embedded store for other machines, over the part of Consul's HTTP API that weft uses: `/v1/kv`,
//! `/v1/txn`, `/v1/session` and `/v1/status/leader`. The stock `consul kv` command works on it.
//!
//! What it does not do, Consul's documentation calls by name: ACL policies, datacenters, health checks of
//! sessions, and any session behaviour but `delete`.

mod auth;
mod connections;
mod duration;
mod kv;
mod local;
mod reply;
mod session;
mod txn;

use crate::{Asker, EmbeddedStore, Secret};
use auth::{Access, Door, Store};
use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::StatusCode,
    middleware,
    routing::{get, put},
};
use local::Local;
use std::{
    future::Future,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
};
use tokio::net::TcpListener;
use weft_http::BindError;
use weft_trust::Barred;

/// The largest value, in bytes, as in Consul (`kv_max_value_size`).
const MAX_VALUE: usize = 512 * 1024;
/// The largest transaction, in bytes of JSON: room for one value of [`MAX_VALUE`](crate::MAX_VALUE) for each
/// of a dozen keys, in base64.
const MAX_TXN: usize = 4 << 20;

/// What is said of a port without a token.
const OPEN: &str = "the store is served on a port of this host without a token: every user of the host, and every container \
                    that reaches the port, can change the whole cluster; root's programs can use a socket instead \
                    (store-serve = \"unix:///run/weft/store.sock\")";

/// A place where a store is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServeAddress {
    /// A port, for other hosts.
    Tcp(SocketAddr),
    /// A socket, for root's programs on this host: an absolute path.
    Unix(PathBuf),
}

/// A text that names no such place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no place to serve a store on: write 192.0.2.1:8500, or unix:///run/weft/store.sock")]
pub struct InvalidServeAddress(String);

impl FromStr for ServeAddress {
    type Err = InvalidServeAddress;
    fn from_str(text: &str) -> Result<Self, InvalidServeAddress> {
        let invalid = || InvalidServeAddress(text.chars().take(120).collect());
        match text.strip_prefix("unix://") {
            Some(path) if path.starts_with('/') && !path.ends_with('/') => Ok(Self::Unix(path.into())),
            Some(_) => Err(invalid()),
            None => text.parse().map(Self::Tcp).map_err(|_| invalid()),
        }
    }
}

/// Where a store is served, and what its clients need.
#[derive(Debug, Clone)]
pub struct ServeConfig {
    listen: Option<SocketAddr>,
    socket: Option<PathBuf>,
    token: Option<Secret>,
}

/// How to speak TLS with members of the cluster, each time as it is by then: certificates are renewed.
pub type ServerTls = Arc<dyn Fn() -> Arc<rustls::ServerConfig> + Send + Sync>;

/// The members of a cluster, and how they are told.
#[derive(Clone)]
pub struct Members {
    /// How they are spoken with.
    pub tls: ServerTls,
    /// Those that are members no more.
    pub barred: Arc<Barred>,
    /// This host, and what each host may write: where hosts sign what they say of themselves. There, members alone are
    /// answered.
    pub signed: Option<Asker>,
}

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
    /// The socket cannot be had.
    #[error("cannot serve the store on its socket")]
    Socket(#[from] BindError),
}

/// How clients of a port can show that they are members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certificates {
    /// Not at all: this host has no certificate itself.
    None,
    /// By their certificates.
    Known,
    /// By their certificates, and every host of the cluster has one.
    Everywhere,
}

impl ServeConfig {
    /// Serves on `listen` to clients that have `token`, or a certificate of the cluster if this host has one.
    pub fn new(listen: SocketAddr, token: Option<Secret>) -> Self {
        Self { listen: Some(listen), socket: None, token }
    }

    /// Serves on each of these; the last one of a kind counts. `None`: on none.
    pub fn on(addresses: Vec<ServeAddress>, token: Option<Secret>) -> Option<Self> {
        let some = !addresses.is_empty();
        let mut config = Self { listen: None, socket: None, token };
        for address in addresses {
            match address {
                ServeAddress::Tcp(listen) => config.listen = Some(listen),
                ServeAddress::Unix(path) => config.socket = Some(path),
            }
        }
        some.then_some(config)
    }

    /// What clients of the port have to show where this host can tell members by their certificates, or cannot.
    ///
    /// # Errors
    /// [`ServeError::NoToken`] if there is nothing that they could show, and other machines can reach the address.
    fn access(&self, listen: SocketAddr, certificates: Certificates) -> Result<Access, ServeError> {
        let here = listen.ip().to_canonical().is_loopback();
        match &self.token {
            _ if certificates == Certificates::Everywhere && !here => Ok(Access::Certificate),
            Some(token) => Ok(Access::Token(token.clone())),
            None if here => Ok(Access::Open),
            None if certificates == Certificates::Known => Ok(Access::Certificate),
            None => Err(ServeError::NoToken(listen)),
        }
    }

    /// That any program of this host may change the cluster, by a port of this host alone without a token, if that is so.
    pub fn openness(&self) -> Option<&'static str> {
        let here = self.listen.is_some_and(|listen| listen.ip().to_canonical().is_loopback());
        (self.token.is_none() && here).then_some(OPEN)
    }

    /// Looks at what clients have to show before a store is served that is `new`: their `certificates`, if this host has one
    /// of its own, or a token. One that was served by an earlier release with a token that would be refused now goes on with a
    /// warning, so that an upgrade does not stop a cluster.
    ///
    /// # Errors
    /// [`ServeError::NoToken`]; [`ServeError::WeakToken`] if others can read it, or guess it.
    pub fn check(&self, new: bool, certificates: Certificates) -> Result<(), ServeError> {
        if let Some(listen) = self.listen {
            self.access(listen, certificates)?;
        }
        if let Some(openness) = self.openness() {
            tracing::warn!("{openness}");
        }
        let Some(why) = self.token.as_ref().and_then(Secret::weakness) else { return Ok(()) };
        if new {
            return Err(ServeError::WeakToken(why));
        }
        tracing::warn!(why, "the store is served with a weak token, which the next release will refuse");
        Ok(())
    }

    /// The port that it listens on, if any.
    pub fn listen(&self) -> Option<SocketAddr> {
        self.listen
    }

    /// The socket that it listens on, if any.
    pub fn socket(&self) -> Option<&Path> {
        self.socket.as_deref()
    }

    /// The token that clients must have.
    pub fn token(&self) -> Option<&Secret> {
        self.token.as_ref()
    }
}

impl Members {
    fn certificates(of: Option<&Self>) -> Certificates {
        match of {
            None => Certificates::None,
            Some(members) if members.signed.is_some() => Certificates::Everywhere,
            Some(_) => Certificates::Known,
        }
    }
}

/// A store that is being served once it [runs](Server::run).
pub struct Server {
    port: Option<Port>,
    local: Option<Local>,
}

/// A port, and what is answered there.
struct Port {
    listener: TcpListener,
    address: SocketAddr,
    router: Router,
    members: Option<Members>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Server({:?})", self.port.as_ref().map(|port| port.address))
    }
}

impl Server {
    /// Takes the addresses. `members` of the cluster need no token.
    ///
    /// # Errors
    /// [`ServeError::NoToken`]; [`ServeError::Listen`], [`ServeError::Socket`] if an address cannot be had.
    pub async fn bind(
        config: ServeConfig,
        store: EmbeddedStore,
        members: Option<Members>,
    ) -> Result<Self, ServeError> {
        // Who shows no certificate is somebody on this host.
        let own = members.as_ref().and_then(|members| members.signed.clone());
        let store = own.map_or_else(|| store.clone(), |own| store.asked_by(own));
        let local = config.socket.as_deref().map(|path| Local::bind(path, store.clone())).transpose()?;
        let port = match config.listen {
            Some(listen) => Some(Port::bind(&config, listen, store, members).await?),
            None => None,
        };
        Ok(Self { port, local })
    }

    /// The address of the port, with the number that was chosen if none was asked for.
    pub fn address(&self) -> Option<SocketAddr> {
        self.port.as_ref().map(|port| port.address)
    }

    /// Serves until `stop`. Calls that are being answered then break off, as they would in a crash.
    pub async fn run(self, stop: impl Future<Output = ()> + Send) {
        let port = async {
            match self.port {
                Some(port) => connections::accept(port.listener, port.router, port.members).await,
                None => std::future::pending().await,
            }
        };
        let local = async {
            match self.local {
                Some(local) => local.run().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = port => {}
            () = local => {}
            () = stop => {}
        }
    }
}

impl Port {
    async fn bind(
        config: &ServeConfig,
        listen: SocketAddr,
        store: EmbeddedStore,
        members: Option<Members>,
    ) -> Result<Self, ServeError> {
        let access = config.access(listen, Members::certificates(members.as_ref()))?;
        let failed = |source| ServeError::Listen { listen, source };
        let listener = TcpListener::bind(listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let open = matches!(access, Access::Open);
        let router = router(Door::new(access, members.is_some()), store, address.to_string());
        // With a token it is asked for by any name that a host has.
        let router = if open { weft_http::for_programs(router) } else { router };
        Ok(Self { listener, address, router, members })
    }
}

fn router(door: Door, store: EmbeddedStore, address: String) -> Router {
    let kv = || get(kv::get).put(kv::put).delete(kv::delete).layer(DefaultBodyLimit::max(MAX_VALUE));
    Router::new()
        // Two routes, since a wildcard does not match nothing.
        .route("/v1/kv/", kv())
        .route("/v1/kv/{*key}", kv())
        .route("/v1/txn", put(txn::put).layer(DefaultBodyLimit::max(MAX_TXN)))
        .route("/v1/session/create", put(session::create))
        .route("/v1/session/renew/{id}", put(session::renew))
        .route("/v1/session/destroy/{id}", put(session::destroy))
        .route("/v1/session/info/{id}", get(session::info))
        .route("/v1/session/list", get(session::list))
        .route("/v1/status/leader", get(move || async move { axum::Json(address.clone()) }))
        .fallback(async || {
            (StatusCode::NOT_FOUND, "weft serves the part of Consul's API that it uses itself\n")
        })
        .with_state(store)
        .layer(middleware::from_fn_with_state(Arc::new(door), auth::check))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_token_only_this_machine_and_members_are_served() {
        let token = || Some(Secret::new("s3cret", "here").unwrap());
        let served = |address: &str, token, certificates| {
            let listen = address.parse().unwrap();
            ServeConfig::new(listen, token).access(listen, certificates)
        };
        use Certificates::{Everywhere, Known, None as No};
        for address in ["127.0.0.1:8500", "127.9.9.9:1", "[::1]:8500", "[::ffff:127.0.0.1]:8500"] {
            for certificates in [No, Everywhere] {
                assert!(matches!(served(address, None, certificates), Ok(Access::Open)), "{address}");
            }
        }
        for address in ["0.0.0.0:8500", "[::]:8500", "192.0.2.1:8500", "[2001:db8::1]:8500"] {
            assert!(served(address, None, No).is_err(), "{address}");
            assert!(matches!(served(address, None, Known), Ok(Access::Certificate)), "{address}");
            assert!(matches!(served(address, token(), Known), Ok(Access::Token(_))), "{address}");
            assert!(matches!(served(address, token(), Everywhere), Ok(Access::Certificate)), "{address}");
        }
    }

    #[test]
    fn a_place_to_serve_on_is_a_port_or_a_socket() {
        let read = |text: &str| text.parse::<ServeAddress>();
        assert_eq!(read("[::1]:8500"), Ok(ServeAddress::Tcp("[::1]:8500".parse().unwrap())));
        assert_eq!(read("unix:///run/x.sock"), Ok(ServeAddress::Unix("/run/x.sock".into())));
        for wrong in ["", "host:8500", "192.0.2.1", "unix://", "unix:///", "unix://x", "/run/x.sock"] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }
}
