//! Where each record is kept.

use crate::{AuthorityId, EndpointId, NetworkId, NetworkName, NodeId, NodeName, Vni};
use ipnet::IpNet;
use std::net::IpAddr;

/// The place of a record in the store.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// `nodes/<node>`: a [`Node`](crate::Node).
    Node(NodeName),
    /// `live/<node>`: a [`Liveness`](crate::Liveness), bound to the node's session.
    Live(NodeName),
    /// `calls/<node>`: a [`Call`](crate::Call), there while another agent waits for the node's answer.
    Call(NodeName),
    /// `latest/<node>`: a [`Latest`](crate::Latest); absent as long as the node never had an endpoint.
    Latest(NodeName),
    /// `networks/<network-id>`: a [`Network`](crate::Network).
    Network(NetworkId),
    /// `encrypted/<network-id>`: the same of a network whose packets are encrypted ([`Network::key`](crate::Network::key)).
    EncryptedNetwork(NetworkId),
    /// `names/<name>`: the id of the network of that name; keeps names unique.
    Name(NetworkName),
    /// `vnis/<vni>`: the id of the network that uses it; keeps VNIs unique.
    Vni(Vni),
    /// `ipam/<pool>/<address>`: a [`Claim`](crate::Claim); keeps addresses unique.
    Claim(IpNet, IpAddr),
    /// `cursors/<pool>`: a [`Cursor`](crate::Cursor).
    Cursor(IpNet),
    /// `holds/<pool>`: a [`PoolReservation`](crate::PoolReservation).
    PoolReservation(IpNet),
    /// `endpoints/<network-id>/<id>`: an [`Endpoint`](crate::Endpoint).
    Endpoint(NetworkId, EndpointId),
    /// `lineage`: an [`Lineage`](crate::Lineage).
    Lineage,
    /// `rebuilt`: a [`Rebuilt`](crate::Rebuilt); absent as long as the store never lost anything.
    Rebuilt,
    /// `cluster`: a [`ClusterRecord`](crate::ClusterRecord); absent before an agent that knows it came.
    Cluster,
    /// `revoked/<node-id>`: a [`Revocation`](crate::Revocation); there for good.
    Revoked(NodeId),
    /// `authorities/<authority-id>`: an [`AuthorityRecord`](crate::AuthorityRecord); absent as long as the cluster has its first.
    Authority(AuthorityId),
}

/// The kinds of keys, and how many parts follow.
const KINDS: &[(&str, usize)] = &[
    ("epoch", 0),
    ("rebuilt", 0),
    ("cluster", 0),
    ("nodes", 1),
    ("revoked", 1),
    ("authorities", 1),
    ("live", 1),
    ("calls", 1),
    ("latest", 1),
    ("networks", 1),
    ("encrypted", 1),
    ("names", 1),
    ("vnis", 1),
    ("cursors", 1),
    ("holds", 1),
    ("ipam", 2),
    ("endpoints", 2),
];

/// A key under the prefix that this version has no record for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("key {key:?} is not one of weft's")]
pub struct InvalidKey {
    key: String,
    unknown: Option<String>,
}

impl InvalidKey {
    /// What kind of key it is, if this version knows no keys of that kind: a later one may. Absent if it should
    /// know it, and cannot read it.
    pub fn unknown_kind(&self) -> Option<&str> {
        self.unknown.as_deref()
    }
}

/// The part of the store one cluster owns: everything under `<prefix>/v1/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keyspace {
    root: String,
}

impl Keyspace {
    /// The prefix where none is given.
    pub const DEFAULT_PREFIX: &'static str = "weft";

    /// The keyspace under `prefix`; slashes around it do not count, and an empty one is the default.
    pub fn new(prefix: &str) -> Self {
        let prefix = prefix.trim_matches('/');
        let prefix = if prefix.is_empty() { Self::DEFAULT_PREFIX } else { prefix };
        Self { root: format!("{prefix}/v1/") }
    }

    /// What every key of the cluster starts with, `<prefix>/v1/`.
    pub fn root(&self) -> &str {
        &self.root
    }

