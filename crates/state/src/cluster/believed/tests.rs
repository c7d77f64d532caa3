//! A store that lies about nodes.

use super::*;
use jiff::Timestamp;
use proptest::prelude::*;
use std::sync::LazyLock;
use weft_model::{Key, Keyspace, NodeId};
use weft_store::{Event, Listing, Update};
use weft_trust::{Authority, Member, NodeKey, Subject};

static AUTHORITY: LazyLock<Authority> = LazyLock::new(|| Authority::found(Timestamp::now()).unwrap());
static HOST2: LazyLock<Member> = LazyLock::new(|| member("host2"));

fn name(text: &str) -> NodeName {
    text.parse().unwrap()
}

fn member(node: &str) -> Member {
    let subject = Subject { name: name(node), id: NodeId::LEAST };
    let key = NodeKey::generate().unwrap();
    let own = AUTHORITY.issue(&subject, &key.request().unwrap(), Timestamp::now()).unwrap();
    Member::new(key, &own, AUTHORITY.certificate_pem()).unwrap()
}

fn at(vtep: u8) -> Node {
    let golden = include_bytes!("../../../../model/tests/golden/node.json");
    let vtep = [192, 0, 2, vtep].into();
    Node { id: NodeId::LEAST, vtep, advertise: vtep, ..Node::from_json(golden).unwrap() }
}

/// As host2 writes its record, when it is there.
fn signed(vtep: u8, serial: u64) -> Node {
    Node { signed: Some(HOST2.sign(&name("host2"), &at(vtep), serial).unwrap()), ..at(vtep) }
}

fn nothing() -> Cluster {
    Cluster::default().trusting(Some(&Arc::new(HOST2.authorities().clone())))
}

fn entry(node: &str, value: &[u8], revision: u64) -> StoreEntry {
    let key = Keyspace::new("weft").path(&Key::Node(name(node)));
    StoreEntry { key, value: value.to_vec(), modified: Revision(revision), session: None }
}

/// What the store says of host2 next; nothing: that it is not there.
fn says(cluster: &mut Cluster, record: Option<&[u8]>) {
    let revision = Revision(cluster.revision.0 + 1);
    let entry = entry("host2", record.unwrap_or_default(), revision.0);
    let event = if record.is_some() { Event::Put(entry) } else { Event::Delete(entry.key) };
    cluster.advance(&Keyspace::new("weft"), Update::Events { events: vec![event], revision });
}

fn says_node(cluster: &mut Cluster, node: &Node) {
    says(cluster, Some(&node.to_json()));
}

fn vtep(cluster: &Cluster) -> Option<Vec<u8>> {
    let node = cluster.nodes.get(&name("host2"))?;
    Some(match node.vtep {
        std::net::IpAddr::V4(vtep) => vtep.octets()[3..].to_vec(),
        std::net::IpAddr::V6(_) => unreachable!(),
    })
}

fn why(cluster: &Cluster) -> Option<&Disbelief> {
    cluster.unbelieved.get(&name("host2"))
}

fn keys(cluster: &Cluster) -> u64 {
    cluster.keys(&Keyspace::new("weft"))
}

#[test]
fn who_only_an_authority_of_before_vouches_for_is_not_believed_any_more() {
    let next = Authority::found(Timestamp::now()).unwrap();
    let mut record = next.record(Some(&AUTHORITY)).unwrap();
    record.alone = Some(next.alone().unwrap());
    let keyspace = Keyspace::new("weft");
    let key = keyspace.path(&Key::Authority(next.id()));
    let authority = StoreEntry { key, value: record.to_json(), modified: Revision(2), session: None };
    let node = entry("host2", &signed(2, 5).to_json(), 1);
    let mut known = nothing();
    let listing = |entries: &[&StoreEntry], revision| Listing {
        entries: entries.iter().copied().cloned().collect(),
        revision: Revision(revision),
    };
    known.advance(&keyspace, Update::Snapshot(listing(&[&node], 1)));
    assert_eq!(vtep(&known), Some(vec![2]));
    let both = || listing(&[&authority, &node], 2);
    let (mut by_event, mut by_snapshot, read) =
        (known.clone(), known.clone(), Cluster::read_after(&keyspace, &both(), &known));
    by_event.advance(
        &keyspace,
        Update::Events { events: vec![Event::Put(authority.clone())], revision: Revision(2) },
    );
    by_snapshot.advance(&keyspace, Update::Snapshot(both()));
    for cluster in [by_event, by_snapshot, read] {
        assert_eq!((vtep(&cluster), why(&cluster)), (None, Some(&Disbelief::OtherAuthority)));
        assert_eq!(cluster.believed().unwrap().newest(), Some(next.id()));
    }
}

