//! What keeps the engine and the cluster from having the same networks.

use super::likeness::{adoption, difference, pools_of, raced, subnets_of};
use crate::docker::Mapped;
use std::collections::{BTreeMap, BTreeSet};
use weft_docker::{
    engine::{self, ForeignNetwork},
    plugin::DRIVER,
};
use weft_model::{Network, NetworkId, NetworkName};

/// What there is.
#[derive(Debug, Clone)]
pub(super) struct Scene<'a> {
    /// The networks of the cluster.
    pub(super) cluster: BTreeMap<NetworkId, &'a Network>,
    /// The networks of the engine, of all drivers, by the engine's ids.
    pub(super) engine: &'a BTreeMap<NetworkId, engine::Network>,
    /// Those of the engine that cannot be the cluster's.
    pub(super) foreign: &'a [ForeignNetwork],
    /// Which of the engine's is which of the cluster's.
    pub(super) mapped: &'a BTreeMap<NetworkId, Mapped>,
    /// Those that the engine is deleting.
    pub(super) going: BTreeSet<NetworkId>,
}

/// Something to do about one network. Ordered as they are to be done: what goes makes room for what comes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum NetworkStep {
    /// Take a network off the engine.
    Remove {
        /// Which, in the engine.
        id: NetworkId,
        /// Its name.
        name: NetworkName,
        /// Why.
        because: Because,
    },
    /// Note that a network of the engine is one of the cluster's.
    Map {
        /// Which, in the engine.
        id: NetworkId,
        /// Which, in the cluster.
        network: NetworkId,
    },
    /// Create a network of the engine in the cluster.
    Adopt {
        /// Which, in the engine.
        id: NetworkId,
        /// Its name.
        name: NetworkName,
    },
    /// Create a network of the cluster in the engine.
    Create {
        /// Which, in the cluster.
        network: NetworkId,
        /// Its name.
        name: NetworkName,
    },
}

/// Why a network is taken off the engine.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Because {
    /// It was this network of the cluster, which was removed.
    Removed(NetworkId),
    /// It never was one of the cluster's, and the cluster has another of its name.
    NameTaken,
}

/// What to do, and what nothing can be done about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct NetworkPlan {
    pub(super) steps: BTreeSet<NetworkStep>,
    pub(super) problems: Vec<String>,
    /// The engine's networks that nobody can be on, since they cannot be in the cluster, and why.
    pub(super) refused: BTreeMap<NetworkId, String>,
}

/// Compares the two.
pub(super) fn plan(scene: &Scene<'_>) -> NetworkPlan {
    let mut planning = Planning { scene, plan: NetworkPlan::default(), settled: BTreeSet::new() };
    for foreign in scene.foreign.iter().filter(|foreign| foreign.driver == DRIVER) {
        planning.refuse(foreign.id, &foreign.name, &foreign.why);
    }
    let staying = |network: &&engine::Network| network.driver == DRIVER && !scene.going.contains(&network.id);
    let (known, unknown): (Vec<_>, Vec<_>) =
        scene.engine.values().filter(staying).partition(|network| scene.is_known(&network.id));
    // Known ones first: of two that could be the same network of the cluster, they are.
    known.into_iter().for_each(|network| planning.keep(network));
    unknown.into_iter().for_each(|network| planning.settle(network));
    planning.fill();
    planning.plan
}

impl Scene<'_> {
    fn mapping(&self, id: &NetworkId) -> Option<NetworkId> {
        self.mapped.get(id).and_then(|mapped| mapped.network)
    }

    fn is_known(&self, id: &NetworkId) -> bool {
        self.mapping(id).is_some_and(|network| self.cluster.contains_key(&network))
    }

    /// Whether a network of the engine lost a race, and stands for another.
    fn is_lent(&self, network: &engine::Network, cluster: &Network) -> bool {
        let pools = self.mapped.get(&network.id).map(|mapped| &mapped.pools);
        pools.is_some_and(|pools| subnets_of(cluster).is_subset(pools) && pools_of(network).is_subset(pools))
    }

    /// The network of the cluster that a network of the engine is, or is in the way of.
    fn namesake(&self, network: &engine::Network) -> Option<(NetworkId, &Network)> {
        let adopted = self.cluster.get_key_value(&network.id);
        let namesake = || self.cluster.iter().find(|(_, other)| other.name == network.name);
        adopted.or_else(namesake).map(|(id, network)| (*id, *network))
    }

    /// The driver of the engine's network of this name.
    fn driver_of(&self, name: &NetworkName) -> Option<&str> {
        let known = self.engine.values().find(|network| network.name == *name).map(|n| n.driver.as_str());
        let foreign = || self.foreign.iter().find(|n| n.name == name.as_str()).map(|n| n.driver.as_str());
        known.or_else(foreign)
    }
}

