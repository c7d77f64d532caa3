//! What a node says of itself so that others need not take the store's word for it.

use crate::{Extra, Node, NodeId, NodeName, Record, TunnelEnd, record::a_count};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// A [`NodeStatement`] as its node signed it, in its [`Node`] record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedStatement {
    /// The statement: the very text that is signed, JSON.
    pub statement: String,
    /// The signature, in base64.
    pub signature: String,
    /// The certificate of the key that it was made with: DER, in base64.
    pub certificate: String,
    /// Fields of later versions.
    #[serde(flatten)]
    pub extra: Extra,
}

/// What a node says of itself: where others send its packets to. It is what a record says of that, too, for versions that
/// do not read statements.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeStatement {
    /// The node's name: the record of another is not taken for its own.
    pub name: NodeName,
    /// See [`Node::id`].
    pub id: NodeId,
    /// See [`Node::advertise`].
    pub advertise: IpAddr,
    /// See [`Node::vtep`].
    pub vtep: IpAddr,
    /// See [`Node::vxlan_port`].
    pub vxlan_port: u16,
    /// See [`Node::tunnel`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tunnel: Option<TunnelEnd>,
    /// Goes up with each statement under this name, so that an old one is not taken for a new one.
    #[serde(deserialize_with = "a_count")]
    pub serial: u64,
    /// Fields of later versions.
    #[serde(flatten)]
    pub extra: Extra,
}

/// That a node is believed no more: the value of a [`Key::Revoked`](crate::Key::Revoked), which names its installation. The
/// cluster's authority signed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    /// The name that it had then, for people.
    pub name: NodeName,
    /// The authority's signature, in base64.
    pub signature: String,
    /// Fields of later versions.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Record for Revocation {
    const WHAT: &'static str = "revocation";
}

impl NodeStatement {
    /// What the record of the node `name` says, as a statement with this number.
    pub fn of(name: &NodeName, node: &Node, serial: u64) -> Self {
        Self {
            name: name.clone(),
            id: node.id,
            advertise: node.advertise,
            vtep: node.vtep,
            vxlan_port: node.vxlan_port,
            tunnel: node.tunnel.clone(),
            serial,
            extra: Extra::new(),
        }
    }

    /// Whether a record says the same.
    pub fn is_what_says(&self, node: &Node) -> bool {
        *self == Self { extra: self.extra.clone(), ..Self::of(&self.name, node, self.serial) }
    }

    /// The record with what the statement says in place of what was beside it.
    #[must_use]
    pub fn put_right(&self, node: Node) -> Node {
        Node {
            id: self.id,
            advertise: self.advertise,
            vtep: self.vtep,
            vxlan_port: self.vxlan_port,
            tunnel: self.tunnel.clone(),
            ..node
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_statement_of_a_record_is_what_it_says() {
        let node = Node::from_json(include_bytes!("../tests/golden/node-tunnel.json")).unwrap();
        let statement = NodeStatement::of(&"host1".parse().unwrap(), &node, 3);
        let read: NodeStatement = serde_json::from_str(&serde_json::to_string(&statement).unwrap()).unwrap();
        assert_eq!(read, statement);
        assert!(read.is_what_says(&node));
        let elsewhere: IpAddr = [192, 0, 2, 66].into();
        let others = [
            Node { id: NodeId::LEAST, ..node.clone() },
            Node { advertise: elsewhere, ..node.clone() },
            Node { vtep: elsewhere, ..node.clone() },
            Node { vxlan_port: 1, ..node.clone() },
            Node { tunnel: None, ..node.clone() },
        ];
        for other in others {
            assert!(!read.is_what_says(&other), "{other:?}");
            assert_eq!(read.put_right(other), node);
        }
        // What any member may write is no part of it.
        assert!(read.is_what_says(&Node { down_since: Some(crate::Timestamp::UNIX_EPOCH), ..node }));
    }

    #[test]
    fn a_number_without_a_next_one_is_none() {
        let statement = |serial: u64| {
            format!(
                r#"{{"name":"a","id":"{}","advertise":"192.0.2.1","vtep":"192.0.2.1","vxlan_port":1,"serial":{serial}}}"#,
                NodeId::LEAST
            )
        };
        assert!(serde_json::from_str::<NodeStatement>(&statement((1 << 53) - 1)).is_ok());
        assert!(serde_json::from_str::<NodeStatement>(&statement(1 << 53)).is_err());
    }
}
