//! Two clusters in one store would be none: what is copied does not go over another cluster.

use anyhow::{Context, bail};
use std::collections::BTreeSet;
use weft_model::{ClusterId, ClusterRecord, Key, Keyspace, Record};
use weft_store::Store;

/// The part of a store's content that tells which cluster it belongs to.
#[derive(Debug, Default)]
struct Shown {
    cluster: Option<ClusterId>,
    networks: BTreeSet<String>,
    has_endpoints: bool,
}

/// Refuses to copy over another cluster. One without networks and endpoints is none yet: an agent was tried there.
///
/// # Errors
/// If there is one, or the stores cannot be read.
pub(super) async fn refuse(from: &dyn Store, to: &dyn Store, keyspace: &Keyspace) -> anyhow::Result<()> {
    let theirs = look(to, keyspace).await.context("cannot see what is there already")?;
    let ours = look(from, keyspace).await.context("cannot read what is to be copied")?;
    if !theirs.is_another_than(&ours) {
        return Ok(());
    }
    bail!(
        "{} has {}, and {} has {}: one would overwrite the other, also with --force. Nothing was written. Give one of \
         them another prefix (kv.path), or, if the one in {0} is given up, delete what is under {} there first",
        to.describe(),
        theirs.name(),
        from.describe(),
        ours.name(),
        keyspace.root(),
    )
}

async fn look(store: &dyn Store, keyspace: &Keyspace) -> anyhow::Result<Shown> {
    let entries = store.list(keyspace.root()).await?.entries;
    let mut shown = Shown::default();
    for entry in entries {
        match keyspace.parse(&entry.key) {
            // One that cannot be read says nothing.
            Ok(Key::Cluster) => shown.cluster = ClusterRecord::from_json(&entry.value).ok().map(|it| it.id),
            Ok(Key::Network(id) | Key::EncryptedNetwork(id)) => drop(shown.networks.insert(id.to_string())),
            Ok(Key::Endpoint(..)) => shown.has_endpoints = true,
            _ => {}
        }
    }
    Ok(shown)
}

impl Shown {
    /// Whether both are clusters, and not one and the same. Of earlier versions, which knew of no id, a network in
    /// common tells.
    fn is_another_than(&self, other: &Self) -> bool {
        let is_empty = self.networks.is_empty() && !self.has_endpoints;
        let shared = || !self.networks.is_disjoint(&other.networks) || other.networks.is_empty();
        !is_empty
            && match (self.cluster, other.cluster) {
                (Some(one), Some(two)) => one != two,
                _ => !shared(),
            }
    }

    fn name(&self) -> String {
        match self.cluster {
            Some(id) => format!("cluster {}", id.short()),
            None => "a cluster that has no id yet".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(cluster: Option<u128>, networks: &[&str]) -> Shown {
        let cluster = cluster.map(|id| format!("{id:064x}").parse().unwrap());
        let networks = networks.iter().map(ToString::to_string).collect();
        Shown { cluster, networks, has_endpoints: false }
    }

    #[test]
    fn what_another_cluster_is() {
        let ours = shown(Some(1), &["a", "b"]);
        for (theirs, another) in [
            (shown(Some(2), &["c"]), true),
            (shown(Some(2), &["a"]), true),
            (shown(Some(1), &["c"]), false),
            (shown(Some(2), &[]), false),
            (shown(None, &[]), false),
            (shown(None, &["b"]), false),
            (shown(None, &["c"]), true),
        ] {
            assert_eq!(theirs.is_another_than(&ours), another, "{theirs:?}");
        }
        let endpoints = Shown { has_endpoints: true, ..shown(Some(2), &[]) };
        assert!(endpoints.is_another_than(&ours));
        assert!(!shown(None, &["c"]).is_another_than(&shown(Some(1), &[])), "there is nothing to copy");
    }
}
