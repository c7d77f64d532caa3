//! A call, parsed whole.

use super::{
    CreateEndpoint, CreateNetwork, Discovery, EndpointRef, Join, NetworkRef, PluginProtocol, PluginRefusal,
    ReleaseAddress, ReleasePool, RequestAddress, RequestPool, SwarmNetwork,
};
use crate::brief::brief;
use serde::de::DeserializeOwned;

/// What an engine asks of its driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PluginCall {
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

/// The name of every call, as an engine writes it in the path.
const METHODS: [&str; 21] = [
    "Plugin.Activate",
    "NetworkDriver.GetCapabilities",
    "NetworkDriver.AllocateNetwork",
    "NetworkDriver.FreeNetwork",
    "NetworkDriver.CreateNetwork",
    "NetworkDriver.DeleteNetwork",
    "NetworkDriver.CreateEndpoint",
    "NetworkDriver.EndpointOperInfo",
    "NetworkDriver.DeleteEndpoint",
    "NetworkDriver.Join",
    "NetworkDriver.Leave",
    "NetworkDriver.DiscoverNew",
    "NetworkDriver.DiscoverDelete",
    "NetworkDriver.ProgramExternalConnectivity",
    "NetworkDriver.RevokeExternalConnectivity",
    "IpamDriver.GetCapabilities",
    "IpamDriver.GetDefaultAddressSpaces",
    "IpamDriver.RequestPool",
    "IpamDriver.ReleasePool",
    "IpamDriver.RequestAddress",
    "IpamDriver.ReleaseAddress",
];

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
    #[error("{method} cannot be understood: {why}")]
    Malformed {
        /// The method.
        method: String,
        /// What is wrong, and where.
        why: String,
    },
}

impl PluginCall {
    /// The name of the call that `method` names, if there is one: of these there are as many as weft knows.
    pub fn name_of(method: &str) -> Option<&'static str> {
        METHODS.into_iter().find(|name| *name == method)
    }

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
            Self::Empty { .. } | Self::Malformed { .. } => PluginRefusal::STATUS,
        }
    }

    /// The body to answer with.
    pub fn refusal(&self) -> PluginRefusal {
        let protocol = match self {
            // With either protocol, the engine looks for a network driver's error where the status is not 200.
            Self::Unknown { .. } => PluginProtocol::Network,
            Self::Empty { method } | Self::Malformed { method, .. } => PluginProtocol::of(method),
        };
        PluginRefusal::new(protocol, self.to_string())
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
            .map_err(|error| InvalidCall::Malformed { method: method(), why: brief(error) })
    }
}

