//! Names of network interfaces.

use crate::{EndpointId, Vni};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A name the kernel takes for a network interface: 1 to 15 bytes, no '/', no white space, not "." or ".."
/// (`dev_valid_name`, `net/core/dev.c`).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IfName(String);

/// Why a string is not an interface's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid interface name {0:?}: 1 to 15 characters without '/', ':' and spaces")]
pub struct InvalidIfName(String);

impl IfName {
    /// The host's end of the link between the host and a segment's namespace.
    pub fn uplink(vni: Vni) -> Self {
        Self(format!("weft-{vni}"))
    }

    /// The segment's end of an endpoint's veth pair: enough of the id to be unique on a host.
    pub fn port(endpoint: &EndpointId) -> Self {
        Self(format!("p{}", endpoint.short()))
    }

    /// The end of an endpoint's veth pair that waits in the host's namespace for a container engine to take it.
    pub fn for_engine(endpoint: &EndpointId) -> Self {
        Self(format!("v{}", endpoint.short()))
    }

    /// The `n`th interface of a container, counted from zero.
    pub fn container(n: u8) -> Self {
        Self(format!("eth{n}"))
    }

    /// The bridge in a segment's namespace.
    pub fn bridge() -> Self {
        Self("br0".to_owned())
    }

    /// The VXLAN device in a segment's namespace.
    pub fn vxlan() -> Self {
        Self("vxlan0".to_owned())
    }

    /// The segment's end of the link between the host and a segment's namespace.
    pub fn segment_uplink() -> Self {
        Self("uplink0".to_owned())
    }

    /// The WireGuard device in the namespace of the tunnels.
    pub fn tunnel() -> Self {
        Self("tunnel0".to_owned())
    }

    /// The loopback device.
    pub fn loopback() -> Self {
        Self("lo".to_owned())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for IfName {
    type Error = InvalidIfName;
    fn try_from(name: String) -> Result<Self, InvalidIfName> {
        let valid = (1..=15).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_graphic() && b != b'/' && b != b':')
            && name != "."
            && name != "..";
        if valid { Ok(Self(name)) } else { Err(InvalidIfName(name.chars().take(40).collect())) }
    }
}

impl FromStr for IfName {
    type Err = InvalidIfName;
    fn from_str(name: &str) -> Result<Self, InvalidIfName> {
        Self::try_from(name.to_owned())
    }
}

impl From<IfName> for String {
    fn from(name: IfName) -> String {
        name.0
    }
}

impl fmt::Display for IfName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for IfName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_ours_is_valid() {
        let id = EndpointId::random(&mut rand::rng());
        for name in
            [IfName::uplink(Vni::MAX), IfName::port(&id), IfName::for_engine(&id), IfName::container(255)]
        {
            assert_eq!(name.as_str().parse::<IfName>().unwrap(), name);
        }
    }

    #[test]
    fn refuses_what_the_kernel_refuses() {
        for bad in ["", ".", "..", "a b", "a/b", "eth0:1", "sixteen-bytes-xx", "é"] {
            assert!(bad.parse::<IfName>().is_err(), "{bad}");
        }
    }
}
