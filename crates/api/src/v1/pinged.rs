//! Packets that are sent to see whether they come back.

use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use weft_model::{EndpointName, NodeName};

/// What came of one packet: the answer to `GET /weft/v1/ping?to=…&from=…&size=…`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pinged {
    /// The host's name, or the endpoint's.
    pub name: String,
    /// Where the packet went: of a host, where its VXLAN packets go.
    pub address: IpAddr,
    /// The host that the endpoint is on; absent of a host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeName>,
    /// The endpoint of this host that sent it; absent to a host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<EndpointName>,
    /// How large it was, in bytes, without the Ethernet header.
    pub size: u16,
    /// How long there and back took, in microseconds; absent if no answer came within a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round_trip_us: Option<u64>,
    /// What the kernel said, if it did not send it or heard that nobody is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}
