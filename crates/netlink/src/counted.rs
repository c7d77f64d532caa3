//! What the kernel has counted of each interface.

use crate::{NetlinkError, Socket};
use netlink_packet_route::{
    RouteNetlinkMessage,
    link::{LinkAttribute, LinkMessage, Stats64},
};
use std::collections::BTreeMap;
use weft_model::{Amount, Traffic};

impl Socket {
    /// What has gone through each link of the namespace, by its name, as the link sees it (`struct rtnl_link_stats64`,
    /// `include/uapi/linux/if_link.h`).
    ///
    /// # Errors
    /// When the kernel refuses, or does not let it be read in one piece.
    pub fn traffic(&mut self) -> Result<BTreeMap<String, Traffic>, NetlinkError> {
        let asked = RouteNetlinkMessage::GetLink(LinkMessage::default());
        self.dump(&asked, counted).map(|all| all.into_iter().collect())
    }
}

fn counted(message: RouteNetlinkMessage) -> Option<(String, Traffic)> {
    let RouteNetlinkMessage::NewLink(message) = message else { return None };
    let (mut name, mut traffic) = (None, None);
    for attribute in message.attributes {
        match attribute {
            LinkAttribute::IfName(found) => name = Some(found),
            LinkAttribute::Stats64(stats) => traffic = Some(of(&stats)),
            _ => {}
        }
    }
    name.zip(traffic)
}

fn of(stats: &Stats64) -> Traffic {
    let amount = |bytes, packets, dropped| Amount { bytes, packets, dropped };
    Traffic {
        received: amount(stats.rx_bytes, stats.rx_packets, stats.rx_dropped),
        sent: amount(stats.tx_bytes, stats.tx_packets, stats.tx_dropped),
    }
}