#[test]
fn what_was_rewritten_is_as_it_was_and_can_be_put_right() {
    let mut cluster = nothing();
    says_node(&mut cluster, &signed(2, 5));
    assert_eq!((vtep(&cluster), why(&cluster), keys(&cluster)), (Some(vec![2]), None, 1));
    for lie in [at(66), Node { signed: member("host3").sign(&name("host2"), &at(66), 9).ok(), ..at(66) }] {
        says_node(&mut cluster, &lie);
        assert_eq!((vtep(&cluster), keys(&cluster)), (Some(vec![2]), 1));
        assert!(why(&cluster).is_some());
        // Whoever writes the good one again writes over the lie.
        assert_eq!(cluster.nodes[&name("host2")].modified, cluster.revision);
    }
    says_node(&mut cluster, &signed(2, 5));
    assert_eq!((vtep(&cluster), why(&cluster)), (Some(vec![2]), None));
}

#[test]
fn what_is_no_record_at_all_changes_nothing_either() {
    let mut cluster = nothing();
    says_node(&mut cluster, &signed(2, 5));
    says(&mut cluster, Some(b"{\"name\":7}"));
    assert_eq!((vtep(&cluster), cluster.unreadable.len(), keys(&cluster)), (Some(vec![2]), 1, 1));
    // Nor is it taken for good when all is read again.
    let garbage = entry("host2", b"{\"name\":7}", cluster.revision.0);
    let listing = Listing { entries: vec![garbage], revision: cluster.revision };
    cluster.advance(&Keyspace::new("weft"), Update::Snapshot(listing));
    assert_eq!((vtep(&cluster), cluster.unreadable.len(), keys(&cluster)), (Some(vec![2]), 1, 1));
    says_node(&mut cluster, &signed(3, 6));
    assert_eq!((vtep(&cluster), cluster.unreadable.len(), keys(&cluster)), (Some(vec![3]), 0, 1));
}

#[test]
fn an_old_record_is_not_taken_for_a_new_one() {
    let mut cluster = nothing();
    says_node(&mut cluster, &signed(2, 5));
    says_node(&mut cluster, &signed(3, 6));
    says_node(&mut cluster, &signed(2, 5));
    assert_eq!(vtep(&cluster), Some(vec![3]));
    assert_eq!(why(&cluster), Some(&Disbelief::Old { serial: 5, known: 6 }));
    // Nor if the store hid the new one in between.
    says(&mut cluster, None);
    assert_eq!((vtep(&cluster), why(&cluster), keys(&cluster)), (None, None, 0));
    says_node(&mut cluster, &signed(2, 5));
    assert_eq!((vtep(&cluster), keys(&cluster)), (None, 1));
    says_node(&mut cluster, &signed(3, 6));
    assert_eq!((vtep(&cluster), why(&cluster)), (Some(vec![3]), None));
}

#[test]
fn what_is_beside_the_statement_counts_for_nothing() {
    let mut cluster = nothing();
    let down = Node { down_since: Some(Timestamp::UNIX_EPOCH), underlay_mtu: Some(1400), ..signed(2, 5) };
    says_node(&mut cluster, &Node { signed: down.signed.clone(), ..at(66) });
    assert_eq!((vtep(&cluster), why(&cluster)), (Some(vec![2]), Some(&Disbelief::Beside)));
    // That it is down may be said by any member.
    says_node(&mut cluster, &down);
    assert_eq!((Node::clone(&cluster.nodes[&name("host2")]), why(&cluster)), (down, None));
}

#[test]
fn the_record_of_one_node_is_not_that_of_another() {
    let mut cluster = nothing();
    let copied = entry("host1", &signed(2, 5).to_json(), 1);
    cluster.advance(
        &Keyspace::new("weft"),
        Update::Events { events: vec![Event::Put(copied)], revision: Revision(1) },
    );
    assert!(cluster.nodes.is_empty() && keys(&cluster) == 1);
    assert_eq!(cluster.unbelieved[&name("host1")], Disbelief::Other(name("host2")));
}

#[test]
fn what_was_remembered_is_believed_if_it_was_signed() {
    let mut before = Cluster::default();
    says_node(&mut before, &at(66));
    assert_eq!(vtep(&before), Some(vec![66]), "without an authority the store is believed");
    let authorities = Arc::new(HOST2.authorities().clone());
    assert_eq!(vtep(&before.clone().trusting(Some(&authorities))), None);
    says_node(&mut before, &signed(2, 5));
    let after = before.trusting(Some(&authorities));
    assert_eq!((vtep(&after), after.beliefs.serials.get(&name("host2"))), (Some(vec![2]), Some(&5)));
}

/// The authority, or another, says that host2 is believed no more.
fn revokes(cluster: &mut Cluster, authority: &Authority) -> StoreEntry {
    let subject = HOST2.subject().unwrap();
    let key = Keyspace::new("weft").path(&Key::Revoked(subject.id));
    let (value, revision) = (authority.revoke(&subject).unwrap().to_json(), Revision(cluster.revision.0 + 1));
    let entry = StoreEntry { key, value, modified: revision, session: None };
    let update = Update::Events { events: vec![Event::Put(entry.clone())], revision };
    cluster.advance(&Keyspace::new("weft"), update);
    entry
}

