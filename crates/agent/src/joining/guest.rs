//! A new host asks to be let in.

use super::installation;
use crate::peers::{connected, exchange};
use jiff::Timestamp;
use std::{io, net::SocketAddr, path::Path};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use weft_model::{ClusterId, NodeId, NodeName};
use weft_state::{
    credentials::Credentials,
    journal::{Identity, JournalError},
};
use weft_trust::{
    FREE, JoinAnswer, JoinRefusal, JoinReply, JoinRequest, JoinToken, Member, NodeKey, Side, Subject,
    TrustError, Unbelieved, binding, join_client,
};

/// A host that wants to be let in.
#[derive(Debug, Clone, Copy)]
pub struct Guest<'h> {
    /// The name that it wants.
    pub name: &'h NodeName,
    /// Where its agent will keep its files.
    pub data_dir: &'h Path,
    /// The cluster that it is in already, if it is in one.
    pub cluster: Option<ClusterId>,
}

/// Why a host did not get in.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// Its data directory.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A key or a certificate.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The other host.
    #[error(
        "the host that made the token does not answer on {at}: does its agent run, and is TCP port {} open to this host?",
        at.port()
    )]
    Unreachable {
        /// Where.
        at: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// It went away, or is no agent.
    #[error(
        "what answers on {at} does not speak as a weft agent does: is the agent there that made the token?"
    )]
    NoAgent {
        /// Where.
        at: SocketAddr,
        /// What happened.
        source: io::Error,
    },
    /// It is too late, by this host's clock.
    #[error(
        "the token was good until {until}, and by the clock of this host it is {now}: make another with `weft node token`, or set \
         the clock if that is wrong"
    )]
    Expired {
        /// Until when it was good.
        until: Timestamp,
        /// What this host's clock says.
        now: Timestamp,
    },
    /// It is a member, and does not know the token's secret.
    #[error(
        "the host on {0} is of the cluster, but not the one that made the token: does somebody redirect what is sent there? \
         Nothing was changed; make the token on another host, with `weft node token`"
    )]
    AnotherMember(SocketAddr),
    /// It is not of the cluster that the token is for.
    #[error(
        "the host on {0} is not of the cluster that the token is for: was it set up anew since, or has another host its \
         address? Make the token again, with `weft node token`"
    )]
    OtherCluster(SocketAddr),
    /// A clock is off.
    #[error(
        "by the clock of this host, where it is {now}, the certificate of the host on {at} is not valid: set the clock that is \
         off (`timedatectl set-ntp true`), and try again"
    )]
    Clock {
        /// Which host.
        at: SocketAddr,
        /// What this host's clock says.
        now: Timestamp,
    },
    /// It said no.
    #[error("the host on {at} did not let this one in: {refusal}")]
    Refused {
        /// Which host.
        at: SocketAddr,
        /// Why.
        refusal: JoinRefusal,
    },
}

/// Asks the host that made `token` for a certificate, and keeps it. Nothing of the token's secret is sent.
///
/// # Errors
/// [`JoinError`]; the host is not in the cluster then.
pub async fn join(token: &JoinToken, guest: Guest<'_>) -> Result<JoinAnswer, JoinError> {
    let (at, credentials) = (token.at, Credentials::of(guest.data_dir));
    let id = installation(guest.data_dir)?;
    let key = credentials.key()?;
    let no_agent = |source| JoinError::NoAgent { at, source };
    let (reply, binding) = ask(token, (guest, id), key.request()?, false).await?;
    let (answer, proof) = match reply {
        JoinReply::Welcome { answer, proof } => (answer, proof),
        JoinReply::Refused(refusal) => return Err(JoinError::Refused { at, refusal }),
        JoinReply::Free { .. } => return Err(no_agent(io::Error::other("it answers what was not asked"))),
    };
    if !token.secret.is_proved_by(&proof, Side::Host, &binding, answer.as_bytes()) {
        return Err(JoinError::AnotherMember(at));
    }
    let answer: JoinAnswer = serde_json::from_str(&answer).map_err(|error| no_agent(error.into()))?;
    answer.store.harmless_options()?;
    // Before it is kept: nobody would believe a certificate that is not good.
    let member = Member::new(key, &answer.certificate, &answer.authority)?;
    if member.authorities().ids().all(|believed| believed != token.authority) {
        return Err(JoinError::OtherCluster(at));
    }
    member.check(&Subject { name: guest.name.clone(), id }, Timestamp::now())?;
    // Of no importance for a while, since the store says it, too, unless somebody takes it out there.
    credentials.keep_told(&answer.told)?;
    credentials.admit(&answer.certificate, &answer.authority)?;
    Ok(answer)
}

/// Asks the host that made `token` for that, or whether it would be given.
async fn ask(
    token: &JoinToken,
    (guest, id): (Guest<'_>, NodeId),
    certificate_request: Vec<u8>,
    trial: bool,
) -> Result<(JoinReply, [u8; 32]), JoinError> {
    let no_agent = |source| JoinError::NoAgent { at: token.at, source };
    let mut stream = connect(token).await?;
    let binding = binding(stream.get_ref().1).map_err(|error| no_agent(io::Error::other(error)))?;
    let request = JoinRequest {
        token: token.secret.id(),
        proof: token.secret.proof(Side::Guest, &binding, &certificate_request),
        certificate_request,
        name: guest.name.clone(),
        id,
        cluster: guest.cluster,
        trial,
    };
    Ok((exchange(&mut stream, &request).await.map_err(no_agent)?, binding))
}

/// Whether the host that made `token` would let this one in, which has changed nothing yet. The token stays good, and
/// nothing of its secret is sent.
///
/// # Errors
/// [`JoinError`], if a host that asked would not get in.
pub async fn try_token(token: &JoinToken, guest: Guest<'_>) -> Result<(), JoinError> {
    let (now, at) = (Timestamp::now(), token.at);
    if token.expires < now {
        return Err(JoinError::Expired { until: token.expires, now });
    }
    // It need not be the installation that joins then: one that gives up its cluster is another afterwards.
    let id = match Identity::saved_in(guest.data_dir)? {
        Some(id) if guest.cluster.is_some() => id,
        _ => NodeId::random(&mut rand::rng()),
    };
    let key = match guest.cluster {
        Some(_) => Credentials::of(guest.data_dir).key()?,
        None => NodeKey::generate()?,
    };
    match ask(token, (guest, id), key.request()?, true).await? {
        (JoinReply::Free { proof }, binding) => {
            let is_proved = token.secret.is_proved_by(&proof, Side::Host, &binding, FREE);
            is_proved.then_some(()).ok_or(JoinError::AnotherMember(at))
        }
        (JoinReply::Refused(refusal), _) => Err(JoinError::Refused { at, refusal }),
        (JoinReply::Welcome { .. }, _) => {
            Err(JoinError::NoAgent { at, source: io::Error::other("it answers what was not asked") })
        }
    }
}

async fn connect(token: &JoinToken) -> Result<TlsStream<TcpStream>, JoinError> {
    let at = token.at;
    connected(join_client(token.authority)?, at).await.map_err(|source| {
        let tls = source.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
        match (tls.map(Unbelieved::of), tls) {
            (Some(Some(Unbelieved::OtherAuthority)), _) => JoinError::OtherCluster(at),
            (Some(Some(Unbelieved::Time)), _) => JoinError::Clock { at, now: Timestamp::now() },
            (_, Some(_)) => JoinError::NoAgent { at, source },
            (_, None) => JoinError::Unreachable { at, source },
        }
    })
}
