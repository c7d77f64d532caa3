//! Interfaces and routes.

use crate::setup::facts::{Route, Underlay};
use std::{collections::BTreeMap, net::IpAddr};
use weft_netlink::{Link, NetlinkError, Socket};

/// The interface that has `vtep`.
pub(super) fn underlay(vtep: Option<IpAddr>) -> Option<Underlay> {
    let address = vtep?;
    let mut socket = Socket::open().ok()?;
    let number = socket.addresses().ok()?.into_iter().find(|a| a.net.addr() == address)?.link;
    let link = socket.links().ok()?.into_iter().find(|link| link.index == number)?;
    Some(Underlay { interface: link.name, mtu: link.mtu, address })
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
