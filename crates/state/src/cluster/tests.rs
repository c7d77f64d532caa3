use super::*;
use crate::golden::{KINDS, key, record};
use weft_model::Timestamp;
use weft_store::Event;

fn keyspace() -> Keyspace {
    Keyspace::new("weft")
}

fn entry(key: &Key, value: Vec<u8>, modified: u64) -> StoreEntry {
    StoreEntry { key: keyspace().path(key), value, modified: Revision(modified), session: None }
}

fn endpoint(name: &str) -> Vec<u8> {
    Endpoint {
        name: name.parse().unwrap(),
        aliases: Vec::new(),
        ipv4: Some([10, 0, 0, 2].into()),
        ipv6: None,
        mac: "02:42:0a:00:00:02".parse().unwrap(),
        node: "host1".parse().unwrap(),
        container: None,
        created: Timestamp::UNIX_EPOCH,
        extra: Default::default(),
    }
    .to_json()
}

fn ids() -> (NetworkId, EndpointId) {
    (NetworkId::random(&mut rand::rng()), EndpointId::random(&mut rand::rng()))
}

#[test]
fn events_and_snapshots_lead_to_the_same_view() {
    let (network, id) = ids();
    let key = Key::Endpoint(network, id);
    let put = entry(&key, endpoint("nginx_01"), 1);
    let mut by_events = Cluster::default();
    by_events.advance(
        &keyspace(),
        Update::Events { events: vec![Event::Put(put.clone())], revision: Revision(1) },
    );
    let listing = Listing { entries: vec![put], revision: Revision(1) };
    let by_snapshot = Cluster::read(&keyspace(), &listing);
    for cluster in [&by_events, &by_snapshot] {
        assert_eq!(cluster.endpoint(&id).unwrap().1.name.as_str(), "nginx_01");
    }
    by_events.advance(
        &keyspace(),
        Update::Events { events: vec![Event::Delete(keyspace().path(&key))], revision: Revision(2) },
    );
    assert!(by_events.endpoints.is_empty());
}

#[test]
fn what_a_snapshot_does_not_change_stays_shared() {
    let ((first, id), (second, other)) = (ids(), ids());
    let unchanged = entry(&Key::Endpoint(first, id), endpoint("a"), 1);
    let mut cluster = Cluster::read(
        &keyspace(),
        &Listing {
            entries: vec![unchanged.clone(), entry(&Key::Endpoint(second, other), endpoint("b"), 2)],
            revision: Revision(2),
        },
    );
    let (kept, replaced) = (cluster.endpoints[&first].clone(), cluster.endpoints[&second].clone());
    let entries = vec![unchanged, entry(&Key::Endpoint(second, other), endpoint("c"), 3)];
    cluster.advance(&keyspace(), Update::Snapshot(Listing { entries, revision: Revision(3) }));
    assert!(cluster.endpoints[&first].ptr_eq(&kept));
    assert!(!cluster.endpoints[&second].ptr_eq(&replaced));
    assert_eq!(cluster.endpoint(&other).unwrap().1.name.as_str(), "c");
}

#[test]
fn what_cannot_be_read_is_set_aside() {
    let (network, id) = ids();
    let key = Key::Endpoint(network, id);
    let foreign =
        StoreEntry { key: "weft/v1/notes".into(), value: b"hello".to_vec(), ..entry(&key, vec![], 1) };
    let listing =
        Listing { entries: vec![foreign, entry(&key, b"{\"name\":7}".to_vec(), 2)], revision: Revision(2) };
    let mut cluster = Cluster::read(&keyspace(), &listing);
    assert_eq!(cluster.unreadable.len(), 1);
    assert_eq!(cluster.unknown, OrdMap::unit("weft/v1/notes".to_owned(), "notes".to_owned()));
    assert!(cluster.endpoints.is_empty());
    // Mended, it counts again.
    let mended = Event::Put(entry(&key, endpoint("a"), 3));
    cluster.advance(&keyspace(), Update::Events { events: vec![mended], revision: Revision(3) });
    assert_eq!(cluster.unreadable.len(), 0);
    assert!(cluster.endpoint(&id).is_some());
    let gone = Event::Delete("weft/v1/notes".into());
    cluster.advance(&keyspace(), Update::Events { events: vec![gone], revision: Revision(4) });
    assert!(cluster.unknown.is_empty());
}

