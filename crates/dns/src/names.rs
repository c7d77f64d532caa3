//! The snapshot that answers come from.

use crate::wire::encode;
use imbl::HashMap;
use std::{net::IpAddr, sync::Arc};
use weft_model::{EndpointName, IpNet, NetworkId, NetworkName};

/// A live endpoint of a network, and what it answers to there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedEndpoint {
    /// Its name: what its addresses resolve to.
    pub name: EndpointName,
    /// Its other names.
    pub aliases: Vec<EndpointName>,
    /// The first twelve digits of its container's id.
    pub short_id: Option<String>,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
}

impl NamedEndpoint {
    /// What it is asked for by, on the wire and in lower case. A name such as "a..b" is a container's name, but nothing
    /// that can be asked for.
    fn names(&self) -> impl Iterator<Item = Vec<u8>> + '_ {
        let names = std::iter::once(self.name.as_str())
            .chain(self.aliases.iter().map(EndpointName::as_str))
            .chain(self.short_id.as_deref());
        names.filter_map(|name| encode(&name.to_ascii_lowercase()))
    }
}

/// The names of one network. To clone it costs nothing: two share what is the same in both.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NetworkNames {
    name: String,
    /// The network's own name, as questions for `name.network` end with it. None if DNS cannot express it.
    suffix: Option<Arc<[u8]>>,
    pools: Arc<[IpNet]>,
    /// By name, in lower case; sorted, and so IPv4 first.
    forward: HashMap<Arc<[u8]>, Arc<[IpAddr]>>,
    /// The full name of each address, `name.network`.
    reverse: HashMap<IpAddr, Arc<[u8]>>,
}

impl NetworkNames {
    /// The table of a network with its pools and its live endpoints. A name that several hosts have, leads
    /// to the addresses of all of them.
    pub fn new(
        network: &NetworkName,
        pools: impl IntoIterator<Item = IpNet>,
        hosts: impl IntoIterator<Item = NamedEndpoint>,
    ) -> Self {
        let mut names = Self {
            name: network.to_string(),
            suffix: encode(network.as_str()).map(|suffix| suffix.to_ascii_lowercase().into()),
            pools: pools.into_iter().collect(),
            ..Self::default()
        };
        for host in hosts {
            names.insert(&host);
        }
        names
    }

    /// Adds a host. Says whether no other has one of its addresses: else it cannot be removed, and the table has to be
    /// made anew.
    pub fn insert(&mut self, host: &NamedEndpoint) -> bool {
        for name in host.names() {
            let mut addresses = self.forward.get(&*name).map_or_else(Vec::new, |known| known.to_vec());
            addresses.extend(&host.addresses);
            addresses.sort_unstable();
            addresses.dedup();
            self.forward.insert(name.into(), addresses.into());
        }
        let full = encode(&format!("{}.{}", host.name, self.name)).or_else(|| encode(host.name.as_str()));
        let full: Option<Arc<[u8]>> = full.map(Into::into);
        let mut alone = true;
        for &address in &host.addresses {
            if self.reverse.contains_key(&address) {
                alone = false;
            } else if let Some(full) = &full {
                self.reverse.insert(address, Arc::clone(full));
            }
        }
        alone
    }

    /// Removes a host that is there and shares none of its addresses with another.
    pub fn remove(&mut self, host: &NamedEndpoint) {
        for name in host.names() {
            let known = self.forward.get(&*name).into_iter().flat_map(|known| known.iter().copied());
            let others: Vec<IpAddr> = known.filter(|ip| !host.addresses.contains(ip)).collect();
            if others.is_empty() {
                self.forward.remove(&*name);
            } else {
                self.forward.insert(name.into(), others.into());
            }
        }
        for address in &host.addresses {
            self.reverse.remove(address);
        }
    }

    /// How many addresses the name leads to.
    pub fn count(&self, name: &EndpointName) -> usize {
        let key = encode(&name.as_str().to_ascii_lowercase());
        key.and_then(|key| self.forward.get(&*key)).map_or(0, |addresses| addresses.len())
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
