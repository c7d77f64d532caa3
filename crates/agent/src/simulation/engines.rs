//! The two steps of the engines' protocol: a pool before its network, an address before its endpoint.

use super::{Node, cluster, eventually, network, network_in};
use ipnet::IpNet;
use std::{path::PathBuf, time::Duration};
use tokio::time::sleep;
use weft_model::{EndpointId, IfName, MacAddr, NetworkId};
use weft_plan::Netns;
use weft_verbs::{ContainerNames, CreateNetwork, Error, Join, JoinOptions, Joined, Kind};

fn pool(text: &str) -> IpNet {
    text.parse().unwrap()
}

fn id(number: u8) -> EndpointId {
    format!("{number:064x}").parse().unwrap()
}

fn from_engine(name: &str, pool: IpNet) -> CreateNetwork {
    let id: NetworkId = format!("{:064x}", 7).parse().unwrap();
    CreateNetwork { id: Some(id), ..network_in(name, &pool.to_string()) }
}

async fn join(node: &Node, number: u8, address: IpNet) -> Result<Joined, Error> {
    let request = Join {
        endpoint: id(number),
        addresses: vec![address],
        mac: MacAddr::for_ip(address.addr()),
        names: None,
        sandbox: PathBuf::from(format!("/run/docker/netns/{number}")),
    };
    node.core().endpoints.join_for_engine(request).await
}

