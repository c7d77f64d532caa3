//! The Docker Engine API, as far as weft serves it (`api/swagger.yaml` of moby, version 1.50).
//!
//! Values are text where the engine's are: clients send `""` for what they leave out. The agent parses them.

mod connect;
mod create;
mod error;
mod filters;
mod network;
mod null;
mod system;

pub use connect::{Connect, Disconnect, EndpointIpam, EndpointSettings};
pub use create::{CreateNetwork, CreatedNetwork, PrunedNetworks};
pub use error::ErrorBody;
pub use filters::{Filters, InvalidFilters};
pub use network::{
    ConfigReference, Ipam, IpamConfig, IpamStatus, Network, NetworkEndpoint, NetworkStatus, PeerInfo,
    SubnetStatus,
};
pub use system::{Component, EngineAddressPool, Info, Platform, Plugins, Swarm, Version};

/// The newest version of the API that the agent speaks.
pub const API_VERSION: &str = "1.50";
/// The oldest.
pub const MIN_API_VERSION: &str = "1.24";
