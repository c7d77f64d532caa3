//! What agents ask each other: one JSON document each way. Whoever asks has shown a certificate.

use crate::joining::bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use weft_model::{CheckOrder, Checked, Examination, Finding, NodeId, NodeName};

/// All that an agent may ask another.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MemberRequest {
    /// Who it is.
    About,
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
    /// To look at its part of the way between two endpoints.
    Examine(Examination),
    /// To have something on a network that answers, for a while.
    Check(CheckOrder),
}

/// What it is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MemberReply {
    /// Who it is.
    About(About),
    /// The new certificate: PEM.
    Renewed(String),
    /// The certificate for the remote API: PEM.
    Serves(String),
    /// It may let others in now.
    Promoted,
    /// What it found.
    Examined(Vec<Finding>),
    /// What is there to be checked.
    Checking(Checked),
    /// Nothing of it is left.
    Cleared,
    /// No, and why.
    Refused(String),
}

/// What an agent says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// Its node.
    pub name: NodeName,
    /// The installation.
    pub id: NodeId,
    /// Its version.
    pub version: String,
    /// When it started.
    pub since: Timestamp,
}

/// Nothing of the secret.
impl std::fmt::Debug for MemberRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::About => f.write_str("About"),
            Self::Renew { .. } => f.write_str("Renew"),
            Self::Serve { .. } => f.write_str("Serve"),
            Self::Promote { .. } => f.write_str("Promote"),
            Self::Examine(asked) => {
                write!(f, "Examine({:?}, {} to {})", asked.part, asked.own.short(), asked.other.short())
            }
            Self::Check(CheckOrder::Begin { network, name }) => {
                write!(f, "Check(begin, {name} on {})", network.short())
            }
            Self::Check(CheckOrder::End { name }) => write!(f, "Check(end, {name})"),
        }
    }
}
