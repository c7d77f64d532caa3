//! Neighbour tables, and the forwarding databases of bridges and VXLAN devices.

use crate::{NetlinkError, Request, Socket, entry::TableEntry};
use netlink_packet_core::{NLM_F_CREATE, NLM_F_REPLACE};
use netlink_packet_route::{
    AddressFamily, RouteNetlinkMessage,
    neighbour::{NeighbourAttribute, NeighbourFlags, NeighbourMessage, NeighbourState},
};
use std::net::IpAddr;
use weft_model::MacAddr;

/// A permanent entry of a neighbour table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Neighbour {
    /// The number of the link.
    pub link: u32,
    /// The IP address of the neighbour.
    pub ip: IpAddr,
    /// Its Ethernet address.
    pub mac: MacAddr,
}

/// A static entry of a forwarding database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forward {
    /// The number of the VXLAN device, the bridge's port, or the bridge.
    pub link: u32,
    /// Frames to this address …
    pub mac: MacAddr,
    /// … go to this VTEP; absent for a bridge.
    pub vtep: Option<IpAddr>,
    /// Whether it is an address of the bridge's own, or of a port's.
    pub own: bool,
}

impl Socket {
    /// The permanent entries of the neighbour tables.
    ///
    /// # Errors
    /// When the kernel refuses, or does not let them be read in one piece.
    pub fn neighbours(&mut self) -> Result<Vec<Neighbour>, NetlinkError> {
        let mut message = NeighbourMessage::default();
        message.header.family = AddressFamily::Unspec;
        self.dump_raw(&RouteNetlinkMessage::GetNeighbour(message), |entry| {
            TableEntry::read(entry)?.neighbour()
        })
    }

    /// The static entries of bridges and VXLAN devices.
    ///
    /// # Errors
    /// When the kernel refuses, or does not let them be read in one piece.
    pub fn forwards(&mut self) -> Result<Vec<Forward>, NetlinkError> {
        let mut message = NeighbourMessage::default();
        message.header.family = AddressFamily::Bridge;
        self.dump_raw(&RouteNetlinkMessage::GetNeighbour(message), |entry| TableEntry::read(entry)?.forward())
    }
}

/// Sets where an IP address's frames go, in place of what the table had.
pub fn set_neighbour(link: u32, ip: IpAddr, mac: MacAddr) -> Request {
    let mut message = neighbour_message(link, ip);
    message.header.state = NeighbourState::Permanent;
    message.attributes.push(NeighbourAttribute::LinkLayerAddress(mac.octets().to_vec()));
    Request::new(RouteNetlinkMessage::NewNeighbour(message), NLM_F_CREATE | NLM_F_REPLACE)
}

/// Removes an entry of a neighbour table.
pub fn delete_neighbour(link: u32, ip: IpAddr) -> Request {
    Request::new(RouteNetlinkMessage::DelNeighbour(neighbour_message(link, ip)), 0)
}

/// Sets the VTEP that a VXLAN device sends an address's frames to, in place of the one it had.
pub fn set_vxlan_forward(link: u32, mac: MacAddr, vtep: IpAddr) -> Request {
    let mut message = vxlan_message(link, mac, vtep);
    message.header.state = NeighbourState::Permanent;
    Request::new(RouteNetlinkMessage::NewNeighbour(message), NLM_F_CREATE | NLM_F_REPLACE)
}

/// Removes one VTEP of an address from a VXLAN device.
pub fn delete_vxlan_forward(link: u32, mac: MacAddr, vtep: IpAddr) -> Request {
    Request::new(RouteNetlinkMessage::DelNeighbour(vxlan_message(link, mac, vtep)), 0)
}

/// Sets the bridge's port that an address is behind.
pub fn set_local_fdb(port: u32, mac: MacAddr) -> Request {
    let mut message = local_fdb_message(port, mac);
    // NUD_NOARP: static; NUD_PERMANENT would mean the bridge itself (`br_fdb_add`, `net/bridge/br_fdb.c`).
    message.header.state = NeighbourState::Noarp;
    Request::new(RouteNetlinkMessage::NewNeighbour(message), NLM_F_CREATE | NLM_F_REPLACE)
}

/// Has a bridge accept the frames to an address as its own.
pub fn set_own_local_fdb(bridge: u32, mac: MacAddr) -> Request {
    let mut message = bridge_message(bridge, mac, NeighbourFlags::Own);
    message.header.state = NeighbourState::Permanent;
    Request::new(RouteNetlinkMessage::NewNeighbour(message), NLM_F_CREATE | NLM_F_REPLACE)
}

/// Removes an address from a bridge's port.
pub fn delete_local_fdb(port: u32, mac: MacAddr) -> Request {
    Request::new(RouteNetlinkMessage::DelNeighbour(local_fdb_message(port, mac)), 0)
}

fn neighbour_message(link: u32, ip: IpAddr) -> NeighbourMessage {
    let mut message = NeighbourMessage::default();
    message.header.family = if ip.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    message.header.ifindex = link;
    message.attributes.push(NeighbourAttribute::Destination(ip.into()));
    message
}

fn bridge_message(link: u32, mac: MacAddr, flags: NeighbourFlags) -> NeighbourMessage {
    let mut message = NeighbourMessage::default();
    message.header.family = AddressFamily::Bridge;
    message.header.ifindex = link;
    message.header.flags = flags;
    message.attributes.push(NeighbourAttribute::LinkLayerAddress(mac.octets().to_vec()));
    message
}

fn vxlan_message(link: u32, mac: MacAddr, vtep: IpAddr) -> NeighbourMessage {
    let mut message = bridge_message(link, mac, NeighbourFlags::Own);
    message.attributes.push(NeighbourAttribute::Destination(vtep.into()));
    message
}

fn local_fdb_message(port: u32, mac: MacAddr) -> NeighbourMessage {
    bridge_message(port, mac, NeighbourFlags::Controller)
}
