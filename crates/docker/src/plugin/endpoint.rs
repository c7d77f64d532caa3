//! Endpoints, as the network driver is told about them.

use crate::lenient::{if_any, or_default};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use weft_model::{EndpointId, Ipv4Net, Ipv6Net, MacAddr, NetworkId};

/// An endpoint of a network: `EndpointOperInfo`, `DeleteEndpoint`, `Leave`,
/// `ProgramExternalConnectivity`, `RevokeExternalConnectivity`. The ports to publish come with it, too; engines
/// publish those of weft's containers on their own gateway bridge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct EndpointRef {
    /// The engine's id of the network.
    #[serde(rename = "NetworkID")]
    pub network: NetworkId,
    /// The endpoint.
    #[serde(rename = "EndpointID")]
    pub endpoint: EndpointId,
}

/// `CreateEndpoint`: does not tell which container the endpoint is for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CreateEndpoint {
    /// The engine's id of the network.
    #[serde(rename = "NetworkID")]
    pub network: NetworkId,
    /// The endpoint.
    #[serde(rename = "EndpointID")]
    pub endpoint: EndpointId,
    /// What is decided about its interface already.
    #[serde(rename = "Interface", default, deserialize_with = "or_default")]
    pub interface: Interface,
}

/// An endpoint's interface. In an answer, what the driver adds: the engine refuses an answer that repeats
/// what it gave (`SetMacAddress` and `SetIPAddress` in `libnetwork/endpoint_info.go`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interface {
    /// Its IPv4 address, with the subnet's prefix length.
    #[serde(
        rename = "Address",
        default,
        deserialize_with = "if_any",
        skip_serializing_if = "Option::is_none"
    )]
    pub ipv4: Option<Ipv4Net>,
    /// Its IPv6 address, with the subnet's prefix length.
    #[serde(
        rename = "AddressIPv6",
        default,
        deserialize_with = "if_any",
        skip_serializing_if = "Option::is_none"
    )]
    pub ipv6: Option<Ipv6Net>,
    /// Its Ethernet address.
    #[serde(
        rename = "MacAddress",
        default,
        deserialize_with = "if_any",
        skip_serializing_if = "Option::is_none"
    )]
    pub mac: Option<MacAddr>,
}

/// `Join`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Join {
    /// The engine's id of the network.
    #[serde(rename = "NetworkID")]
    pub network: NetworkId,
    /// The endpoint.
    #[serde(rename = "EndpointID")]
    pub endpoint: EndpointId,
    /// The container's network namespace. Whether it exists yet differs between engines.
    #[serde(rename = "SandboxKey", default, deserialize_with = "or_default")]
    pub sandbox: PathBuf,
}
