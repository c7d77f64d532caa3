//! A cluster whose hosts sign their records, and a store that lies about them.

mod authorities;
mod random;

use super::{
    Node, cluster, eventually,
    moved::{two_nodes, vteps},
    network,
};
use crate::{config::AgentConfig, joining::become_authority};
use jiff::Timestamp;
use std::{collections::BTreeSet, net::IpAddr, sync::Arc, time::Duration};
use weft_model::{Node as NodeRecord, Record, Trust};
use weft_state::credentials::Credentials;
use weft_store::{Condition, MemoryStore, Store, Txn};
use weft_trust::Subject;

const KEY: &str = "weft/v1/nodes/host2";

impl Node {
    /// The certificate of the node by the authority of `first`, which may be itself.
    fn certificate(&self, first: &Self) -> String {
        let authority = Credentials::of(&first.config.data_dir).authority().unwrap().unwrap();
        let id = weft_state::journal::Identity::saved_in(&self.config.data_dir).unwrap().unwrap();
        let subject = Subject { name: self.config.node_name.clone(), id };
        let request = Credentials::of(&self.config.data_dir).key().unwrap().request().unwrap();
        authority.issue(&subject, &request, Timestamp::now()).unwrap()
    }

    fn trusts(&mut self, trust: Trust) {
        self.config = Arc::new(AgentConfig { trust, ..(*self.config).clone() });
    }

    fn problems(&self) -> Vec<String> {
        self.core().reporter.describe().problems
    }

    fn is_doubtful(&self, of: &str) -> bool {
        self.problems().iter().any(|problem| problem.contains(of) && problem.contains("is not believed"))
    }
}

/// Two hosts that were let in with tokens.
pub(super) async fn signed() -> (MemoryStore, Vec<Node>) {
    let (store, mut nodes) = two_nodes().await;
    for node in &mut nodes {
        node.kill().await;
        node.trusts(Trust::Signed);
    }
    become_authority(&nodes[0].config).unwrap();
    let authority = Credentials::of(&nodes[0].config.data_dir).authority().unwrap().unwrap();
    let own = nodes[1].certificate(&nodes[0]);
    Credentials::of(&nodes[1].config.data_dir).admit(&own, authority.certificate_pem()).unwrap();
    for node in &mut nodes {
        node.start();
    }
    for node in &nodes {
        node.joined(2).await;
        eventually("they believe each other", || node.core().known().nodes.len() == 2).await;
    }
    eventually("nothing is to be looked at", || nodes.iter().all(|node| node.problems().is_empty())).await;
    (store, nodes)
}

fn address(last: u8) -> IpAddr {
    [192, 168, 77, last].into()
}

async fn record(store: &MemoryStore) -> NodeRecord {
    NodeRecord::from_json(&store.get(KEY).await.unwrap().unwrap().value).unwrap()
}

async fn write(store: &MemoryStore, record: &NodeRecord) {
    store.commit(Txn::new().put(KEY, record.to_json(), Condition::Always)).await.unwrap();
}

