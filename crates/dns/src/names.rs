//! The snapshot that answers come from.

use crate::wire::encode;
use std::{
    collections::{BTreeSet, HashMap, hash_map::Entry},
    net::IpAddr,
    sync::Arc,
};
use weft_model::{EndpointName, IpNet, NetworkId, NetworkName};

/// A live endpoint of a network, and what it answers to there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Its name: what its addresses resolve to.
    pub name: EndpointName,
    /// Its other names.
    pub aliases: Vec<EndpointName>,
    /// The first twelve digits of its container's id.
    pub short_id: Option<String>,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
}

/// The names of one network. Snapshots share it, so that a change of one network builds one table.
#[derive(Debug, Default)]
pub struct NetworkNames {
    /// The network's own name, as questions for `name.network` end with it. None if DNS cannot express it.
    suffix: Option<Box<[u8]>>,
    pools: Box<[IpNet]>,
    /// By name, in lower case; sorted, and so IPv4 first.
    forward: HashMap<Box<[u8]>, Box<[IpAddr]>>,
    /// The full name of each address, `name.network`.
    reverse: HashMap<IpAddr, Box<[u8]>>,
}

impl NetworkNames {
    /// The table of a network with its pools and its live endpoints. A name that several hosts have, leads
    /// to the addresses of all of them.
    pub fn new(
        network: &NetworkName,
        pools: impl IntoIterator<Item = IpNet>,
        hosts: impl IntoIterator<Item = Host>,
    ) -> Self {
        let suffix = encode(network.as_str());
        let mut forward: HashMap<Vec<u8>, BTreeSet<IpAddr>> = HashMap::new();
        let mut reverse = HashMap::new();
        for host in hosts {
            let names = std::iter::once(host.name.as_str())
                .chain(host.aliases.iter().map(EndpointName::as_str))
                .chain(host.short_id.as_deref());
            // A name such as "a..b" is a container's name, but nothing that can be asked for.
            for name in names.filter_map(|n| encode(&n.to_ascii_lowercase())) {
                forward.entry(name).or_default().extend(&host.addresses);
            }
            let full = encode(&format!("{}.{network}", host.name)).or_else(|| encode(host.name.as_str()));
            for &address in &host.addresses {
                if let (Some(full), Entry::Vacant(entry)) = (&full, reverse.entry(address)) {
                    entry.insert(full.clone().into_boxed_slice());
                }
            }
        }
        Self {
            suffix: suffix.map(|s| s.to_ascii_lowercase().into_boxed_slice()),
            pools: pools.into_iter().collect(),
            forward: forward.into_iter().map(|(name, a)| (name.into(), a.into_iter().collect())).collect(),
            reverse,
        }
    }

    /// The addresses of a name, given in lower case, with or without the network's name behind it.
    pub(crate) fn addresses_of(&self, key: &[u8]) -> Option<&[IpAddr]> {
        let within = || self.forward.get(key.strip_suffix(self.suffix.as_deref()?)?);
        self.forward.get(key).or_else(within).map(|a| &**a)
    }

    /// A name without the network's own behind it.
    pub(crate) fn bare<'k>(&self, key: &'k [u8]) -> &'k [u8] {
        self.suffix.as_deref().and_then(|suffix| key.strip_suffix(suffix)).unwrap_or(key)
    }

    /// The full name of an address, on the wire.
    pub(crate) fn name_of(&self, address: IpAddr) -> Option<&[u8]> {
        self.reverse.get(&address).map(|name| &**name)
    }

    /// Whether the address is one of the network's, held by somebody or not.
    pub(crate) fn owns(&self, address: IpAddr) -> bool {
        self.pools.iter().any(|pool| pool.contains(&address))
    }
}

/// The names of all networks at one moment.
#[derive(Debug, Default)]
pub struct Names {
    networks: HashMap<NetworkId, Arc<NetworkNames>>,
}

impl Names {
    /// A snapshot of these networks.
    pub fn new(networks: impl IntoIterator<Item = (NetworkId, Arc<NetworkNames>)>) -> Self {
        Self { networks: networks.into_iter().collect() }
    }

    pub(crate) fn network(&self, id: NetworkId) -> Option<&NetworkNames> {
        self.networks.get(&id).map(|network| &**network)
    }
}
