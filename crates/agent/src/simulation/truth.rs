//! What is refused is as true as what is granted: a node whose watch is late asks the store before it says no.

use super::{Node, cluster, eventually, network, network_in};
use crate::core::Core;
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;
use weft_model::NetworkId;
use weft_store::{Condition, MemoryStore, Store, Txn, memory::Silence};
use weft_verbs::{CreateNetwork, Error, JoinOptions, Kind};

/// How late the watches are, and no request may be much later for it.
const LATE: Duration = Duration::from_millis(300);

/// Two nodes, of which the second hears late.
struct Late {
    store: MemoryStore,
    nodes: Vec<Node>,
}

impl Late {
    async fn new() -> Self {
        let (store, nodes) = cluster(2).await;
        nodes[1].store.faults().set_watch_delay(LATE);
        Self { store, nodes }
    }

    fn first(&self) -> Arc<Core> {
        self.nodes[0].core()
    }

    fn second(&self) -> Arc<Core> {
        self.nodes[1].core()
    }

    async fn create(&self, request: CreateNetwork) -> NetworkId {
        let id = self.first().networks.create(request).await.unwrap();
        self.heard().await;
        id
    }

    /// Waits until the second has heard of all.
    async fn heard(&self) {
        let (first, second) = (self.first(), self.second());
        eventually("it is heard", || first.known().revision == second.known().revision).await;
    }

    /// Waits until the first has, and the second cannot have yet.
    fn stale(&self) {
        assert!(self.first().known().revision > self.second().known().revision, "nothing is stale");
    }
}

fn at(address: &str) -> JoinOptions {
    JoinOptions { ipv4: Some(address.parse().unwrap()), ..JoinOptions::default() }
}

#[tokio::test(start_paused = true)]
async fn a_network_is_there_once_its_creation_was_acknowledged() {
    let late = Late::new().await;
    late.first().networks.create(network("one")).await.unwrap();
    late.stale();
    assert_eq!(late.second().networks.inspect("one").await.unwrap().network.name.as_str(), "one");
    late.first().networks.create(network("two")).await.unwrap();
    late.stale();
    late.nodes[1].attach("two", "a").await.unwrap();
    let id = late.first().networks.create(network("three")).await.unwrap();
    late.stale();
    late.second().networks.remove(&id.to_string()[..12]).await.unwrap();
    late.first().networks.create(network("four")).await.unwrap();
    late.stale();
    let error = late.second().networks.create(network("four")).await.unwrap_err();
    assert_eq!(error.to_string(), "network with name four already exists");
    late.first().networks.create(network("five")).await.unwrap();
    late.stale();
    let error = late.second().endpoints.detach_endpoint("five", "a").await.unwrap_err();
    assert_eq!(error.to_string(), "endpoint a on this node not found");
}

