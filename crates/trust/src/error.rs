//! What is wrong with a key or a certificate.

/// What is wrong with a key or a certificate.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// A file of it, or what a peer sent.
    #[error("{what} is not valid: {why}")]
    Invalid {
        /// Which.
        what: &'static str,
        /// Why.
        why: String,
    },
    /// A key of another authority.
    #[error(
        "the authority's key is not valid: it does not belong to the certificate of the cluster's authority"
    )]
    OtherKey,
    /// A wrong passphrase.
    #[error("the passphrase is wrong, or the backup is damaged")]
    Passphrase,
    /// The library refuses.
    #[error("cannot make {what}: {why}")]
    Make {
        /// What.
        what: &'static str,
        /// Why.
        why: String,
    },
}

impl TrustError {
    pub(crate) fn invalid(what: &'static str) -> impl Fn(rcgen::Error) -> Self {
        move |error| Self::Invalid { what, why: error.to_string() }
    }

    pub(crate) fn make(what: &'static str) -> impl Fn(rcgen::Error) -> Self {
        move |error| Self::Make { what, why: error.to_string() }
    }
}
