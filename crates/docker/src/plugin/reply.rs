//! Answers that are not a [`PluginRefusal`](super::PluginRefusal).

use super::{DRIVER, Interface, PoolId};
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};
use weft_model::{IfName, IpNet};

/// An answer to a call. What it is an answer to decides how it looks, so there is one variant for each shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PluginReply {
    /// To calls that return nothing.
    Done,
    /// To `Plugin.Activate`: both protocols.
    Activated,
    /// To `NetworkDriver.GetCapabilities`: local scope, so that each engine keeps its own networks, and
    /// global connectivity. A driver of global scope needs a cluster store on old engines and Swarm on new.
    NetworkCapabilities,
    /// To `IpamDriver.GetCapabilities`: nothing is needed.
    IpamCapabilities,
    /// To `IpamDriver.GetDefaultAddressSpaces`: the only one.
    AddressSpaces,
    /// To `RequestPool`.
    Pool(PoolId),
    /// To `RequestAddress`: the address with the pool's prefix length.
    Address(IpNet),
    /// To `CreateEndpoint`: what the driver adds to what it was given.
    Endpoint(Interface),
    /// To `EndpointOperInfo`: anything that people may want to know.
    EndpointInfo(BTreeMap<String, Value>),
    /// To `Join`.
    Joined(Joined),
}

/// What the engine is to do with the interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Joined {
    /// The interface.
    pub interface_name: InterfaceName,
    /// The way out; without one the engine adds its gateway bridge.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway: Option<Ipv4Addr>,
    /// The way out of IPv6.
    #[serde(rename = "GatewayIPv6", skip_serializing_if = "Option::is_none")]
    pub gateway_ipv6: Option<Ipv6Addr>,
    /// More routes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub static_routes: Vec<StaticRoute>,
    /// Whether the engine is not to add its gateway bridge.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub disable_gateway_service: bool,
}

/// Which interface to move into the container, and what to call it there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct InterfaceName {
    /// Its name now, in the engine's namespace.
    #[serde(serialize_with = "as_text")]
    pub src_name: IfName,
    /// What its name starts with then: the engine numbers them.
    pub dst_prefix: &'static str,
}

/// A route in the container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct StaticRoute {
    /// Where to.
    pub destination: IpNet,
    /// How.
    #[serde(flatten)]
    pub kind: RouteKind,
}

/// How a [`StaticRoute`] gets there (`libnetwork/types/types.go`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouteKind {
    /// Through this address.
    NextHop(IpAddr),
    /// On the link itself.
    Connected,
}

impl Serialize for RouteKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self {
            Self::NextHop(address) => {
                map.serialize_entry("RouteType", &0)?;
                map.serialize_entry("NextHop", address)?;
            }
            Self::Connected => map.serialize_entry("RouteType", &1)?,
        }
        map.end()
    }
}

impl Serialize for PluginReply {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Self::Joined(joined) = self {
            return joined.serialize(serializer);
        }
        let mut map = serializer.serialize_map(None)?;
        match self {
            Self::Done | Self::Joined(_) => {}
            Self::Activated => map.serialize_entry("Implements", &["NetworkDriver", "IpamDriver"])?,
            Self::NetworkCapabilities => {
                map.serialize_entry("Scope", "local")?;
                map.serialize_entry("ConnectivityScope", "global")?;
            }
            Self::IpamCapabilities => {
                map.serialize_entry("RequiresMACAddress", &false)?;
                map.serialize_entry("RequiresRequestReplay", &false)?;
            }
            Self::AddressSpaces => {
                map.serialize_entry("LocalDefaultAddressSpace", DRIVER)?;
                map.serialize_entry("GlobalDefaultAddressSpace", DRIVER)?;
            }
            Self::Pool(pool) => {
                map.serialize_entry("PoolID", pool)?;
                map.serialize_entry("Pool", &pool.0)?;
            }
            Self::Address(address) => map.serialize_entry("Address", address)?,
            Self::Endpoint(interface) => map.serialize_entry("Interface", interface)?,
            Self::EndpointInfo(value) => map.serialize_entry("Value", value)?,
        }
        map.end()
    }
}

fn as_text<S: Serializer>(name: &IfName, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    // The others are in the golden files.
    #[test]
    fn a_way_out_and_routes() {
        let kind = RouteKind::NextHop([10, 0, 0, 1].into());
        let joined = Joined {
            interface_name: InterfaceName { src_name: "w1".parse().unwrap(), dst_prefix: "eth" },
            gateway: Some([10, 0, 0, 1].into()),
            gateway_ipv6: Some("fd00::1".parse().unwrap()),
            static_routes: vec![StaticRoute { destination: "10.0.1.0/24".parse().unwrap(), kind }],
            disable_gateway_service: true,
        };
        let expected = json!({
            "InterfaceName": {"SrcName": "w1", "DstPrefix": "eth"},
            "Gateway": "10.0.0.1",
            "GatewayIPv6": "fd00::1",
            "StaticRoutes": [{"Destination": "10.0.1.0/24", "RouteType": 0, "NextHop": "10.0.0.1"}],
            "DisableGatewayService": true
        });
        assert_eq!(serde_json::to_value(PluginReply::Joined(joined)).unwrap(), expected);
    }

    #[test]
    fn nothing_to_add_is_nothing() {
        let reply = serde_json::to_value(PluginReply::Endpoint(Interface::default())).unwrap();
        assert_eq!(reply, json!({"Interface": {}}));
        assert_eq!(serde_json::to_value(PluginReply::Done).unwrap(), json!({}));
    }
}
