//! Another host becomes one that may let hosts in.

use crate::peers::{AskError, ask};
use std::{net::SocketAddr, path::Path};
use weft_state::{credentials::Credentials, journal::JournalError};
use weft_trust::{MemberRequest, Subject};

/// Why it did not become one.
#[derive(Debug, thiserror::Error)]
pub enum PromotionError {
    /// This host's files.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// This host cannot give what it does not have.
    #[error(
        "this host does not have the key of the cluster's authority itself: do it on one that has (where `weft init` was run)"
    )]
    NoAuthority,
    /// The other host.
    #[error(transparent)]
    Ask(#[from] AskError),
}

/// Gives the authority's key to the member `whom`, that listens on `at`, over a connection that only it can read.
///
/// # Errors
/// [`PromotionError`].
pub async fn promote(data_dir: &Path, whom: &Subject, at: SocketAddr) -> Result<(), PromotionError> {
    let credentials = Credentials::of(data_dir);
    let (Some(authority), Some(member)) = (credentials.authority()?, credentials.member()?) else {
        return Err(PromotionError::NoAuthority);
    };
    let request = MemberRequest::Promote { authority_key: authority.key_pem() };
    ask(&member, whom, at, &request).await?;
    Ok(())
}
