//! Nodes: the hosts with an agent.

use crate::{
    EndpointId, Extra, InUse, Incarnation, KeyFingerprint, NodeId, Record, SignedStatement, TunnelEnd,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// A host with an agent: the value of a [`Key::Node`](crate::Key::Node). It outlives the agent, since the
/// entries that lead to its containers do too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// The installation that holds the name.
    pub id: NodeId,
    /// The address given with `--cluster-advertise`.
    pub advertise: IpAddr,
    /// Where it receives VXLAN packets.
    pub vtep: IpAddr,
    /// The UDP port it receives them on.
    pub vxlan_port: u16,
    /// The agent's version.
    pub version: String,
    /// What the host uses of the address space. Empty where its version does not say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uses: Vec<InUse>,
    /// The largest packet, in bytes, that gets to the other hosts: it fits through the devices which lead there and, as far as
    /// that is measured, through what is between. Absent where its version does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub underlay_mtu: Option<u32>,
    /// The largest that fits through the devices, if that is more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_mtu: Option<u32>,
    /// Where it takes encrypted packets, as the version that is named there said: see [`encrypts`](Self::encrypts).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tunnel: Option<TunnelEnd>,
    /// What of this the node itself signed. Absent where it has no certificate of the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed: Option<SignedStatement>,
    /// The key by which other agents know its agent, where they take the store's word for that. Absent where it signs all that
    /// it says, and of versions that had none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<KeyFingerprint>,
    /// Whether it has the key of the cluster's authority, and may let hosts in.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub authority: bool,
    /// When another node first noticed that its session was gone; absent while it is up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub down_since: Option<Timestamp>,
    /// Endpoints that somebody took off their networks while it was down, the last one last: what tells that from a loss,
    /// so that it does not put them back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<EndpointId>,
    /// Fields of later versions.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Record for Node {
    const WHAT: &'static str = "node";
}

impl Node {
    /// Where it takes encrypted packets; nothing if its agent cannot encrypt.
    pub fn encrypts(&self) -> Option<&TunnelEnd> {
        self.tunnel.as_ref().filter(|end| end.version == self.version)
    }

    /// The largest packet, in bytes, that fits through its devices. Absent where its version does not say.
    pub fn device_mtu(&self) -> Option<u32> {
        self.device_mtu.or(self.underlay_mtu)
    }

    /// How many removed endpoints are remembered.
    pub const MAX_REMOVED: usize = 256;

    /// This node's record after `endpoint` was taken off its network; `None` if no more can be remembered: the node has
    /// to come back first, or to be given up.
    #[must_use]
    pub fn without(mut self, endpoint: EndpointId) -> Option<Self> {
        if !self.removed.contains(&endpoint) {
            self.removed.push(endpoint);
        }
        (self.removed.len() <= Self::MAX_REMOVED).then_some(self)
    }
}

/// Says that a node is up: the value of a [`Key::Live`](crate::Key::Live), bound to the agent's session, so
/// that the store removes it when the agent no longer renews.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Liveness {
    /// The installation that is up.
    pub id: NodeId,
    /// Since when.
    pub since: Timestamp,
    /// The last [`Rebuilt`](crate::Rebuilt) that the node has done its part of.
    #[serde(default, skip_serializing_if = "crate::record::is_never")]
    pub rebuilt: u64,
    /// The run of the agent that is up; absent if its version has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incarnation: Option<Incarnation>,
    /// The last [`Call`] that was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered: Option<Incarnation>,
    /// Fields of later versions.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Record for Liveness {
    const WHAT: &'static str = "liveness";
}

/// Asks a node whether it is up: the value of a [`Key::Call`](crate::Key::Call), bound to the caller's session. The
/// caller has the same identity, or the same name and address, and must know whether another agent still uses it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// The installation that is asked.
    pub id: NodeId,
    /// A number of this call: the caller waits until [`Liveness::answered`] has it.
    pub by: Incarnation,
    /// Fields of later versions.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Record for Call {
    const WHAT: &'static str = "call";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_removed_endpoints_are_remembered_and_each_once() {
        let mut node = Node::from_json(include_bytes!("../tests/golden/node.json")).unwrap();
        let ids: Vec<EndpointId> =
            (0..Node::MAX_REMOVED).map(|_| EndpointId::random(&mut rand::rng())).collect();
        for id in &ids {
            node = node.without(*id).unwrap().without(*id).unwrap();
        }
        assert_eq!(node.removed, ids);
        assert_eq!(node.without(EndpointId::random(&mut rand::rng())), None);
    }
}
