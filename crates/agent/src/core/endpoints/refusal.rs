//! Why an endpoint is not joined, or not taken off its network.

use std::path::PathBuf;
use weft_model::{EndpointId, EndpointName, IfName, NetworkName, Node, NodeName, OwnerKey, PortMapping};
use weft_verbs::{Error, Kind};

/// What is in the way, beside what [`Taken`](crate::core::refusal::Taken) says.
#[derive(Debug, thiserror::Error)]
pub(super) enum EndpointRefusal {
    /// Nobody can tell where it begins.
    #[error("the network namespace {} must be an absolute path", .0.display())]
    NotAbsolute(PathBuf),
    /// The process that it is for is gone.
    #[error("process {0} has ended")]
    ProcessEnded(EndpointName),
    /// The container is on too many networks.
    #[error("every interface name from eth0 to eth255 is in use")]
    NoInterfaceName,
    /// Something in the namespace has it.
    #[error("the namespace has an interface {0} already: choose another name, or take that one away")]
    InterfaceTaken(IfName),
    /// A key stands for one endpoint.
    #[error("what its owner calls {key} is on network {network} already: detach it first")]
    OnOtherNetwork { key: OwnerKey, network: NetworkName },
    /// Another endpoint of this node has the port.
    #[error("port {}/{} of this host leads to {name} already: publish on another", .port.host_port, .port.protocol)]
    PortTaken { port: PortMapping, name: EndpointName },
    /// It is there, and of no use.
    #[error(
        "{name} is on network {network} already, and is cut off: {why}; take it off the network, and put it on again"
    )]
    CutOff { name: EndpointName, network: NetworkName, why: String },
    /// The engine has another one under its id.
    #[error("endpoint {} is there already, with other addresses", .0.short())]
    OtherAddresses(EndpointId),
    /// Several are meant.
    #[error("several endpoint ids start with {0}")]
    Ambiguous(String),
    /// None is meant.
    #[error("{container} is not on network {network}")]
    NotOnNetwork { container: String, network: NetworkName },
    /// It is another node's, which is up.
    #[error("{container} is on node {node}: disconnect it there")]
    OnAnotherNode { container: String, node: NodeName },
    /// It is another node's, which is down.
    #[error("{container} is on node {node}: disconnect it there, or use --force, since that node is down")]
    OnNodeDown { container: String, node: NodeName },
    /// Its node was down, and is not any more.
    #[error("node {0} is back: disconnect it there")]
    NodeBack(NodeName),
    /// What would not be remembered would be undone.
    #[error(
        "node {0} is down, and has {most} endpoints to learn of that were taken off their networks, which is the most: \
         wait until it is back, or give it up with `weft node rm {0}`",
        most = Node::MAX_REMOVED
    )]
    TooManyRemoved(NodeName),
}

impl From<EndpointRefusal> for Error {
    fn from(refusal: EndpointRefusal) -> Self {
        use EndpointRefusal as Why;
        let kind = match refusal {
            Why::NotAbsolute(_) | Why::Ambiguous(_) => Kind::Invalid,
            Why::NotOnNetwork { .. } => Kind::NotFound,
            Why::ProcessEnded(_)
            | Why::NoInterfaceName
            | Why::InterfaceTaken(_)
            | Why::OnOtherNetwork { .. }
            | Why::PortTaken { .. }
            | Why::CutOff { .. }
            | Why::OtherAddresses(_)
            | Why::OnAnotherNode { .. }
            | Why::OnNodeDown { .. }
            | Why::NodeBack(_)
            | Why::TooManyRemoved(_) => Kind::Conflict,
        };
        Self::new(kind, refusal.to_string())
    }
}