#[test]
fn a_record_of_a_later_format_is_no_garbage() {
    let (network, id) = ids();
    let key = Key::Endpoint(network, id);
    let later = entry(&key, b"{\"format\":2,\"name\":7}".to_vec(), 1);
    let listing = Listing { entries: vec![later], revision: Revision(1) };
    let mut cluster = Cluster::read(&keyspace(), &listing);
    assert_eq!((cluster.unreadable.len(), cluster.garbage().count()), (1, 0));
    assert_eq!(cluster.unknown_kinds(), [("of a later format".to_owned(), 1)].into());
    for (value, garbage) in [(b"{\"format\":1}".to_vec(), 1), (endpoint("a"), 0)] {
        let event = Event::Put(entry(&key, value, 2));
        cluster.advance(&keyspace(), Update::Events { events: vec![event], revision: Revision(2) });
        assert_eq!((cluster.unknown.len(), cluster.garbage().count()), (0, garbage));
    }
}

#[test]
fn every_key_counts_once() {
    let (network, id) = ids();
    let key = Key::Endpoint(network, id);
    let foreign =
        StoreEntry { key: "weft/v1/notes".into(), value: b"hello".to_vec(), ..entry(&key, vec![], 1) };
    let mut entries = vec![
        foreign,
        entry(&key, endpoint("a"), 2),
        entry(&Key::Lineage, b"garbage".to_vec(), 2),
        entry(&Key::Latest("host1".parse().unwrap()), b"garbage".to_vec(), 2),
    ];
    let written = [Key::Name("overlay".parse().unwrap()), Key::Vni("256".parse().unwrap())];
    entries.extend(written.iter().map(|key| entry(key, network.to_json(), 3)));
    let mut cluster = Cluster::read(&keyspace(), &Listing { entries, revision: Revision(3) });
    assert_eq!(cluster.keys(&keyspace()), 6);
    let mut events = |events| cluster.advance(&keyspace(), Update::Events { events, revision: Revision(4) });
    // What becomes unreadable is kept as it was; what is gone is gone.
    events(vec![Event::Put(entry(&key, b"garbage".to_vec(), 4)), Event::Delete("weft/v1/notes".into())]);
    assert_eq!(cluster.keys(&keyspace()), 5);
    cluster.advance(
        &keyspace(),
        Update::Events { events: vec![Event::Delete(keyspace().path(&key))], revision: Revision(5) },
    );
    assert_eq!(cluster.keys(&keyspace()), 4);
}

#[test]
fn what_was_written_and_deleted_is_told_of_every_kind() {
    let put = |key: &Key, number: u32| Update::Events {
        events: vec![Event::Put(entry(key, record(key, number), number.into()))],
        revision: Revision(number.into()),
    };
    let delete = |key: &Key| Update::Events {
        events: vec![Event::Delete(keyspace().path(key))],
        revision: Revision(9),
    };
    let told = |now: &Cluster, before: &Cluster| now.changes_since(before).collect::<Vec<_>>();
    let mut cluster = Cluster::default();
    // Beside those that stay as they are, and alone.
    let mut keys: Vec<Key> = (0..KINDS).flat_map(|kind| [key(kind, 1), key(kind, 2)]).collect();
    keys.dedup();
    for key in keys {
        let is_kept = !matches!(key, Key::Call(_));
        for value in [1, 2] {
            let before = cluster.clone();
            cluster.advance(&keyspace(), put(&key, value));
            assert_eq!(told(&before, &before), []);
            let written = is_kept.then(|| (key.clone(), Some(record(&key, value))));
            assert_eq!(parsed(told(&cluster, &before)), parsed(written.clone().into_iter().collect()));
            assert_eq!(cluster.records().filter(|(other, _)| *other == key).count(), usize::from(is_kept));
        }
        let before = cluster.clone();
        cluster.advance(&keyspace(), delete(&key));
        assert_eq!(
            told(&cluster, &before),
            is_kept.then(|| (key.clone(), None)).into_iter().collect::<Vec<_>>()
        );
        assert_eq!(cluster.records().filter(|(other, _)| *other == key).count(), 0);
        cluster.advance(&keyspace(), put(&key, 1));
    }
}

