//! The server: what `docker version` and `docker info` show.

use super::null::or_default;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The answer to `GET /version`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Version {
    /// What this is.
    pub platform: Platform,
    /// Its parts.
    #[serde(deserialize_with = "or_default")]
    pub components: Vec<Component>,
    /// weft's version.
    pub version: String,
    /// The newest version of the API it speaks.
    pub api_version: String,
    /// The oldest.
    #[serde(rename = "MinAPIVersion")]
    pub min_api_version: String,
    /// `linux`.
    pub os: String,
    /// In Go's words: `amd64`, `arm64`.
    pub arch: String,
    /// The kernel's release.
    pub kernel_version: String,
}

/// The name of a product.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Platform {
    /// The name.
    pub name: String,
}

/// A part of a product.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Component {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Anything else.
    #[serde(deserialize_with = "or_default")]
    pub details: BTreeMap<String, String>,
}

/// The answer to `GET /info`: the fields that mean something here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Info {
    /// The node's id.
    #[serde(rename = "ID")]
    pub id: String,
    /// The node's name.
    pub name: String,
    /// weft's version.
    pub server_version: String,
    /// Processes of this node.
    pub containers: usize,
    /// Those that run.
    pub containers_running: usize,
    /// Always 0.
    pub containers_paused: usize,
    /// Those that ended.
    pub containers_stopped: usize,
    /// Always 0.
    pub images: usize,
    /// The drivers it serves.
    pub plugins: Plugins,
    /// Key-value pairs about the node: its store, its addresses.
    #[serde(deserialize_with = "or_default")]
    pub driver_status: Vec<(String, String)>,
    /// What the pairs are about.
    pub driver: String,
    /// `linux`.
    #[serde(rename = "OSType")]
    pub os_type: String,
    /// The distribution.
    pub operating_system: String,
    /// In the kernel's words: `x86_64`.
    pub architecture: String,
    /// The kernel's release.
    pub kernel_version: String,
    /// Processors.
    #[serde(rename = "NCPU")]
    pub ncpu: usize,
    /// Memory, in bytes.
    pub mem_total: u64,
    /// Where the agent's files are.
    pub docker_root_dir: String,
    /// The store, as old engines showed it.
    pub cluster_store: String,
    /// The address advertised, as old engines showed it.
    pub cluster_advertise: String,
    /// Swarm: never.
    pub swarm: Swarm,
    /// What somebody should look at.
    #[serde(deserialize_with = "or_default")]
    pub warnings: Vec<String>,
    /// Where an engine takes subnets for its bridges from, if that is configured. weft does not give it.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub default_address_pools: Vec<EngineAddressPool>,
}

/// Where an engine takes subnets for its bridges from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct EngineAddressPool {
    /// A prefix, as `172.30.0.0/16`.
    pub base: String,
    /// The bits of the prefix of each subnet.
    pub size: u8,
}

/// The drivers served, by kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Plugins {
    /// None.
    #[serde(deserialize_with = "or_default")]
    pub volume: Vec<String>,
    /// `overlay` and `weft`.
    #[serde(deserialize_with = "or_default")]
    pub network: Vec<String>,
    /// None.
    #[serde(deserialize_with = "or_default")]
    pub authorization: Vec<String>,
    /// None.
    #[serde(deserialize_with = "or_default")]
    pub log: Vec<String>,
}

/// Swarm's state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Swarm {
    /// `inactive`.
    pub local_node_state: String,
}
