//! What is to be said of encrypted networks.

use super::Reporter;
use crate::reconcile::contested;
use jiff::Timestamp;
use std::{collections::BTreeSet, sync::PoisonError, time::Duration};
use weft_model::{Node, TunnelKey};
use weft_state::cluster::Cluster;

/// For how long a host may leave what is sent to it through its tunnel without an answer: three tries of WireGuard's
/// (Rekey-Timeout is 5 s: whitepaper, section 6.1).
const PATIENCE: Duration = Duration::from_secs(15);

/// The names of the encrypted networks.
fn names(cluster: &Cluster) -> impl Iterator<Item = &str> {
    let encrypted = cluster.networks.values().filter(|network| network.is_encrypted());
    encrypted.map(|network| network.name.as_str())
}

impl Reporter {
    /// What keeps them from working.
    pub(super) fn troubles_of_encrypted(&self, cluster: &Cluster) -> Vec<String> {
        let troubles = self.without_key(cluster).into_iter().chain(contested(cluster));
        troubles.chain(self.silent(cluster)).collect()
    }

    /// The hosts that do not answer through their tunnels.
    fn silent(&self, cluster: &Cluster) -> Vec<String> {
        let Some(kernel) = self.rounds.kernel() else { return Vec::new() };
        let now = self.env.now();
        let lasted = |since: &Timestamp| Duration::try_from(now.duration_since(*since)).unwrap_or_default();
        let silent = kernel.silent.iter().filter(|(_, since)| lasted(since) >= PATIENCE);
        let say = |(key, _): (&TunnelKey, &Timestamp)| {
            let port_of = |node: &Node| node.encrypts().filter(|end| end.key == *key).map(|end| end.port);
            let (name, vtep, port) =
                cluster.nodes.iter().find_map(|(name, node)| Some((name, node.vtep, port_of(node)?)))?;
            Some(format!(
                "{name} does not answer on {vtep} port {port}/udp: on encrypted networks it cannot be reached from here. \
                 Open that port there, here and in between (`weft doctor` looks at this host's rules)"
            ))
        };
        silent.filter_map(say).collect()
    }

    /// That encrypted networks do not work here.
    fn without_key(&self, cluster: &Cluster) -> Option<String> {
        let own = cluster.nodes.get(&self.config.node_name)?;
        let needed = names(cluster).next().is_some();
        (needed && own.encrypts().is_none()).then(|| {
            "this host has no key to encrypt with, and takes part in no encrypted network: see its log"
                .to_owned()
        })
    }

    /// Asks the kernel whether it can encrypt, if a network is encrypted.
    pub(super) async fn ask_for_encryption(&self) {
        let needed = names(&self.access.known()).next().is_some();
        let unable = if needed { self.host.can_encrypt().await.err() } else { None };
        *self.unable.lock().unwrap_or_else(PoisonError::into_inner) = unable.map(|error| error.to_string());
    }

    /// The networks that nothing of this host can be on, and why.
    pub(super) fn unable(&self, cluster: &Cluster) -> Option<String> {
        let why = self.unable.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        let names: Vec<&str> = names(cluster).collect();
        (!names.is_empty()).then(|| format!("nothing here can be on {}: {why}", names.join(", ")))
    }

    /// The networks with endpoints here that are encrypted.
    pub(super) fn encrypted(&self) -> Option<String> {
        let endpoints = self.endpoints.here();
        let encrypted = endpoints.values().filter(|local| local.network.is_encrypted());
        let names: BTreeSet<&str> = encrypted.map(|local| local.network.name.as_str()).collect();
        let names: Vec<&str> = names.into_iter().collect();
        let port = self.config.tunnel_port;
        (!names.is_empty())
            .then(|| format!("encrypted between hosts, by WireGuard on {port}/udp: {}", names.join(", ")))
    }
}
