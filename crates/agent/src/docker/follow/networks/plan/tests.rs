mod properties;

use super::*;
use weft_docker::engine::{ConfiguredPool, NetworkIpam};
use weft_model::{IpNet, Subnet};

/// What there is, owned.
#[derive(Debug, Clone, Default)]
struct World {
    cluster: BTreeMap<NetworkId, Network>,
    engine: BTreeMap<NetworkId, engine::Network>,
    foreign: Vec<ForeignNetwork>,
    mapped: BTreeMap<NetworkId, Mapped>,
    going: BTreeSet<NetworkId>,
    /// How many were created in the engine.
    created: u8,
}

impl World {
    fn plan(&self) -> NetworkPlan {
        plan(&Scene {
            cluster: self.cluster.iter().map(|(id, network)| (*id, network)).collect(),
            engine: &self.engine,
            foreign: &self.foreign,
            mapped: &self.mapped,
            going: self.going.clone(),
        })
    }

    fn with_cluster(mut self, id: u8, name: &str, pool: &str) -> Self {
        self.cluster.insert(id_of(id), in_cluster(name, pool));
        self
    }

    fn with_engine(mut self, id: u8, name: &str, pool: &str) -> Self {
        self.engine.insert(id_of(id), in_engine(id_of(id), name, DRIVER, pool));
        self
    }

    fn with_mapping(mut self, engine: u8, cluster: u8) -> Self {
        self.mapped.insert(id_of(engine), Mapped { network: Some(id_of(cluster)), pools: BTreeSet::new() });
        self
    }

    fn steps(&self) -> Vec<NetworkStep> {
        let plan = self.plan();
        assert_eq!(plan.problems, Vec::<String>::new());
        plan.steps.into_iter().collect()
    }

    /// The only thing there is to say, where nothing can be done.
    fn problem(&self) -> String {
        let plan = self.plan();
        assert!(plan.steps.is_empty(), "{plan:?}");
        assert_eq!(plan.problems.len(), 1, "{plan:?}");
        plan.problems[0].clone()
    }
}

fn id_of(number: u8) -> NetworkId {
    format!("{number:02x}").repeat(32).parse().unwrap()
}

fn name(text: &str) -> NetworkName {
    text.parse().unwrap()
}

fn in_cluster(name: &str, pool: &str) -> Network {
    let pool: IpNet = pool.parse().unwrap();
    Network {
        name: name.parse().unwrap(),
        subnets: vec![Subnet {
            pool,
            gateway: Subnet::default_gateway(pool),
            vni: 256.try_into().unwrap(),
            ip_range: None,
            aux_addresses: BTreeMap::new(),
            extra: Default::default(),
        }],
        internal: false,
        options: BTreeMap::new(),
        labels: BTreeMap::new(),
        created: weft_model::Timestamp::UNIX_EPOCH,
        removing: false,
        extra: Default::default(),
    }
}

fn in_engine(id: NetworkId, name: &str, driver: &str, pool: &str) -> engine::Network {
    let pool = ConfiguredPool { subnet: Some(pool.parse().unwrap()), ..ConfiguredPool::default() };
    engine::Network {
        id,
        name: name.parse().unwrap(),
        created: weft_model::Timestamp::MAX,
        driver: driver.to_owned(),
        scope: "local".to_owned(),
        ipv4: None,
        ipv6: false,
        ipam: NetworkIpam { driver: driver.to_owned(), options: BTreeMap::new(), pools: vec![pool] },
        internal: false,
        attachable: false,
        options: BTreeMap::new(),
        labels: BTreeMap::new(),
        members: Vec::new(),
    }
}

#[test]
fn what_only_one_has_the_other_gets() {
    let world = World::default().with_cluster(1, "a", "10.0.0.0/24").with_engine(2, "b", "10.0.1.0/24");
    assert_eq!(
        world.steps(),
        [
            NetworkStep::Adopt { id: id_of(2), name: name("b") },
            NetworkStep::Create { network: id_of(1), name: name("a") }
        ]
    );
}

