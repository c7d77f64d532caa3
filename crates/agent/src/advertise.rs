//! `--cluster-advertise`: how the other hosts reach this one.

mod choice;

use choice::{choose, that_stays};
use std::{
    fmt, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket},
    str::FromStr,
};
use weft_model::IfName;
use weft_netlink::{Address, NetlinkError, Socket};

/// What was said about the address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Advertise {
    /// Nothing: the address that the default route uses.
    #[default]
    DefaultRoute,
    /// This one.
    Address(IpAddr),
    /// One that this interface has, and keeps.
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
            return good_for_others(address).map(|()| Self::Address(address));
        }
        refuse_scope(text)?;
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
            refuse_scope(host)?;
            let address = host.parse::<Ipv6Addr>().map_err(|_| invalid())?.into();
            return good_for_others(address).map(|()| Self::Address(address));
        }
        if let Ok(address) = host.parse() {
            return good_for_others(address).map(|()| Self::Address(address));
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

/// Refuses an address with the interface that it is good for (RFC 4007 section 11): fe80::1%eth0.
fn refuse_scope(text: &str) -> Result<(), String> {
    let (address, _) = text.split_once('%').unwrap_or_default();
    match address.parse::<Ipv6Addr>() {
        Ok(address) => {
            good_for_others(address.into()).and(Err(format!("{text:?}: leave out what follows {address}")))
        }
        Err(_) => Ok(()),
    }
}

/// The address that a NAT in front of a host puts in place of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutsideAddress(pub(crate) IpAddr);

impl FromStr for OutsideAddress {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let address = text.parse().map_err(|_| format!("{text:?} is not an IP address"))?;
        good_for_others(address).map(|()| Self(address))
    }
}

impl fmt::Display for OutsideAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Checks that an address means the same to other hosts.
pub(crate) fn good_for_others(address: IpAddr) -> Result<(), String> {
    let link_local = match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    };
    let for_many = address.is_multicast() || address == IpAddr::V4(Ipv4Addr::BROADCAST);
    if address.is_loopback() || address.is_unspecified() || for_many {
        return Err(format!(
            "cannot advertise {address}: other hosts cannot reach this one there; give one of its own addresses"
        ));
    }
    if link_local {
        return Err(format!(
            "cannot advertise {address}: it is good on one link only, and each host of it may have the same; give an address \
             that all hosts can reach, or let the interface have one (an fd00::/8 address will do)"
        ));
    }
    Ok(())
}

/// Why this host has no address to advertise.
#[derive(Debug, thiserror::Error)]
pub enum NoAddress {
    /// It is not this host's.
    #[error(
        "cannot advertise {address}: this host does not have it (see `ip address`). Give the one that it has; if {address} is \
         what a NAT in front of it puts in place of that, one to one, say so with --outside-address"
    )]
    NotHere {
        /// The address.
        address: IpAddr,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// No NAT puts the one in place of the other.
    #[error(
        "--outside-address {outside}: this host is reached at {own}, of the other family: give one of the same, or another \
         --cluster-advertise"
    )]
    OfTheOtherFamily {
        /// The address outside.
        outside: IpAddr,
        /// The host's own.
        own: IpAddr,
    },
    /// The interface has none that would do.
    #[error(
        "cannot advertise the address of interface {0}: it has none that other hosts could use and that stays; give it one, \
         or name another interface"
    )]
    NoneOf(IfName),
    /// There is no default route.
    #[error(
        "cannot tell how other hosts reach this one, since it has no default route: give --cluster-advertise"
    )]
    NoRoute,
    /// The kernel does not say.
    #[error("cannot read this host's addresses")]
    Netlink(#[from] NetlinkError),
}

impl Advertise {
    /// The address, which this host has. The one that was advertised so far stays as long as the host has it.
    ///
    /// # Errors
    /// Says why there is none that other hosts could use, and what to do.
    pub fn resolve(&self, so_far: Option<IpAddr>) -> Result<IpAddr, NoAddress> {
        match self {
            Self::Address(address) => {
                usable(*address)?;
                // Sockets are also given the address that means all hosts of a link.
                let has_it = Socket::open()?.addresses()?.iter().any(|one| one.net.addr() == *address);
                let source = || io::ErrorKind::AddrNotAvailable.into();
                has_it
                    .then_some(*address)
                    .ok_or_else(|| NoAddress::NotHere { address: *address, source: source() })
            }
            Self::Interface(name) => {
                let mut socket = Socket::open()?;
                let link = socket.link_index(name.as_str())?;
                let on_link = |address: &Address| address.link == link;
                let addresses: Vec<Address> = socket.addresses()?.into_iter().filter(on_link).collect();
                choose(&addresses, so_far).ok_or_else(|| NoAddress::NoneOf(name.clone()))
            }
            Self::DefaultRoute => {
                let kept = so_far.filter(|address| usable(*address).is_ok());
                kept.or_else(|| of_default_route(so_far)).ok_or(NoAddress::NoRoute)
            }
        }
    }
}

/// The kernel gives a socket only an address that the host has.
fn usable(address: IpAddr) -> Result<(), NoAddress> {
    UdpSocket::bind((address, 0)).map(drop).map_err(|source| NoAddress::NotHere { address, source })
}

/// The address that packets to the rest of the world come from. Nothing is sent: connecting a UDP socket
/// looks up a route (connect(2)), here to addresses that nobody has (RFC 5737, RFC 3849). What takes the place of the one
/// `so_far` is of its family.
fn of_default_route(so_far: Option<IpAddr>) -> Option<IpAddr> {
    let from = |(any, far): (&str, &str)| {
        let socket = UdpSocket::bind(any).ok()?;
        socket.connect(far).ok()?;
        let address = socket.local_addr().ok()?.ip();
        let same_family = so_far.is_none_or(|so_far| so_far.is_ipv4() == address.is_ipv4());
        (same_family && good_for_others(address).is_ok()).then_some(address)
    };
    let chosen = [("0.0.0.0:0", "192.0.2.1:9"), ("[::]:0", "[2001:db8::1]:9")].into_iter().find_map(from)?;
    // Where the kernel does not tell of its addresses, its choice is the best there is.
    let addresses = Socket::open().and_then(|mut socket| socket.addresses()).unwrap_or_default();
    Some(that_stays(chosen, &addresses))
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
        for (text, word) in [
            ("127.0.0.1", "cannot reach"),
            ("0.0.0.0:2375", "cannot reach"),
            ("fe80::1", "one link"),
            ("fe80::1%eth0", "one link"),
            ("[fe80::1%eth0]:2375", "one link"),
            ("2001:db8::1%eth0", "leave out"),
            ("169.254.1.2", "one link"),
        ] {
            let refused = text.parse::<Advertise>().unwrap_err();
            assert!(refused.contains(word), "{refused}");
        }
        let why =
            |text: &str| weft_model::chain(&text.parse::<Advertise>().unwrap().resolve(None).unwrap_err());
        assert!(why("192.0.2.77").contains("does not have it"));
        assert!(why("lo").contains("it has none"));
        assert!(why("nosuch0").contains("nosuch0"));
    }
}