#[tokio::test(start_paused = true)]
async fn nodes_that_ask_for_a_pool_at_once_get_different_ones() {
    let (_store, nodes) = cluster(3).await;
    let cores: Vec<_> = nodes.iter().map(Node::core).collect();
    let asked = cores.iter().flat_map(|core| {
        [core.allocator.reserve_pool(None, false), core.allocator.reserve_pool(None, false)]
    });
    let held = futures::future::join_all(asked).await;
    let pools: std::collections::BTreeSet<IpNet> = held.into_iter().map(Result::unwrap).collect();
    assert_eq!(pools.len(), 6);
    for node in &nodes {
        eventually("all are seen", || node.core().known().reserved_pools.len() == 6).await;
    }
    let error = cores[0].networks.create(network_in("other", "10.0.0.0/16")).await.unwrap_err();
    assert!(error.to_string().contains("is creating a network"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_held_pool_becomes_the_networks() {
    let (_store, nodes) = cluster(2).await;
    let core = nodes[0].core();
    let held = core.allocator.reserve_pool(Some(pool("10.7.0.0/24")), false).await.unwrap();
    assert_eq!(core.allocator.reserve_pool(Some(held), false).await.unwrap(), held, "asked again");
    let other = nodes[1].core();
    eventually("it is seen", || other.known().reserved_pools.contains_key(&held)).await;
    let error = other.allocator.reserve_pool(Some(held), false).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "subnet 10.7.0.0/24 overlaps 10.7.0.0/24, of which node host1 is creating a network; choose another"
    );
    let created = core.networks.create(from_engine("overlay", held)).await.unwrap();
    assert_eq!(core.networks.create(from_engine("overlay", held)).await.unwrap(), created, "told again");
    assert_eq!(created.to_string(), format!("{:064x}", 7));
    assert!(core.known().reserved_pools.is_empty());
    core.allocator.let_go(held).await.unwrap();
    assert!(core.networks.network_view("overlay").is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_pool_of_no_network_is_given_back() {
    let (_store, nodes) = cluster(1).await;
    let core = nodes[0].core();
    let first = core.allocator.reserve_pool(None, false).await.unwrap();
    core.allocator.let_go(first).await.unwrap();
    core.allocator.let_go(first).await.unwrap();
    assert!(core.known().reserved_pools.is_empty());
    core.allocator.reserve_pool(None, true).await.unwrap();
    eventually("upkeep gives it back", || core.known().reserved_pools.is_empty()).await;
}

#[tokio::test(start_paused = true)]
async fn an_address_is_granted_and_then_the_endpoints() {
    let (_store, nodes) = cluster(2).await;
    let core = nodes[0].core();
    core.networks.create(network("overlay")).await.unwrap();
    let pool = pool("10.0.0.0/24");
    let address = core.allocator.reserve_address(pool, None).await.unwrap();
    assert_eq!(address.to_string(), "10.0.0.2/24");
    let error = core.allocator.reserve_address(pool, Some(address.addr())).await.unwrap_err();
    assert_eq!(error.to_string(), "address 10.0.0.2 is in use on node host1");
    let joined = join(&nodes[0], 1, address).await.unwrap();
    assert_eq!(joined, Joined { interface: IfName::for_engine(&id(1)), routes: Vec::new() });
    assert_eq!(join(&nodes[0], 1, address).await.unwrap(), joined, "asked again");
    let other = nodes[1].core();
    eventually("it is seen", || other.known().all_endpoints().count() == 1).await;
    assert_eq!(other.known().claims.values().flatten().count(), 1);

    let names = ContainerNames {
        container: "c".repeat(64),
        name: "nginx_01".parse().unwrap(),
        aliases: vec!["web".parse().unwrap()],
        links: Vec::new(),
    };
    core.endpoints.rename_for_engine(id(1), names).await.unwrap();
    let named = || other.known().all_endpoints().all(|(_, _, e)| e.name.as_str() == "nginx_01");
    eventually("its name is seen", named).await;

    core.endpoints.leave_for_engine(id(1)).await.unwrap();
    core.endpoints.leave_for_engine(id(1)).await.unwrap();
    assert!(core.known().claims.is_empty());
    // The engine gives back what the endpoint had; somebody else has it by now.
    let next = core.allocator.reserve_address(pool, Some(address.addr())).await.unwrap();
    core.allocator.take_back(pool, address.addr()).await.unwrap();
    eventually("it is left alone", || core.known().is_claimed(pool, next.addr())).await;
    core.allocator.take_back(pool, address.addr()).await.unwrap();
    eventually("it is given back", || core.known().claims.is_empty()).await;
    core.networks.remove("overlay").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_grant_that_nobody_takes_is_given_back() {
    let (_store, mut nodes) = cluster(1).await;
    let core = nodes[0].core();
    core.networks.create(network("overlay")).await.unwrap();
    core.allocator.reserve_address(pool("10.0.0.0/24"), None).await.unwrap();
    sleep(Duration::from_secs(30)).await;
    assert!(!core.known().claims.is_empty(), "the engine takes its time");
    eventually("upkeep gives it back", || core.known().claims.is_empty()).await;
    core.allocator.reserve_address(pool("10.0.0.0/24"), None).await.unwrap();
    drop(core);
    nodes[0].kill().await;
    nodes[0].start();
    nodes[0].joined(1).await;
    eventually("after a crash at once", || nodes[0].core().known().claims.is_empty()).await;
}

#[tokio::test(start_paused = true)]
async fn an_engine_goes_on_where_an_agent_died() {
    let (_store, mut nodes) = cluster(1).await;
    nodes[0].core().networks.create(network("overlay")).await.unwrap();
    let address = nodes[0].core().allocator.reserve_address(pool("10.0.0.0/24"), None).await.unwrap();
    nodes[0].kill().await;
    nodes[0].start();
    nodes[0].joined(1).await;
    join(&nodes[0], 1, address).await.unwrap();
    sleep(Duration::from_secs(120)).await;
    assert_eq!(nodes[0].core().known().all_endpoints().count(), 1);
    assert_eq!(nodes[0].core().known().claims.values().flatten().count(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_the_engine_took_is_left_alone() {
    let (_store, nodes) = cluster(1).await;
    let core = nodes[0].core();
    core.networks.create(network("overlay")).await.unwrap();
    let address = core.allocator.reserve_address(pool("10.0.0.0/24"), None).await.unwrap();
    let joined = join(&nodes[0], 1, address).await.unwrap();
    let container = Netns::Container("/run/docker/netns/1".into());
    nodes[0].kernel.add_container("/run/docker/netns/1");
    let eth0 = IfName::container(0);
    assert!(nodes[0].kernel.move_link((&Netns::Host, &joined.interface), (&container, &eth0)));
    sleep(Duration::from_secs(10)).await;
    assert!(core.reporter.plan().await.unwrap().is_empty());
    assert!(nodes[0].kernel.kernel(|kernel| kernel.namespaces[&container].links.contains_key(&eth0)));
    core.endpoints.leave_for_engine(id(1)).await.unwrap();
    assert!(!nodes[0].kernel.kernel(|kernel| kernel.namespaces[&container].links.contains_key(&eth0)));
}

#[tokio::test(start_paused = true)]
async fn without_the_store_what_is_there_can_go() {
    let (_store, nodes) = cluster(1).await;
    let core = nodes[0].core();
    core.networks.create(network("overlay")).await.unwrap();
    let address = core.allocator.reserve_address(pool("10.0.0.0/24"), None).await.unwrap();
    join(&nodes[0], 1, address).await.unwrap();
    nodes[0].store.faults().set_unavailable(true);
    eventually("it is noticed", || core.access.view().borrow().error.is_some()).await;
    core.endpoints.leave_for_engine(id(1)).await.unwrap();
    core.allocator.take_back(pool("10.0.0.0/24"), address.addr()).await.unwrap();
    core.allocator.let_go(pool("10.9.0.0/24")).await.unwrap();
    let error = core.allocator.reserve_address(pool("10.0.0.0/24"), None).await.unwrap_err();
    assert_eq!(error.kind, Kind::Unavailable);
    nodes[0].store.faults().set_unavailable(false);
    eventually("the store follows", || core.known().claims.is_empty()).await;
}

#[tokio::test(start_paused = true)]
async fn an_ethernet_address_that_follows_and_is_chosen_at_the_same_time_is_had_once() {
    for later in 0..20 {
        let (_store, nodes) = cluster(2).await;
        nodes[0].core().networks.create(network("overlay")).await.unwrap();
        eventually("the network is seen", || nodes[1].core().networks.network_view("overlay").is_ok()).await;
        let address = nodes[0].core().allocator.reserve_address(pool("10.0.0.0/24"), None).await.unwrap();
        let mac = Some(MacAddr::for_ip(address.addr()));
        let chosen = JoinOptions { mac, ..JoinOptions::default() };
        for node in &nodes {
            node.store.faults().set_delay(Duration::from_millis(5));
            node.store.faults().set_watch_delay(Duration::from_millis(5));
        }
        let following = async {
            sleep(Duration::from_millis(later)).await;
            join(&nodes[0], 1, address).await
        };
        let (followed, chosen) =
            futures::join!(following, nodes[1].attach_with("overlay", "chooser", chosen));
        assert!(followed.is_ok() != chosen.is_ok(), "{followed:?}, {chosen:?}");
        let error = followed.err().or(chosen.err()).unwrap();
        assert!(error.to_string().starts_with("the Ethernet address 02:42:0a:00:00:02 is in use"), "{error}");
    }
}

/// A node that was given up puts back what it had: not over what one of its engines is being given just then.
#[tokio::test(start_paused = true)]
async fn what_is_put_back_takes_nothing_from_an_endpoint_to_come() {
    let (_store, mut nodes) = cluster(2).await;
    nodes[0].core().networks.create(network("overlay")).await.unwrap();
    nodes[0].attach("overlay", "one").await.unwrap();
    nodes[0].kill().await;
    let other = nodes[1].core();
    eventually("it is down", || other.known().live.len() == 1).await;
    other.nodes.give_up_node(&nodes[0].config.node_name).await.unwrap();

    let pool = pool("10.0.0.0/24");
    nodes[0].store.faults().set_delay(Duration::from_millis(200));
    nodes[0].start();
    let (core, asked) = (nodes[0].core(), std::net::Ipv4Addr::new(10, 0, 0, 2));
    let address = core.allocator.reserve_address(pool, Some(asked.into())).await.unwrap();
    // Engines take their time.
    sleep(Duration::from_secs(5)).await;
    join(&nodes[0], 1, address).await.unwrap();
    sleep(Duration::from_secs(30)).await;
    let known = other.known();
    let has: Vec<_> = known.all_endpoints().map(|(_, id, endpoint)| (*id, endpoint.ipv4)).collect();
    assert_eq!(has, [(id(1), Some(asked))]);
    let why = core.endpoints.here().values().find_map(|local| local.fenced.clone());
    assert_eq!(why.as_deref(), Some("address 10.0.0.2 went to an endpoint of node host1 meanwhile"));
}
