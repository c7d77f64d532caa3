use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use weft_model::{Key, Keyspace, Liveness, Record};
use weft_store::{Listing, Revision, StoreEntry};

/// What there is, as tests think of it: nodes and whether they are up, networks, and endpoints with the node they are on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct World {
    nodes: BTreeMap<u8, bool>,
    networks: BTreeSet<u8>,
    /// By network and name: the node.
    endpoints: BTreeMap<(u8, u8), u8>,
}

fn hex(number: u8) -> String {
    format!("{number:02x}").repeat(32)
}

impl World {
    fn cluster(&self) -> Arc<Cluster> {
        let keyspace = Keyspace::new("weft");
        let mut entries = Vec::new();
        let mut put = |key: &Key, json: String| {
            let (key, value) = (keyspace.path(key), json.into_bytes());
            entries.push(StoreEntry { key, value, modified: Revision(1), session: None });
        };
        for (number, up) in &self.nodes {
            let name: NodeName = format!("host{number}").parse().unwrap();
            let id = hex(*number);
            let address = format!("192.0.2.{number}");
            put(
                &Key::Node(name.clone()),
                format!(
                    r#"{{"id":"{id}","advertise":"{address}","vtep":"{address}","vxlan_port":4789,"version":"1"}}"#
                ),
            );
            if *up {
                let live = format!(r#"{{"id":"{id}","since":"2026-11-30T12:00:00Z"}}"#);
                let live: Liveness = serde_json::from_str(&live).unwrap();
                put(&Key::Live(name), String::from_utf8(live.to_json()).unwrap());
            }
        }
        for number in &self.networks {
            let json = format!(r#"{{"name":"net{number}","subnets":[],"created":"2026-11-30T12:00:00Z"}}"#);
            put(&Key::Network(hex(*number).parse().unwrap()), json);
        }
        for ((network, name), node) in &self.endpoints {
            // A container that is on another node has another endpoint.
            let id: EndpointId =
                format!("{network:02x}{name:02x}{node:02x}{}", "0".repeat(58)).parse().unwrap();
            let json = format!(
                r#"{{"name":"c{name}","ipv4":"10.{network}.0.{name}","mac":"02:42:0a:00:00:02","node":"host{node}",
                    "created":"2026-11-30T12:00:00Z"}}"#
            );
            put(&Key::Endpoint(hex(*network).parse().unwrap(), id), json);
        }
        let cluster = Cluster::read(&keyspace, &Listing { entries, revision: Revision(1) });
        assert!(cluster.unreadable.is_empty(), "{:?}", cluster.unreadable);
        Arc::new(cluster)
    }

    fn moment(&self) -> Moment {
        Moment { cluster: Some(self.cluster()), ..Moment::default() }
    }

    /// Does what an event tells.
    fn follow(&mut self, event: &Event) {
        let number =
            |text: &str| text.trim_start_matches(|c: char| !c.is_ascii_digit()).parse::<u8>().unwrap();
        let name = number(&event.name);
        let place = || (number(event.network.as_ref().unwrap().as_str()), name);
        let node = || number(event.node.as_ref().unwrap().as_str());
        match event.action {
            EventAction::Up => assert_ne!(self.nodes.insert(name, true), Some(true)),
            EventAction::Down => assert_eq!(self.nodes.insert(name, false), Some(true)),
            EventAction::Expired => assert_eq!(self.nodes.remove(&name), Some(false)),
            EventAction::Left => assert_eq!(self.nodes.remove(&name), Some(true)),
            EventAction::Created => assert!(self.networks.insert(name)),
            EventAction::Removed => assert!(self.networks.remove(&name)),
            EventAction::Attached => assert_eq!(self.endpoints.insert(place(), node()), None),
            EventAction::Detached => assert_eq!(self.endpoints.remove(&place()), Some(node())),
            EventAction::Moved => {
                let from = number(event.from.as_ref().unwrap().as_str());
                assert_eq!(self.endpoints.insert(place(), node()), Some(from));
                assert_ne!(from, node());
            }
            other => panic!("{other} of nothing"),
        }
    }
}

prop_compose! {
    fn world()(
        // A node that is down and new is told of by nothing: it never was up.
        nodes in prop::collection::btree_map(0_u8..4, Just(true), 0..4),
        down in prop::collection::btree_set(0_u8..4, 0..3),
        networks in prop::collection::btree_set(0_u8..4, 0..4),
        endpoints in prop::collection::btree_map((0_u8..4, 1_u8..5), 0_u8..4, 0..8),
    ) -> (World, BTreeSet<u8>) {
        (World { nodes, networks, endpoints: endpoints.into_iter().collect() }, down)
    }
}

proptest! {
    #[test]
    fn what_is_told_leads_from_one_to_the_other((before, down) in world(), (mut now, _) in world()) {
        let mut before = before;
        for number in down {
            // One that was up before may be down now, and the other way round.
            if before.nodes.contains_key(&number) && now.nodes.contains_key(&number) {
                let place = if number % 2 == 0 { &mut before } else { &mut now };
                place.nodes.insert(number, false);
            }
        }
        // Endpoints are on networks that are there.
        for world in [&mut before, &mut now] {
            let networks = world.networks.clone();
            world.endpoints.retain(|(network, _), _| networks.contains(network));
        }
        let told = between(&before.moment(), &now.moment(), Timestamp::UNIX_EPOCH, "store");
        let mut followed = before.clone();
        told.iter().for_each(|event| followed.follow(event));
        prop_assert_eq!(followed, now.clone());
        prop_assert_eq!(between(&now.moment(), &now.moment(), Timestamp::UNIX_EPOCH, "store"), []);
    }
}

#[test]
fn what_the_store_does_is_told() {
    let tell = |before: &Moment, now: &Moment| {
        let told = between(before, now, Timestamp::UNIX_EPOCH, "consul://x");
        told.into_iter().map(|event| (event.action, event.name, event.reason)).collect::<Vec<_>>()
    };
    let well = World::default().moment();
    let away = Moment { error: Some("refused".to_owned()), ..well.clone() };
    let wiped = Moment { lacks: true, ..well.clone() };
    let store = "consul://x".to_owned();
    assert_eq!(tell(&well, &away), [(EventAction::Lost, store.clone(), Some("refused".to_owned()))]);
    assert_eq!(tell(&away, &well), [(EventAction::Back, store.clone(), None)]);
    assert_eq!(tell(&well, &wiped), [(EventAction::Rebuilding, store.clone(), None)]);
    assert_eq!(tell(&wiped, &well), [(EventAction::Rebuilt, store, None)]);
    // Of what was there before anything was known, nothing is told.
    assert_eq!(
        tell(&Moment::default(), &World { networks: BTreeSet::from([1]), ..World::default() }.moment()),
        []
    );
}
