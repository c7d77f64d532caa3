//! Which cluster a store has, and whether it is this host's. Decides, and does nothing.

use super::home::{Home, StoreLocation};
use std::collections::BTreeSet;
use weft_model::{ClusterId, NetworkId};

/// What there is to decide on.
#[derive(Debug, Clone)]
pub(super) struct Situation<'s> {
    /// Where this host is at home; `None` if it never was anywhere.
    pub(super) home: Option<&'s Home>,
    /// Where the store is.
    pub(super) store: &'s StoreLocation,
    /// How many endpoints this host has.
    pub(super) endpoints: usize,
    /// The networks that it knows, or its engine has.
    pub(super) networks: &'s BTreeSet<NetworkId>,
    /// What the store shows.
    pub(super) shown: Shown,
    /// What a new cluster would be called.
    pub(super) fresh: ClusterId,
}

/// What a store shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shown {
    /// Which cluster it says it is.
    pub(super) id: Shows,
    /// Whether no networks and no endpoints are in it.
    pub(super) empty: bool,
    /// Whether it has one of this host's networks.
    pub(super) shares_network: bool,
    /// Whether it has this host's node.
    pub(super) knows_node: bool,
}

/// Which cluster a store says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shows {
    /// It says nothing.
    Nothing,
    /// Something that cannot be read.
    Nonsense,
    /// This one.
    Cluster(ClusterId),
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Decision {
    /// This host belongs there.
    Enter(Entrance),
    /// It does once the store says that it is cluster `id`, where it says `instead_of` now.
    Found { id: ClusterId, instead_of: Option<ClusterId> },
    /// It does not.
    Refuse(String),
}

/// What changes for this host when it enters a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entrance {
    /// The cluster.
    pub cluster: ClusterId,
    /// Whether it is another than before: what is remembered is not of it.
    pub afresh: bool,
    /// Whether the cluster is in another store than before, whose revisions cannot be compared with the former's.
    pub moved: bool,
}

/// Decides whether this host may use a store.
pub(super) fn decide(situation: &Situation<'_>) -> Decision {
    let Situation { home, store, shown, fresh, .. } = situation;
    let has_nothing = situation.endpoints == 0 && situation.networks.is_empty();
    let at_home = home.is_some_and(|home| home.store.is_same(store));
    let recognised = shown.knows_node || shown.shares_network;
    let enter = |cluster, afresh| Decision::Enter(Entrance { cluster, afresh, moved: !at_home });
    let found = |id| Decision::Found { id, instead_of: None };
    match (home.and_then(|home| home.cluster), shown.id) {
        (Some(ours), Shows::Cluster(theirs)) if ours == theirs => enter(theirs, false),
        (Some(_), Shows::Cluster(theirs)) if has_nothing => enter(theirs, true),
        // The store was wiped, and a node that never knew our cluster was faster.
        (Some(ours), Shows::Cluster(theirs)) if at_home && shown.empty => {
            Decision::Found { id: ours, instead_of: Some(theirs) }
        }
        // Wiped, or its key deleted: the rest is put back, too.
        (Some(ours), Shows::Nothing | Shows::Nonsense) if at_home => found(ours),
        // Copied by a version that knew of no id.
        (Some(ours), Shows::Nothing) if recognised && !has_nothing => found(ours),
        (Some(_), Shows::Nothing) if has_nothing => found(*fresh),
        // The first start of this version, or of all.
        (None, Shows::Cluster(theirs)) if has_nothing || recognised || at_home && shown.empty => {
            enter(theirs, !recognised && !at_home)
        }
        (None, Shows::Nothing) if has_nothing || recognised || at_home && shown.empty => found(*fresh),
        (_, Shows::Nonsense) => Decision::Refuse(nonsense(store)),
        _ => Decision::Refuse(refusal(situation)),
    }
}

fn nonsense(store: &StoreLocation) -> String {
    format!(
        "which cluster is in {store} cannot be read there, in the key `cluster`: another program, or a later version of \
         weft, wrote it. Mend it, or put --cluster-store right"
    )
}

fn refusal(situation: &Situation<'_>) -> String {
    let Situation { home, store, shown, networks, endpoints, .. } = situation;
    let theirs = match shown.id {
        Shows::Cluster(id) => format!("has another cluster ({})", id.short()),
        _ if shown.empty => "is empty".to_owned(),
        _ => "has another cluster, with no network in common".to_owned(),
    };
    let ours = match home {
        Some(Home { cluster: Some(id), store, .. }) => format!("cluster {} in {store}", id.short()),
        Some(Home { store, .. }) => format!("the cluster in {store}"),
        None => "another cluster".to_owned(),
    };
    format!(
        "store {store} {theirs}, and this host belongs to {ours}, with {} and {}: nothing is changed, and what runs goes \
         on. Put --cluster-store right, move the cluster with `weft store copy` while no agent runs, or give up what this \
         host has of it with `weft leave --force`",
        counted(networks.len(), "network"),
        counted(*endpoints, "endpoint here"),
    )
}

fn counted(count: usize, what: &str) -> String {
    let (noun, rest) =
        what.split_once(' ').map_or((what, String::new()), |(noun, rest)| (noun, format!(" {rest}")));
    format!("{count} {noun}{}{rest}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests;
