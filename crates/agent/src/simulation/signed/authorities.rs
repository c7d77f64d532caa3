//! The cluster's authority is replaced, and hosts come to a store that lies.

use super::*;
use weft_model::{AuthorityId, AuthorityRecord};
use weft_trust::Authority;

impl Node {
    pub(super) fn credentials(&self) -> Credentials {
        Credentials::of(&self.config.data_dir)
    }

    /// What `peers` does on a host: it believes whom the cluster believes, and gets a certificate by the newest from `first`.
    fn follows(&self, first: &Self) {
        let known = self.core().known();
        self.credentials().believe(known.believed().unwrap()).unwrap();
        self.rules.believe(known.believed().unwrap());
        self.credentials().renew(&self.certificate(first)).unwrap();
    }

    pub(super) fn believes(&self) -> Vec<AuthorityId> {
        self.core().known().believed().unwrap().ids().collect()
    }

    pub(super) fn authority(&self) -> Authority {
        self.credentials().authority().unwrap().unwrap()
    }
}

async fn authorities(store: &MemoryStore) -> Vec<(String, AuthorityRecord)> {
    let all = store.list("weft/v1/authorities/").await.unwrap().entries.into_iter();
    all.map(|entry| (entry.key, AuthorityRecord::from_json(&entry.value).unwrap())).collect()
}

async fn put(store: &MemoryStore, authority: &Authority, record: &AuthorityRecord) {
    let key = format!("weft/v1/authorities/{}", authority.id());
    store.commit(Txn::new().put(key, record.to_json(), Condition::Always)).await.unwrap();
}

/// Packets go on all the while, whoever takes out of the store what led to the new authority.
#[tokio::test(start_paused = true)]
async fn an_authority_is_replaced_and_nothing_stops() {
    let (store, mut nodes) = signed().await;
    let (before, old) = (nodes[0].authority(), nodes[0].believes());
    let refused = nodes[1].core().nodes.rotate_authority().await.unwrap_err();
    assert!(refused.to_string().contains("does not have the key"), "{refused}");
    nodes[0].core().nodes.rotate_authority().await.unwrap();
    let newest = nodes[0].authority().id();
    let both = vec![newest, old[0]];
    eventually("both believe both", || nodes.iter().all(|node| node.believes() == both)).await;
    let again = nodes[0].core().nodes.rotate_authority().await.unwrap_err();
    assert!(again.to_string().contains("being replaced already: host1, host2"), "{again}");

    // As long as host2 is away, the one before is believed, so that it finds the cluster.
    nodes[1].kill().await;
    for (key, record) in authorities(&store).await {
        store.commit(Txn::new().delete(key.clone(), Condition::Always)).await.unwrap();
        sends_to(&nodes[0], 12).await;
        assert!(authorities(&store).await.contains(&(key, record)), "it is there again");
    }
    eventually("it is told", || {
        nodes[0].problems().iter().any(|it| it.contains("no certificate by the new one: host2"))
    })
    .await;
    nobody_else_names_one(&store, &nodes, (&before, &both)).await;

    nodes[0].kill().await;
    for node in &mut nodes {
        node.start();
    }
    eventually("both believe both", || nodes.iter().all(|node| node.believes() == both)).await;
    nodes[1].follows(&nodes[0]);
    nodes[0].follows(&nodes[0]);
    eventually("the new one is alone", || nodes.iter().all(|node| node.believes() == [newest])).await;
    sends_to(&nodes[0], 12).await;
    eventually("nothing is to be looked at", || nodes.iter().all(|node| node.problems().is_empty())).await;
    for node in &mut nodes {
        node.kill().await;
        node.start();
    }
    eventually("they know it after a restart", || nodes.iter().all(|node| node.believes() == [newest])).await;
    sends_to(&nodes[0], 12).await;
    assert_eq!(authorities(&store).await.len(), 1);
    nodes[0].core().nodes.rotate_authority().await.unwrap();
    eventually("and again", || {
        nodes.iter().all(|node| node.believes() == [nodes[0].authority().id(), newest])
    })
    .await;
}

