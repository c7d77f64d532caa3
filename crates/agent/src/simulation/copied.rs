//! Hosts that are copied, with or without their machine: two with one identity must not take from each other.

use super::{Node, Transcript, cluster, eventually, network};
use crate::config::AgentConfig;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::time::{Instant, timeout};
use weft_model::{Liveness, Record};
use weft_state::fingerprint::Fingerprint;
use weft_store::{Condition, MemoryStore, SessionId, Store, Txn};
use weft_verbs::Kind;

/// The clone of a virtual machine, which was started since: only the kernel's run tells it from the original.
fn clone(machine: &mut Fingerprint) {
    machine.boot_id = Some("boot of the clone".to_owned());
}

/// A data directory that was copied file by file.
fn restored(machine: &mut Fingerprint) {
    machine.lock.as_mut().unwrap().inode += 1000;
}

/// What the store says, but for when it was written.
async fn contents(store: &MemoryStore) -> BTreeMap<String, Vec<u8>> {
    let entries = store.list("weft/").await.unwrap().entries;
    entries.into_iter().map(|entry| (entry.key, entry.value)).collect()
}

/// Two nodes, of which the second has an endpoint.
async fn two_nodes() -> (MemoryStore, Vec<Node>) {
    let (store, nodes) = cluster(2).await;
    nodes[0].core().networks.create(network("overlay")).await.unwrap();
    eventually("it is seen", || nodes[1].core().networks.network_view("overlay").is_ok()).await;
    nodes[1].attach("overlay", "b").await.unwrap();
    let core = nodes[0].core();
    eventually("both know it", || core.known().all_endpoints().count() == 1).await;
    (store, nodes)
}

async fn is_in(node: &Node) {
    let core = node.core();
    eventually("it is in", || core.access.membership().borrow().is_none()).await;
}