    /// The full key in the store.
    pub fn path(&self, key: &Key) -> String {
        let root = &self.root;
        match key {
            Key::Node(name) => format!("{root}nodes/{name}"),
            Key::Live(name) => format!("{root}live/{name}"),
            Key::Call(name) => format!("{root}calls/{name}"),
            Key::Latest(name) => format!("{root}latest/{name}"),
            Key::Network(id) => format!("{root}networks/{id}"),
            Key::EncryptedNetwork(id) => format!("{root}encrypted/{id}"),
            Key::Name(name) => format!("{root}names/{name}"),
            Key::Vni(vni) => format!("{root}vnis/{vni}"),
            Key::Claim(pool, address) => format!("{}{address}", self.claims_of(*pool)),
            Key::Cursor(pool) => format!("{root}cursors/{}", segment(*pool)),
            Key::PoolReservation(pool) => format!("{root}holds/{}", segment(*pool)),
            Key::Endpoint(network, id) => format!("{}{id}", self.endpoints_of(*network)),
            Key::Lineage => format!("{root}epoch"),
            Key::Rebuilt => format!("{root}rebuilt"),
            Key::Cluster => format!("{root}cluster"),
            Key::Revoked(id) => format!("{root}revoked/{id}"),
            Key::Authority(id) => format!("{root}authorities/{id}"),
        }
    }

    /// What the key of every claim in `pool` starts with.
    pub fn claims_of(&self, pool: IpNet) -> String {
        format!("{}ipam/{}/", self.root, segment(pool))
    }

    /// What the key of every endpoint of `network` starts with.
    pub fn endpoints_of(&self, network: NetworkId) -> String {
        format!("{}endpoints/{network}/", self.root)
    }

    /// Reads a full key.
    ///
    /// # Errors
    /// [`InvalidKey`] for anything that [`Keyspace::path`] would not write: each record has one key.
    pub fn parse(&self, path: &str) -> Result<Key, InvalidKey> {
        self.parse_opt(path).filter(|key| self.path(key) == path).ok_or_else(|| InvalidKey {
            key: path.chars().take(200).collect(),
            unknown: self.unknown_kind(path),
        })
    }

    fn unknown_kind(&self, path: &str) -> Option<String> {
        let mut parts = path.strip_prefix(&self.root)?.split('/');
        let kind = parts.next().filter(|kind| !kind.is_empty())?;
        let rest = parts.filter(|part| !part.is_empty()).count();
        let known = KINDS.iter().find(|(name, _)| *name == kind);
        // What is below a record is another kind than the record.
        let is_known = known.is_some_and(|(_, parts)| rest <= *parts);
        (!is_known).then(|| kind.chars().take(60).collect())
    }

    fn parse_opt(&self, path: &str) -> Option<Key> {
        let mut parts = path.strip_prefix(&self.root)?.split('/');
        let kind = parts.next()?;
        let first = parts.next();
        let second = parts.next();
        if parts.next().is_some() {
            return None;
        }
        match (kind, first, second) {
            ("epoch", None, None) => Some(Key::Lineage),
            ("rebuilt", None, None) => Some(Key::Rebuilt),
            ("cluster", None, None) => Some(Key::Cluster),
            ("nodes", Some(name), None) => name.parse().ok().map(Key::Node),
            ("revoked", Some(id), None) => id.parse().ok().map(Key::Revoked),
            ("authorities", Some(id), None) => id.parse().ok().map(Key::Authority),
            ("live", Some(name), None) => name.parse().ok().map(Key::Live),
            ("calls", Some(name), None) => name.parse().ok().map(Key::Call),
            ("latest", Some(name), None) => name.parse().ok().map(Key::Latest),
            ("networks", Some(id), None) => id.parse().ok().map(Key::Network),
            ("encrypted", Some(id), None) => id.parse().ok().map(Key::EncryptedNetwork),
            ("names", Some(name), None) => name.parse().ok().map(Key::Name),
            ("vnis", Some(vni), None) => vni.parse().ok().map(Key::Vni),
            ("cursors", Some(pool), None) => pool_of(pool).map(Key::Cursor),
            ("holds", Some(pool), None) => pool_of(pool).map(Key::PoolReservation),
            ("ipam", Some(pool), Some(address)) => {
                let (pool, address) = (pool_of(pool)?, address.parse().ok()?);
                pool.contains(&address).then_some(Key::Claim(pool, address))
            }
            ("endpoints", Some(network), Some(id)) => {
                Some(Key::Endpoint(network.parse().ok()?, id.parse().ok()?))
            }
            _ => None,
        }
    }
}

