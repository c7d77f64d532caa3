//! The device that paths to other hosts are measured through.
//!
//! It is a VXLAN device as segments have them, on a VNI that no network has: what it sends takes the way that containers'
//! packets take, port and all. As those of segments it is in a namespace of its own, where nothing else is: whatever comes
//! out of it reaches nothing of the host's.

use crate::{ALIAS_PREFIX, Carrier, Fdb, Kind, Link, Namespace};
use serde::Serialize;
use std::{collections::BTreeMap, net::IpAddr};
use weft_model::{IfName, MacAddr, Vni};

/// What its alias says that it is for.
pub(crate) const PURPOSE: &str = "probe";

/// This host's end of all paths.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Probe {
    /// Its Ethernet address: frames to it are this node's.
    pub mac: MacAddr,
    /// The source of its VXLAN packets.
    pub vtep: IpAddr,
    /// The UDP port for VXLAN.
    pub port: u16,
    /// The largest packet that a segment's device sends, in bytes.
    pub mtu: u32,
    /// The other nodes' devices, and where these are.
    pub peers: Fdb,
}

impl Probe {
    /// The namespace, with the device.
    pub(crate) fn namespace(&self) -> Namespace {
        Namespace { links: BTreeMap::from([(IfName::vxlan(), self.link())]), ..Namespace::default() }
    }

    fn link(&self) -> Link {
        let kind = Kind::Vxlan { vni: Vni::PROBES, vtep: self.vtep, port: self.port, carrier: Carrier::Host };
        let mut link = Link::new(kind, format!("{ALIAS_PREFIX}{PURPOSE}"), Some(self.mac), self.mtu);
        link.up = true;
        link.fdb.clone_from(&self.peers);
        link
    }
}
