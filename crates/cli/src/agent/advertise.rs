//! `--cluster-advertise`: how the other hosts reach this one.

use anyhow::{Context, bail};
use std::{
    net::{IpAddr, Ipv6Addr, UdpSocket},
    str::FromStr,
};
use weft_model::{IfName, IpNet};
use weft_netlink::{Address, Socket};

/// What was said about the address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Advertise {
    /// Nothing: the address that the default route uses.
    #[default]
    DefaultRoute,
    /// This one.
    Address(IpAddr),
    /// The first one that this interface has.
    Interface(IfName),
}

impl FromStr for Advertise {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let invalid = || {
            let shown: String = text.chars().take(80).collect();
            format!(
                "{shown:?} is neither an address nor an interface: write 192.0.2.1, [2001:db8::1] or eth0"
            )
        };
        if let Ok(address) = text.parse() {
            return Ok(Self::Address(address));
        }
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => rest.split_once(']').ok_or_else(invalid)?,
            None => text.split_at(text.find(':').unwrap_or(text.len())),
        };
        // Docker wanted a port here; it is checked, and not used.
        let port_is_valid = match port.strip_prefix(':') {
            Some(port) => port.parse::<u16>().is_ok_and(|port| port != 0),
            None => port.is_empty(),
        };
        if !port_is_valid {
            return Err(invalid());
        }
        if text.starts_with('[') {
            return host.parse::<Ipv6Addr>().map(|ip| Self::Address(ip.into())).map_err(|_| invalid());
        }
        if let Ok(address) = host.parse() {
            return Ok(Self::Address(address));
        }
        // What looks like an address and is none is a slip of the finger, not an interface.
        let looks_like_address = host.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        if looks_like_address {
            Err(invalid())
        } else {
            host.parse().map(Self::Interface).map_err(|_| invalid())
        }
    }
}

impl Advertise {
    /// The address, which this host has.
    ///
    /// # Errors
    /// Says why there is none that other hosts could use, and what to do.
    pub(super) fn resolve(self) -> anyhow::Result<IpAddr> {
        match self {
            Self::Address(address) => usable(address).map(|()| address),
            Self::Interface(name) => of_interface(&name),
            Self::DefaultRoute => of_default_route(),
        }
    }
}

/// Checks that other hosts could reach this one at `address`.
fn usable(address: IpAddr) -> anyhow::Result<()> {
    if address.is_loopback() || address.is_unspecified() || address.is_multicast() {
        bail!(
            "cannot advertise {address}: other hosts cannot reach this one there; give one of its own addresses"
        );
    }
    // The kernel gives a socket only an address that the host has.
    UdpSocket::bind((address, 0)).with_context(|| {
        format!("cannot advertise {address}: this host does not have it (see `ip address`)")
    })?;
    Ok(())
}

fn of_interface(name: &IfName) -> anyhow::Result<IpAddr> {
    let doing = || format!("cannot advertise the address of interface {name}");
    let mut socket = Socket::open().with_context(doing)?;
    let link = socket.link_index(name.as_str()).with_context(doing)?;
    let addresses = socket.addresses().with_context(doing)?;
    match first(addresses.iter().filter(|address| address.link == link)) {
        Some(address) => usable(address).map(|()| address),
        None => bail!("{}: it has none yet; give it one, or name another interface", doing()),
    }
}

/// The first address that is good beyond the link; IPv4 before IPv6.
fn first<'a>(addresses: impl Iterator<Item = &'a Address> + Clone) -> Option<IpAddr> {
    let global = addresses.filter(|address| address.global).map(|address| address.net);
    let ipv4 = global.clone().find(|net| matches!(net, IpNet::V4(_)));
    ipv4.or_else(|| global.clone().next()).map(|net| net.addr())
}

/// The address that packets to the rest of the world come from. Nothing is sent: connecting a UDP socket
/// looks up a route (connect(2)), here to addresses that nobody has (RFC 5737, RFC 3849).
fn of_default_route() -> anyhow::Result<IpAddr> {
    for (any, far) in [("0.0.0.0:0", "192.0.2.1:9"), ("[::]:0", "[2001:db8::1]:9")] {
        let found = UdpSocket::bind(any).and_then(|socket| {
            socket.connect(far)?;
            socket.local_addr()
        });
        if let Ok(address) = found
            && usable(address.ip()).is_ok()
        {
            return Ok(address.ip());
        }
    }
    bail!(
        "cannot tell how other hosts reach this one, since it has no default route: give --cluster-advertise"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_docker_took_it() {
        let address = |text: &str| Ok(Advertise::Address(text.parse().unwrap()));
        let interface = |text: &str| Ok(Advertise::Interface(text.parse().unwrap()));
        assert_eq!("192.0.2.1".parse(), address("192.0.2.1"));
        assert_eq!("192.0.2.1:2375".parse(), address("192.0.2.1"));
        assert_eq!("2001:db8::1".parse(), address("2001:db8::1"));
        assert_eq!("[2001:db8::1]".parse(), address("2001:db8::1"));
        assert_eq!("[2001:db8::1]:2375".parse(), address("2001:db8::1"));
        assert_eq!("eth0".parse(), interface("eth0"));
        assert_eq!("eth0:2375".parse(), interface("eth0"));
    }

    #[test]
    fn refuses_what_is_neither() {
        for bad in
            ["", ":", "eth0:", "eth0:x", "eth0:0", "[::1", "[eth0]", "a b", "10.0.0", "300.0.0.1", "[::1]x"]
        {
            assert!(bad.parse::<Advertise>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_address_must_be_this_hosts_and_of_use_to_others() {
        let why = |text: &str| format!("{:#}", text.parse::<Advertise>().unwrap().resolve().unwrap_err());
        assert!(why("127.0.0.1").contains("cannot reach"));
        assert!(why("0.0.0.0").contains("cannot reach"));
        assert!(why("192.0.2.77").contains("does not have it"));
        assert!(why("lo").contains("it has none"));
        assert!(why("nosuch0").contains("nosuch0"));
    }
}
