//! The table, row by row: who writes what.

use super::*;
use crate::{Authority, Member, NodeKey};
use jiff::Timestamp;
use proptest::prelude::*;
use std::{collections::BTreeMap, sync::LazyLock};
use weft_model::Extra;

static AUTHORITY: LazyLock<Authority> = LazyLock::new(|| Authority::found(Timestamp::now()).unwrap());
/// host1 and host2.
static MEMBERS: LazyLock<[Member; 2]> = LazyLock::new(|| [1, 2].map(member));

fn id(number: u8) -> NodeId {
    format!("{number:064x}").parse().unwrap()
}

fn subject(number: u8) -> Subject {
    Subject { name: format!("host{number}").parse().unwrap(), id: id(number) }
}

fn member(number: u8) -> Member {
    let key = NodeKey::generate().unwrap();
    let certificate = AUTHORITY.issue(&subject(number), &key.request().unwrap(), Timestamp::now()).unwrap();
    Member::new(key, &certificate, AUTHORITY.certificate_pem()).unwrap()
}

fn rules() -> WriteRules {
    let authorities = MEMBERS[0].authorities().clone();
    WriteRules::new(Keyspace::new("weft"), Some(Arc::new(authorities)))
}

fn node(number: u8) -> Node {
    let node = Node::from_json(include_bytes!("../../../model/tests/golden/node-tunnel.json")).unwrap();
    Node { id: id(number), signed: None, down_since: None, removed: Vec::new(), ..node }
}

/// The record of host1 or host2, signed.
fn signed(number: u8, serial: u64) -> Node {
    let node = node(number);
    let signed = MEMBERS[usize::from(number) - 1].sign(&subject(number).name, &node, serial).unwrap();
    Node { signed: Some(signed), ..node }
}

/// A store, as keys below the prefix.
#[derive(Debug, Clone, Default)]
struct Lab(BTreeMap<String, (Vec<u8>, Option<String>)>);

/// What is changed, and what is said of it: the value and the session; nothing to delete it.
type Write = (String, Option<(Vec<u8>, Option<String>)>);

fn kept(held: Option<&(Vec<u8>, Option<String>)>) -> Option<Kept<'_>> {
    held.map(|(value, session)| Kept { value, session: session.as_deref() })
}

fn key(rest: &str) -> String {
    format!("weft/v1/{rest}")
}

fn put(rest: &str, record: &impl Record) -> Write {
    (key(rest), Some((record.to_json(), None)))
}

fn delete(rest: &str) -> Write {
    (key(rest), None)
}

impl Lab {
    fn with(mut self, writes: impl IntoIterator<Item = Write>) -> Self {
        for (key, value) in writes {
            match value {
                Some(value) => self.0.insert(key, value),
                None => self.0.remove(&key),
            };
        }
        self
    }

    /// Two hosts that are up, with an endpoint each.
    fn up() -> Self {
        let each = [1, 2].into_iter().flat_map(|number| {
            let own = subject(number).name;
            [
                put(&format!("nodes/{own}"), &signed(number, 7)),
                put(&format!("live/{own}"), &live(number, 0)),
                put(&address(number), &claim(number, number, 0)),
                put(&endpoint_key(number), &endpoint(number)),
            ]
        });
        Self::default().with(each)
    }

    fn ask(&self, number: u8, writes: &[Write]) -> Result<(), String> {
        let changes: Vec<Change<'_>> = writes
            .iter()
            .map(|(key, after)| Change { key, before: kept(self.0.get(key)), after: kept(after.as_ref()) })
            .collect();
        let look = |key: &str| self.0.get(key).map(|(value, _)| value.as_slice());
        let by = subject(number);
        rules().check(&Asked { by: &by, changes: &changes, before: &look }).map_err(|error| error.to_string())
    }

    #[track_caller]
    fn may(&self, number: u8, writes: &[Write]) {
        assert_eq!(self.ask(number, writes), Ok(()), "host{number}: {writes:?}");
    }

    #[track_caller]
    fn may_not(&self, number: u8, writes: &[Write]) -> String {
        self.ask(number, writes).expect_err("it is not the asker's")
    }
}

fn live(number: u8, rebuilt: u64) -> Liveness {
    let since = Timestamp::UNIX_EPOCH;
    Liveness { id: id(number), since, rebuilt, incarnation: None, answered: None, extra: Extra::new() }
}

