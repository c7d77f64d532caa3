//! How a host gets into a cluster with a token: what the host does that made it, and what the new one does.

mod authority;
mod guest;
mod promotion;
pub(crate) mod store_access;

pub use crate::peers::AskError;
pub use authority::{export_authority, import_authority, replace_authority};
pub use guest::{Guest, JoinError, join, try_token};
pub use promotion::{PromotionError, promote};

use crate::{
    RunError,
    config::{AgentConfig, NoAddress},
};
use jiff::{SignedDuration, Timestamp};
use std::{net::SocketAddr, path::Path, time::Duration};
use weft_model::{AuthorityId, ClusterId, Keyspace, NodeId, NodeName};
use weft_state::{
    admission::{Home, StoreLocation},
    credentials::Credentials,
    data_dir,
    env::Env,
    fingerprint::Fingerprint,
    journal::{Identity, JournalError, file::read_json},
};
use weft_store::{MemberFiles, StoreUrl};
use weft_trust::{Authority, JoinToken, Subject, TokenSecret, TrustError};

/// The port on which agents speak to each other, if nothing else is said: that of Serf and of Swarm, which do not run
/// beside weft on one host.
pub const PEER_PORT: u16 = 7946;

/// Why this host cannot let others in.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// Its data directory.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A key or a certificate.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// Where other hosts reach it.
    #[error(transparent)]
    NoAddress(#[from] NoAddress),
    /// Nothing was set up.
    #[error(
        "this host is not set up for that: run `weft init` here first, or do it on the host where it was run"
    )]
    NotSetUp,
    /// It does not have the authority's key.
    #[error(
        "this host does not have the key of the cluster's authority: do it on a host that has (`weft ca show` lists them), or run \
         `weft node promote {0}` there, which gives it to this host. If none has: `weft ca import`, or `weft ca new`"
    )]
    NoAuthority(NodeName),
    /// It has no need of a new one.
    #[error(
        "this host has the key of the cluster's authority: `weft ca rotate` replaces it, and no host has to join again. If somebody \
         else uses that key, `weft ca new --force`"
    )]
    HasAuthority,
    /// A backup of something else.
    #[error(
        "the backup is of the authority {}, and that of this host's cluster is {}: was it replaced since?", found.short(), newest.short()
    )]
    AnotherAuthority {
        /// What is in it.
        found: AuthorityId,
        /// What the host believes.
        newest: AuthorityId,
    },
    /// It belongs to a cluster that it was let into.
    #[error(
        "this host joined a cluster with a token: `weft node promote {0}`, on the host that let it in, lets this host make \
         tokens, too. For a cluster of its own, take it out with `weft leave` first"
    )]
    Joined(NodeName),
    /// It is in another cluster than the one that it is to be set up for.
    #[error(
        "this host is in a cluster already, whose store is {0}, and it would be set up for another: give --cluster-store (or \
         cluster-store in the configuration file) as its agent has it now, or take the host out with `weft leave` first"
    )]
    Elsewhere(String),
    /// New hosts could not find out where the store is.
    #[error("{0}")]
    Store(String),
    /// Nobody would answer the new host.
    #[error(
        "the new host would ask this host's agent, which does not answer: start it, or restart it if it ran before `weft init`"
    )]
    NoAgent(#[from] AskError),
}

/// Makes this host one that may let others in: with an authority, if there is none here yet, and a certificate by it.
///
/// # Errors
/// If it is a member by another host's authority, is in another cluster, or its files cannot be read or written.
pub fn become_authority(config: &AgentConfig) -> Result<(), AuthorityError> {
    let credentials = Credentials::of(&config.data_dir);
    let authority = match credentials.authority()? {
        Some(authority) => authority,
        None => {
            refuse_joined(config)?;
            let authority = Authority::found(Timestamp::now())?;
            credentials.hold(&authority)?;
            authority
        }
    };
    Ok(credentials.certify(&authority, &subject(config)?, Timestamp::now())?)
}

/// Who this host is, or will be.
fn subject(config: &AgentConfig) -> Result<Subject, JournalError> {
    Ok(Subject { name: config.node_name.clone(), id: installation(&config.data_dir)? })
}

/// Refuses to set up anew a host that another let into its cluster.
///
/// # Errors
/// [`AuthorityError::Joined`]; or if its files cannot be read.
pub fn refuse_joined(config: &AgentConfig) -> Result<(), AuthorityError> {
    let credentials = Credentials::of(&config.data_dir);
    if credentials.member()?.is_some() && credentials.authority()?.is_none() {
        return Err(AuthorityError::Joined(config.node_name.clone()));
    }
    Ok(())
}