/// A pool as one part of a key: `10.0.0.0-24`, since a slash would make it two.
fn segment(pool: IpNet) -> String {
    format!("{}-{}", pool.network(), pool.prefix_len())
}

fn pool_of(segment: &str) -> Option<IpNet> {
    let (address, length) = segment.split_once('-')?;
    let pool = IpNet::new(address.parse().ok()?, length.parse().ok()?).ok()?;
    (pool.trunc() == pool).then_some(pool)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn keys() -> Vec<Key> {
        let mut rng = rand::rng();
        let (network, endpoint) = (NetworkId::random(&mut rng), EndpointId::random(&mut rng));
        let pool: IpNet = "10.0.0.0/24".parse().unwrap();
        let pool6: IpNet = "fd00::/64".parse().unwrap();
        vec![
            Key::Node("host1".parse().unwrap()),
            Key::Live("host1".parse().unwrap()),
            Key::Call("host1".parse().unwrap()),
            Key::Latest("host1".parse().unwrap()),
            Key::Network(network),
            Key::EncryptedNetwork(network),
            Key::Name("overlay".parse().unwrap()),
            Key::Vni(Vni::FIRST_AUTOMATIC),
            Key::Claim(pool, "10.0.0.2".parse().unwrap()),
            Key::Claim(pool6, "fd00::2".parse().unwrap()),
            Key::Cursor(pool),
            Key::PoolReservation(pool),
            Key::Endpoint(network, endpoint),
            Key::Lineage,
            Key::Rebuilt,
            Key::Cluster,
            Key::Revoked(NodeId::random(&mut rng)),
            Key::Authority(AuthorityId::random(&mut rng)),
        ]
    }

    #[test]
    fn every_key_can_be_read_back() {
        for prefix in ["weft", "/a/b/", ""] {
            let keyspace = Keyspace::new(prefix);
            for key in keys() {
                assert_eq!(keyspace.parse(&keyspace.path(&key)), Ok(key));
            }
        }
    }

    #[test]
    fn a_record_has_one_key_only() {
        let keyspace = Keyspace::new("weft");
        for bad in ["weft/v1/", "weft/v1/vnis/0256", "weft/v1/ipam/10.0.0.0-24/10.0.1.1", "x/v1/epoch"] {
            assert!(keyspace.parse(bad).is_err(), "{bad}");
        }
        assert!(keyspace.parse("weft/v1/ipam/fd00::-64/fd00:0::2").is_err());
    }

    #[test]
    fn kinds_of_later_versions_are_told_from_garbage() {
        let keyspace = Keyspace::new("weft");
        let kind = |path: &str| keyspace.parse(path).unwrap_err().unknown_kind().map(str::to_owned);
        for (path, unknown) in [
            ("tags/a", "tags"),
            ("gateways", "gateways"),
            ("nodes/host1/keys", "nodes"),
            ("epoch/2", "epoch"),
        ] {
            assert_eq!(kind(&format!("weft/v1/{path}")).as_deref(), Some(unknown), "{path}");
        }
        for path in ["vnis/0256", "vnis/", "vnis", "networks/x", "nodes/..", "endpoints/x/y", ""] {
            assert_eq!(kind(&format!("weft/v1/{path}")), None, "{path}");
        }
        for key in keys() {
            let path = keyspace.path(&key);
            let (first, parts) = path["weft/v1/".len()..]
                .split_once('/')
                .map_or((&path[8..], 0), |(kind, rest)| (kind, rest.split('/').count()));
            assert!(KINDS.contains(&(first, parts)), "{path}");
        }
    }

    proptest! {
        #[test]
        fn reading_any_key_does_not_panic(path in "(weft/v1/)?[a-z0-9/.:-]{0,60}") {
            let _ = Keyspace::new("weft").parse(&path);
        }
    }
}
