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

/// The subnets this host has routes to, but for the default routes and weft's own: a new network must not
/// overlap them.
///
/// # Errors
/// When the kernel does not say.
pub async fn routes() -> Result<Vec<IpNet>, UnderlayError> {
    blocking(|| {
        let mut socket = Socket::open()?;
        let links = socket.links()?;
        let ours: Vec<u32> = links.iter().filter(|link| is_ours(link)).map(|link| link.index).collect();
        let routes = socket.routes(None)?.into_iter();
        let others =
            routes.filter(|r| r.to.prefix_len() > 0 && r.link.is_none_or(|link| !ours.contains(&link)));
        Ok(others.map(|route| route.to.trunc()).collect())
    })
    .await?
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
