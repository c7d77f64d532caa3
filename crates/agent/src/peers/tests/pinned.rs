//! Agents that know each other by the keys that the store says they have.

use super::*;
use weft_model::{Key, Keyspace, Node, Record, Trust};
use weft_state::cluster::Cluster;
use weft_store::{Listing, Revision, StoreEntry};
use weft_trust::{About, SelfSigned};

/// A host that believes its store, after `prepare`.
async fn believing(number: u8, prepare: impl FnOnce(&AgentConfig)) -> Host {
    let dir = tempfile::tempdir().unwrap();
    let config = FuzzedNode::of(format!("host{number}").parse().unwrap()).config();
    let config = AgentConfig { data_dir: dir.path().to_owned(), trust: Trust::Store, ..config };
    prepare(&config);
    let key = Arc::new(OwnKey::of(dir.path(), &config.node_name));
    let own = OwnCertificate::load(dir.path());
    answering(dir, config, (own, Some(key))).await
}

/// One that never joined anything.
async fn by_key(number: u8) -> Host {
    believing(number, |_| ()).await
}

impl Host {
    fn whom(&self) -> Subject {
        Subject { name: self.peers.config.node_name.clone(), id: self.peers.identity.id() }
    }

    fn shown(&self) -> SelfSigned {
        self.credentials().own(&self.whom()).unwrap().unwrap()
    }

    /// What it says of itself in the store.
    fn record(&self) -> Node {
        let golden = include_bytes!("../../../../model/tests/golden/node.json");
        let node = Node::from_json(golden).unwrap();
        Node { id: self.whom().id, fingerprint: Some(self.shown().fingerprint()), ..node }
    }

    /// Has it see a store with these records.
    fn sees(&self, records: &[(&Host, Node)]) {
        let keyspace = Keyspace::new("weft");
        let entry = |(host, node): &(&Host, Node)| StoreEntry {
            key: keyspace.path(&Key::Node(host.whom().name)),
            value: node.to_json(),
            modified: Revision(1),
            session: None,
        };
        let listing = Listing { entries: records.iter().map(entry).collect(), revision: Revision(1) };
        let mut view = nothing_seen().borrow().clone();
        view.cluster = Some(Arc::new(Cluster::read(&keyspace, &listing)));
        self.seen.send_replace(view);
    }
}

async fn asks(host: &Host, other: &Host, record: Node) -> Result<MemberReply, AskError> {
    ask_node(&host.shown(), (&other.whom(), &record), other.at, &MemberRequest::About).await
}

#[tokio::test]
async fn who_has_a_key_that_the_store_names_is_answered() {
    let [one, two, stranger] = [by_key(1).await, by_key(2).await, by_key(3).await];
    one.sees(&[(&one, one.record()), (&two, two.record())]);
    let MemberReply::About(about) = asks(&two, &one, one.record()).await.unwrap() else {
        panic!("another answer")
    };
    let whom = one.whom();
    let About { name, id, version, since } = about;
    assert_eq!((name, id, version.as_str()), (whom.name, whom.id, env!("CARGO_PKG_VERSION")));
    assert!(since <= Timestamp::now());
    // In the handshake.
    assert!(matches!(asks(&stranger, &one, one.record()).await, Err(AskError::Unreachable { .. })));
    // It is taken out, and put back.
    one.sees(&[(&one, one.record())]);
    assert!(asks(&two, &one, one.record()).await.is_err());
    one.sees(&[(&one, one.record()), (&two, two.record()), (&stranger, stranger.record())]);
    asks(&stranger, &one, one.record()).await.unwrap();
    // A record that somebody wrote over.
    let rewritten = Node { fingerprint: Some(stranger.shown().fingerprint()), ..two.record() };
    one.sees(&[(&one, one.record()), (&two, rewritten)]);
    assert!(asks(&two, &one, one.record()).await.is_err());
    // And one that copied another's.
    let copied = Node { fingerprint: two.record().fingerprint, ..stranger.record() };
    one.sees(&[(&two, two.record()), (&stranger, copied)]);
    assert!(asks(&two, &one, one.record()).await.is_err(), "it could be either");
}

#[tokio::test]
async fn who_does_not_have_the_key_of_the_node_that_is_asked_is_told_nothing() {
    let [one, two] = [by_key(1).await, by_key(2).await];
    for host in [&one, &two] {
        host.sees(&[(&one, one.record()), (&two, two.record())]);
    }
    let at_another =
        ask_node(&two.shown(), (&two.whom(), &two.record()), one.at, &MemberRequest::About).await;
    let at_another = at_another.unwrap_err().to_string();
    assert!(at_another.contains("does not have the key that the store says host2 has"), "{at_another}");
    let old = Node { fingerprint: None, ..one.record() };
    let old = asks(&two, &one, old).await.unwrap_err().to_string();
    assert!(old.contains("host1 says no key") && old.contains("0.1.0"), "{old}");
}

/// Whoever writes to the store could give himself a key there.
#[tokio::test]
async fn what_takes_an_authority_is_not_for_who_is_known_by_the_store() {
    let one = believing(1, |config| become_authority(config).unwrap()).await;
    let two = by_key(2).await;
    one.sees(&[(&one, one.record()), (&two, two.record())]);
    asks(&two, &one, one.record()).await.unwrap();
    let request = two.credentials().key().unwrap().request().unwrap();
    for ask in [
        MemberRequest::Renew { certificate_request: request.clone() },
        MemberRequest::Serve { certificate_request: request },
        MemberRequest::Promote { authority_key: "mine".to_owned() },
    ] {
        let refused = ask_node(&two.shown(), (&one.whom(), &one.record()), one.at, &ask).await;
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains("trust: store") && refused.contains("weft join"), "{refused}");
    }
    // Who has a certificate by it goes on as before.
    let renewed = ask(&one.member(), &one.subject(), one.at, &renewal_of(&one)).await;
    assert!(matches!(renewed, Ok(MemberReply::Renewed(_))), "{renewed:?}");
}

#[tokio::test]
async fn a_signed_cluster_and_hosts_that_are_known_by_their_keys_do_not_speak() {
    let [signed, two] = [first().await, by_key(2).await];
    // Whatever the store says.
    for host in [&signed, &two] {
        host.sees(&[(&signed, signed.record()), (&two, two.record())]);
    }
    assert!(asks(&two, &signed, signed.record()).await.is_err());
    let other_way = ask(&signed.member(), &two.whom(), two.at, &MemberRequest::About).await;
    assert!(matches!(other_way, Err(AskError::Unreachable { .. })), "{other_way:?}");
    // Members are asked who they are as well.
    let about = ask(&signed.member(), &signed.subject(), signed.at, &MemberRequest::About).await.unwrap();
    assert!(matches!(about, MemberReply::About(about) if about.name == signed.subject().name));
}