async fn gone(store: &MemoryStore, name: &str) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while store.get(&format!("weft/v1/live/{name}")).await.unwrap().is_some() {
        assert!(Instant::now() < deadline, "{name} is still up");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_copy_of_a_host_that_is_up_is_refused() {
    for name in ["host2", "host9"] {
        for differ in [clone as fn(&mut Fingerprint), restored] {
            let (store, nodes) = two_nodes().await;
            let before = contents(&store).await;
            let kernel = nodes[1].kernel.kernel(|kernel| kernel.clone());
            let mut copy = nodes[1].copied(differ);
            copy.call(name);
            let asked = Instant::now();
            let refused = timeout(Duration::from_secs(10), copy.failure()).await.unwrap();
            assert_eq!(refused.kind, Kind::Conflict);
            let said = refused.to_string();
            assert!(said.contains("another host at 192.168.77.12 is up as this node, host2"), "{said}");
            assert!(said.contains("this host one of its own"), "{said}");
            assert!(
                asked.elapsed() < Duration::from_secs(3),
                "an answer takes a moment: {:?}",
                asked.elapsed()
            );
            copy.kill().await;
            let mut after = contents(&store).await;
            // The answer is all that was written.
            let live = Liveness::from_json(&after["weft/v1/live/host2"]).unwrap();
            assert!(live.answered.is_some());
            after.insert("weft/v1/live/host2".into(), Liveness { answered: None, ..live }.to_json());
            assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
            assert_eq!(before, after);
            assert_eq!(nodes[1].kernel.kernel(|kernel| kernel.clone()), kernel);
            assert!(nodes[1].core().access.membership().borrow().is_none(), "the original does not notice");
        }
    }
}

/// A store that has just been wiped says of nobody that he is up.
#[tokio::test(start_paused = true)]
async fn a_copy_does_not_get_ahead_of_its_original_after_a_loss() {
    for copy_first in [true, false] {
        let (store, nodes) = two_nodes().await;
        let kernel = nodes[1].kernel.kernel(|kernel| kernel.clone());
        tokio::time::sleep(Duration::from_secs(3)).await;
        let mut copy = nodes[1].copied(clone);
        // The original hears of it late.
        nodes[1].store.faults().set_watch_delay(Duration::from_secs(if copy_first { 5 } else { 0 }));
        store.wipe();
        let refused = timeout(Duration::from_secs(60), copy.failure()).await.unwrap().to_string();
        assert!(refused.contains("is up as this node"), "{refused}");
        copy.kill().await;
        nodes[1].store.faults().heal();
        is_in(&nodes[1]).await;
        assert_eq!(nodes[1].kernel.kernel(|kernel| kernel.clone()), kernel);
    }
}

#[tokio::test(start_paused = true)]
async fn a_copy_of_a_host_that_is_down_has_to_be_decided_on() {
    let (store, mut nodes) = two_nodes().await;
    nodes[1].kill().await;
    gone(&store, "host2").await;
    let before = contents(&store).await;
    let mut copy = nodes[1].copied(restored);
    let refused = timeout(Duration::from_secs(60), copy.failure()).await.unwrap().to_string();
    assert!(refused.contains("1 endpoints"), "{refused}");
    assert!(refused.contains("weft agent --moved") && refused.contains("a host of its own"), "{refused}");
    copy.kill().await;
    let mut after = contents(&store).await;
    after.insert("weft/v1/nodes/host2".into(), before["weft/v1/nodes/host2"].clone());
    assert_eq!(before, after);
    // The old host is gone for good.
    copy.config = Arc::new(AgentConfig { moved: true, ..(*copy.config).clone() });
    copy.start();
    copy.joined(2).await;
    // It is this one's from now on.
    copy.kill().await;
    copy.config = Arc::new(AgentConfig { moved: false, ..(*copy.config).clone() });
    copy.start();
    copy.joined(2).await;
    // The original was not gone: the one that comes back counts as the copy, though nothing changed there.
    let refused = timeout(Duration::from_secs(60), nodes[1].failure()).await.unwrap().to_string();
    assert!(refused.contains("is up as this node"), "{refused}");
    assert!(copy.core().access.membership().borrow().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_golden_image_is_a_node_of_its_own() {
    let (store, mut nodes) = cluster(2).await;
    nodes[1].kill().await;
    gone(&store, "host2").await;
    // Under the name of the one it was made from, and not at its address.
    let mut copy = nodes[1].copied(restored);
    copy.move_to([192, 168, 77, 19].into());
    let refused = timeout(Duration::from_secs(60), copy.failure()).await.unwrap().to_string();
    assert!(refused.contains("--node-name"), "{refused}");
    copy.kill().await;
    copy.call("host9");
    copy.start();
    copy.joined(2).await;
    let id = copy.core().access.identity().id();
    nodes[1].start();
    nodes[1].joined(3).await;
    assert_ne!(id, nodes[1].core().access.identity().id());
    // It stays that.
    copy.kill().await;
    copy.start();
    copy.joined(3).await;
    assert_eq!(copy.core().access.identity().id(), id);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_was_rebooted_joins() {
    let (_store, mut nodes) = two_nodes().await;
    let id = nodes[1].core().access.identity().id();
    nodes[1].kill().await;
    nodes[1].count_boot();
    let began = Instant::now();
    nodes[1].start();
    is_in(&nodes[1]).await;
    assert!(began.elapsed() <= Duration::from_secs(22), "a session's time at most: {:?}", began.elapsed());
    assert_eq!(nodes[1].core().access.identity().id(), id);
    // An agent that is restarted is in at once.
    nodes[1].kill().await;
    let began = Instant::now();
    nodes[1].start();
    is_in(&nodes[1]).await;
    assert!(began.elapsed() <= Duration::from_secs(1), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn of_two_that_are_equal_one_writes() {
    let (_store, nodes) = two_nodes().await;
    let kernel = nodes[1].kernel.kernel(|kernel| kernel.clone());
    let mut twin = nodes[1].copied(|_| {});
    twin.start();
    is_in(&twin).await;
    let first = nodes[1].core();
    let is_told = |why: &str| why.contains("is up as this node");
    eventually("the first is out", || first.access.ownership().borrow().contested().is_some_and(is_told))
        .await;
    let refused = first.networks.create(network("another")).await.unwrap_err();
    assert_eq!(refused.kind, Kind::Unavailable);
    assert!(refused.to_string().contains("is up as this node"), "{refused}");
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert!(
        first.access.ownership().borrow().contested().is_some()
            && twin.core().access.ownership().borrow().contested().is_none()
    );
    assert_eq!(nodes[1].kernel.kernel(|kernel| kernel.clone()), kernel, "its data plane stays");
    assert!(first.reporter.describe().problems.iter().any(|p| p.contains("is up as this node")));
    twin.kill().await;
    eventually("the first is in again", || {
        first.access.membership().borrow().is_none()
            && first.access.ownership().borrow().contested().is_none()
    })
    .await;
    first.networks.create(network("another")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_was_set_up_anew_takes_its_own_place() {
    let (store, mut nodes) = two_nodes().await;
    nodes[1].kill().await;
    // Nothing is left on the disk, and the name and the address are the same.
    let mut anew = Node::seeded(2, &store, 5, &Transcript::new(false));
    anew.start();
    is_in(&anew).await;
    let seen = nodes[0].core();
    eventually("what it had is free", || seen.known().claims.is_empty()).await;
    // But not while the other is up.
    let mut third = Node::seeded(2, &store, 6, &Transcript::new(false));
    let refused = timeout(Duration::from_secs(10), third.failure()).await.unwrap().to_string();
    assert!(refused.contains("under this host's name, host2, and its address"), "{refused}");
}

/// A version that has no runs does not answer: it is up as long as its session is renewed.
#[tokio::test(start_paused = true)]
async fn an_old_version_is_believed_to_be_up_while_it_renews() {
    for renews in [true, false] {
        let (store, mut nodes) = two_nodes().await;
        nodes[1].kill().await;
        gone(&store, "host2").await;
        let session = store.open_session(Duration::from_secs(20)).await.unwrap();
        let id = nodes[0].core().known().nodes[&"host2".parse::<weft_model::NodeName>().unwrap()].id;
        let live = format!("{{\"id\":\"{id}\",\"since\":\"2026-11-22T12:00:00Z\"}}");
        let key = "weft/v1/live/host2".to_owned();
        let txn = Txn::new().put_bound(key, live.into_bytes(), Condition::Absent, session.clone());
        store.commit(txn).await.unwrap();
        let renewing = tokio::spawn(renewed(renews.then(|| store.clone()), session));
        let mut copy = nodes[1].copied(clone);
        let failure = timeout(Duration::from_secs(80), copy.failure()).await;
        assert_eq!(failure.is_ok(), renews, "{failure:?}");
        renewing.abort();
    }
}

async fn renewed(store: Option<MemoryStore>, session: SessionId) {
    let Some(store) = store else { return };
    loop {
        store.renew_session(&session).await.unwrap();
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
}
