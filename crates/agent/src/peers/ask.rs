//! An agent asks another.

use rustls::{ClientConfig, pki_types::ServerName};
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use weft_model::{KeyFingerprint, NodeName, chain};
use weft_trust::{
    MEMBER, Member, MemberReply, MemberRequest, Pins, SelfSigned, Subject, TrustError, Unbelieved,
    member_client, pinned_client,
};
use weft_verbs::NodeView;

/// How long a host may take to be reached, and how long to answer.
const WITHIN: Duration = Duration::from_secs(5);
/// How long to answer what takes a look at the kernel, or starts a process.
const WORK_WITHIN: Duration = Duration::from_secs(15);
/// The longest answer taken, in bytes.
const MAX_ANSWER: u64 = 1 << 20;

/// Why a member was not answered.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// This host's own certificate.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The other host.
    #[error(
        "the agent on {at} does not answer: does it run, is it of this cluster, and is TCP port {} open to this host?",
        at.port()
    )]
    Unreachable {
        /// Where.
        at: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The other host, too, which was reached.
    #[error("the agent on {at} did not answer within {} s: it is busy, or hangs", within.as_secs())]
    Slow {
        /// Where.
        at: SocketAddr,
        /// How long it was waited for.
        within: Duration,
    },
    /// Another member is there.
    #[error(
        "the agent on {at} is not {whom}, but {found}: nothing was asked of it. Did the hosts' addresses change, or does somebody \
         redirect what is sent to {whom}?"
    )]
    Another {
        /// Where.
        at: SocketAddr,
        /// Who should be there.
        whom: NodeName,
        /// Who is.
        found: String,
    },
    /// Whatever is there is not known by that node's key.
    #[error(
        "what answers on {at} does not have the key that the store says {whom} has: nothing was asked of it. Did the hosts' \
         addresses change, or does somebody redirect what is sent to {whom}?"
    )]
    OtherKey {
        /// Where.
        at: SocketAddr,
        /// Who should be there.
        whom: NodeName,
        /// What TLS says.
        source: io::Error,
    },
    /// It could be anybody.
    #[error(
        "the record of {whom} says no key by which its agent could be known (version {version}): it is older than 0.2.0, or \
         goes by signatures (trust: signed), where this host believes the store"
    )]
    NoKey {
        /// Whom.
        whom: NodeName,
        /// Its version.
        version: String,
    },
    /// It said no.
    #[error("the agent on {at} refuses: {why}")]
    Refused {
        /// Where.
        at: SocketAddr,
        /// Why.
        why: String,
    },
}

/// Asks the member `whom`, that listens on `at`: another could have its address, and is told nothing.
///
/// # Errors
/// [`AskError`].
pub(crate) async fn ask(
    member: &Member,
    whom: &Subject,
    at: SocketAddr,
    request: &MemberRequest,
) -> Result<MemberReply, AskError> {
    let unreachable = |source| AskError::Unreachable { at, source };
    let mut stream = connected(member_client(member)?, at).await.map_err(unreachable)?;
    let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
    let found = shown.map(Subject::of).transpose()?;
    if found.as_ref() != Some(whom) {
        let found = found.map_or_else(|| "nobody".to_owned(), |found| found.name.to_string());
        return Err(AskError::Another { at, whom: whom.name.clone(), found });
    }
    answered(&mut stream, at, request).await
}

/// Asks whoever listens on `at` and has this key, as `own` is known by its own.
///
/// # Errors
/// [`AskError`].
pub(super) async fn ask_pinned(
    own: &SelfSigned,
    (whom, key): (&Subject, KeyFingerprint),
    at: SocketAddr,
    request: &MemberRequest,
) -> Result<MemberReply, AskError> {
    let known = whom.clone();
    let pins = Pins::new(move |shown| (*shown == key).then(|| known.clone()));
    let connected = connected(pinned_client(own, pins)?, at).await;
    let mut stream = connected.map_err(|source| {
        let tls = source.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
        match tls.and_then(Unbelieved::of) {
            Some(Unbelieved::OtherAuthority) => AskError::OtherKey { at, whom: whom.name.clone(), source },
            _ => AskError::Unreachable { at, source },
        }
    })?;
    answered(&mut stream, at, request).await
}

async fn answered(
    stream: &mut TlsStream<TcpStream>,
    at: SocketAddr,
    request: &MemberRequest,
) -> Result<MemberReply, AskError> {
    let within = match request {
        MemberRequest::Examine(_) | MemberRequest::Check(_) => WORK_WITHIN,
        _ => WITHIN,
    };
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::TimedOut => AskError::Slow { at, within },
        _ => AskError::Unreachable { at, source },
    };
    match exchange_within(within, stream, request).await.map_err(failed)? {
        MemberReply::Refused(why) => Err(AskError::Refused { at, why }),
        reply => Ok(reply),
    }
}

/// Asks one after the other of the `nodes` that are up, on `port`, until one gives an answer that is `taken`. Who says that it
/// has the authority's key is asked first.
pub(crate) async fn ask_each<T>(
    member: &Member,
    nodes: Vec<NodeView>,
    port: u16,
    request: &MemberRequest,
    taken: impl Fn(MemberReply, &NodeName) -> Option<T>,
) -> Option<T> {
    let mut others: Vec<_> = nodes.into_iter().filter(|node| node.up && !node.this).collect();
    others.sort_by_key(|node| !node.node.authority);
    for node in others {
        let at = SocketAddr::new(node.node.advertise, port);
        let whom = Subject { name: node.name, id: node.node.id };
        match ask(member, &whom, at, request).await {
            Ok(reply) => match taken(reply, &whom.name) {
                None => {}
                taken => return taken,
            },
            Err(error) => {
                tracing::debug!(node = %whom.name, error = chain(&error), ?request, "nothing from there");
            }
        }
    }
    None
}

/// Finds out whether a member of the cluster listens on `at`.
///
/// # Errors
/// [`AskError`].
pub(crate) async fn greet(member: &Member, at: SocketAddr) -> Result<(), AskError> {
    let unreachable = |source| AskError::Unreachable { at, source };
    connected(member_client(member)?, at).await.map(drop).map_err(unreachable)
}

/// Connects, and shakes hands.
///
/// # Errors
/// The kernel's; or what TLS says, as [`io::Error::get_ref`].
pub(crate) async fn connected(config: ClientConfig, at: SocketAddr) -> io::Result<TlsStream<TcpStream>> {
    let stream = in_time(WITHIN, TcpStream::connect(at)).await?;
    let name = ServerName::try_from(MEMBER).map_err(io::Error::other)?;
    in_time(WITHIN, TlsConnector::from(Arc::new(config)).connect(name, stream)).await
}

async fn in_time<T>(within: Duration, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(within, work).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// Says a line, and reads the answer.
///
/// # Errors
/// The kernel's; or that the answer makes no sense, or does not come in time.
pub(crate) async fn exchange<A: serde::de::DeserializeOwned>(
    stream: &mut TlsStream<TcpStream>,
    request: &impl serde::Serialize,
) -> io::Result<A> {
    exchange_within(WITHIN, stream, request).await
}

async fn exchange_within<A: serde::de::DeserializeOwned>(
    within: Duration,
    stream: &mut TlsStream<TcpStream>,
    request: &impl serde::Serialize,
) -> io::Result<A> {
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    let mut reply = Vec::new();
    in_time(within, async {
        stream.write_all(&line).await?;
        stream.flush().await?;
        stream.take(MAX_ANSWER).read_to_end(&mut reply).await
    })
    .await?;
    Ok(serde_json::from_slice(&reply)?)
}
