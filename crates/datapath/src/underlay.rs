//! The hosts' network, which the overlay's packets travel on.

use crate::DatapathError;
use ipnet::IpNet;
use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
};
use weft_netlink::{Link, LinkKind, NetlinkError, Socket};

/// Why the underlay could not be found out about.
#[derive(Debug, thiserror::Error)]
pub enum UnderlayError {
    /// The kernel refused.
    #[error("cannot read this host's interfaces and routes")]
    Netlink(#[from] NetlinkError),
    /// The kernel did not answer.
    #[error(transparent)]
    Kernel(#[from] DatapathError),
}

/// How large a packet fits through the ways to others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carries {
    /// In bytes.
    pub mtu: u32,
    /// The device that carries no more, if there is one.
    pub device: Option<String>,
    /// The host that it leads to, if it is because of one.
    pub peer: Option<IpAddr>,
}

/// The largest packet, in bytes, that fits through the devices which lead from `address` to `peers`. As long as nobody is
/// there, or nothing leads there: through the one that has `address`, unless that is the loopback device; else through
/// the one that the default route leads through.
///
/// # Errors
/// When the kernel does not say.
pub async fn mtu(address: IpAddr, peers: Arc<BTreeSet<IpAddr>>) -> Result<Carries, UnderlayError> {
    blocking(move || {
        let mut socket = Socket::open()?;
        // The way to itself leads to nobody.
        let peers = peers.iter().copied().filter(|peer| *peer != address);
        let mut way_to = |peer| Some(socket.way_to(peer).transpose()?.map(|way| (Some(peer), way)));
        let ways: Vec<_> = peers.filter_map(&mut way_to).collect::<Result<_, _>>()?;
        // Read after what names them.
        let links = socket.links()?;
        // The route to an address of this host leads through the loopback device, even if another node claims the
        // address.
        let outside =
            |index: u32| links.iter().find(|link| link.index == index && link.kind != LinkKind::Loopback);
        let carries = |(peer, (index, given)): (Option<IpAddr>, (u32, Option<u32>))| {
            let link = outside(index)?;
            let mtu = given.map_or(link.mtu, |given| given.min(link.mtu));
            Some(Carries { mtu, device: Some(link.name.clone()), peer })
        };
        if let Some(least) = ways.into_iter().filter_map(carries).min_by_key(|way| way.mtu) {
            return Ok(least);
        }
        let addresses = socket.addresses()?;
        let own = addresses.iter().find(|a| a.net.addr() == address).and_then(|a| outside(a.link));
        if let Some(own) = own {
            return Ok(Carries { mtu: own.mtu, device: Some(own.name.clone()), peer: None });
        }
        let far = if address.is_ipv4() { FAR_V4.into() } else { FAR_V6.into() };
        let default = socket.way_to(far)?.and_then(|way| carries((None, way)));
        Ok(default.unwrap_or(Carries { mtu: ETHERNET, device: None, peer: None }))
    })
    .await?
}

/// Addresses that nobody has (RFC 5737, RFC 3849): the way there is the default route.
const FAR_V4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const FAR_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
/// What fits through Ethernet as it comes (RFC 894).
const ETHERNET: u32 = 1500;

/// A range that this host knows a way to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routed {
    /// Where to.
    pub net: IpNet,
    /// What leads there.
    pub by: By,
    /// Whether what is there is on the interface's own link.
    pub direct: bool,
}

/// What leads to a range of addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum By {
    /// A route through this interface.
    Route(String),
    /// A route that has packets go nowhere, or several ways: through no interface of its own.
    NoInterface,
    /// An address of this interface. Not each has a route: virtual ones, and those of the loopback device.
    Address(String),
}

/// The ranges that this host has routes to, in any table, or addresses in, without the default routes and weft's own.
///
/// # Errors
/// When the kernel does not say.
pub async fn routed() -> Result<Vec<Routed>, UnderlayError> {
    blocking(|| {
        let mut socket = Socket::open()?;
        let (routes, addresses) = (socket.routes_of_all_tables()?, socket.addresses()?);
        // Read after what names them: what has none by now has gone with it.
        let links = socket.links()?;
        let link_of = |index: u32| links.iter().find(|link| link.index == index);
        let concerns = |link: &Link| !is_ours(link) && !is_elsewhere(link, link.controller.and_then(link_of));
        let routes = routes.into_iter().filter_map(|route| {
            let by = match route.link {
                Some(index) => By::Route(link_of(index).filter(|link| concerns(link))?.name.clone()),
                None => By::NoInterface,
            };
            Some(Routed { net: route.to.trunc(), by, direct: route.direct })
        });
        let addresses = addresses.into_iter().filter_map(|address| {
            let link = link_of(address.link).filter(|link| concerns(link))?;
            Some(Routed { net: address.net.trunc(), by: By::Address(link.name.clone()), direct: true })
        });
        Ok(routes.chain(addresses).filter(|routed| matters(routed.net)).collect())
    })
    .await?
}

/// Whether a network could be there at all: default routes lead everywhere, and what is good on one host or one link alone
/// is nobody's.
fn matters(net: IpNet) -> bool {
    let of_a_link = match net.addr() {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    };
    !weft_model::is_default(&net) && !of_a_link && !net.addr().is_loopback() && !net.addr().is_multicast()
}

/// Whether it leads into routing of its own (a VRF), which packets of this host's own do not take.
fn is_elsewhere(link: &Link, controller: Option<&Link>) -> bool {
    let is_vrf = |link: &Link| matches!(&link.kind, LinkKind::Other(kind) if kind == "vrf");
    is_vrf(link) || controller.is_some_and(is_vrf)
}

/// The same without what leads there: a new network must not overlap them.
///
/// # Errors
/// When the kernel does not say.
pub async fn routes() -> Result<Vec<IpNet>, UnderlayError> {
    Ok(routed().await?.into_iter().map(|route| route.net).collect())
}

fn is_ours(link: &Link) -> bool {
    link.name.starts_with("weft-") && weft_plan::Link::is_ours(link.alias.as_deref())
}

/// The kernel answers within microseconds, unless another program holds its network lock.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, DatapathError> {
    let work = tokio::task::spawn_blocking(work);
    tokio::time::timeout(weft_netlink::DEADLINE, work)
        .await
        .map_err(|_| DatapathError::Timeout(weft_netlink::DEADLINE))?
        .map_err(|error| DatapathError::Thread(error.into()))
}
