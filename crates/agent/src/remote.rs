//! The API for other hosts, TCP port 2376: by TLS with certificates on both sides, off unless it is asked for. Users of the
//! cluster are answered, nodes are not, and nobody is told of processes.

mod caller;
mod certificate;

use crate::{
    api::remote_router,
    config::{AgentConfig, RemoteConfig},
    metrics::Metrics,
    peers::{OwnCertificate, Visitors},
    underlay::Underlay,
};
use axum::{Router, middleware};
use caller::Caller;
use certificate::Source;
use std::{io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use weft_http::{Holder, Limits, Protocol, Slot, holder};
use weft_trust::{Barred, TrustError};
use weft_verbs::RemoteVerbs;

/// Connections at a time. Of more, those that have been silent longest make room.
const AT_ONCE: usize = 512;
/// Connections from one address at a time that have shown no certificate yet.
const UNKNOWN_FROM_ONE: usize = 16;
/// How long a client may take to shake hands.
const OPENED_WITHIN: Duration = Duration::from_secs(10);
/// As on the socket.
const LIMITS: Limits = Limits { keep_alive: true, end_within: Duration::from_secs(2) };

/// Why the API cannot be answered.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// Another program has the port.
    #[error(
        "cannot answer on tcp://{address}: {by} listens on that port. Stop it, or give --host another port, as tcp://{}:2377",
        address.ip()
    )]
    Taken {
        /// Where.
        address: SocketAddr,
        /// Which program.
        by: String,
    },
    /// The kernel says no.
    #[error("cannot answer on tcp://{address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// There is nothing to show.
    #[error(
        "--host tcp://… is answered by TLS alone, and this host has no certificate: set it up with `weft init` or `weft join`, \
         or give --tlscacert, --tlscert and --tlskey"
    )]
    NoCertificate,
    /// A file of it.
    #[error("cannot read {path}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others can read the key.
    #[error("everybody on this host can read the key {0}: chmod o= {0}")]
    OpenKey(PathBuf),
    /// What is in a file.
    #[error(transparent)]
    Trust(#[from] TrustError),
}

/// Sockets on which nobody is answered yet.
pub(crate) struct Remote {
    listeners: Vec<TcpListener>,
    source: Source,
    barred: Arc<Barred>,
}

/// What it takes to answer.
pub(crate) struct RemoteDeps {
    config: Arc<AgentConfig>,
    verbs: Arc<dyn RemoteVerbs>,
    metrics: Arc<Metrics>,
    underlay: watch::Receiver<Underlay>,
}

impl RemoteDeps {
    pub(crate) fn of(
        config: &Arc<AgentConfig>,
        verbs: Arc<dyn RemoteVerbs>,
        metrics: &Arc<Metrics>,
        underlay: watch::Receiver<Underlay>,
    ) -> Self {
        Self { config: Arc::clone(config), verbs, metrics: Arc::clone(metrics), underlay }
    }
}

impl Remote {
    /// Listens where `config` says, if it says so.
    ///
    /// # Errors
    /// [`RemoteError`]: there is nothing to show, or another program has a port.
    pub(crate) async fn open(
        config: &RemoteConfig,
        own: Option<&Arc<OwnCertificate>>,
    ) -> Result<Option<Self>, RemoteError> {
        if config.listen.is_empty() {
            return Ok(None);
        }
        let barred = own.map_or_else(Arc::default, |own| Arc::clone(&own.barred));
        let source = Source::of(config, own, &barred)?;
        let mut listeners = Vec::new();
        for address in &config.listen {
            listeners.push(listen(*address).await?);
        }
        Ok(Some(Self { listeners, source, barred }))
    }

    /// Answers from now on, until `stop`.
    pub(crate) fn start(self, deps: RemoteDeps, tasks: &TaskTracker, stop: &CancellationToken) {
        let router = remote_router(Arc::clone(&deps.verbs), deps.metrics);
        let shown = match self.source {
            Source::Files(config) => Arc::new(certificate::Shown::always(config)),
            Source::Cluster(of) => {
                let shown = Arc::<certificate::Shown>::default();
                let kept = certificate::Keeper {
                    of,
                    shown: Arc::clone(&shown),
                    config: deps.config,
                    verbs: deps.verbs,
                    underlay: deps.underlay,
                };
                tasks.spawn(stop.clone().run_until_cancelled_owned(kept.keep()));
                shown
            }
        };
        for listener in self.listeners {
            if let Ok(address) = listener.local_addr() {
                tracing::info!(%address, "answering other hosts");
            }
            let door = Door {
                router: router.clone(),
                shown: Arc::clone(&shown),
                barred: Arc::clone(&self.barred),
                unknown: Visitors::at_once(UNKNOWN_FROM_ONE),
                stop: stop.clone(),
            };
            tasks.spawn(Arc::new(door).serve(listener));
        }
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, RemoteError> {
    TcpListener::bind(address).await.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => {
            let by = match holder(Protocol::Tcp, address.ip(), address.port()) {
                Holder::Nobody => Holder::Unseen,
                holder => holder,
            };
            let by = by.to_string();
            RemoteError::Taken { address, by }
        }
        _ => RemoteError::Listen { address, source },
    })
}

/// One socket.
struct Door {
    router: Router,
    shown: Arc<certificate::Shown>,
    barred: Arc<Barred>,
    /// Those that have shown no certificate yet.
    unknown: Visitors,
    stop: CancellationToken,
}

impl Door {
    async fn serve(self: Arc<Self>, listener: TcpListener) {
        let converse = |stream, slot| Arc::clone(&self).converse(stream, slot);
        weft_http::each_connection(listener, AT_ONCE, LIMITS.end_within, &self.stop, converse).await;
    }

    async fn converse(self: Arc<Self>, stream: TcpStream, slot: Arc<Slot>) {
        let Ok(from) = stream.peer_addr() else { return };
        let Some(place) = self.unknown.enter(from.ip()) else {
            tracing::debug!(%from, "too many connections from there that show no certificate");
            return;
        };
        let opened = tokio::select! {
            opened = timeout(OPENED_WITHIN, self.accept(stream)) => opened,
            () = slot.wanted() => return,
        };
        drop(place);
        let stream = match opened {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return tracing::debug!(%from, %error, "a client of the API was not let in"),
            Err(_) => return tracing::debug!(%from, "a client of the API said nothing"),
        };
        let Some(caller) = Caller::of(stream.get_ref().1, from, &self.barred) else { return };
        let router =
            self.router.clone().layer(middleware::from_fn_with_state(Arc::new(caller), caller::attend));
        weft_http::converse(stream, slot, router, LIMITS, self.stop.clone()).await;
    }

    async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        weft_http::set_up(&stream)?;
        let config = self.shown.get().ok_or_else(|| io::Error::other("this host has no certificate yet"))?;
        TlsAcceptor::from(config).accept(stream).await
    }
}
