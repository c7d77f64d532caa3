//! What members ask each other: one JSON document each way. Whoever asks has shown a certificate.

use crate::joining::bytes;
use serde::{Deserialize, Serialize};

/// All that a member may ask.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MemberRequest {
    /// A new certificate for its own key and name.
    Renew {
        /// [`NodeKey::request`](crate::NodeKey::request).
        #[serde(with = "bytes")]
        certificate_request: Vec<u8>,
    },
    /// A certificate to answer the remote API with, for its own name and address.
    Serve {
        /// [`NodeKey::request`](crate::NodeKey::request) of another key than its own.
        #[serde(with = "bytes")]
        certificate_request: Vec<u8>,
    },
    /// To become one that may let others in, too.
    Promote {
        /// The key of the authority that both believe: PEM, a secret.
        authority_key: String,
    },
}

/// What it is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MemberReply {
    /// The new certificate: PEM.
    Renewed(String),
    /// The certificate for the remote API: PEM.
    Serves(String),
    /// It may let others in now.
    Promoted,
    /// No, and why.
    Refused(String),
}

/// Nothing of the secret.
impl std::fmt::Debug for MemberRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Renew { .. } => "Renew",
            Self::Serve { .. } => "Serve",
            Self::Promote { .. } => "Promote",
        })
    }
}
