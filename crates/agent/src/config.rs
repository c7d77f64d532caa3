//! What an agent is told at its start. Everything has been parsed and checked by then.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};
use weft_ipam::AddressPool;
use weft_model::NodeName;

/// An agent's configuration.
#[derive(Debug, Clone)]
pub struct AgentConfig {
    /// The node's name, unique in the cluster.
    pub node_name: NodeName,
    /// Where the truth of the cluster is.
    pub store: String,
    /// How to reach the store: token, certificates.
    pub store_options: BTreeMap<String, String>,
    /// Where to serve the embedded store to other nodes.
    pub store_serve: Option<SocketAddr>,
    /// The address of this host that other nodes reach it by; VXLAN packets come from it, too.
    pub advertise: IpAddr,
    /// The UDP port for VXLAN, the same on all nodes.
    pub vxlan_port: u16,
    /// Where default subnets come from, in the order to try them.
    pub default_address_pools: Vec<AddressPool>,
    /// Where the agent keeps its files.
    pub data_dir: PathBuf,
    /// The socket it answers on.
    pub socket: PathBuf,
    /// How long its session lasts without being renewed.
    pub session_ttl: Duration,
    /// How long after a node went down its endpoints are given up.
    pub node_expiry: Duration,
    /// The program that processes are started with: `weft` itself.
    pub weft_binary: PathBuf,
}
