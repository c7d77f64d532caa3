//! An entry of a neighbour table or of a forwarding database, read from its bytes (`struct ndmsg` and attributes,
//! `linux/neighbour.h`). Tables have such entries by the thousands: the library would make a list of lists of each.

use crate::{
    Forward, Neighbour,
    transport::{HEADER, Header, attributes},
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use weft_model::MacAddr;

/// The messages that carry an entry (`linux/rtnetlink.h`).
pub(crate) const RTM_NEWNEIGH: u16 = 28;
pub(crate) const RTM_DELNEIGH: u16 = 29;
/// The length of `struct ndmsg` in bytes.
const NDMSG: usize = 12;
const NDA_DST: u16 = 1;
const NDA_LLADDR: u16 = 2;
const NDA_VLAN: u16 = 5;
const NUD_FAILED: u16 = 0x20;
/// A bridge's static entries are these, a VXLAN device's permanent ones (perhaps with other bits).
const NUD_NOARP: u16 = 0x40;
const NUD_PERMANENT: u16 = 0x80;
/// The device's own entry, not one of the bridge that it is a port of.
const NTF_SELF: u8 = 2;
const AF_BRIDGE: u8 = 7;

/// What an entry says.
#[derive(Default)]
pub(crate) struct TableEntry {
    family: u8,
    link: u32,
    state: u16,
    flags: u8,
    ip: Option<IpAddr>,
    mac: Option<MacAddr>,
    has_vlan: bool,
}

impl TableEntry {
    /// Reads a message, with its header; nothing if it is another kind of message, or too short.
    pub(crate) fn read(message: &[u8]) -> Option<Self> {
        if !matches!(Header::of(message)?.kind, RTM_NEWNEIGH | RTM_DELNEIGH) {
            return None;
        }
        let (body, rest) = message.get(HEADER..)?.split_first_chunk::<NDMSG>()?;
        let &[family, _, _, _, l0, l1, l2, l3, s0, s1, flags, _] = body;
        let (link, state) = (u32::from_ne_bytes([l0, l1, l2, l3]), u16::from_ne_bytes([s0, s1]));
        let mut entry = Self { family, link, state, flags, ..Self::default() };
        for (kind, value) in attributes(rest) {
            match kind {
                NDA_DST => entry.ip = ip(value),
                NDA_LLADDR => entry.mac = value.try_into().ok().and_then(|octets| MacAddr::new(octets).ok()),
                NDA_VLAN => entry.has_vlan = true,
                _ => {}
            }
        }
        Some(entry)
    }

    /// Whether it is of a forwarding database.
    pub(crate) fn is_forward(&self) -> bool {
        self.family == AF_BRIDGE
    }

    /// As a permanent entry of a neighbour table.
    pub(crate) fn neighbour(&self) -> Option<Neighbour> {
        let permanent = self.state == NUD_PERMANENT;
        permanent.then_some(Neighbour { link: self.link, ip: self.ip?, mac: self.mac? })
    }

    /// As a static entry of a forwarding database.
    pub(crate) fn forward(&self) -> Option<Forward> {
        let (own_of_device, vtep) = (self.flags & NTF_SELF != 0, self.ip);
        // A bridge has its own once more for each VLAN (`br_fdb_change_mac_address`, net/bridge/br_fdb.c), which it does
        // not look at without filtering.
        let is_bridges = vtep.is_none() && !own_of_device;
        let own = is_bridges && self.state & NUD_PERMANENT != 0 && !self.has_vlan;
        let is_static = match vtep {
            Some(_) => own_of_device && self.state & NUD_PERMANENT != 0,
            None => is_bridges && self.state & NUD_NOARP != 0,
        };
        (is_static || own).then_some(Forward { link: self.link, mac: self.mac?, vtep, own })
    }

    /// The address of a neighbour that is gone and was not learnt: one that somebody deletes has failed by then
    /// (`neigh_delete`, net/core/neighbour.c).
    pub(crate) fn gone(&self) -> Option<IpAddr> {
        let unlearnt = [0, NUD_FAILED, NUD_NOARP, NUD_PERMANENT].contains(&self.state);
        self.ip.filter(|_| unlearnt)
    }
}

/// The address in an entry. In a forwarding database the family does not say which kind it is.
fn ip(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = || <[u8; 4]>::try_from(bytes).ok().map(|bytes| Ipv4Addr::from(bytes).into());
    let v6 = || <[u8; 16]>::try_from(bytes).ok().map(|bytes| Ipv6Addr::from(bytes).into());
    v4().or_else(v6)
}
