//! Which ports of this host may be published.

use super::{Error, Processes};
use std::{io::ErrorKind, net::Ipv6Addr};
use weft_model::{Network, PortMapping};

impl Processes {
    /// Whether a port of this host can lead to a container on `network`. What other programs have is theirs:
    /// our rules would take their packets.
    pub(super) fn may_publish(&self, network: &Network, port: &PortMapping) -> Result<(), Error> {
        let number = format!("{}/{}", port.host_port, port.protocol);
        if network.internal {
            let message = format!("network {} is internal: no ports can be published from it", network.name);
            return Err(Error::invalid(message));
        }
        if let Some(ip) = port.host_ip
            && !network.subnets.iter().any(|subnet| subnet.pool.addr().is_ipv4() == ip.is_ipv4())
        {
            return Err(Error::invalid(format!(
                "cannot publish port {number} on {ip}: network {} has no addresses of its family",
                network.name
            )));
        }
        // `ip6_rcv_core` in net/ipv6/ip6_input.c: answers to it would have to come in from another link.
        if port.host_ip == Some(Ipv6Addr::LOCALHOST.into()) {
            return Err(Error::invalid(format!(
                "cannot publish port {number} on ::1: the kernel does not let it leave the loopback device"
            )));
        }
        let Err(error) = self.host.try_port(port) else { return Ok(()) };
        Err(match (error.kind(), port.host_ip) {
            (ErrorKind::AddrInUse, _) => Error::conflict(format!(
                "port {number} of this host is in use by another program: publish on another, or end it \
                 (`ss -lnp` lists them)"
            )),
            (ErrorKind::AddrNotAvailable, Some(ip)) => Error::invalid(format!(
                "cannot publish port {number} on {ip}, which is not an address of this host"
            )),
            _ => Error::internal(&format!("cannot publish port {number}"), error),
        })
    }
}
