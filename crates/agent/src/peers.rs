//! Where agents speak to each other, TCP port 7946: by TLS, with the certificates of the cluster; or, where the store is
//! believed, with their keys. A connection with neither may ask to join, and nothing else.

mod admit;
mod api_names;
mod ask;
mod certificate;
mod failures;
mod members;
mod pinned;
mod renewal;
#[cfg(test)]
mod tests;
mod visitors;

pub use ask::AskError;
pub(crate) use ask::{ask, ask_each, connected, exchange, greet};
pub(crate) use certificate::OwnCertificate;
pub(crate) use pinned::{Pinned, ask_node};
pub(crate) use visitors::Visitors;

use crate::{config::AgentConfig, troubles::Troubles, underlay::Underlay};
use failures::Failures;
use jiff::Timestamp;
use rustls::{ServerConfig, server::Acceptor};
use serde::Serialize;
use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::watch,
    time::{Instant, sleep, timeout},
};
use tokio_rustls::{LazyConfigAcceptor, server::TlsStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use weft_http::Slot;
use weft_state::{
    credentials::{Credentials, OwnKey},
    journal::Identity,
    view::View,
};
use weft_trust::{JoinRefusal, JoinReply, MAX_REQUEST, MEMBERS, MemberReply, PINNED, binding};
use weft_verbs::PeerVerbs;

/// Connections at once. Of more, those that have been silent longest make room.
const AT_ONCE: usize = 32;
/// Connections from one address at once.
const FROM_ONE: usize = 4;
/// How often to try for a port that another program has.
const RETRY: Duration = Duration::from_secs(10);
/// Under which name this says what keeps it from its work.
const TASK: &str = "peers";
/// How long a peer may take to say what it wants.
const WITHIN: Duration = Duration::from_secs(10);
/// How long all of it may take, with what is done for it.
const WHOLE: Duration = Duration::from_secs(30);

/// What it takes to answer peers.
pub(crate) struct Peers {
    config: Arc<AgentConfig>,
    credentials: Credentials,
    /// The certificate by the cluster's authority, if there is one.
    own: Option<Arc<OwnCertificate>>,
    /// How those are known that have none.
    pinned: Option<Pinned>,
    identity: Arc<Identity>,
    started: Timestamp,
    verbs: Arc<dyn PeerVerbs>,
    underlay: watch::Receiver<Underlay>,
    view: watch::Receiver<View>,
    failures: Failures,
    visitors: Visitors,
    troubles: Arc<Troubles>,
}

impl Peers {
    /// For a host with this certificate, or this key, or both.
    pub(crate) fn new(
        config: &Arc<AgentConfig>,
        (own, key): (Option<Arc<OwnCertificate>>, Option<Arc<OwnKey>>),
        identity: &Arc<Identity>,
        verbs: Arc<dyn PeerVerbs>,
        (underlay, view): (watch::Receiver<Underlay>, watch::Receiver<View>),
        troubles: Arc<Troubles>,
    ) -> Arc<Self> {
        let pinned = key.map(|key| Pinned::new(key, Arc::clone(identity), view.clone()));
        Arc::new(Self {
            config: Arc::clone(config),
            credentials: Credentials::of(&config.data_dir),
            own,
            pinned,
            identity: Arc::clone(identity),
            started: Timestamp::now(),
            verbs,
            underlay,
            view,
            failures: Failures::default(),
            visitors: Visitors::at_once(FROM_ONE),
            troubles,
        })
    }

    /// Answers peers from now on, until `stop`, keeps the certificate renewed, and lets nobody in that is revoked.
    pub(crate) async fn start(self: Arc<Self>, tasks: &TaskTracker, stop: &CancellationToken) {
        if self.own.is_none() && self.pinned.is_none() {
            // There is a certificate, and it cannot be used, which was said.
            return;
        }
        if let Some(own) = self.own.clone() {
            let follow = own.keep_following(self.view.clone());
            tasks.spawn(stop.clone().run_until_cancelled_owned(follow));
            tasks.spawn(stop.clone().run_until_cancelled_owned(Arc::clone(&self).keep_renewed()));
        }
        let listener = self.listen().await.inspect_err(|error| self.say_taken(error)).ok();
        tasks.spawn(self.serve_when_free(listener, stop.clone()));
    }

    /// Where the port is another program's, nobody is answered until that lets go of it.
    async fn serve_when_free(self: Arc<Self>, mut listener: Option<TcpListener>, stop: CancellationToken) {
        loop {
            if let Some(listener) = listener.take() {
                self.troubles.set(TASK, None);
                return self.serve(listener, stop).await;
            }
            if stop.run_until_cancelled(sleep(RETRY)).await.is_none() {
                return;
            }
            listener = self.listen().await.ok();
        }
    }

    fn say_taken(&self, error: &io::Error) {
        let port = self.config.peer_port;
        let why = format!(
            "no peer is answered here, and no host can join the cluster here, as long as another program has TCP port {port} \
             (Swarm and Serf use 7946, too): what runs goes on. Stop it, or let peer-port in /etc/weft/weft.toml be another on \
             all hosts"
        );
        tracing::warn!(%error, "{why}");
        // In a cluster that was set up by hand, where Swarm may have the port for good, nobody joins or renews a certificate.
        if self.own.is_some() {
            self.troubles.set(TASK, Some(format!("{why} ({error})")));
        }
    }

    async fn listen(&self) -> io::Result<TcpListener> {
        let any: IpAddr = match self.underlay.borrow().address {
            IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        TcpListener::bind(SocketAddr::new(any, self.config.peer_port)).await
    }

    /// Answers peers until `stop`.
    async fn serve(self: Arc<Self>, listener: TcpListener, stop: CancellationToken) {
        let converse = |stream, slot| Arc::clone(&self).converse(stream, slot);
        weft_http::each_connection(listener, AT_ONCE, WITHIN, &stop, converse).await;
    }

    async fn converse(self: Arc<Self>, stream: TcpStream, slot: Arc<Slot>) {
        let Ok(from) = stream.peer_addr() else { return };
        let Some(_place) = self.visitors.enter(from.ip()) else {
            tracing::debug!(%from, "too many connections from there at once");
            return;
        };
        let ended = tokio::select! {
            ended = timeout(WHOLE, self.answer(stream, from.ip(), &slot)) => ended,
            () = slot.wanted() => return,
        };
        if let Ok(Err(error)) = ended {
            tracing::debug!(%from, %error, "a peer was not understood, or went away");
        }
    }

    fn may_try(&self, from: IpAddr) -> Result<(), JoinRefusal> {
        self.failures.may_try(from, Instant::now()).then_some(()).ok_or(JoinRefusal::TooMany)
    }

    /// How to speak with a peer that wants to be known by its key, or does not. Where that is not how peers are known here, TLS
    /// says so.
    fn config_for(&self, is_pinned: bool) -> io::Result<Arc<ServerConfig>> {
        let by_certificate = || self.own.as_ref().map(|own| own.for_peers());
        let by_key = || Some(self.pinned.as_ref()?.server()?.map(Arc::new).map_err(io::Error::other));
        let found = match is_pinned {
            true => by_key().or_else(|| by_certificate().map(Ok)),
            false => by_certificate().map(Ok).or_else(by_key),
        };
        found.unwrap_or_else(|| Err(io::Error::other("this host has neither a certificate nor a key")))
    }

    async fn answer(&self, stream: TcpStream, from: IpAddr, slot: &Slot) -> io::Result<()> {
        let late = |_| io::Error::from(io::ErrorKind::TimedOut);
        let greeted = async {
            let hello = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
            let is_pinned =
                hello.client_hello().alpn().into_iter().flatten().any(|offered| offered == PINNED);
            let mut stream = hello.into_stream(self.config_for(is_pinned)?).await?;
            let line = line(&mut stream).await?;
            io::Result::Ok((stream, line))
        };
        let (mut stream, line) = timeout(WITHIN, greeted).await.map_err(late)??;
        let connection = stream.get_ref().1;
        let binding = binding(connection).map_err(io::Error::other)?;
        let protocol = connection.alpn_protocol().map(<[u8]>::to_vec);
        if let Some(protocol @ (MEMBERS | PINNED)) = protocol.as_deref() {
            let shown = connection.peer_certificates().and_then(<[_]>::first);
            let shown = shown.ok_or_else(|| io::Error::other("it shows no certificate"))?;
            let shown = shown.clone().into_owned();
            slot.answering();
            let decided = match protocol {
                PINNED => self.decide_for_pinned(&shown, &line).await,
                _ => self.decide_for_member(&shown, &line).await,
            };
            return say(&mut stream, &decided.unwrap_or_else(MemberReply::Refused)).await;
        }
        slot.answering();
        let reply = match self.may_try(from).and_then(|()| self.admit(&line, &binding)) {
            Ok(welcome) => welcome,
            Err(refusal) => {
                tracing::warn!(%from, why = %refusal, "a host asked to join the cluster, and was refused");
                if refusal.is_a_guess() {
                    self.failures.note(from, Instant::now());
                }
                JoinReply::Refused(refusal)
            }
        };
        say(&mut stream, &reply).await
    }
}

/// A line, without more than what may be said.
async fn line(stream: &mut TlsStream<TcpStream>) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    let most = u64::try_from(MAX_REQUEST + 1).unwrap_or(u64::MAX);
    BufReader::new(stream.take(most)).read_until(b'\n', &mut line).await?;
    Ok(line)
}

async fn say(stream: &mut TlsStream<TcpStream>, reply: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(reply)?;
    line.push(b'\n');
    stream.write_all(&line).await?;
    stream.shutdown().await
}
