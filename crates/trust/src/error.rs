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