fn unknown(method: &str) -> InvalidCall {
    InvalidCall::Unknown { method: brief(method) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn why(method: &str, body: &str) -> String {
        PluginCall::parse(method, body.as_bytes()).unwrap_err().to_string()
    }

    fn json(refusal: &PluginRefusal) -> String {
        serde_json::to_string(refusal).unwrap()
    }

    #[test]
    fn knows_every_method() {
        for method in METHODS {
            let unknown = matches!(PluginCall::parse(method, b"{}"), Err(InvalidCall::Unknown { .. }));
            assert!(!unknown, "{method}");
            assert_eq!(PluginCall::name_of(method), Some(method));
        }
        assert_eq!(PluginCall::name_of("NetworkDriver.Anything"), None);
    }

    #[test]
    fn an_unknown_method_is_not_supported() {
        for method in
            ["", "Join", "NetworkDriver.", "NetworkDriver.join", "Plugin.Deactivate", "IpamDriver.Join"]
        {
            let error = PluginCall::parse(method, b"{}").unwrap_err();
            assert_eq!(error.status(), 404, "{method}");
            assert!(json(&error.refusal()).starts_with(r#"{"Err":"weft does not know the method"#));
        }
    }

    #[test]
    fn a_repeated_call_without_its_body_is_refused() {
        let error = PluginCall::parse("IpamDriver.RequestAddress", b" \n").unwrap_err();
        assert_eq!(error.status(), 200);
        assert!(
            json(&error.refusal()).starts_with(r#"{"Error":"IpamDriver.RequestAddress came without a body"#)
        );
        let error = PluginCall::parse("NetworkDriver.Join", b"").unwrap_err();
        assert!(json(&error.refusal()).starts_with(r#"{"Err":"NetworkDriver.Join came without a body"#));
        // These never have one.
        let activate = PluginCall::parse("Plugin.Activate", b"").unwrap();
        assert_eq!(activate, PluginCall::Activate);
        let capabilities = PluginCall::parse("IpamDriver.GetCapabilities", b"").unwrap();
        assert_eq!(capabilities, PluginCall::Ipam(IpamCall::GetCapabilities));
    }

    #[test]
    fn what_may_be_left_out() {
        let id = "a".repeat(64);
        let whole = format!(r#"{{"NetworkID":"{id}","EndpointID":"{id}","Interface":null,"Options":null}}"#);
        let short = format!(r#"{{"NetworkID":"{id}","EndpointID":"{id}","Tomorrow":[1]}}"#);
        let empty = format!(
            r#"{{"NetworkID":"{id}","EndpointID":"{id}","Interface":{{"Address":"","MacAddress":null}}}}"#
        );
        let parsed = [whole, short, empty].map(|body| {
            PluginCall::parse("NetworkDriver.CreateEndpoint", body.as_bytes())
                .map_err(|error| error.to_string())
        });
        assert!(parsed[0].is_ok());
        assert!(parsed.iter().all(|call| *call == parsed[0]), "{parsed:?}");
    }

    #[test]
    fn a_long_story_is_cut_short() {
        let long = "x".repeat(100_000);
        assert!(why(&long, "{}").len() < 1000);
        let body = format!(r#"{{"AddressSpace":"weft","V6":"{long}"}}"#);
        assert!(why("IpamDriver.RequestPool", &body).len() < 1000);
        let body = format!(r#"{{"AddressSpace":"weft","Pool":"{long}"}}"#);
        assert!(why("IpamDriver.RequestPool", &body).len() < 1000);
    }

    #[test]
    fn what_must_make_sense() {
        let short = why("NetworkDriver.DeleteNetwork", r#"{"NetworkID":"a"}"#);
        assert!(
            short.starts_with("NetworkDriver.DeleteNetwork cannot be understood: invalid network id"),
            "{short}"
        );
        assert!(why("NetworkDriver.Leave", "{").contains("EOF"));
        assert!(
            why("IpamDriver.ReleasePool", r#"{"PoolID":"10.0.0.0/24"}"#).contains("is not a pool of weft")
        );
        let no_address = r#"{"PoolID":"weft/10.0.0.0/24","Address":"10.0.0"}"#;
        assert!(why("IpamDriver.RequestAddress", no_address).contains(r#""10.0.0": invalid IP address"#));
        let id = "a".repeat(64);
        let six_among_four = format!(r#"{{"NetworkID":"{id}","IPv4Data":[{{"Pool":"fd00::/64"}}]}}"#);
        assert!(why("NetworkDriver.CreateNetwork", &six_among_four).contains("of the other family"));
    }

    proptest! {
        #[test]
        fn nothing_panics(method in proptest::sample::select(&METHODS[..]), body: Vec<u8>, text in "\\PC{0,60}") {
            for body in [&body[..], text.as_bytes()] {
                if let Err(error) = PluginCall::parse(method, body) {
                    prop_assert!(json(&error.refusal()).len() < 2000);
                }
            }
        }

        #[test]
        fn nor_does_json_of_another_shape(
            method in proptest::sample::select(&METHODS[..]),
            field in proptest::sample::select(
                &["NetworkID", "EndpointID", "Interface", "Options", "IPv4Data", "SandboxKey", "PoolID", "Pool",
                  "Address", "V6", "DiscoveryType"][..]
            ),
            value in proptest::sample::select(
                &["null", "7", "-1", "1e400", "true", "\"\"", "[]", "{}", "[null]", "{\"\":null}", "\"10.0.0.0/33\""][..]
            ),
        ) {
            let body = format!("{{\"{field}\":{value}}}");
            let _ = PluginCall::parse(method, body.as_bytes());
        }
    }
}
