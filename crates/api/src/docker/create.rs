//! Creating and removing networks.

use super::{ConfigReference, Ipam, null::or_default};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A network to create: the body of `POST /networks/create`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct CreateNetwork {
    /// Its name.
    #[serde(deserialize_with = "or_default")]
    pub name: String,
    /// Names are always unique; old clients ask for it.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "std::ops::Not::not")]
    pub check_duplicate: bool,
    /// The driver: `weft`, `overlay` or empty.
    #[serde(deserialize_with = "or_default")]
    pub driver: String,
    /// How far it reaches: `global`, `swarm`, `local` or empty.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub scope: String,
    /// Whether it has IPv4 addresses; absent: yes.
    #[serde(rename = "EnableIPv4", skip_serializing_if = "Option::is_none")]
    pub enable_ipv4: Option<bool>,
    /// Whether it has IPv6 addresses; absent: no.
    #[serde(rename = "EnableIPv6", skip_serializing_if = "Option::is_none")]
    pub enable_ipv6: Option<bool>,
    /// Its pools.
    #[serde(rename = "IPAM", deserialize_with = "or_default")]
    pub ipam: Ipam,
    /// Without a way out.
    #[serde(deserialize_with = "or_default")]
    pub internal: bool,
    /// Makes no difference: containers can always be put on it.
    #[serde(deserialize_with = "or_default")]
    pub attachable: bool,
    /// Swarm's routing mesh.
    #[serde(deserialize_with = "or_default")]
    pub ingress: bool,
    /// A configuration for other networks, not a network.
    #[serde(deserialize_with = "or_default")]
    pub config_only: bool,
    /// The network to take the configuration from.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub config_from: ConfigReference,
    /// Driver options.
    #[serde(deserialize_with = "or_default")]
    pub options: BTreeMap<String, String>,
    /// Labels.
    #[serde(deserialize_with = "or_default")]
    pub labels: BTreeMap<String, String>,
}

fn is_default(reference: &ConfigReference) -> bool {
    *reference == ConfigReference::default()
}

/// The answer to `POST /networks/create`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct CreatedNetwork {
    /// The new network's id.
    pub id: String,
    /// What the user should know, or nothing.
    #[serde(deserialize_with = "or_default")]
    pub warning: String,
}

/// The answer to `POST /networks/prune`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct PrunedNetworks {
    /// The names of the networks that were removed.
    #[serde(deserialize_with = "or_default")]
    pub networks_deleted: Vec<String>,
}
