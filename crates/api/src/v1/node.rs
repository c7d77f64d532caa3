//! Nodes.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use weft_model::{NodeId, NodeName};

/// A host with an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Its name.
    pub name: NodeName,
    /// Its installation.
    pub id: NodeId,
    /// Whether its agent holds a session with the store.
    pub up: bool,
    /// Since when it is up, or down, as far as anybody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// When it is given up, if it is down and does not come back before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// The address it advertises.
    pub advertise: IpAddr,
    /// Where it receives VXLAN packets.
    pub vtep: IpAddr,
    /// The UDP port it receives them on.
    pub vxlan_port: u16,
    /// The largest packet, in bytes, that fits through the devices which lead to the other hosts, as it says itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub underlay_mtu: Option<u32>,
    /// Its agent's version.
    pub version: String,
    /// How many endpoints it has.
    pub endpoints: usize,
    /// Whether it is the node that answers.
    pub this: bool,
}
