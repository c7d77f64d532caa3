//! What a host that joins and the host that made its token say to each other: one JSON document each way.

use crate::{TokenId, Told, TrustError};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use weft_model::{ClusterId, NodeId, NodeName, Trust};

/// The longest request taken, in bytes.
pub const MAX_REQUEST: usize = 4096;

/// A host asks to become a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinRequest {
    /// Which token it has.
    pub token: TokenId,
    /// That it has its secret ([`TokenSecret::proof`](crate::TokenSecret::proof) of `certificate_request`).
    #[serde(with = "bytes")]
    pub proof: Vec<u8>,
    /// [`NodeKey::request`](crate::NodeKey::request).
    #[serde(with = "bytes")]
    pub certificate_request: Vec<u8>,
    /// The name it wants.
    pub name: NodeName,
    /// Its installation.
    pub id: NodeId,
    /// The cluster that it is in already, if it is: it joins that again, or none.
    #[serde(default)]
    pub cluster: Option<ClusterId>,
    /// It only asks whether it would be let in, before it gives up what it has: the token stays good.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub trial: bool,
}

/// What [`JoinReply::Free`] proves.
pub const FREE: &[u8] = b"free";

/// What it is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JoinReply {
    /// It is a member now.
    Welcome {
        /// A [`JoinAnswer`], as JSON.
        answer: String,
        /// That the host that made the token says so ([`TokenSecret::proof`](crate::TokenSecret::proof) of `answer`): any
        /// member can be on the other end of the connection.
        #[serde(with = "bytes")]
        proof: Vec<u8>,
    },
    /// It would be let in: what it asked is no more than that.
    Free {
        /// That the host that made the token says so, of [`FREE`].
        #[serde(with = "bytes")]
        proof: Vec<u8>,
    },
    /// It is not.
    Refused(JoinRefusal),
}

/// Why a host is not let in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum JoinRefusal {
    /// There is no such token, or no proof of its secret.
    #[error(
        "it does not know the token: it made no such token, or was set up anew since; make one with `weft node token` there"
    )]
    Unknown,
    /// It let a host in already.
    #[error("the token was used already, and lets one host in, once: make another with `weft node token`")]
    Used,
    /// It is too late.
    #[error("the token is no longer valid: make another with `weft node token`")]
    Expired,
    /// Another host has its name.
    #[error(
        "a host named {0} is in the cluster already: give this one another name with --node-name; or, if that host is gone for \
         good, run `weft node rm {0}` there first"
    )]
    NameTaken(NodeName),
    /// Another host is this installation.
    #[error(
        "the data directory of this host is that of {0}, which is in the cluster already: if it was copied from there, \
         `weft leave --forget` makes this host one of its own"
    )]
    IdTaken(NodeName),
    /// It is in another cluster.
    #[error("this host is in another cluster already: take it out of that with `weft leave` first")]
    InAnother,
    /// It tried too often.
    #[error("too many attempts from this host failed: try again in a minute")]
    TooMany,
    /// It may not sign.
    #[error("it cannot let hosts in: {0}")]
    Cannot(String),
    /// A request that was not understood.
    #[error("it did not understand the request: {0}")]
    Misunderstood(String),
}

impl JoinRefusal {
    /// Whether it may have been an attempt to get in without a token.
    pub fn is_a_guess(&self) -> bool {
        !matches!(
            self,
            Self::NameTaken(_) | Self::IdTaken(_) | Self::InAnother | Self::Cannot(_) | Self::TooMany
        )
    }
}

/// What a new node needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinAnswer {
    /// Its certificate: PEM.
    pub certificate: String,
    /// Those of the authorities that the cluster believes, the one that signed first: PEM.
    pub authority: String,
    /// How to reach the store.
    pub store: StoreAccess,
    /// The UDP port for VXLAN.
    pub vxlan_port: u16,
    /// Whom the hosts of the cluster believe where the others are.
    #[serde(default)]
    pub trust: Trust,
    /// What networks have that say nothing else, as `--default-network-opt` has it.
    #[serde(default)]
    pub network_options: Vec<String>,
    /// Where networks without a subnet take theirs from, as `--default-address-pool` has it; nothing: as usual.
    #[serde(default)]
    pub address_pools: Vec<String>,
    /// Whether what the store loses is gone, as `--store-rebuild=off` has it.
    #[serde(default)]
    pub store_says_all: bool,
    /// What the host that made the token remembers of the nodes.
    #[serde(default)]
    pub told: Told,
}

/// How a node reaches the store.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreAccess {
    /// As `--cluster-store` has it.
    pub url: String,
    /// What is said with `--cluster-store-opt` and names no file.
    #[serde(default)]
    pub options: Vec<String>,
    /// The token that the store wants: a secret.
    #[serde(default)]
    pub token: Option<String>,
    /// The options with files that have to be brought to the new host by other means.
    #[serde(default)]
    pub files: Vec<String>,
}

/// Nothing of the secret.
impl std::fmt::Debug for StoreAccess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StoreAccess({})", self.url)
    }
}

impl StoreAccess {
    /// The options that it may set on the new host: none that names a file there.
    ///
    /// # Errors
    /// The first that it may not.
    pub fn harmless_options(&self) -> Result<&[String], TrustError> {
        let harmless = |option: &&String| {
            ["kv.path=", "discovery.ttl=", "user="].iter().any(|start| option.starts_with(start))
        };
        match self.options.iter().find(|option| !harmless(option)) {
            Some(option) => {
                let why = format!("it has the option {:?}", option.chars().take(40).collect::<String>());
                Err(TrustError::Invalid { what: "what the other host says of the store", why })
            }
            None => Ok(&self.options),
        }
    }
}

impl JoinRequest {
    /// Reads one that came from anybody.
    ///
    /// # Errors
    /// If it is none.
    pub fn parse(bytes: &[u8]) -> Result<Self, TrustError> {
        let invalid = |why: String| TrustError::Invalid { what: "the request to join", why };
        if bytes.len() > MAX_REQUEST {
            return Err(invalid(format!("it has more than {MAX_REQUEST} bytes")));
        }
        serde_json::from_slice(bytes).map_err(|error| invalid(error.to_string()))
    }
}

/// Bytes as base64.
pub(crate) mod bytes {
    use super::{BASE64_STANDARD, Deserialize, Deserializer, Engine, Error, Serializer};

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64_STANDARD.encode(bytes))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        BASE64_STANDARD.decode(String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_file_of_the_new_host_is_named_by_the_other() {
        let with = |option: &str| StoreAccess {
            url: "weft://192.0.2.1:8500".to_owned(),
            options: vec!["kv.path=x".to_owned(), option.to_owned()],
            token: None,
            files: Vec::new(),
        };
        for good in ["discovery.ttl=30", "user=root"] {
            assert!(with(good).harmless_options().is_ok(), "{good}");
        }
        for bad in ["token-file=/etc/machine-id", "password-file=/etc/shadow", "kv.keyfile=/x", "x"] {
            assert!(with(bad).harmless_options().is_err(), "{bad}");
        }
    }
}