#[test]
fn what_both_have_is_left_as_it_is() {
    let world = World::default()
        .with_cluster(1, "a", "10.0.0.0/24")
        .with_engine(2, "a", "10.0.0.0/24")
        .with_mapping(2, 1);
    assert_eq!(world.steps(), []);
}

#[test]
fn what_left_the_cluster_leaves_the_engine() {
    let world = World::default().with_engine(2, "a", "10.0.0.0/24").with_mapping(2, 1);
    let because = Because::Removed(id_of(1));
    assert_eq!(world.steps(), [NetworkStep::Remove { id: id_of(2), name: name("a"), because }]);
}

#[test]
fn what_is_being_removed_is_waited_for() {
    let mut world = World::default().with_cluster(1, "a", "10.0.0.0/24");
    world.cluster.get_mut(&id_of(1)).unwrap().removing = true;
    assert_eq!(world.steps(), [], "not created any more");
    let mapped = world.clone().with_engine(2, "a", "10.0.0.0/24").with_mapping(2, 1);
    assert_eq!(mapped.steps(), [], "not removed yet");
    assert_eq!(world.with_engine(2, "a", "10.0.1.0/24").steps(), [], "not adopted yet");
}

#[test]
fn what_the_engine_is_deleting_is_not_adopted_and_not_in_the_way_for_long() {
    let mut world = World::default().with_engine(2, "a", "10.0.0.0/24");
    world.going.insert(id_of(2));
    assert_eq!(world.steps(), []);
    assert_eq!(world.with_cluster(1, "a", "10.0.1.0/24").steps(), []);
}

#[test]
fn the_same_network_is_recognised() {
    let world = World::default().with_cluster(1, "a", "10.0.0.0/24").with_engine(2, "a", "10.0.0.0/24");
    let map = NetworkStep::Map { id: id_of(2), network: id_of(1) };
    assert_eq!(world.steps(), std::slice::from_ref(&map));
    // Removed, and created as it was, while the engine was away: containers that know it by its id can stay.
    assert_eq!(world.with_mapping(2, 9).steps(), [map]);
    // Adopted by an agent that did not live to note it.
    let adopted = World::default().with_cluster(2, "a", "10.0.0.0/24").with_engine(2, "a", "10.0.0.0/24");
    assert_eq!(adopted.steps(), [NetworkStep::Map { id: id_of(2), network: id_of(2) }]);
}

#[test]
fn of_two_with_one_name_that_of_the_cluster_stays() {
    let world = World::default().with_cluster(1, "a", "10.0.0.0/24").with_engine(2, "a", "10.0.1.0/24");
    let remove = |because| vec![NetworkStep::Remove { id: id_of(2), name: name("a"), because }];
    assert_eq!(world.steps(), remove(Because::NameTaken));
    assert_eq!(world.with_mapping(2, 9).steps(), remove(Because::Removed(id_of(9))));
}

#[test]
fn one_that_was_created_at_the_same_time_stands_for_that_of_the_cluster() {
    let mut world = World::default().with_cluster(1, "a", "10.0.0.0/24").with_engine(2, "a", "10.0.1.0/24");
    let created = world.cluster[&id_of(1)].created;
    world.engine.get_mut(&id_of(2)).unwrap().created = created + jiff::SignedDuration::from_secs(2);
    assert_eq!(world.steps(), [NetworkStep::Map { id: id_of(2), network: id_of(1) }]);
    let pools = ["10.0.0.0/24", "10.0.1.0/24"].map(|pool| pool.parse().unwrap()).into();
    world.mapped.insert(id_of(2), Mapped { network: Some(id_of(1)), pools });
    assert_eq!(world.steps(), [], "nothing is to be said, either");
    // What the cluster removes, it was.
    world.cluster.clear();
    let because = Because::Removed(id_of(1));
    assert_eq!(world.steps(), [NetworkStep::Remove { id: id_of(2), name: name("a"), because }]);
}

