//! Nodes.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use weft_model::{KeyFingerprint, NodeId, NodeName};

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
    /// The largest packet, in bytes, that gets to the other hosts, as it says itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub underlay_mtu: Option<u32>,
    /// The largest that fits through the devices which lead there, if that is more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_mtu: Option<u32>,
    /// The key by which other agents know its agent, where the store is believed who has which: SHA-256.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<KeyFingerprint>,
    /// Its agent's version.
    pub version: String,
    /// How many endpoints it has.
    pub endpoints: usize,
    /// Whether it is the node that answers.
    pub this: bool,
    /// The path to it from the node that answers, as measured; absent where none is measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<Path>,
}

/// How containers' packets get to a node and back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Path {
    /// In which directions.
    pub state: PathState,
    /// How long there and back take, in microseconds: the shortest of the last times; absent before it was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round_trip_us: Option<u64>,
    /// Of the last packets, those that were lost, of a thousand, in the direction that lost more.
    pub lost_permille: u16,
    /// The largest packet of a container that passes both ways, in bytes; absent before it was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u16>,
    /// The largest that should pass, in bytes.
    pub full_mtu: u16,
}

/// In which directions packets pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PathState {
    /// Both, up to the full size as far as is known.
    Works,
    /// Both, and large ones do not.
    Narrow,
    /// Nothing arrives from there.
    Lost,
    /// What comes from there arrives, and nothing from here arrives there.
    OneWay,
    /// Nobody knows yet; or a state that a later version has.
    #[serde(other)]
    Unknown,
}

/// What a host's agent says of itself when it is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agent {
    /// Its node.
    pub name: NodeName,
    /// The installation.
    pub id: NodeId,
    /// Its version.
    pub version: String,
    /// When it started.
    pub since: Timestamp,
}