fn endpoint_id(number: u8) -> EndpointId {
    format!("{number:064x}").parse().unwrap()
}

fn claim(number: u8, endpoint: u8, rebuilt: u64) -> Claim {
    Claim { node: subject(number).name, endpoint: endpoint_id(endpoint), rebuilt, extra: Extra::new() }
}

fn address(number: u8) -> String {
    format!("ipam/10.0.0.0-24/10.0.0.{}", number + 1)
}

fn endpoint_key(number: u8) -> String {
    format!("endpoints/{}/{}", "a".repeat(64), endpoint_id(number))
}

fn endpoint(number: u8) -> Endpoint {
    let json = format!(
        r#"{{"name":"web","ipv4":"10.0.0.{}","mac":"02:42:0a:00:00:02","node":"host{number}","created":"2026-11-22T00:00:00Z"}}"#,
        number + 1
    );
    Endpoint::from_json(json.as_bytes()).unwrap()
}

fn rebuilt(times: u64) -> Rebuilt {
    Rebuilt { times, by: subject(1).name, at: Timestamp::UNIX_EPOCH, extra: Extra::new() }
}

#[test]
fn a_node_alone_writes_what_it_says_of_itself() {
    let (lab, now) = (Lab::up(), Some(Timestamp::UNIX_EPOCH));
    let elsewhere = Node { vtep: [192, 0, 2, 66].into(), ..signed(2, 7) };
    for lie in [elsewhere, signed(2, 6), signed(2, 7 - 7), node(2), signed(1, 9)] {
        for lab in [lab.clone(), lab.clone().with([delete("live/host2")])] {
            let why = lab.may_not(1, &[put("nodes/host2", &lie)]);
            assert!(why.starts_with("host1 may not write weft/v1/nodes/host2: "), "{why}");
            lab.may(2, &[put("nodes/host2", &lie)]);
        }
    }
    // What it said since, or what the store lost.
    lab.may(1, &[put("nodes/host2", &signed(2, 8))]);
    lab.clone().with([delete("nodes/host2")]).may(1, &[put("nodes/host2", &signed(2, 6))]);
    lab.clone().with([put("nodes/host2", &node(2))]).may(1, &[put("nodes/host2", &signed(2, 6))]);
    let beside = Node { vxlan_port: 1, ..signed(2, 7) };
    lab.clone().with([put("nodes/host2", &beside)]).may(1, &[put("nodes/host2", &signed(2, 7))]);
    // That it is down, once it is.
    let marked = Node { down_since: now, removed: vec![endpoint_id(2)], ..signed(2, 7) };
    lab.may_not(1, &[put("nodes/host2", &marked)]);
    lab.with([delete("live/host2")]).may(1, &[put("nodes/host2", &marked)]);
}

#[test]
fn a_node_alone_says_that_it_is_up_and_which_endpoint_was_its_last() {
    let lab = Lab::up();
    lab.may_not(1, &[put("live/host2", &live(2, 1))]);
    lab.may_not(1, &[delete("live/host2")]);
    lab.may_not(1, &[delete("nodes/host2")]);
    lab.may_not(1, &[put("latest/host2", &latest())]);
    lab.may(2, &[put("live/host2", &live(2, 1)), put("latest/host2", &latest()), delete("nodes/host2")]);
    let down = lab.with([delete("live/host2")]);
    down.may_not(1, &[put("live/host2", &live(2, 1))]);
    down.may(1, &[delete("nodes/host2"), delete("latest/host2")]);
}

fn latest() -> weft_model::Latest {
    weft_model::Latest { endpoint: endpoint_id(2), extra: Extra::new() }
}

