//! The hosts' network, which the overlay's packets travel on.

use crate::DatapathError;
use ipnet::IpNet;
use std::{fmt, net::IpAddr, str::FromStr};
use weft_model::IfName;
use weft_netlink::{Address, Link, LinkKind, NetlinkError, Socket};

/// What `--cluster-advertise` says: `IP`, `IFACE`, `IP:PORT` or `IFACE:PORT`, an IPv6 address with a port in
/// brackets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advertise {
    /// The address, or the interface whose address is meant.
    pub at: AdvertiseAt,
    /// The port. Docker's daemon listened there; weft only carries it along.
    pub port: Option<u16>,
}

/// An address of this host, or an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AdvertiseAt {
    /// An address.
    Address(IpAddr),
    /// The first global address of an interface.
    Interface(IfName),
}

/// Why a text does not say what to advertise.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid address to advertise {0:?}: expected IP, IFACE, IP:PORT or IFACE:PORT, as 192.0.2.1 or eth0:2375"
)]
pub struct InvalidAdvertise(String);

impl FromStr for Advertise {
    type Err = InvalidAdvertise;

    fn from_str(text: &str) -> Result<Self, InvalidAdvertise> {
        let invalid = || InvalidAdvertise(text.chars().take(80).collect());
        if let Ok(address) = text.parse() {
            return Ok(Self { at: AdvertiseAt::Address(address), port: None });
        }
        if let Ok(address) = text.parse::<std::net::SocketAddr>() {
            return Ok(Self { at: AdvertiseAt::Address(address.ip()), port: Some(address.port()) });
        }
        let (name, port) = match text.split_once(':') {
            Some((name, port)) => (name, Some(port.parse().map_err(|_| invalid())?)),
            None => (text, None),
        };
        // Digits and dots only: an address with a typing error rather than an interface.
        if name.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
            return Err(invalid());
        }
        let name = name.parse().map_err(|_| invalid())?;
        Ok(Self { at: AdvertiseAt::Interface(name), port })
    }
}

impl fmt::Display for AdvertiseAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Interface(name) => name.fmt(f),
        }
    }
}

/// Where this host meets the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Underlay {
    /// The interface.
    pub device: String,
    /// Its address that other nodes send to.
    pub address: IpAddr,
    /// Its MTU in bytes.
    pub mtu: u32,
}

/// Why an address cannot be advertised.
#[derive(Debug, thiserror::Error)]
pub enum UnderlayError {
    /// No interface has it.
    #[error("cannot advertise {0}: no interface of this host has this address (`ip address` lists them)")]
    NotHere(IpAddr),
    /// Nobody could send to it.
    #[error("cannot advertise {0}: other nodes cannot send packets to such an address")]
    Unusable(IpAddr),
    /// There is no such interface.
    #[error("cannot advertise interface {0}: there is none of this name (`ip link` lists them)")]
    NoInterface(IfName),
    /// It has no address that other hosts could use.
    #[error("cannot advertise interface {0}: it has no global address yet")]
    NoAddress(IfName),
    /// Nothing was asked for, and there is no default route to go by.
    #[error(
        "cannot tell which address to advertise, since there is no default route: say --cluster-advertise"
    )]
    NoDefault,
    /// The interfaces cannot be read.
    #[error("cannot read this host's interfaces")]
    Kernel(#[from] NetlinkError),
    /// The interfaces cannot be read.
    #[error(transparent)]
    Datapath(#[from] DatapathError),
}

/// The interface and the address that `advertise` means; without it, those of the default route.
///
/// # Errors
/// When it is not an address of this host that other hosts can send to.
pub async fn find(advertise: Option<&AdvertiseAt>) -> Result<Underlay, UnderlayError> {
    let advertise = advertise.cloned();
    blocking(move || {
        let mut socket = Socket::open()?;
        let (links, addresses) = (socket.links()?, socket.addresses()?);
        match advertise {
            Some(AdvertiseAt::Address(address)) => with_address(&links, &addresses, address),
            Some(AdvertiseAt::Interface(name)) => {
                let link = links.iter().find(|link| link.name == name.as_str());
                let link = link.ok_or_else(|| UnderlayError::NoInterface(name.clone()))?;
                with_link(link, &addresses).ok_or(UnderlayError::NoAddress(name))
            }
            None => {
                let routes = socket.routes(None)?;
                let outward = routes.iter().filter(|route| route.to.prefix_len() == 0);
                let mut links =
                    outward.filter_map(|route| links.iter().find(|l| Some(l.index) == route.link));
                links.find_map(|link| with_link(link, &addresses)).ok_or(UnderlayError::NoDefault)
            }
        }
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

fn with_address(links: &[Link], addresses: &[Address], wanted: IpAddr) -> Result<Underlay, UnderlayError> {
    if wanted.is_unspecified() || wanted.is_multicast() {
        return Err(UnderlayError::Unusable(wanted));
    }
    let holder = addresses.iter().find(|address| address.net.addr() == wanted);
    let link = holder.and_then(|holder| links.iter().find(|link| link.index == holder.link));
    let link = link.ok_or(UnderlayError::NotHere(wanted))?;
    Ok(Underlay { device: link.name.clone(), address: wanted, mtu: link.mtu })
}

/// The link's first global address, IPv4 rather than IPv6.
fn with_link(link: &Link, addresses: &[Address]) -> Option<Underlay> {
    let mut own = addresses.iter().filter(|address| address.link == link.index && address.global);
    let first = own.clone().find(|address| address.net.addr().is_ipv4()).or_else(|| own.next())?;
    (link.kind != LinkKind::Loopback).then(|| Underlay {
        device: link.name.clone(),
        address: first.net.addr(),
        mtu: link.mtu,
    })
}

/// The kernel answers within microseconds, unless another program holds its network lock.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, DatapathError> {
    let work = tokio::task::spawn_blocking(work);
    tokio::time::timeout(weft_netlink::DEADLINE, work)
        .await
        .map_err(|_| DatapathError::Timeout(weft_netlink::DEADLINE))?
        .map_err(|error| DatapathError::Thread(error.into()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn reads_what_docker_took() {
        let parse = |text: &str| text.parse::<Advertise>().map(|a| (a.at.to_string(), a.port));
        assert_eq!(parse("192.0.2.1"), Ok(("192.0.2.1".to_owned(), None)));
        assert_eq!(parse("192.0.2.1:2375"), Ok(("192.0.2.1".to_owned(), Some(2375))));
        assert_eq!(parse("2001:db8::1"), Ok(("2001:db8::1".to_owned(), None)));
        assert_eq!(parse("[2001:db8::1]:2375"), Ok(("2001:db8::1".to_owned(), Some(2375))));
        assert_eq!(parse("eth0"), Ok(("eth0".to_owned(), None)));
        assert_eq!(parse("eth0:2375"), Ok(("eth0".to_owned(), Some(2375))));
        for bad in ["", "192.0.2", "192.0.2.256", "eth0:", "eth0:port", "a b", ":2375", "192.0.2.1/24"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
