//! A call, parsed whole.

use super::{
    CreateEndpoint, CreateNetwork, Discovery, EndpointRef, Join, NetworkRef, Protocol, Refusal,
    ReleaseAddress, ReleasePool, RequestAddress, RequestPool, SwarmNetwork,
};
use serde::de::DeserializeOwned;

/// What an engine asks of its driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// Which protocols are spoken here.
    Activate,
    /// Something of the network driver.
    Network(NetworkCall),
    /// Something of the address driver.
    Ipam(IpamCall),
}

/// A call of the remote network driver protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NetworkCall {
    /// How far the driver reaches.
    GetCapabilities,
    /// A Swarm manager makes a network. Never asked of a driver of local scope.
    AllocateNetwork(SwarmNetwork),
    /// A Swarm manager removes a network. Never asked of a driver of local scope.
    FreeNetwork(SwarmNetwork),
    /// Make a network on this host.
    CreateNetwork(CreateNetwork),
    /// Remove a network from this host.
    DeleteNetwork(NetworkRef),
    /// Make an endpoint; its addresses have been requested before.
    CreateEndpoint(CreateEndpoint),
    /// Say something about an endpoint, for people.
    EndpointOperInfo(EndpointRef),
    /// Remove an endpoint.
    DeleteEndpoint(EndpointRef),
    /// Provide the interface that the engine moves into the container.
    Join(Join),
    /// The container has left.
    Leave(EndpointRef),
    /// Somebody appeared in Swarm.
    DiscoverNew(Discovery),
    /// Somebody left Swarm.
    DiscoverDelete(Discovery),
    /// The endpoint is the container's way out: publish its ports.
    ProgramExternalConnectivity(EndpointRef),
    /// The endpoint is not the container's way out any more.
    RevokeExternalConnectivity(EndpointRef),
}

/// A call of the remote IPAM driver protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IpamCall {
    /// What it needs to be told.
    GetCapabilities,
    /// The address spaces to use where nobody names one.
    GetDefaultAddressSpaces,
    /// Reserve a pool.
    RequestPool(RequestPool),
    /// Give back a pool.
    ReleasePool(ReleasePool),
    /// Reserve an address.
    RequestAddress(RequestAddress),
    /// Give back an address.
    ReleaseAddress(ReleaseAddress),
}

/// Why something is not a call.
#[derive(Debug, thiserror::Error)]
pub enum InvalidCall {
    /// No such method.
    #[error("weft does not know the method {method:?}")]
    Unknown {
        /// What was asked for.
        method: String,
    },
    /// The engine sends a call again when the connection broke, but without its body
    /// (`callWithRetry` in `pkg/plugins/client.go` reads the same buffer twice).
    #[error("{method} came without a body, as engines repeat a call whose connection broke: try again")]
    Empty {
        /// The method.
        method: String,
    },
    /// Not what engines send.
    #[error("{method} cannot be understood: {source}")]
    Malformed {
        /// The method.
        method: String,
        /// What is wrong, and where.
        source: serde_json::Error,
    },
}

impl Call {
    /// Parses a call to `method`, as `NetworkDriver.Join`: the path without its slash.
    ///
    /// # Errors
    /// [`InvalidCall`], which knows the answer to give.
    pub fn parse(method: &str, body: &[u8]) -> Result<Self, InvalidCall> {
        match method.split_once('.') {
            Some(("Plugin", "Activate")) => Ok(Self::Activate),
            Some(("NetworkDriver", verb)) => {
                NetworkCall::parse(verb, Message { method, body }).map(Self::Network)
            }
            Some(("IpamDriver", verb)) => IpamCall::parse(verb, Message { method, body }).map(Self::Ipam),
            _ => Err(unknown(method)),
        }
    }
}

impl NetworkCall {
    fn parse(verb: &str, message: Message<'_>) -> Result<Self, InvalidCall> {
        Ok(match verb {
            "GetCapabilities" => Self::GetCapabilities,
            "AllocateNetwork" => Self::AllocateNetwork(message.read()?),
            "FreeNetwork" => Self::FreeNetwork(message.read()?),
            "CreateNetwork" => Self::CreateNetwork(message.read()?),
            "DeleteNetwork" => Self::DeleteNetwork(message.read()?),
            "CreateEndpoint" => Self::CreateEndpoint(message.read()?),
            "EndpointOperInfo" => Self::EndpointOperInfo(message.read()?),
            "DeleteEndpoint" => Self::DeleteEndpoint(message.read()?),
            "Join" => Self::Join(message.read()?),
            "Leave" => Self::Leave(message.read()?),
            "DiscoverNew" => Self::DiscoverNew(message.read()?),
            "DiscoverDelete" => Self::DiscoverDelete(message.read()?),
            "ProgramExternalConnectivity" => Self::ProgramExternalConnectivity(message.read()?),
            "RevokeExternalConnectivity" => Self::RevokeExternalConnectivity(message.read()?),
            _ => return Err(unknown(message.method)),
        })
    }
}

impl IpamCall {
    fn parse(verb: &str, message: Message<'_>) -> Result<Self, InvalidCall> {
        Ok(match verb {
            "GetCapabilities" => Self::GetCapabilities,
            "GetDefaultAddressSpaces" => Self::GetDefaultAddressSpaces,
            "RequestPool" => Self::RequestPool(message.read()?),
            "ReleasePool" => Self::ReleasePool(message.read()?),
            "RequestAddress" => Self::RequestAddress(message.read()?),
            "ReleaseAddress" => Self::ReleaseAddress(message.read()?),
            _ => return Err(unknown(message.method)),
        })
    }
}

impl InvalidCall {
    /// The HTTP status to answer with. A driver's "404" for a method is "not supported", and the engine goes
    /// on without where it can.
    pub fn status(&self) -> u16 {
        match self {
            Self::Unknown { .. } => 404,
            Self::Empty { .. } | Self::Malformed { .. } => Refusal::STATUS,
        }
    }

    /// The body to answer with.
    pub fn refusal(&self) -> Refusal {
        let protocol = match self {
            // Whatever the protocol, the engine looks for a network driver's error where the status is not 200.
            Self::Unknown { .. } => Protocol::Network,
            Self::Empty { method } | Self::Malformed { method, .. } => Protocol::of(method),
        };
        Refusal::new(protocol, self.to_string())
    }
}

/// What was posted where.
#[derive(Clone, Copy)]
struct Message<'m> {
    method: &'m str,
    body: &'m [u8],
}

impl Message<'_> {
    fn read<T: DeserializeOwned>(self) -> Result<T, InvalidCall> {
        let method = || self.method.to_owned();
        if self.body.trim_ascii().is_empty() {
            return Err(InvalidCall::Empty { method: method() });
        }
        serde_json::from_slice(self.body)
            .map_err(|source| InvalidCall::Malformed { method: method(), source })
    }
}

fn unknown(method: &str) -> InvalidCall {
    // A hostile path must not fill the log.
    InvalidCall::Unknown { method: method.chars().take(80).collect() }
}