#[test]
fn what_a_node_has_is_its_own_while_it_is_up() {
    let (lab, theirs) = (Lab::up(), [address(2), endpoint_key(2)]);
    let taken = [put(&theirs[0], &claim(1, 1, 0)), put(&theirs[1], &endpoint(1))];
    let forged = [put(&address(9), &claim(2, 9, 0)), put(&endpoint_key(9), &endpoint(2))];
    for write in taken.iter().chain(&forged).chain(&theirs.clone().map(|key| delete(&key))) {
        let why = lab.may_not(1, std::slice::from_ref(write));
        assert!(why.contains("host2"), "{why}");
    }
    let down = lab.clone().with([delete("live/host2")]);
    down.may(1, &taken);
    down.may(1, &forged);
    down.may(1, &theirs.clone().map(|key| delete(&key)));
    // A host that is believed no more has nothing.
    let revocation = AUTHORITY.revoke(&subject(2)).unwrap();
    let revoked = lab.with([put(&format!("revoked/{}", id(2)), &revocation)]);
    revoked.may(1, &taken);
    revoked.may(1, &theirs.map(|key| delete(&key)));
    revoked.may(1, &[delete("live/host2"), delete("nodes/host2")]);
}

#[test]
fn what_a_host_had_under_another_name_or_before_it_was_set_up_anew_is_its_own() {
    let renamed = Lab::up().with([
        put("nodes/before", &node(1)),
        put("live/before", &live(1, 0)),
        put(&address(7), &Claim { node: "before".parse().unwrap(), ..claim(1, 7, 0) }),
    ]);
    let taken_over = [delete("nodes/before"), delete("live/before"), put(&address(7), &claim(1, 7, 0))];
    renamed.may(1, &taken_over);
    renamed.may_not(2, &taken_over);
    let anew = Lab::up().with([put("nodes/host1", &node(9)), put("live/host1", &live(9, 0))]);
    anew.may(1, &[put("nodes/host1", &signed(1, 1)), put("live/host1", &live(1, 0)), delete(&address(1))]);
}

#[test]
fn after_a_loss_what_nobody_confirmed_is_taken_and_what_is_missing_put_back() {
    let lost = Lab::up().with([put("rebuilt", &rebuilt(3))]);
    // Its endpoint goes with the address, and not without.
    let relic = delete(&endpoint_key(2));
    lost.may(1, &[relic.clone(), put(&address(2), &claim(1, 1, 3))]);
    lost.may_not(1, &[relic]);
    lost.may_not(1, &[delete(&address(2))]);
    let confirmed = lost.clone().with([put(&address(2), &claim(2, 2, 3))]);
    confirmed.may_not(1, &[put(&address(2), &claim(1, 1, 3))]);
    // A host that has not done its part yet, and one that has.
    let missing = [put(&address(9), &claim(2, 9, 0)), put(&endpoint_key(9), &endpoint(2))];
    lost.may(1, &missing);
    lost.with([put("live/host2", &live(2, 3))]).may_not(1, &missing);
}

#[test]
fn a_revocation_is_the_authoritys_and_for_good() {
    let (lab, of) = (Lab::up(), format!("revoked/{}", id(2)));
    let good = AUTHORITY.revoke(&subject(2)).unwrap();
    let bad = Revocation { signature: "x".to_owned(), ..good.clone() };
    lab.may(1, &[put(&of, &good)]);
    lab.may_not(1, &[put(&of, &bad)]);
    lab.clone().with([put(&of, &good)]).may_not(1, &[delete(&of)]);
    lab.with([put(&of, &bad)]).may(1, &[delete(&of)]);
}

#[test]
fn nothing_of_anothers_is_bound_to_ones_session() {
    let lab = Lab::up();
    let bound = |rest: &str, record: Vec<u8>| (key(rest), Some((record, Some("s".to_owned()))));
    let down = lab.clone().with([delete("live/host2")]);
    for lab in [lab.clone(), down] {
        lab.may_not(1, &[bound("nodes/host2", signed(2, 7).to_json())]);
        lab.may_not(1, &[bound(&address(2), claim(2, 2, 0).to_json())]);
        lab.may_not(1, &[bound(&endpoint_key(2), endpoint(2).to_json())]);
    }
    lab.may(1, &[bound("live/host1", live(1, 0).to_json()), bound("calls/host2", vec![])]);
}

