//! Which ports of this host may be published for processes.

use super::{Error, Processes};
use crate::core::publishing::may_lead_to;
use std::io::ErrorKind;
use weft_model::{Network, PortMapping};

impl Processes {
    /// Whether a port of this host can lead to a container on `network`. What other programs have is theirs:
    /// our rules would take their packets.
    pub(super) fn may_publish(&self, network: &Network, port: &PortMapping) -> Result<(), Error> {
        may_lead_to(network, port)?;
        let number = format!("{}/{}", port.host_port, port.protocol);
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
