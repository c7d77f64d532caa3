//! Interfaces and routes.

use crate::setup::facts::{Route, Underlay};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};
use weft_model::Vni;
use weft_netlink::{Link, NetlinkError, Socket};

/// The interface that has `vtep`.
pub(in crate::setup) fn underlay(vtep: Option<IpAddr>) -> Option<Underlay> {
    let address = vtep?;
    let mut socket = Socket::open().ok()?;
    let number = socket.addresses().ok()?.into_iter().find(|a| a.net.addr() == address)?.link;
    let link = socket.links().ok()?.into_iter().find(|link| link.index == number)?;
    Some(Underlay { interface: link.name, mtu: link.mtu, address })
}

/// The families that weft's networks have a way out in here, each once: IPv4 if true. None
/// if no container here has a way out, or the kernel does not say.
pub(in crate::setup) fn uplinks() -> Vec<bool> {
    let read = || -> Result<BTreeSet<bool>, NetlinkError> {
        let mut socket = Socket::open()?;
        let is_uplink =
            |link: &Link| link.name.strip_prefix("weft-").is_some_and(|vni| vni.parse::<Vni>().is_ok());
        let links = socket.links()?.into_iter().filter(is_uplink);
        let uplinks: BTreeSet<u32> = links.map(|link| link.index).collect();
        let through = |link: Option<u32>| link.is_some_and(|link| uplinks.contains(&link));
        let routes = socket.routes(None)?.into_iter().filter(|route| through(route.link));
        // Every uplink has link-local addresses, and in IPv6 every interface routes for multicast.
        let routed = routes.map(|route| route.to.addr()).filter(|to| match to {
            IpAddr::V4(to) => !to.is_link_local(),
            IpAddr::V6(to) => !to.is_unicast_link_local() && !to.is_multicast(),
        });
        Ok(routed.map(|to| to.is_ipv4()).collect())
    };
    read().unwrap_or_default().into_iter().collect()
}

/// The routes of this host, but for the default ones and weft's own. None if the kernel does not say.
pub(super) fn routes() -> Vec<Route> {
    read_routes().unwrap_or_default()
}

fn read_routes() -> Result<Vec<Route>, NetlinkError> {
    let mut socket = Socket::open()?;
    let links: BTreeMap<u32, Link> = socket.links()?.into_iter().map(|link| (link.index, link)).collect();
    let routes = socket.routes(None)?.into_iter().filter_map(|route| {
        let interface = route.link.and_then(|number| links.get(&number)).map(|link| link.name.clone());
        let interface = interface.unwrap_or_else(|| "another gateway".to_owned());
        let foreign = route.to.prefix_len() > 0 && !interface.starts_with("weft-");
        foreign.then(|| Route { to: route.to.trunc(), interface })
    });
    Ok(routes.collect())
}
