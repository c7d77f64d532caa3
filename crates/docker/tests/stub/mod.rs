//! The smallest driver that an engine is content with. It answered when the golden files were recorded, and
//! must still give the same answers to the same calls.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};
use weft_docker::plugin::{
    CreateEndpoint, CreateNetwork, Interface, InterfaceName, IpamCall, Join, Joined, NetworkCall, PluginCall,
    PluginReply, PoolId, RequestAddress, RequestPool, RouteKind, StaticRoute,
};
use weft_model::{EndpointId, IfName, IpNet, Ipv4Net, MacAddr};

/// A pool that is refused, for the engine to show why.
const REFUSED_POOL: &str = "192.0.2.0/24";
/// An address that is refused.
const REFUSED_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 20, 0, 250));
/// An option that is refused.
const REFUSED_OPTION: (&str, &str) = ("vni", "0");

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Stub {
    pools: u8,
    joins: u8,
    last: BTreeMap<PoolId, u8>,
}

impl Stub {
    /// Says yes to nearly everything.
    pub(crate) fn answer(&mut self, call: &PluginCall) -> Result<PluginReply, String> {
        match call {
            PluginCall::Activate => Ok(PluginReply::Activated),
            PluginCall::Network(call) => self.network(call),
            PluginCall::Ipam(call) => self.ipam(call),
        }
    }

    fn network(&mut self, call: &NetworkCall) -> Result<PluginReply, String> {
        match call {
            NetworkCall::GetCapabilities => Ok(PluginReply::NetworkCapabilities),
            NetworkCall::CreateNetwork(create) => create_network(create),
            NetworkCall::CreateEndpoint(create) => Ok(PluginReply::Endpoint(complete(create))),
            NetworkCall::EndpointOperInfo(_) => {
                Ok(PluginReply::EndpointInfo([("node".to_owned(), "host1".into())].into()))
            }
            NetworkCall::Join(join) => Ok(PluginReply::Joined(self.join(join))),
            _ => Ok(PluginReply::Done),
        }
    }

    fn join(&mut self, join: &Join) -> Joined {
        self.joins += 1;
        // Engines refuse a route that the container has already.
        let destination = Ipv4Net::new([10, 99, self.joins, 0].into(), 24).unwrap().into();
        Joined {
            interface_name: InterfaceName { src_name: inner(&join.endpoint), dst_prefix: "eth" },
            gateway: None,
            gateway_ipv6: None,
            static_routes: vec![StaticRoute { destination, kind: RouteKind::Connected }],
            disable_gateway_service: false,
        }
    }

    fn ipam(&mut self, call: &IpamCall) -> Result<PluginReply, String> {
        match call {
            IpamCall::GetCapabilities => Ok(PluginReply::IpamCapabilities),
            IpamCall::GetDefaultAddressSpaces => Ok(PluginReply::AddressSpaces),
            IpamCall::RequestPool(request) => self.pool(request),
            IpamCall::RequestAddress(request) => self.address(request),
            IpamCall::ReleasePool(_) | IpamCall::ReleaseAddress(_) => Ok(PluginReply::Done),
        }
    }

    fn pool(&mut self, request: &RequestPool) -> Result<PluginReply, String> {
        let pool = request.pool.unwrap_or_else(|| self.next_pool(request.v6));
        if pool.to_string() == REFUSED_POOL {
            return Err(format!("{pool} overlaps {pool} of network other"));
        }
        Ok(PluginReply::Pool(PoolId(pool)))
    }

    fn next_pool(&mut self, v6: bool) -> IpNet {
        self.pools += 1;
        let (address, prefix): (IpAddr, u8) = if v6 {
            (Ipv6Addr::new(0xfd00, u16::from(self.pools), 0, 0, 0, 0, 0, 0).into(), 64)
        } else {
            (Ipv4Addr::new(10, 30, self.pools, 0).into(), 24)
        };
        IpNet::new(address, prefix).unwrap()
    }

    fn address(&mut self, request: &RequestAddress) -> Result<PluginReply, String> {
        if request.address == Some(REFUSED_ADDRESS) {
            return Err(format!("address {REFUSED_ADDRESS} belongs to web on host9"));
        }
        let pool = request.pool.0;
        let address = request.address.unwrap_or_else(|| {
            let last = self.last.entry(request.pool).or_insert(1);
            *last += u8::from(!request.is_gateway());
            nth(pool, if request.is_gateway() { 1 } else { *last })
        });
        Ok(PluginReply::Address(IpNet::new(address, pool.prefix_len()).unwrap()))
    }
}

fn nth(pool: IpNet, n: u8) -> IpAddr {
    match pool.network() {
        IpAddr::V4(a) => IpAddr::V4((u32::from(a) + u32::from(n)).into()),
        IpAddr::V6(a) => IpAddr::V6((u128::from(a) + u128::from(n)).into()),
    }
}

fn create_network(create: &CreateNetwork) -> Result<PluginReply, String> {
    let (name, value) = REFUSED_OPTION;
    match create.options.get(name) {
        Some(given) if given == value => Err(format!("invalid VNI {value}: expected 1 to 16777215")),
        _ => Ok(PluginReply::Done),
    }
}

fn complete(create: &CreateEndpoint) -> Interface {
    let Interface { ipv4, mac, .. } = create.interface;
    let derived = ipv4.map(|net| MacAddr::from(net.addr())).filter(|_| mac.is_none());
    Interface { mac: derived, ..Interface::default() }
}

/// The end of an endpoint's veth pair that the engine takes.
pub(crate) fn inner(endpoint: &EndpointId) -> IfName {
    format!("in-{}", &endpoint.short()[..8]).parse().unwrap()
}
