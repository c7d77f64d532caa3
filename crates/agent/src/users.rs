//! Users of the remote API: their certificates are made on a host that has the authority's key, and listed there.

pub use weft_state::credentials::KnownUser;

use crate::{config::AgentConfig, joining::AuthorityError};
use jiff::{SignedDuration, Timestamp};
use std::path::Path;
use weft_model::{NodeId, UserName};
use weft_state::{credentials::Credentials, journal::JournalError};
use weft_trust::{Authority, NodeKey, User};

/// What a user needs to be answered: PEM each.
pub struct Bundle {
    /// Whose it is.
    pub user: KnownUser,
    /// The certificate of the authority, which also signed those of the hosts' APIs.
    pub authority: String,
    /// The user's certificate.
    pub certificate: String,
    /// Its key: a secret, which is nowhere else.
    pub key: String,
}

/// Makes a certificate for a user of the remote API, that is good for that long. It is listed before it is there.
///
/// # Errors
/// [`AuthorityError`].
pub fn add(config: &AgentConfig, name: UserName, life: SignedDuration) -> Result<Bundle, AuthorityError> {
    let (credentials, authority) = (Credentials::of(&config.data_dir), authority(config)?);
    let (made, id, key) = (Timestamp::now(), NodeId::random(&mut rand::rng()), NodeKey::generate()?);
    let of_name = User { name: name.clone(), id };
    let certificate = authority.issue_user(&of_name, &key.request()?, (made, life))?;
    let until = made.saturating_add(life).unwrap_or(Timestamp::MAX);
    let user = KnownUser { name, id, made, until };
    credentials.note_user(&user)?;
    Ok(Bundle {
        user,
        authority: credentials.authority_certificates()?.unwrap_or_default(),
        certificate,
        key: key.pem_for_others()?,
    })
}

/// Whether this host makes certificates for users.
///
/// # Errors
/// [`AuthorityError`], if it does not.
pub fn may_add(config: &AgentConfig) -> Result<(), AuthorityError> {
    authority(config).map(drop)
}

fn authority(config: &AgentConfig) -> Result<Authority, AuthorityError> {
    let credentials = Credentials::of(&config.data_dir);
    match credentials.authority()? {
        Some(authority) => Ok(authority),
        None if credentials.member()?.is_none() => Err(AuthorityError::NotSetUp),
        None => Err(AuthorityError::NoAuthority(config.node_name.clone())),
    }
}

/// The certificates that were made on this host, in order of the users' names.
///
/// # Errors
/// If that cannot be read.
pub fn list(data_dir: &Path) -> Result<Vec<KnownUser>, JournalError> {
    Credentials::of(data_dir).users()
}

/// Lists one no longer.
///
/// # Errors
/// If its file cannot be removed.
pub fn forget(data_dir: &Path, id: NodeId) -> Result<(), JournalError> {
    Credentials::of(data_dir).forget_user(id)
}