/// Somebody has the key of the authority before: those who followed already do not care.
async fn nobody_else_names_one(
    store: &MemoryStore,
    nodes: &[Node],
    (before, both): (&Authority, &Vec<AuthorityId>),
) {
    let newest = both[0];
    let stranger = Authority::found(Timestamp::now()).unwrap();
    let named = stranger.record(Some(before)).unwrap();
    let mut forged = named.clone();
    forged.by.as_mut().unwrap().authority = newest;
    for lie in [named, forged] {
        put(store, &stranger, &lie).await;
        sends_to(&nodes[0], 12).await;
        assert_eq!(nodes[0].believes(), *both);
    }
    // Or something that says less is written over what led to the new one.
    let own = nodes[0].authority();
    let good =
        authorities(store).await.into_iter().find(|(key, _)| key.ends_with(&newest.to_string())).unwrap();
    let (mut alone, mut unnamed) = (good.1.clone(), good.1.clone());
    (alone.alone, unnamed.by) = (Some("c2lnbmF0dXJl".to_owned()), None);
    for less in [alone, unnamed] {
        put(store, &own, &less).await;
        sends_to(&nodes[0], 12).await;
        assert!(authorities(store).await.contains(&good), "it is as it was again");
    }
    let key = format!("weft/v1/authorities/{}", stranger.id());
    store.commit(Txn::new().delete(key, Condition::Always)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_was_revoked_before_is_so_after() {
    let (store, nodes) = signed().await;
    let host2 = nodes[1].config.node_name.clone();
    nodes[0].core().nodes.revoke(&host2).await.unwrap();
    nodes[0].core().nodes.rotate_authority().await.unwrap();
    let newest = nodes[0].authority().id();
    nodes[0].follows(&nodes[0]);
    eventually("the new one is alone", || nodes[0].believes() == [newest]).await;
    eventually("the new one said so", || {
        let known = nodes[0].core().known();
        let believed = known.believed().unwrap();
        known.revoked.iter().all(|(id, revocation)| believed.is_revoked(id, revocation))
            && known.revoked.len() == 1
    })
    .await;
    sends_to_nobody(&nodes[0]).await;
    drop(store);
}

async fn sends_to_nobody(node: &Node) {
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert!(vteps(node).1.is_empty(), "{:?}", vteps(node));
}

/// Of two that one names, one is somebody else's.
#[tokio::test(start_paused = true)]
async fn nobody_follows_when_the_authority_names_two() {
    let (store, mut nodes) = signed().await;
    let (authority, old) = (nodes[0].authority(), nodes[0].believes());
    for node in &mut nodes {
        node.kill().await;
    }
    for _ in 0..2 {
        let next = Authority::found(Timestamp::now()).unwrap();
        put(&store, &next, &next.record(Some(&authority)).unwrap()).await;
    }
    for node in &mut nodes {
        node.start();
    }
    eventually("both say so", || {
        nodes.iter().all(|node| node.problems().iter().any(|problem| problem.contains("follows neither")))
    })
    .await;
    assert!(nodes.iter().all(|node| node.believes() == old));
    sends_to(&nodes[0], 12).await;
}

/// Nobody has the key any more: host1 makes another, and host2 believes it when it has joined again.
#[tokio::test(start_paused = true)]
async fn a_new_authority_is_believed_by_those_that_join_again() {
    let (_store, mut nodes) = signed().await;
    let old = nodes[0].believes();
    nodes[0].kill().await;
    std::fs::remove_file(nodes[0].config.data_dir.join("credentials/ca.key")).unwrap();
    let newest = crate::joining::replace_authority(&nodes[0].config, false).unwrap();
    nodes[0].start();
    eventually("host1 believes both", || nodes[0].believes() == [newest, old[0]]).await;
    eventually("host2 is told", || {
        nodes[1].problems().iter().any(|problem| problem.contains("`weft ca new` was run"))
    })
    .await;
    sends_to(&nodes[0], 12).await;
    assert_eq!(nodes[1].believes(), old);
    nodes[1].kill().await;
    let own = nodes[1].certificate(&nodes[0]);
    let all = nodes[0].credentials().authority_certificates().unwrap().unwrap();
    nodes[1].credentials().admit(&own, &all).unwrap();
    nodes[1].start();
    nodes[0].follows(&nodes[0]);
    eventually("the new one is alone", || nodes.iter().all(|node| node.believes() == [newest])).await;
    eventually("nothing is to be looked at", || nodes.iter().all(|node| node.problems().is_empty())).await;
    sends_to(&nodes[0], 12).await;
}

/// Of a host that comes to the cluster, the store could hide what the others remember.
#[tokio::test(start_paused = true)]
async fn a_host_that_joins_is_told_what_the_store_may_hide() {
    let (store, mut nodes) = signed().await;
    let old = record(&store).await;
    nodes[1].move_to(address(99));
    eventually("it is followed", || vteps(&nodes[0]).1 == BTreeSet::from([address(99)])).await;
    nodes[1].kill().await;
    let mut third = Node::new(3, &store);
    third.start();
    third.joined(3).await;
    third.kill().await;
    let all = nodes[0].credentials().authority_certificates().unwrap().unwrap();
    third.credentials().keep_told(&nodes[0].core().known().to_tell()).unwrap();
    third.credentials().admit(&third.certificate(&nodes[0]), &all).unwrap();
    std::fs::remove_file(third.config.data_dir.join("cluster.json")).unwrap();
    write(&store, &old).await;
    third.trusts(Trust::Signed);
    third.start();
    eventually("it says so", || third.is_doubtful("host2")).await;
    third.attach("overlay", "c").await.unwrap();
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert!(!vteps(&third).1.contains(&address(12)), "{:?}", vteps(&third));
}
