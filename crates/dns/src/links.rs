//! What one client alone calls others.

use crate::{names::NetworkNames, wire::encode};
use weft_model::{ContainerLink, NetworkId};

/// A client's own names for others, on each of its networks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Links(Vec<NamedTarget>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct NamedTarget {
    network: NetworkId,
    alias: Box<[u8]>,
    target: Box<[u8]>,
}

impl Links {
    /// These links; those that cannot be asked for are left out.
    pub fn new<'l>(links: impl IntoIterator<Item = (NetworkId, &'l ContainerLink)>) -> Self {
        let wire = |name: &str| encode(&name.to_ascii_lowercase()).map(Vec::into_boxed_slice);
        let known = |(network, link): (_, &ContainerLink)| {
            Some(NamedTarget {
                network,
                alias: wire(link.alias.as_str())?,
                target: wire(link.target.as_str())?,
            })
        };
        Self(links.into_iter().filter_map(known).collect())
    }

    /// The addresses of what the client calls `key` on a network, given in lower case.
    pub(crate) fn addresses_of<'n>(
        &self,
        (id, network): (NetworkId, &'n NetworkNames),
        key: &[u8],
    ) -> Option<&'n [std::net::IpAddr]> {
        let is_meant = |link: &&NamedTarget| {
            link.network == id && (*link.alias == *key || *link.alias == *network.bare(key))
        };
        // Of several that are called so, the first that is there.
        self.0.iter().filter(is_meant).find_map(|link| network.addresses_of(&link.target))
    }
}
