//! What happened in the cluster, as a node noticed it.

use crate::{MacAddr, NetworkName, NodeName};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{fmt, net::IpAddr};

/// Something that happened. It is kept as a line of JSON, and sent so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When this node noticed it.
    pub time: Timestamp,
    /// What kind of thing it happened to.
    #[serde(rename = "type")]
    pub kind: EventKind,
    /// What happened to it.
    pub action: EventAction,
    /// The thing's name: that of the node (also of the one that a path leads to), of the network, of the endpoint, of the store.
    pub name: String,
    /// The thing's id, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The network that an endpoint is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<NetworkName>,
    /// The node that an endpoint is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeName>,
    /// The node that an endpoint was on before it moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<NodeName>,
    /// The addresses of an endpoint or of a node, or the subnets of a network.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<String>,
    /// The Ethernet address of an endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<MacAddr>,
    /// The id of an endpoint's container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// Why, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What kind of thing something happened to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    /// A host.
    Node,
    /// What is on a network.
    Endpoint,
    /// A network.
    Network,
    /// The path to a node, as measured from this one.
    Path,
    /// The store, as this node sees it.
    Store,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventAction {
    /// A node's agent is there.
    Up,
    /// A node's agent is not there any more. What runs on it goes on.
    Down,
    /// A node that was down was given up, by time or by `weft node rm`.
    Expired,
    /// A node that was up is not in the cluster any more.
    Left,
    /// An endpoint is on a network.
    Attached,
    /// An endpoint is not on a network any more.
    Detached,
    /// An endpoint of the same name and network is on another node.
    Moved,
    /// An endpoint of this node is cut off.
    CutOff,
    /// An endpoint of this node is not cut off any more.
    Restored,
    /// A network was made.
    Created,
    /// A network was removed.
    Removed,
    /// The store is out of reach, or cannot be used; a path does not carry what it should.
    Lost,
    /// A path carries what it should again.
    Mended,
    /// The store can be used again.
    Back,
    /// The store lost something that it had, which is being put back.
    Rebuilding,
    /// What the store lost is there again.
    Rebuilt,
}

impl Event {
    /// Something that happened to the thing of this name.
    pub fn new(time: Timestamp, kind: EventKind, action: EventAction, name: impl Into<String>) -> Self {
        Self {
            time,
            kind,
            action,
            name: name.into(),
            id: None,
            network: None,
            node: None,
            from: None,
            addresses: Vec::new(),
            mac: None,
            container: None,
            reason: None,
        }
    }

    /// With addresses.
    #[must_use]
    pub fn at(mut self, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        self.addresses = addresses.into_iter().map(|address| address.to_string()).collect();
        self
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Node => "node",
            Self::Endpoint => "endpoint",
            Self::Network => "network",
            Self::Path => "path",
            Self::Store => "store",
        })
    }
}

impl fmt::Display for EventAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Expired => "expired",
            Self::Left => "left",
            Self::Attached => "attached",
            Self::Detached => "detached",
            Self::Moved => "moved",
            Self::CutOff => "cut-off",
            Self::Restored => "restored",
            Self::Created => "created",
            Self::Removed => "removed",
            Self::Lost => "lost",
            Self::Mended => "mended",
            Self::Back => "back",
            Self::Rebuilding => "rebuilding",
            Self::Rebuilt => "rebuilt",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_written_as_it_is() {
        let json = serde_json::json!({
            "time": "2026-11-30T14:02:11Z", "type": "endpoint", "action": "moved", "name": "web", "id": "ab",
            "network": "overlay", "node": "host2", "from": "host1", "addresses": ["10.0.0.2"],
            "mac": "02:42:0a:00:00:02", "container": "cd"
        });
        let event: Event = serde_json::from_value(json.clone()).unwrap();
        assert_eq!(serde_json::to_value(&event).unwrap(), json);
        let least = r#"{"time":"2026-11-30T14:02:11Z","type":"node","action":"cut-off","name":"host1"}"#;
        let event: Event = serde_json::from_str(least).unwrap();
        assert_eq!(serde_json::to_string(&event).unwrap(), least);
        assert_eq!((event.kind.to_string(), event.action.to_string()), ("node".into(), "cut-off".into()));
    }
}
