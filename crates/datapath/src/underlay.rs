//! The hosts' network, which the overlay's packets travel on.

use crate::DatapathError;
use ipnet::IpNet;
use std::net::IpAddr;
use weft_netlink::{Link, NetlinkError, Socket};

/// Why the underlay could not be found out about.
#[derive(Debug, thiserror::Error)]
pub enum UnderlayError {
    /// No interface has the address.
    #[error("no interface of this host has the address {0} that it advertises (`ip address` lists them)")]
    NotHere(IpAddr),
    /// The kernel refused.
    #[error("cannot read this host's interfaces and routes")]
    Netlink(#[from] NetlinkError),
    /// The kernel did not answer.
    #[error(transparent)]
    Kernel(#[from] DatapathError),
}

/// The MTU, in bytes, of the interface that has `address`: VXLAN packets come from it.
///
/// # Errors
/// When no interface has it.
pub async fn mtu(address: IpAddr) -> Result<u32, UnderlayError> {
    blocking(move || {
        let mut socket = Socket::open()?;
        let addresses = socket.addresses()?;
        let link = addresses.iter().find(|a| a.net.addr() == address).map(|a| a.link);
        let links = socket.links()?;
        let link = links.iter().find(|candidate| Some(candidate.index) == link);
        link.map(|link| link.mtu).ok_or(UnderlayError::NotHere(address))
    })
    .await?
}

/// A route of this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routed {
    /// Where to.
    pub net: IpNet,
    /// The name of the interface it leads through; empty if through none.
    pub dev: String,
    /// Whether what is there is on the interface's own link.
    pub direct: bool,
}

/// The routes of this host, but for the default routes and weft's own.
///
/// # Errors
/// When the kernel does not say.
pub async fn routed() -> Result<Vec<Routed>, UnderlayError> {
    blocking(|| {
        let mut socket = Socket::open()?;
        let links = socket.links()?;
        let link_of = |index: u32| links.iter().find(|link| link.index == index);
        let routes = socket.routes(None)?.into_iter().filter(|route| route.to.prefix_len() > 0);
        let others = routes.filter(|route| !route.link.and_then(link_of).is_some_and(is_ours));
        Ok(others
            .map(|route| Routed {
                net: route.to.trunc(),
                dev: route.link.and_then(link_of).map_or_else(String::new, |link| link.name.clone()),
                direct: route.via.is_none(),
            })
            .collect())
    })
    .await?
}

/// The subnets this host has routes to, but for the default routes and weft's own: a new network must not
/// overlap them.
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
