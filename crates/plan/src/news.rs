//! What the kernel tells of while it is not looked at, held against what is known of it.

use crate::{Netns, Observed};
use std::net::IpAddr;
use weft_model::{IfName, MacAddr};

/// One thing that has changed in a namespace of ours, by us or by others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KernelNews {
    /// Where a VXLAN device sends frames to an Ethernet address.
    Fdb {
        /// The Ethernet address.
        mac: MacAddr,
        /// The VTEP.
        vtep: IpAddr,
        /// Whether it does no more.
        gone: bool,
    },
    /// An Ethernet address behind a port of a bridge.
    LocalFdb {
        /// The Ethernet address.
        mac: MacAddr,
        /// Whether it is there no more.
        gone: bool,
    },
    /// A neighbour was set.
    Neighbour(IpAddr, MacAddr),
    /// A neighbour is gone.
    NeighbourGone(IpAddr),
    /// A link may be other than it was.
    Link(String),
    /// A link is gone, with all that it held.
    LinkGone(String),
    /// Something of which there are few.
    Else,
    /// More than could be told.
    Overrun,
}

/// Where to look again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Doubt {
    /// Nowhere: what was told is known.
    None,
    /// At everything but the entries that links hold by the thousands.
    Links,
    /// At everything.
    Everything,
}

impl Observed {
    /// Where to look again because of `news`. What this agent did itself is known by the time it is asked.
    pub fn doubt(&self, news: &KernelNews) -> Doubt {
        let agrees = match news {
            KernelNews::Else => return Doubt::Links,
            KernelNews::Overrun => return Doubt::Everything,
            KernelNews::LinkGone(name)
                if [IfName::bridge(), IfName::vxlan()].iter().any(|own| own.as_str() == name) =>
            {
                false
            }
            // What they hold is made anew with them. Links of others come and go all the time.
            KernelNews::Link(name) | KernelNews::LinkGone(name) => {
                return if self.has_link(name) { Doubt::Links } else { Doubt::None };
            }
            KernelNews::Fdb { mac, vtep, gone } => {
                self.any(|link| link.fdb.of(*mac).any(|known| known == *vtep)) != *gone
            }
            KernelNews::LocalFdb { mac, gone } => self.any(|link| link.local_fdb.contains(mac)) != *gone,
            KernelNews::Neighbour(ip, mac) => self.any(|link| link.neighbours.get(ip) == Some(mac)),
            KernelNews::NeighbourGone(ip) => !self.any(|link| link.neighbours.contains_key(ip)),
        };
        if agrees { Doubt::None } else { Doubt::Everything }
    }

    /// Whether a link of this name is anywhere, ours or in our way.
    fn has_link(&self, name: &str) -> bool {
        self.namespaces.values().any(|namespace| {
            let mut names = namespace.links.keys().chain(&namespace.foreign_links);
            names.any(|known| known.as_str() == name)
        })
    }

    fn any(&self, is: impl Fn(&crate::Link) -> bool) -> bool {
        self.namespaces.values().flat_map(|namespace| namespace.links.values()).any(is)
    }

    /// Takes over what a look has `seen` that left out the entries which links hold by the thousands.
    pub fn glance(&mut self, mut seen: Self) {
        for (netns, namespace) in &mut seen.namespaces {
            let before = self.namespaces.remove(netns).filter(|_| matches!(netns, Netns::Segment(_)));
            let Some(mut before) = before else { continue };
            for (name, link) in &mut namespace.links {
                if let Some(known) = before.links.remove(name).filter(|known| known.kind == link.kind) {
                    (link.fdb, link.neighbours) = (known.fdb, known.neighbours);
                    link.local_fdb = known.local_fdb;
                }
            }
        }
        *self = seen;
    }
}