#[test]
fn one_that_was_to_be_encrypted_is_none_that_is_not() {
    // The same pool, and one that was created at the same time.
    for pool in ["10.7.0.0/24", "10.8.0.0/24"] {
        let mut world =
            World::default().with_cluster(1, "overlay", "10.7.0.0/24").with_engine(2, "overlay", pool);
        let created = world.cluster[&id_of(1)].created;
        world.engine.get_mut(&id_of(2)).unwrap().created = created;
        assert!(matches!(world.steps()[..], [NetworkStep::Map { .. }]), "{pool}");
        let asked = world.engine.get_mut(&id_of(2)).unwrap();
        asked.options.insert("encrypted".to_owned(), String::new());
        assert!(matches!(world.steps()[0], NetworkStep::Remove { .. }), "{pool}");
        let known = world.clone().with_mapping(2, 1);
        assert!(known.problem().contains("was to be encrypted"));
        let cluster = world.cluster.get_mut(&id_of(1)).unwrap();
        cluster.options.insert("encrypted".to_owned(), "true".to_owned());
        assert!(matches!(world.steps()[..], [NetworkStep::Map { .. }]), "{pool}");
    }
}

#[test]
fn a_network_of_another_driver_is_left_alone() {
    let mut world = World::default().with_cluster(1, "a", "10.0.0.0/24");
    world.engine.insert(id_of(2), in_engine(id_of(2), "a", "bridge", "172.17.0.0/16"));
    assert_eq!(
        world.problem(),
        "the cluster's network a is not in Docker, which has a network a of driver bridge: remove that, or \
         give the cluster's another name"
    );
    let mut world = World::default().with_cluster(1, "a", "10.0.0.0/24");
    let (name, driver, why) = ("a".to_owned(), "overlay".to_owned(), "its id".to_owned());
    world.foreign.push(ForeignNetwork { name, driver, id: Some(id_of(9)), subnets: Vec::new(), why });
    assert!(world.problem().contains("of driver overlay"));
}

#[test]
fn what_cannot_be_in_the_cluster_is_said() {
    let mut world = World::default().with_engine(2, "a", "10.0.0.0/24");
    world.engine.get_mut(&id_of(2)).unwrap().ipam.driver = "default".to_owned();
    assert!(world.problem().contains("create it with --ipam-driver weft"));
    let mut world = World::default();
    let (name, driver, why) = ("ä".to_owned(), DRIVER.to_owned(), "invalid network name".to_owned());
    world.foreign.push(ForeignNetwork { name, driver, id: Some(id_of(9)), subnets: Vec::new(), why });
    assert_eq!(world.problem(), "Docker's network ä is not in the cluster: invalid network name");
}

#[test]
fn a_known_network_that_differs_is_said_and_left_alone() {
    let world = World::default().with_cluster(1, "a", "10.0.0.0/24").with_engine(2, "a", "10.0.0.0/24");
    let mut world = world.with_mapping(2, 1);
    world.engine.get_mut(&id_of(2)).unwrap().internal = true;
    assert_eq!(
        world.problem(),
        "Docker's network a is not as the cluster's: it is internal, the cluster's is not"
    );
    world.engine.get_mut(&id_of(2)).unwrap().internal = false;
    world.engine.get_mut(&id_of(2)).unwrap().ipam.pools[0].gateway = Some("10.0.0.254".parse().unwrap());
    assert!(world.problem().ends_with("its gateway is 10.0.0.254, the cluster's 10.0.0.1"));
    let world = world.with_engine(2, "a", "10.0.7.0/24");
    assert!(world.problem().ends_with("it has 10.0.7.0/24, the cluster's 10.0.0.0/24"));
}

#[test]
fn two_of_one_name_in_an_old_engine_are_said() {
    let world = World::default().with_cluster(1, "a", "10.0.0.0/24").with_engine(2, "a", "10.0.0.0/24");
    let world = world.with_mapping(2, 1).with_engine(3, "a", "10.0.0.0/24");
    assert!(world.problem().starts_with("Docker has two networks a: remove 030303030303"));
}
