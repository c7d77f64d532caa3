//! Short histories of a small cluster, for the properties of what is kept up by what changes.

use proptest::{prelude::*, sample::select};
use serde_json::json;
use weft_model::{EndpointId, Key, Keyspace, MacAddr, Network, NetworkId, Record};
use weft_state::cluster::Cluster;
use weft_store::{Event, Revision, StoreEntry, Update};

/// One thing that happens.
#[derive(Debug, Clone)]
pub(crate) enum Happens {
    /// An endpoint is written: which, on which node, with which address, Ethernet address and name.
    Endpoint {
        id: u8,
        node: u8,
        address: u8,
        mac: u8,
        name: u8,
    },
    EndpointGone(u8),
    /// An address is claimed for an endpoint.
    Claim {
        address: u8,
        id: u8,
    },
    ClaimGone(u8),
    Node {
        node: u8,
        vtep: u8,
    },
    NodeGone(u8),
    Up(u8),
    Down(u8),
}

pub(crate) fn history() -> impl Strategy<Value = Vec<Happens>> {
    let few = || 1u8..5;
    // An endpoint and its claim mostly come together, and addresses are mostly one endpoint's.
    let usual = (few(), 1u8..4).prop_map(|(id, node)| {
        vec![
            Happens::Endpoint { id, node, address: id, mac: id, name: id },
            Happens::Claim { address: id, id },
        ]
    });
    let gone = few().prop_map(|id| vec![Happens::EndpointGone(id), Happens::ClaimGone(id)]);
    let odd = prop_oneof![
        (few(), 1u8..4, few(), few(), 1u8..3).prop_map(|(id, node, address, mac, name)| {
            Happens::Endpoint { id, node, address, mac, name }
        }),
        (few(), few()).prop_map(|(address, id)| Happens::Claim { address, id }),
        few().prop_map(Happens::ClaimGone),
        few().prop_map(Happens::EndpointGone),
        (1u8..4, 1u8..3).prop_map(|(node, vtep)| Happens::Node { node, vtep }),
        (1u8..4).prop_map(Happens::NodeGone),
        (1u8..4).prop_map(Happens::Up),
        (1u8..4).prop_map(Happens::Down),
    ];
    let step = prop_oneof![4 => usual, 3 => gone, 3 => odd.prop_map(|one| vec![one])];
    let begin = select(vec![1u8, 2, 3]).prop_map(|up| {
        let nodes = (1..4).map(|node| Happens::Node { node, vtep: node });
        nodes.chain((1..=up).map(Happens::Up)).collect::<Vec<_>>()
    });
    (begin, proptest::collection::vec(step, 1..25))
        .prop_map(|(begin, steps)| begin.into_iter().chain(steps.into_iter().flatten()).collect())
}

/// The one network, with two subnets of one segment.
pub(crate) fn network() -> (NetworkId, Network) {
    let subnet = json!({"pool": "10.0.0.0/24", "gateway": "10.0.0.254", "vni": 256});
    let network =
        json!({"name": "overlay", "created": "2026-11-22T00:00:00Z", "subnets": [subnet]}).to_string();
    ("1".repeat(64).parse().unwrap(), Network::from_json(network.as_bytes()).unwrap())
}

fn id(number: u8) -> EndpointId {
    format!("{number:064x}").parse().unwrap()
}

/// Has it happen to a cluster.
pub(crate) fn happen(cluster: &mut Cluster, happens: &Happens) {
    let pool = "10.0.0.0/24".parse().unwrap();
    let node = |number: &u8| format!("host{number}").parse().unwrap();
    let address = |number: &u8| [10, 0, 0, *number].into();
    let installation = "5".repeat(64);
    let (key, value) = match happens {
        Happens::Endpoint { id: number, node, address, mac, name } => (
            Key::Endpoint(network().0, id(*number)),
            Some(json!({
                "name": format!("box{name}"), "ipv4": format!("10.0.0.{address}"), "node": format!("host{node}"),
                "mac": MacAddr::for_ip([10, 0, 0, *mac].into()), "created": "2026-11-22T00:00:00Z",
            })),
        ),
        Happens::EndpointGone(number) => (Key::Endpoint(network().0, id(*number)), None),
        Happens::Claim { address: number, id: endpoint } => {
            (Key::Claim(pool, address(number)), Some(json!({"node": "host1", "endpoint": id(*endpoint)})))
        }
        Happens::ClaimGone(number) => (Key::Claim(pool, address(number)), None),
        Happens::Node { node: number, vtep } => (
            Key::Node(node(number)),
            Some(json!({
                "id": installation, "advertise": format!("192.0.2.{vtep}"), "vtep": format!("192.0.2.{vtep}"),
                "vxlan_port": 4789, "version": "0",
            })),
        ),
        Happens::NodeGone(number) => (Key::Node(node(number)), None),
        Happens::Up(number) => {
            (Key::Live(node(number)), Some(json!({"id": installation, "since": "2026-11-22T12:00:00Z"})))
        }
        Happens::Down(number) => (Key::Live(node(number)), None),
    };
    let (keyspace, revision) = (Keyspace::new("weft"), Revision(cluster.revision.0 + 1));
    let path = keyspace.path(&key);
    let event = match value {
        Some(value) => Event::Put(StoreEntry {
            key: path,
            value: value.to_string().into_bytes(),
            modified: revision,
            session: None,
        }),
        None => Event::Delete(path),
    };
    cluster.advance(&keyspace, Update::Events { events: vec![event], revision });
    assert_eq!(cluster.unreadable.len(), 0, "{:?}", cluster.unreadable);
}