#[test]
fn a_later_revision_alone_is_told_of() {
    let key = key(3, 1);
    let read = |revision: u64| {
        let entries = vec![entry(&key, record(&key, 1), revision)];
        Cluster::read(&keyspace(), &Listing { entries, revision: Revision(revision) })
    };
    let (before, now) = (read(1), read(2));
    assert_eq!(now.changes_since(&before).map(|(key, _)| key).collect::<Vec<_>>(), [key]);
    let host: NodeName = "host1".parse().unwrap();
    assert_eq!(now.latest_since(&before).collect::<Vec<_>>(), [(&host, Revision(2))]);
}

/// The values as JSON, whatever the order of their fields.
fn parsed(changes: Vec<(Key, Option<Vec<u8>>)>) -> Vec<(Key, Option<serde_json::Value>)> {
    let parsed = |json: Vec<u8>| serde_json::from_slice(&json).unwrap();
    changes.into_iter().map(|(key, json)| (key, json.map(parsed))).collect()
}

#[test]
fn what_is_kept_beside_the_records_follows_them() {
    let (network, first) = ids();
    let second = EndpointId::random(&mut rand::rng());
    let (me, mac) = ("host1".parse().unwrap(), "02:42:0a:00:00:02".parse().unwrap());
    let mut own = OwnKeys::default();
    let mut cluster = Cluster::default();
    let mut with = |revision, event: Event| {
        cluster.advance(&keyspace(), Update::Events { events: vec![event], revision: Revision(revision) });
        let with: Vec<_> = cluster.endpoints_with(&network, mac).map(|(id, _)| *id).collect();
        (with, own.follow(&me, &cluster).collect::<Vec<_>>())
    };
    let put = |id, revision| Event::Put(entry(&Key::Endpoint(network, id), endpoint("a"), revision));
    assert_eq!(with(1, put(first, 1)), (vec![first], vec![first]));
    let both = {
        let mut both = vec![first, second];
        both.sort();
        both
    };
    assert_eq!(with(2, put(second, 2)), (both.clone(), both));
    let elsewhere = String::from_utf8(endpoint("a")).unwrap();
    let elsewhere = elsewhere.replace("host1", "host2").replace("0a:00:00:02", "0a:00:00:03");
    let moved = Event::Put(entry(&Key::Endpoint(network, first), elsewhere.into_bytes(), 3));
    assert_eq!(with(3, moved), (vec![second], vec![second]));
    let claim = format!("{{\"node\":\"host1\",\"endpoint\":\"{first}\"}}");
    let claim =
        entry(&Key::Claim("10.0.0.0/24".parse().unwrap(), [10, 0, 0, 3].into()), claim.into_bytes(), 4);
    let both = {
        let mut both = vec![first, second];
        both.sort();
        both
    };
    assert_eq!(with(4, Event::Put(claim.clone())), (vec![second], both));
    let gone = |key: &Key| Event::Delete(keyspace().path(key));
    assert_eq!(with(5, gone(&Key::Endpoint(network, second))), (vec![], vec![first]));
    assert_eq!(with(6, Event::Delete(claim.key)), (vec![], vec![]));
}