#[test]
fn a_session_is_of_who_opened_it() {
    let lab = Lab::up();
    let ask = |lab: &Lab, number: u8, name: &str, bound: &[&str]| {
        let look = |key: &str| lab.0.get(key).map(|(value, _)| value.as_slice());
        let by = subject(number);
        let asked = Asked { by: &by, changes: &[], before: &look };
        rules().check_session(&asked, name, bound.iter().copied()).is_ok()
    };
    let (named, live) = (session_name(&subject(2)), ["weft/v1/live/host2"]);
    // Of an earlier version's server, it has no such name.
    for (name, bound) in [(named.as_str(), &live[..]), (&named, &[]), ("weft", &live), ("", &live)] {
        assert!(ask(&lab, 2, name, bound) && !ask(&lab, 1, name, bound), "{name:?} {bound:?}");
        assert!(ask(&lab.clone().with([delete("live/host2")]), 1, name, bound), "{name:?} {bound:?}");
    }
    assert!(ask(&lab, 1, "weft", &[]) && ask(&lab, 1, "weft://x", &[]));
}

#[test]
fn what_the_table_does_not_know_is_anybodys() {
    let lab = Lab::up();
    for rest in ["tags/host2", "nodes/host2/keys", "vnis/0256", "networks/x", "epoch", "rebuilt", "cluster"] {
        lab.may(1, &[(key(rest), Some((b"?".to_vec(), None))), delete(rest)]);
    }
    lab.may(1, &[("mine/nodes/host2".to_owned(), Some((b"?".to_vec(), None)))]);
    let unreadable = lab.with([(key(&address(9)), Some((b"?".to_vec(), None)))]);
    unreadable.may(1, &[delete(&address(9))]);
}

proptest! {
    /// A store in which others did whatever they did: what a node has is its own.
    #[test]
    fn a_nodes_own_life_is_never_refused(
        theirs in proptest::collection::vec((0..5_usize, 0..3_u64), 0..8),
        mine in proptest::collection::vec((0..8_usize, 0..5_u64), 1..20),
    ) {
        let mut lab = Lab::default().with([put("rebuilt", &rebuilt(1))]);
        for (which, times) in theirs {
            lab = lab.with([match which {
                0 => put("nodes/host2", &node(2)),
                1 => put("live/host2", &live(2, times)),
                2 => put(&address(2), &claim(2, 2, times)),
                3 => put(&endpoint_key(2), &endpoint(2)),
                _ => put("rebuilt", &rebuilt(times)),
            }]);
        }
        for (which, number) in mine {
            let write = match which {
                0 => put("nodes/host1", &Node { vxlan_port: u16::try_from(number).unwrap(), ..node(1) }),
                1 => put("live/host1", &live(1, number)),
                2 => put("latest/host1", &latest()),
                3 => put(&address(1), &claim(1, 1, number)),
                4 => put(&endpoint_key(1), &endpoint(1)),
                5 => delete(&address(1)),
                6 => delete(&endpoint_key(1)),
                _ => delete(["nodes/host1", "live/host1", "latest/host1"][usize::try_from(number % 3).unwrap()]),
            };
            prop_assert_eq!(lab.ask(1, std::slice::from_ref(&write)), Ok(()));
            lab = lab.with([write]);
        }
    }

    /// Whatever is there and is written.
    #[test]
    fn anything_is_judged(before in ".{0,40}", after in ".{0,40}", kind in 0..8_usize) {
        let kinds = ["nodes/host2", "live/host2", "latest/host2", "rebuilt", "x"].map(str::to_owned);
        let kinds = kinds.into_iter().chain([address(2), endpoint_key(2), format!("revoked/{}", id(2))]);
        let rest = kinds.collect::<Vec<_>>()[kind].clone();
        let lab = Lab::up().with([(key(&rest), Some((before.into_bytes(), None)))]);
        let _ = lab.ask(1, &[(key(&rest), Some((after.into_bytes(), None)))]);
    }
}

#[test]
fn without_an_authority_the_rest_of_the_table_holds() {
    let rules = WriteRules::new(Keyspace::new("weft"), None);
    let (node, moved) = (node(2).to_json(), Node { vxlan_port: 1, ..node(2) }.to_json());
    let kept = |value| Some(Kept { value, session: None });
    let ask = |before: Option<Kept<'_>>, after| {
        let change = Change { key: "weft/v1/nodes/host2", before, after };
        let by = subject(1);
        rules.check(&Asked { by: &by, changes: &[change], before: &|_| None }).is_ok()
    };
    assert!(ask(None, kept(&node)) && ask(kept(&node), None) && ask(kept(b"?"), kept(&node)));
    assert!(!ask(kept(&node), kept(&moved)));
}