/// A token that lets one host into the cluster, once, until `lifetime` has passed; and what has to be brought to that host by
/// other means.
///
/// # Errors
/// [`AuthorityError`], if a host that had it would not get in.
pub async fn make_token(
    config: &AgentConfig,
    lifetime: Duration,
) -> Result<(JoinToken, Vec<String>), AuthorityError> {
    let credentials = Credentials::of(&config.data_dir);
    let member = credentials.member()?.ok_or(AuthorityError::NotSetUp)?;
    if credentials.authority()?.is_none() {
        return Err(AuthorityError::NoAuthority(config.node_name.clone()));
    }
    // That of the certificate which it shows, which may not be the newest.
    let authority = member.issuer().ok_or(AuthorityError::NotSetUp)?;
    let address = config.advertise.resolve(None)?;
    let at = SocketAddr::new(config.reached_at(address), config.peer_port);
    let files = store_access::of(config, address).map_err(AuthorityError::Store)?.files;
    // Not every NAT leads back to a host what it sends to its own outside address.
    crate::peers::greet(&member, SocketAddr::new(address, config.peer_port)).await?;
    let now = Timestamp::now();
    let expires = now.saturating_add(SignedDuration::try_from(lifetime).unwrap_or(SignedDuration::MAX));
    let (secret, expires) = (TokenSecret::random(&mut rand::rng()), expires.unwrap_or(Timestamp::MAX));
    credentials.remember(secret, expires, now)?;
    Ok((JoinToken { at, authority, secret, expires }, files))
}

/// The installation in `data_dir`, which is made one if it is none.
fn installation(data_dir: &Path) -> Result<NodeId, JournalError> {
    match Identity::saved_in(data_dir)? {
        Some(id) => Ok(id),
        None => Ok(Identity::open(data_dir, &Env::system(), Fingerprint::of_this_machine)?.id()),
    }
}

/// The files that a member of a cluster has in `data_dir`, wherever that is.
pub fn member_files(data_dir: &Path) -> MemberFiles {
    let [authorities, certificate, key, told] = Credentials::of(data_dir).files();
    MemberFiles { authorities, certificate, key, told }
}

/// Where a host belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Belonging {
    /// Nowhere yet.
    None,
    /// To a cluster of its own, whose store no other host reaches.
    ToItself,
    /// To a cluster with this store.
    To(String, Option<ClusterId>),
}

/// Where a host belongs whose agent is configured like that.
///
/// # Errors
/// If that cannot be read.
pub fn belonging(config: &AgentConfig) -> Result<Belonging, JournalError> {
    Ok(match home(config)? {
        None => Belonging::None,
        Some(home) if home.store.is_here() && config.serves_at().is_none() => Belonging::ToItself,
        Some(home) => Belonging::To(home.store.to_string(), home.cluster),
    })
}

/// Refuses to set this host up for another cluster than its own.
///
/// # Errors
/// [`AuthorityError::Elsewhere`]; or if that cannot be read.
pub fn refuse_another_cluster(config: &AgentConfig) -> Result<(), AuthorityError> {
    let Some(home) = home(config)? else { return Ok(()) };
    let there = match &config.store {
        StoreUrl::Embedded(_) if home.store.is_here() => return Ok(()),
        StoreUrl::Embedded(_) => "embedded".to_owned(),
        StoreUrl::Consul(remote) | StoreUrl::Weft(remote) => format!("consul://{}", remote.servers.join(",")),
        StoreUrl::Etcd(remote) => format!("etcd://{}", remote.servers.join(",")),
    };
    let prefix = match &config.store {
        StoreUrl::Consul(remote) | StoreUrl::Weft(remote) | StoreUrl::Etcd(remote) => remote.prefix.as_ref(),
        StoreUrl::Embedded(_) => None,
    };
    let prefix = prefix.or(config.store_options.prefix.as_ref());
    let keyspace = Keyspace::new(prefix.map(String::as_str).unwrap_or_default());
    if StoreLocation::new(&there, keyspace.root()).is_same(&home.store) {
        return Ok(());
    }
    Err(AuthorityError::Elsewhere(home.store.to_string()))
}

fn home(config: &AgentConfig) -> Result<Option<Home>, JournalError> {
    let path = config.data_dir.join(data_dir::HOME);
    read_json(&path).map_err(JournalError::new("cannot read", &path))
}

/// Waits until no agent runs on this host: one that left its cluster ends.
///
/// # Errors
/// If one goes on.
pub async fn until_no_agent_runs(config: &AgentConfig) -> Result<(), RunError> {
    crate::leave::alone(&config.data_dir, true).await?.leave();
    Ok(())
}
