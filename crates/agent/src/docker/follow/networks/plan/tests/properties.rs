//! From any state, a few rounds settle everything, and nothing goes that should stay.

use super::*;
use crate::docker::follow::networks::likeness::{creation, pools_of};
use proptest::prelude::*;

const NAMES: [&str; 3] = ["a", "b", "c"];
const POOLS: [&str; 4] = ["10.0.0.0/24", "10.0.1.0/24", "10.0.2.0/24", "10.0.3.0/24"];
/// The first id of the engine's networks, and of those that were in the cluster once.
const ENGINE: u8 = 100;
const GONE: u8 = 200;
/// Before the first of those that are created in the engine.
const CREATED: u8 = 150;

/// What a network of the engine is mapped to.
#[derive(Debug, Clone)]
enum Mapping {
    Nothing,
    NotYet,
    Cluster(prop::sample::Index),
    Gone,
}

fn world() -> impl Strategy<Value = World> {
    let pool = || prop::sample::select(&POOLS[..]);
    // In the cluster names are unique, and pools do not overlap.
    let cluster = (
        prop::sample::subsequence(&NAMES[..], 0..=NAMES.len()),
        Just(POOLS.to_vec()).prop_shuffle(),
        prop::bits::u8::masked(0b111),
    );
    let driver = prop_oneof![4 => Just(DRIVER), 1 => Just("bridge")];
    let mapping = prop_oneof![
        Just(Mapping::Nothing),
        Just(Mapping::NotYet),
        any::<prop::sample::Index>().prop_map(Mapping::Cluster),
        Just(Mapping::Gone)
    ];
    let engine = prop::collection::vec((prop::sample::select(&NAMES[..]), pool(), driver, mapping), 0..5);
    (cluster, engine).prop_map(|((names, pools, removing), engine)| {
        let mut world = World::default();
        for (n, (name, pool)) in (1..).zip(names.into_iter().zip(pools)) {
            world = world.with_cluster(n, name, pool);
            world.cluster.get_mut(&id_of(n)).unwrap().removing = removing & n == n;
        }
        let of_cluster: Vec<NetworkId> = world.cluster.keys().copied().collect();
        for (n, (name, pool, driver, mapping)) in (ENGINE..).zip(engine) {
            world.engine.insert(id_of(n), in_engine(id_of(n), name, driver, pool));
            let network = match mapping {
                Mapping::Nothing => continue,
                Mapping::Cluster(index) if !of_cluster.is_empty() => Some(*index.get(&of_cluster)),
                Mapping::NotYet | Mapping::Cluster(_) => None,
                Mapping::Gone => Some(id_of(GONE)),
            };
            world.mapped.insert(id_of(n), Mapped { network, pools: BTreeSet::new() });
        }
        world
    })
}

impl World {
    /// Does what is planned, as far as the cluster and the engine let us. Returns whether anything was done.
    fn round(&mut self) -> bool {
        let before = (self.cluster.len(), self.engine.len(), self.mapped.clone());
        for step in self.plan().steps {
            self.take(step);
        }
        before != (self.cluster.len(), self.engine.len(), self.mapped.clone())
    }

    fn take(&mut self, step: NetworkStep) {
        match step {
            NetworkStep::Remove { id, .. } => {
                self.engine.remove(&id);
                self.mapped.remove(&id);
            }
            NetworkStep::Map { id, network } => self.map(id, network),
            NetworkStep::Adopt { id, name } => {
                let new = &self.engine[&id];
                let pools = pools_of(new);
                let taken = |other: &Network| {
                    other.name == name || other.subnets.iter().any(|subnet| pools.contains(&subnet.pool))
                };
                if !self.cluster.values().any(taken) {
                    let pool = pools.first().unwrap().to_string();
                    self.cluster.insert(id, in_cluster(name.as_str(), &pool));
                    self.map(id, id);
                }
            }
            NetworkStep::Create { network, .. } => {
                let wanted = creation(&self.cluster[&network]);
                if self.engine.values().all(|other| other.name != wanted.name) {
                    self.created += 1;
                    let id = id_of(CREATED + self.created);
                    let pool = wanted.pools[0].subnet.unwrap().to_string();
                    self.engine.insert(id, in_engine(id, wanted.name.as_str(), DRIVER, &pool));
                    self.map(id, network);
                }
            }
        }
    }

    fn map(&mut self, id: NetworkId, network: NetworkId) {
        self.mapped.insert(id, Mapped { network: Some(network), pools: BTreeSet::new() });
    }

    /// The network of the cluster that a network of the engine is, as it is noted.
    fn is(&self, id: &NetworkId) -> Option<NetworkId> {
        self.mapped.get(id)?.network.filter(|network| self.cluster.contains_key(network))
    }
}

proptest! {
    #[test]
    fn a_few_rounds_settle_it(mut world in world()) {
        let rounds = (0..10).take_while(|_| world.round()).count();
        prop_assert!(rounds <= 4, "{rounds} rounds: {world:#?}");
        let plan = world.plan();
        // All that is left to do cannot be done: its subnet or name is taken.
        prop_assert!(plan.steps.iter().all(|step| matches!(step, NetworkStep::Adopt { .. })), "{plan:?}");
        let had: BTreeSet<NetworkId> = world.engine.keys().filter_map(|id| world.is(id)).collect();
        for (id, network) in world.cluster.iter().filter(|(_, network)| !network.removing) {
            let name = network.name.as_str();
            let said = plan.problems.iter().any(|problem| problem.contains(&format!("network {name} ")));
            let adopted_first = plan.steps.iter().any(|s| matches!(s, NetworkStep::Adopt { name: n, .. } if *n == network.name));
            let twice = plan.problems.iter().any(|problem| problem.contains(&format!("two networks {name}:")));
            prop_assert!(had.contains(id) || said || twice || adopted_first, "{name} is missing: {plan:?}");
        }
    }

    #[test]
    fn nothing_goes_that_should_stay(world in world()) {
        for step in world.plan().steps {
            let NetworkStep::Remove { id, because, .. } = step else { continue };
            let network = &world.engine[&id];
            prop_assert_eq!(&network.driver, DRIVER);
            prop_assert!(world.is(&id).is_none(), "it is the cluster's: {network:?}");
            let noted = world.mapped.get(&id).and_then(|mapped| mapped.network);
            match because {
                Because::Removed(gone) => prop_assert!(noted == Some(gone)),
                Because::NameTaken => {
                    prop_assert!(world.cluster.values().any(|other| other.name == network.name), "{network:?}");
                    prop_assert_eq!(noted, None);
                }
            }
        }
    }

    #[test]
    fn each_network_is_dealt_with_once(world in world()) {
        let plan = world.plan();
        let in_engine = plan.steps.iter().filter_map(|step| match step {
            NetworkStep::Remove { id, .. } | NetworkStep::Map { id, .. } | NetworkStep::Adopt { id, .. } => Some(*id),
            NetworkStep::Create { .. } => None,
        });
        let in_engine: Vec<_> = in_engine.collect();
        prop_assert_eq!(in_engine.iter().collect::<BTreeSet<_>>().len(), in_engine.len());
        let mapped: Vec<NetworkId> = plan.steps.iter().filter_map(|step| match step {
            NetworkStep::Map { network, .. } | NetworkStep::Create { network, .. } => Some(*network),
            NetworkStep::Remove { .. } | NetworkStep::Adopt { .. } => None,
        }).collect();
        prop_assert_eq!(mapped.iter().collect::<BTreeSet<_>>().len(), mapped.len());
    }
}
