//! The shapes that agents of different versions share through the store. A file here that has to change means
//! that an agent of before and one of after can no longer live in one cluster.

#![allow(clippy::unwrap_used, reason = "tests")]

use serde_json::Value;
use weft_model::{
    AuthorityRecord, Call, Claim, ClusterRecord, Cursor, Endpoint, Latest, Lineage, Liveness, Network,
    NetworkId, Node, PoolReservation, Rebuilt, Record, Revocation,
};

/// Reads a golden record and writes it again: nothing may be added, lost or changed.
#[track_caller]
fn survives<R: Record>(golden: &str) -> R {
    let record = R::from_json(golden.as_bytes()).unwrap();
    let written: Value = serde_json::from_slice(&record.to_json()).unwrap();
    let expected: Value = serde_json::from_str(golden).unwrap();
    assert_eq!(written, expected, "{}", R::WHAT);
    record
}

/// The same with a field of a version to come: a rewrite by this version must not lose it.
#[track_caller]
fn carries_what_is_new<R: Record>(golden: &str) {
    let mut newer: Value = serde_json::from_str(golden).unwrap();
    newer["of-a-later-version"] = serde_json::json!({"a": [1, null]});
    survives::<R>(&newer.to_string());
}

macro_rules! golden {
    ($($test:ident: $record:ty, $file:literal;)*) => {$(
        #[test]
        fn $test() {
            let golden = include_str!(concat!("golden/", $file));
            survives::<$record>(golden);
            carries_what_is_new::<$record>(golden);
        }
    )*};
}

golden! {
    node: Node, "node.json";
    node_that_says_what_fits: Node, "node-mtu.json";
    node_that_says_what_it_uses: Node, "node-uses.json";
    node_that_lets_others_in: Node, "node-authority.json";
    node_with_a_key: Node, "node-fingerprint.json";
    node_that_encrypts: Node, "node-tunnel.json";
    node_that_signed: Node, "node-signed.json";
    node_that_is_down: Node, "node-down.json";
    node_that_lost_an_endpoint: Node, "node-removed.json";
    liveness: Liveness, "live.json";
    liveness_that_answered: Liveness, "live-answered.json";
    call: Call, "call.json";
    network: Network, "network.json";
    encrypted_network: Network, "network-encrypted.json";
    network_with_everything: Network, "network-everything.json";
    endpoint: Endpoint, "endpoint.json";
    endpoint_with_everything: Endpoint, "endpoint-everything.json";
    claim: Claim, "ipam.json";
    claim_after_a_rebuild: Claim, "ipam-rebuilt.json";
    cursor: Cursor, "cursor.json";
    hold: PoolReservation, "hold.json";
    latest: Latest, "latest.json";
    lineage: Lineage, "epoch.json";
    rebuilt: Rebuilt, "rebuilt.json";
    cluster: ClusterRecord, "cluster.json";
    revocation: Revocation, "revoked.json";
    authority: AuthorityRecord, "authority.json";
}

#[test]
fn what_is_new_in_a_subnet_is_carried_too() {
    let mut newer: Value = serde_json::from_str(include_str!("golden/network.json")).unwrap();
    newer["subnets"][0]["of-a-later-version"] = true.into();
    survives::<Network>(&newer.to_string());
}

#[test]
fn what_nobody_can_have_counted_is_no_count() {
    let golden: Value = serde_json::from_str(include_str!("golden/rebuilt.json")).unwrap();
    for (count, good) in [(1u64 << 53, false), ((1 << 53) - 1, true), (u64::MAX, false)] {
        let mut rebuilt = golden.clone();
        rebuilt["times"] = count.into();
        assert_eq!(Rebuilt::from_json(rebuilt.to_string().as_bytes()).is_ok(), good);
        let lineage = format!("{{\"created\":{count}}}");
        assert_eq!(Lineage::from_json(lineage.as_bytes()).is_ok(), good);
    }
}

#[test]
fn names_and_vnis_hold_a_network_id() {
    let id: NetworkId = survives(include_str!("golden/name.json"));
    assert_eq!(id.short(), "5f0c1e2d3a4b");
}

#[test]
fn what_other_programs_write_is_refused() {
    for foreign in ["", "null", "[]", "{}", "\"text\"", "{\"name\": 7}", "\u{0}"] {
        assert!(Node::from_json(foreign.as_bytes()).is_err(), "{foreign}");
        assert!(Network::from_json(foreign.as_bytes()).is_err(), "{foreign}");
        assert!(Endpoint::from_json(foreign.as_bytes()).is_err(), "{foreign}");
        assert!(Claim::from_json(foreign.as_bytes()).is_err(), "{foreign}");
    }
}
