//! Which ports of this host may lead to a container.

use std::net::Ipv6Addr;
use weft_model::{Network, PortMapping};
use weft_verbs::Error;

/// Whether a port of this host can lead to a container on `network`, whatever else has it.
pub(super) fn may_lead_to(network: &Network, port: &PortMapping) -> Result<(), Error> {
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
    Ok(())
}
