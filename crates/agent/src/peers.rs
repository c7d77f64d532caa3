//! Where agents speak to each other, TCP port 7946: by TLS, with the certificates of the cluster. A connection without one
//! may ask to join, and nothing else.

mod admit;
mod api_names;
mod ask;
mod certificate;
mod failures;
mod members;
mod renewal;
#[cfg(test)]
mod tests;
mod visitors;

pub use ask::AskError;
pub(crate) use ask::{ask, ask_each, connected, exchange, greet};
pub(crate) use certificate::OwnCertificate;
pub(crate) use visitors::Visitors;

use crate::{config::AgentConfig, underlay::Underlay};
use failures::Failures;
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
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use weft_http::Slot;
use weft_state::view::View;
use weft_trust::{JoinRefusal, JoinReply, MAX_REQUEST, MEMBERS, MemberReply, binding};
use weft_verbs::ReadVerbs;

/// Connections at once. Of more, those that have been silent longest make room.
const AT_ONCE: usize = 32;
/// Connections from one address at once.
const FROM_ONE: usize = 4;
/// How often to try for a port that another program has.
const RETRY: Duration = Duration::from_secs(10);
/// How long a peer may take for all of it.
const WITHIN: Duration = Duration::from_secs(10);

/// What it takes to answer peers.
pub(crate) struct Peers {
    config: Arc<AgentConfig>,
    own: Arc<OwnCertificate>,
    verbs: Arc<dyn ReadVerbs>,
    underlay: watch::Receiver<Underlay>,
    view: watch::Receiver<View>,
    failures: Failures,
    visitors: Visitors,
}

impl Peers {
    /// For a host with this certificate.
    pub(crate) fn new(
        config: &Arc<AgentConfig>,
        own: Arc<OwnCertificate>,
        verbs: Arc<dyn ReadVerbs>,
        (underlay, view): (watch::Receiver<Underlay>, watch::Receiver<View>),
    ) -> Arc<Self> {
        Arc::new(Self {
            config: Arc::clone(config),
            own,
            verbs,
            underlay,
            view,
            failures: Failures::default(),
            visitors: Visitors::at_once(FROM_ONE),
        })
    }

    /// Answers peers from now on, until `stop`, keeps the certificate renewed, and lets nobody in that is revoked.
    pub(crate) async fn start(self: Arc<Self>, tasks: &TaskTracker, stop: &CancellationToken) {
        let follow = Arc::clone(&self.own).keep_following(self.view.clone());
        tasks.spawn(stop.clone().run_until_cancelled_owned(follow));
        tasks.spawn(stop.clone().run_until_cancelled_owned(Arc::clone(&self).keep_renewed()));
        let listener = self.listen().await.inspect_err(|error| self.say_taken(error)).ok();
        tasks.spawn(self.serve_when_free(listener, stop.clone()));
    }

    /// Where the port is another program's, nobody is answered until that lets go of it.
    async fn serve_when_free(self: Arc<Self>, mut listener: Option<TcpListener>, stop: CancellationToken) {
        loop {
            if let Some(listener) = listener.take() {
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
        tracing::warn!(
            port, %error,
            "no peer is answered here, and no host can join the cluster here, as long as another program has the TCP port \
             (Swarm and Serf use 7946, too): stop it, or let peer-port in /etc/weft/weft.toml be another on all hosts"
        );
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
            ended = timeout(WITHIN, self.answer(stream, from.ip(), &slot)) => ended,
            () = slot.wanted() => return,
        };
        if let Ok(Err(error)) = ended {
            tracing::debug!(%from, %error, "a peer was not understood, or went away");
        }
    }

    fn may_try(&self, from: IpAddr) -> Result<(), JoinRefusal> {
        self.failures.may_try(from, Instant::now()).then_some(()).ok_or(JoinRefusal::TooMany)
    }

    async fn answer(&self, stream: TcpStream, from: IpAddr, slot: &Slot) -> io::Result<()> {
        let mut stream = TlsAcceptor::from(self.own.for_peers()).accept(stream).await?;
        let connection = stream.get_ref().1;
        let binding = binding(connection).map_err(io::Error::other)?;
        if connection.alpn_protocol() == Some(MEMBERS) {
            let shown = connection.peer_certificates().and_then(<[_]>::first);
            let shown = shown.ok_or_else(|| io::Error::other("it shows no certificate"))?;
            let shown = shown.clone().into_owned();
            let line = line(&mut stream).await?;
            slot.answering();
            let reply = self.decide_for_member(&shown, &line).unwrap_or_else(MemberReply::Refused);
            return say(&mut stream, &reply).await;
        }
        let line = line(&mut stream).await?;
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