struct Planning<'s, 'a> {
    scene: &'s Scene<'a>,
    plan: NetworkPlan,
    /// The networks of the cluster that the engine has.
    settled: BTreeSet<NetworkId>,
}

impl Planning<'_, '_> {
    fn problem(&mut self, problem: String) {
        self.plan.problems.push(problem);
    }

    /// A network that only the engine can have.
    fn refuse(&mut self, id: Option<NetworkId>, name: &str, why: &str) {
        let why = format!("Docker's network {name} is not in the cluster: {why}");
        self.plan.refused.extend(id.map(|id| (id, why.clone())));
        self.problem(why);
    }

    /// A network that is known to be one of the cluster's.
    fn keep(&mut self, network: &engine::Network) {
        let Some(id) = self.scene.mapping(&network.id) else { return };
        let Some(cluster) = self.scene.cluster.get(&id) else { return };
        if !self.settled.insert(id) {
            self.twice(network);
        } else if self.scene.is_lent(network, cluster) {
            // It is known to differ, and is served as it is.
        } else if let Some(difference) = difference(network, cluster) {
            self.problem(format!("Docker's network {} is not as the cluster's: {difference}", network.name));
        }
    }

    /// A network that is none of the cluster's, as far as is known.
    fn settle(&mut self, network: &engine::Network) {
        let (id, name) = (network.id, network.name.clone());
        let removed = self.scene.mapping(&id).map(Because::Removed);
        let step = match self.scene.namesake(network) {
            // It will be gone in a moment.
            Some((_, cluster)) if cluster.removing => return,
            Some((other, cluster)) if difference(network, cluster).is_none() => {
                if !self.settled.insert(other) {
                    return self.twice(network);
                }
                NetworkStep::Map { id, network: other }
            }
            // The client that created it was told its id, and that it is there: it stands for the cluster's from now
            // on.
            Some((other, cluster)) if removed.is_none() && raced(network, cluster) => {
                if !self.settled.insert(other) {
                    return self.twice(network);
                }
                NetworkStep::Map { id, network: other }
            }
            Some(_) => NetworkStep::Remove { id, name, because: removed.unwrap_or(Because::NameTaken) },
            None => match removed {
                Some(because) => NetworkStep::Remove { id, name, because },
                None => match adoption(network) {
                    Ok(_) => NetworkStep::Adopt { id, name },
                    Err(why) => {
                        return self.refuse(Some(id), name.as_str(), &why);
                    }
                },
            },
        };
        self.plan.steps.insert(step);
    }

    /// What the engine does not have.
    fn fill(&mut self) {
        let scene = self.scene;
        let missing =
            scene.cluster.iter().filter(|(id, network)| !network.removing && !self.settled.contains(id));
        for (id, network) in missing.map(|(id, network)| (*id, *network)).collect::<Vec<_>>() {
            match scene.driver_of(&network.name) {
                None => {
                    self.plan.steps.insert(NetworkStep::Create { network: id, name: network.name.clone() });
                }
                // It makes room, or was said not to.
                Some(DRIVER) => {}
                Some(other) => self.problem(format!(
                    "the cluster's network {0} is not in Docker, which has a network {0} of driver {other}: \
                     remove that, or give the cluster's another name",
                    network.name
                )),
            }
        }
    }

    fn twice(&mut self, network: &engine::Network) {
        let id = network.id.short();
        self.problem(format!(
            "Docker has two networks {0}: remove {id} with `docker network rm {id}`",
            network.name
        ));
    }
}

#[cfg(test)]
mod tests;
