//! Putting containers on networks, and taking them off.

use super::null::or_default;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The body of `POST /networks/{id}/connect`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Connect {
    /// The container's name or id.
    #[serde(deserialize_with = "or_default")]
    pub container: String,
    /// How it is to be on the network.
    #[serde(deserialize_with = "or_default")]
    pub endpoint_config: EndpointSettings,
}

/// The body of `POST /networks/{id}/disconnect`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Disconnect {
    /// The container's name or id.
    #[serde(deserialize_with = "or_default")]
    pub container: String,
    /// Also if it is not on this node.
    #[serde(deserialize_with = "or_default")]
    pub force: bool,
}

/// How a container is to be on a network. What the engine sends besides is not needed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct EndpointSettings {
    /// Certain addresses.
    #[serde(rename = "IPAMConfig", deserialize_with = "or_default")]
    pub ipam_config: EndpointIpam,
    /// More names.
    #[serde(deserialize_with = "or_default")]
    pub aliases: Vec<String>,
    /// Links of the old kind, which overlays never had.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<String>,
    /// Driver options.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub driver_opts: BTreeMap<String, String>,
    /// A certain Ethernet address.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub mac_address: String,
}

/// Addresses asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct EndpointIpam {
    /// An IPv4 address, or empty.
    #[serde(
        rename = "IPv4Address",
        deserialize_with = "or_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub ipv4_address: String,
    /// An IPv6 address, or empty.
    #[serde(
        rename = "IPv6Address",
        deserialize_with = "or_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub ipv6_address: String,
}