#[test]
fn a_node_that_was_revoked_is_believed_no_more() {
    let mut cluster = nothing();
    says_node(&mut cluster, &signed(2, 5));
    revokes(&mut cluster, &Authority::found(Timestamp::now()).unwrap());
    assert_eq!((vtep(&cluster), why(&cluster)), (Some(vec![2]), None), "another's authority");
    let entry = revokes(&mut cluster, &AUTHORITY);
    assert_eq!((vtep(&cluster), why(&cluster), keys(&cluster)), (None, Some(&Disbelief::Revoked), 2));
    // Whoever takes the revocation away, and whatever the node signs then.
    let gone = Event::Delete(entry.key.clone());
    let revision = Revision(cluster.revision.0 + 1);
    cluster.advance(&Keyspace::new("weft"), Update::Events { events: vec![gone], revision });
    says_node(&mut cluster, &signed(3, 6));
    assert_eq!((vtep(&cluster), why(&cluster), keys(&cluster)), (None, Some(&Disbelief::Revoked), 1));
    says_node(&mut cluster, &at(3));
    assert_eq!((vtep(&cluster), why(&cluster)), (None, Some(&Disbelief::Unsigned)));
    // Read anew, in whatever order, and where nothing but that changed.
    let node = super::tests::entry("host2", &signed(3, 6).to_json(), 1);
    for entries in [vec![node.clone(), entry.clone()], vec![entry, node.clone()]] {
        let listing = Listing { entries, revision: Revision(9) };
        let without = Listing { entries: vec![node.clone()], revision: Revision(9) };
        let mut read = Cluster::read_after(&Keyspace::new("weft"), &without, &nothing());
        assert_eq!(vtep(&read), Some(vec![3]));
        for (listing, there) in [(listing.clone(), 2), (listing, 2), (without, 1)] {
            read.advance(&Keyspace::new("weft"), Update::Snapshot(listing));
            assert_eq!((vtep(&read), why(&read), keys(&read)), (None, Some(&Disbelief::Revoked), there));
        }
    }
}

#[test]
fn a_key_counts_once_whatever_is_wrong_with_it() {
    let mut cluster = nothing();
    says_node(&mut cluster, &signed(2, 5));
    says(&mut cluster, Some(b"?"));
    revokes(&mut cluster, &AUTHORITY);
    assert_eq!((vtep(&cluster), keys(&cluster)), (None, 2));
}

#[derive(Debug, Clone)]
enum Says {
    Good(u8, u64),
    Unsigned,
    Beside(u64),
    Garbage,
    Gone,
}

fn anything() -> impl Strategy<Value = Says> {
    prop_oneof![
        (1u8..5, 1u64..5).prop_map(|(vtep, serial)| Says::Good(vtep, serial)),
        Just(Says::Unsigned),
        (1u64..5).prop_map(Says::Beside),
        Just(Says::Garbage),
        Just(Says::Gone),
    ]
}

fn json(says: &Says) -> Option<Vec<u8>> {
    Some(match says {
        Says::Good(vtep, serial) => signed(*vtep, *serial).to_json(),
        Says::Unsigned => at(66).to_json(),
        Says::Beside(serial) => Node { signed: signed(7, *serial).signed, ..at(66) }.to_json(),
        Says::Garbage => b"?".to_vec(),
        Says::Gone => return None,
    })
}

proptest! {
    #[test]
    fn no_history_leads_to_where_the_node_did_not_say(history in prop::collection::vec(anything(), 0..12)) {
        let (mut by_events, mut by_snapshots, mut read_anew) = (nothing(), nothing(), nothing());
        let mut highest = 0;
        for (revision, says_next) in (1..).zip(&history) {
            let record = json(says_next);
            says(&mut by_events, record.as_deref());
            let entries = record.iter().map(|json| entry("host2", json, revision)).collect();
            let listing = Listing { entries, revision: Revision(revision) };
            read_anew = Cluster::read_after(&Keyspace::new("weft"), &listing, &read_anew);
            by_snapshots.advance(&Keyspace::new("weft"), Update::Snapshot(listing));
            if let Says::Good(_, serial) | Says::Beside(serial) = says_next {
                highest = highest.max(*serial);
            }
            for cluster in [&by_events, &by_snapshots, &read_anew] {
                prop_assert_ne!(vtep(cluster), Some(vec![66]));
                prop_assert_eq!(cluster.beliefs.serials.get(&name("host2")).copied().unwrap_or_default(), highest);
                prop_assert_eq!(keys(cluster), u64::from(record.is_some()));
                prop_assert_eq!(&cluster.nodes, &by_events.nodes);
                prop_assert_eq!(&cluster.unbelieved, &by_events.unbelieved);
            }
        }
    }
}