/// Whether host1 sends there and nowhere else, for half a minute.
async fn sends_to(node: &Node, last: u8) {
    for _ in 0..3000 {
        let now = vteps(node).1;
        assert!(now.is_subset(&BTreeSet::from([address(last)])), "{now:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(vteps(node).1, BTreeSet::from([address(last)]));
}

#[tokio::test(start_paused = true)]
async fn nobody_follows_a_record_that_its_node_did_not_sign() {
    let (store, nodes) = signed().await;
    let good = record(&store).await;
    let unsigned = NodeRecord { vtep: address(66), signed: None, ..good.clone() };
    let beside = NodeRecord { vtep: address(66), ..good.clone() };
    let mut forged = beside.clone();
    if let Some(signed) = &mut forged.signed {
        signed.statement = signed.statement.replace("192.168.77.12", "192.168.77.66");
    }
    let another = NodeRecord { id: weft_model::NodeId::LEAST, ..unsigned.clone() };
    for lie in [unsigned, beside, forged, another] {
        write(&store, &lie).await;
        eventually("host1 says so", || nodes[0].is_doubtful("host2")).await;
        sends_to(&nodes[0], 12).await;
        eventually("host2 put it right", || nodes.iter().all(|node| node.problems().is_empty())).await;
        assert_eq!(record(&store).await.signed, good.signed, "as it signed it before");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_good_last_holds_without_the_node_and_across_restarts() {
    let (store, mut nodes) = signed().await;
    let old = record(&store).await;
    nodes[1].move_to(address(99));
    eventually("it is followed", || vteps(&nodes[0]).1 == BTreeSet::from([address(99)])).await;
    // Time to write it down.
    tokio::time::sleep(Duration::from_secs(5)).await;
    nodes[1].kill().await;
    // It was good once.
    write(&store, &old).await;
    eventually("host1 says so", || nodes[0].is_doubtful("host2")).await;
    sends_to(&nodes[0], 99).await;
    nodes[0].kill().await;
    write(&store, &old).await;
    nodes[0].start();
    nodes[0].joined(1).await;
    sends_to(&nodes[0], 99).await;
    // Hidden for a while, it is no better.
    store.commit(Txn::new().delete(KEY, Condition::Always)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    nodes[0].kill().await;
    write(&store, &old).await;
    nodes[0].start();
    eventually("host1 says so", || nodes[0].is_doubtful("host2")).await;
    assert!(!vteps(&nodes[0]).1.contains(&address(12)), "{:?}", vteps(&nodes[0]));
    nodes[1].start();
    eventually("host2 put it right", || vteps(&nodes[0]).1 == BTreeSet::from([address(99)])).await;
}

#[tokio::test(start_paused = true)]
async fn a_host_without_a_certificate_is_not_believed() {
    let (store, mut nodes) = signed().await;
    let mut third = Node::new(3, &store);
    third.start();
    third.joined(3).await;
    eventually("it sees the network", || third.core().networks.network_view("overlay").is_ok()).await;
    third.attach("overlay", "c").await.unwrap();
    let says = |node: &Node, what: &str| {
        node.problems().iter().any(|problem| problem.contains(what) && problem.contains("join with a token"))
    };
    for node in &nodes {
        eventually("its peers say so", || says(node, "node host3")).await;
        assert!(!vteps(node).1.contains(&address(13)), "{:?}", vteps(node));
    }
    eventually("it says so itself", || says(&third, "this one cannot")).await;
    third.kill().await;
    eventually("it is down", || !nodes[0].core().known().is_up(&third.config.node_name)).await;
    nodes[0].core().nodes.give_up_node(&third.config.node_name).await.unwrap();
    let left = |node: &Node| node.problems().is_empty() && node.core().known().all_endpoints().count() == 2;
    eventually("nothing is left of it", || nodes.iter().all(left)).await;
    // With a certificate it is believed.
    let own = third.certificate(&nodes[0]);
    let authority = Credentials::of(&nodes[0].config.data_dir).authority_certificates().unwrap().unwrap();
    Credentials::of(&third.config.data_dir).admit(&own, &authority).unwrap();
    third.trusts(Trust::Signed);
    third.start();
    nodes.push(third);
    eventually("all is well", || nodes.iter().all(|node| node.problems().is_empty())).await;
    eventually("its peers send to it", || vteps(&nodes[0]).1.contains(&address(13))).await;
}

#[tokio::test(start_paused = true)]
async fn a_new_certificate_signs_anew_and_what_stays_the_same_does_not() {
    let (store, mut nodes) = signed().await;
    let before = record(&store).await;
    nodes[1].kill().await;
    nodes[1].start();
    nodes[1].joined(2).await;
    nodes[1].route("10.8.0.0/16");
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(record(&store).await.signed, before.signed);
    let own = nodes[1].certificate(&nodes[0]);
    Credentials::of(&nodes[1].config.data_dir).renew(&own).unwrap();
    tokio::time::sleep(Duration::from_secs(30)).await;
    let after = record(&store).await;
    assert_ne!(after.signed.unwrap().certificate, before.signed.unwrap().certificate);
    assert!(nodes.iter().all(|node| node.problems().is_empty()), "{:?}", nodes[0].problems());
}

/// A host of before goes on where the store is believed.
#[tokio::test(start_paused = true)]
async fn where_the_store_is_believed_it_is_as_before() {
    let (_store, nodes) = cluster(2).await;
    nodes[0].core().networks.create(network("overlay")).await.unwrap();
    assert!(nodes.iter().all(|node| node.problems().is_empty()));
    assert_eq!(nodes[0].core().reporter.describe().trust, Trust::Store);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_was_revoked_is_no_peer_any_more() {
    let (store, mut nodes) = signed().await;
    let host2 = "host2".parse().unwrap();
    let refused = nodes[1].core().nodes.revoke(&"host1".parse().unwrap()).await.unwrap_err();
    assert!(refused.to_string().contains("does not have the key"), "{refused}");
    let itself = nodes[0].core().nodes.revoke(&nodes[0].config.node_name).await.unwrap_err();
    assert!(itself.to_string().contains("weft leave"), "{itself}");
    nodes[0].core().nodes.revoke(&host2).await.unwrap();
    eventually("nothing is sent to it", || vteps(&nodes[0]).1.is_empty()).await;
    eventually("both say so", || nodes.iter().all(|node| node.is_doubtful("host2"))).await;
    // It goes on to write its record, and somebody takes away what revoked it.
    let revoked = store.list("weft/v1/revoked/").await.unwrap().entries;
    let [revoked] = revoked.as_slice() else { panic!("{revoked:?}") };
    store.commit(Txn::new().delete(revoked.key.clone(), Condition::Always)).await.unwrap();
    nodes[1].move_to(address(99));
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(store.get(&revoked.key).await.unwrap().unwrap().value, revoked.value, "it is there again");
    // Or writes something else in its place.
    for other in [&br#"{"name":"x","signature":"AAAA"}"#[..], b"?"] {
        store.commit(Txn::new().put(revoked.key.clone(), other.to_vec(), Condition::Always)).await.unwrap();
        tokio::time::sleep(Duration::from_secs(30)).await;
        assert_eq!(store.get(&revoked.key).await.unwrap().unwrap().value, revoked.value, "{other:?}");
    }
    nodes[0].kill().await;
    nodes[1].store.faults().set_unavailable(true);
    store.commit(Txn::new().delete(revoked.key.clone(), Condition::Always)).await.unwrap();
    nodes[0].start();
    nodes[0].joined(1).await;
    nodes[1].store.faults().set_unavailable(false);
    nodes[0].joined(2).await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert!(vteps(&nodes[0]).1.is_empty() && nodes[0].is_doubtful("host2"), "{:?}", nodes[0].problems());
    nodes[1].kill().await;
    eventually("it is down", || !nodes[0].core().known().is_up(&host2)).await;
    nodes[0].core().nodes.give_up_node(&host2).await.unwrap();
    eventually("nothing is left of it", || nodes[0].problems().is_empty()).await;
}

/// Nobody puts right any more what somebody wrote in its place.
#[tokio::test(start_paused = true)]
async fn a_node_that_was_revoked_is_given_up_whatever_its_record_is() {
    let (store, mut nodes) = signed().await;
    let host2 = "host2".parse().unwrap();
    nodes[1].kill().await;
    eventually("it is down", || !nodes[0].core().known().is_up(&host2)).await;
    nodes[0].core().nodes.revoke(&host2).await.unwrap();
    store.commit(Txn::new().put(KEY, "?", Condition::Always)).await.unwrap();
    nodes[0].kill().await;
    nodes[0].start();
    let says = |node: &Node| node.problems().iter().any(|problem| problem.contains(KEY));
    eventually("host1 says so", || says(&nodes[0])).await;
    nodes[0].joined(1).await;
    nodes[0].core().nodes.give_up_node(&host2).await.unwrap();
    eventually("nothing is left of it", || nodes[0].problems().is_empty()).await;
    assert_eq!(store.get(KEY).await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn where_the_store_is_believed_nobody_is_revoked() {
    let (_store, nodes) = two_nodes().await;
    become_authority(&nodes[0].config).unwrap();
    let refused = nodes[0].core().nodes.revoke(&"host2".parse().unwrap()).await.unwrap_err();
    assert!(refused.to_string().contains("trust: store"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn what_others_write_over_a_record_is_written_over() {
    let (store, nodes) = signed().await;
    let good = record(&store).await;
    for lie in [b"?".to_vec(), NodeRecord { version: "9".to_owned(), ..good.clone() }.to_json()] {
        store.commit(Txn::new().put(KEY, lie.clone(), Condition::Always)).await.unwrap();
        tokio::time::sleep(Duration::from_secs(30)).await;
        let now = record(&store).await;
        assert_eq!((now.version, now.signed), (good.version.clone(), good.signed.clone()), "{lie:?}");
        assert!(nodes[0].problems().is_empty(), "{:?}", nodes[0].problems());
    }
}

#[tokio::test(start_paused = true)]
async fn that_one_host_alone_can_let_others_in_is_said() {
    let (_store, nodes) = signed().await;
    let says = |node: &Node| {
        node.core().reporter.describe().notes.iter().any(|note| note.contains("weft node promote"))
    };
    let key = |node: &Node| node.config.data_dir.join("credentials/ca.key");
    assert!(key(&nodes[0]).exists() && !key(&nodes[1]).exists());
    eventually("both say so", || nodes.iter().all(says)).await;
    std::fs::copy(key(&nodes[0]), key(&nodes[1])).unwrap();
    eventually("nobody says so", || !nodes.iter().any(says)).await;
}
