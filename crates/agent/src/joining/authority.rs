//! The cluster's authority on this host: copied off it, brought back, or made anew.

use super::{AuthorityError, subject};
use crate::config::AgentConfig;
use jiff::Timestamp;
use weft_model::AuthorityId;
use weft_state::credentials::Credentials;
use weft_trust::Authority;

/// The authority as a file that can be kept elsewhere, encrypted with a passphrase.
///
/// # Errors
/// If this host does not have its key.
pub fn export_authority(config: &AgentConfig, passphrase: &str) -> Result<String, AuthorityError> {
    let authority = Credentials::of(&config.data_dir).authority()?;
    let authority = authority.ok_or_else(|| AuthorityError::NoAuthority(config.node_name.clone()))?;
    Ok(authority.backup(passphrase)?)
}

/// Makes this member of a cluster one that may let others in, with such a file. Returns which authority it is.
///
/// # Errors
/// If the file is not valid, or of another authority than that of this host's cluster.
pub fn import_authority(
    config: &AgentConfig,
    text: &str,
    passphrase: &str,
) -> Result<AuthorityId, AuthorityError> {
    let credentials = Credentials::of(&config.data_dir);
    let newest = credentials.newest_authority()?.ok_or(AuthorityError::NotSetUp)?;
    let authority = Authority::from_backup(text, passphrase)?;
    if authority.id() != newest {
        return Err(AuthorityError::AnotherAuthority { found: authority.id(), newest });
    }
    credentials.hold(&authority)?;
    Ok(newest)
}

/// Makes a new authority for the cluster of this host, since nobody has the key of the one before any more. Other hosts
/// believe it when they have joined again.
///
/// # Errors
/// If this host is in no cluster, or has the key, unless that is to be given up by `force`.
pub fn replace_authority(config: &AgentConfig, force: bool) -> Result<AuthorityId, AuthorityError> {
    let credentials = Credentials::of(&config.data_dir);
    if !force && credentials.authority()?.is_some() {
        return Err(AuthorityError::HasAuthority);
    }
    let member = credentials.member()?.ok_or(AuthorityError::NotSetUp)?;
    let mut believed = member.authorities().clone();
    let authority = Authority::found(Timestamp::now())?;
    believed.begin_with(&authority)?;
    credentials.keep_next_authority(&authority)?;
    credentials.believe(&believed)?;
    // As long as its certificate is good, other hosts go on believing this one.
    let (subject, now) = (subject(config)?, Timestamp::now());
    if member.check(&subject, now).is_err() {
        credentials.certify(&authority, &subject, now)?;
    }
    Ok(authority.id())
}