#[tokio::test(start_paused = true)]
async fn what_a_removed_network_had_is_free() {
    let late = Late::new().await;
    let request = || CreateNetwork {
        options: [("vni".to_owned(), "4711".to_owned())].into(),
        ..network_in("overlay", "10.7.0.0/24")
    };
    for _ in 0..2 {
        late.create(request()).await;
        late.first().networks.remove("overlay").await.unwrap();
        late.stale();
        late.second().networks.create(request()).await.unwrap();
        late.first().networks.remove("overlay").await.unwrap();
    }
    late.heard().await;
    let held =
        late.first().allocator.reserve_pool(Some("10.7.0.0/24".parse().unwrap()), false).await.unwrap();
    late.heard().await;
    late.first().allocator.let_go(held).await.unwrap();
    late.stale();
    assert_eq!(late.second().allocator.reserve_pool(Some(held), false).await.unwrap(), held);
    late.create(network_in("other", "10.8.0.0/24")).await;
    late.first().networks.remove("other").await.unwrap();
    late.stale();
    late.second().networks.check(&network_in("more", "10.8.0.0/25")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_an_endpoint_had_is_free_once_it_left() {
    let late = Late::new().await;
    late.create(network_in("overlay", "10.7.0.0/29")).await;
    let mac = JoinOptions { mac: Some("02:00:00:00:00:07".parse().unwrap()), ..at("10.7.0.2") };
    for (name, options) in [("a", at("10.7.0.2")), ("b", mac), ("c", JoinOptions::default())] {
        late.nodes[0].attach_with("overlay", name, options.clone()).await.unwrap();
        for number in 0..4 {
            late.nodes[0].attach("overlay", &format!("{name}-{number}")).await.unwrap();
        }
        late.heard().await;
        late.first().endpoints.detach_endpoint("overlay", name).await.unwrap();
        late.stale();
        late.nodes[1].attach_with("overlay", name, options).await.unwrap();
        late.second().endpoints.detach_endpoint("overlay", name).await.unwrap();
        for number in 0..4 {
            late.first().endpoints.detach_endpoint("overlay", &format!("{name}-{number}")).await.unwrap();
        }
        late.heard().await;
    }
    let pool = "10.7.0.0/29".parse().unwrap();
    let granted = late.first().allocator.reserve_address(pool, None).await.unwrap();
    late.heard().await;
    late.first().allocator.take_back(pool, granted.addr()).await.unwrap();
    late.stale();
    assert_eq!(late.second().allocator.reserve_address(pool, Some(granted.addr())).await.unwrap(), granted);
}

/// A node that lost the race for an address may find it free again.
#[tokio::test(start_paused = true)]
async fn a_race_that_was_lost_is_no_reason_to_call_a_pool_full() {
    let late = Late::new().await;
    late.create(network_in("overlay", "10.7.0.0/30")).await;
    let pool = "10.7.0.0/30".parse().unwrap();
    let (first, second) = (late.first(), late.second());
    for for_engine in [true, false] {
        let granted = first.allocator.reserve_address(pool, None).await.unwrap();
        assert!(!second.known().is_claimed(pool, granted.addr()), "nothing is stale");
        let give_back = async {
            tokio::time::sleep(LATE / 3).await;
            first.allocator.take_back(pool, granted.addr()).await.unwrap();
        };
        if for_engine {
            let (got, ()) = tokio::join!(second.allocator.reserve_address(pool, None), give_back);
            assert_eq!(got.unwrap(), granted);
            second.allocator.take_back(pool, granted.addr()).await.unwrap();
            eventually("it is heard", || !second.known().is_claimed(pool, granted.addr())).await;
        } else {
            let (got, ()) = tokio::join!(late.nodes[1].attach("overlay", "a"), give_back);
            assert_eq!(got.unwrap().endpoint.addresses().collect::<Vec<_>>(), [granted.addr()]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_is_on_a_network_who_left_it() {
    let late = Late::new().await;
    for network in ["removed", "pruned"] {
        late.create(self::network(network)).await;
        late.nodes[0].attach(network, "a").await.unwrap();
        late.heard().await;
        late.first().endpoints.detach_endpoint(network, "a").await.unwrap();
        late.stale();
        match network {
            "removed" => late.second().networks.remove(network).await.unwrap(),
            _ => {
                let pruned = late.second().networks.prune(Default::default()).await.unwrap();
                assert_eq!(pruned, ["pruned".parse().unwrap()]);
            }
        }
    }
    late.create(network("overlay")).await;
    late.nodes[0].attach("overlay", "a").await.unwrap();
    late.stale();
    let error = late.second().endpoints.disconnect_container("overlay", "a", false).await.unwrap_err();
    assert_eq!(error.to_string(), "a is on node host1: disconnect it there");
}

#[tokio::test(start_paused = true)]
async fn a_node_is_down_once_another_can_know() {
    let mut late = Late::new().await;
    late.nodes[0].kill().await;
    late.store.expire_all_sessions();
    let name = "host1".parse().unwrap();
    assert!(late.second().known().is_up(&name), "nothing is stale");
    let given_up = late.second().nodes.give_up_node(&name).await;
    assert!(!given_up.as_ref().is_err_and(|error| error.to_string().contains("is up")), "{given_up:?}");
    late.nodes[0].start();
    eventually("it is in the store", || late.store.backup().has("weft/v1/live/host1")).await;
    assert!(late.second().nodes.node_view("host1").await.unwrap().up);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_is_true_waits_for_nobody() {
    let late = Late::new().await;
    late.heard().await;
    // What others keep in the same store moves its revision, and no watch of ours hears of it.
    let foreign = Txn::new().put("other/key", "value", Condition::Always);
    late.store.commit(foreign).await.unwrap();
    let began = Instant::now();
    let error = late.second().networks.inspect("nothing").await.unwrap_err();
    assert_eq!((error.kind, error.to_string().as_str()), (Kind::NotFound, "network nothing not found"));
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn who_cannot_know_says_so_in_time() {
    let late = Late::new().await;
    let faults = late.nodes[1].store.faults();
    let ask = async || -> (Error, Duration) {
        let began = Instant::now();
        (late.second().networks.inspect("one").await.unwrap_err(), began.elapsed())
    };
    // The watch says nothing.
    faults.set_behind(Some(late.store.backup()));
    late.first().networks.create(network("one")).await.unwrap();
    let (error, took) = ask().await;
    assert_eq!(error.kind, Kind::Unavailable);
    assert!(error.to_string().starts_with("network one not found, as far as this node has heard"), "{error}");
    assert!(took < Duration::from_secs(3), "{took:?}");
    faults.heal();
    late.heard().await;
    assert!(late.second().networks.inspect("one").await.is_ok());
    // The store says nothing: of what is known, it need not.
    faults.set_silence(Some(Silence::Requests));
    assert!(late.second().networks.inspect("one").await.is_ok());
    late.first().networks.remove("one").await.unwrap();
    for (unavailable, name) in [(false, "two"), (true, "two")] {
        faults.set_unavailable(unavailable);
        let began = Instant::now();
        let error = late.second().networks.inspect(name).await.unwrap_err();
        assert_eq!(error.kind, Kind::Unavailable, "{error}");
        assert!(began.elapsed() <= Duration::from_secs(3), "{:?}", began.elapsed());
    }
}
