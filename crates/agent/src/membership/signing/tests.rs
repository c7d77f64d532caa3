//! What a node signs, and when it begins anew.

use super::*;
use weft_model::Record;
use weft_trust::Authority;

fn node() -> Node {
    let golden = include_bytes!("../../../../model/tests/golden/node.json");
    Node { id: NodeId::LEAST, ..Node::from_json(golden).unwrap() }
}

/// A host with a certificate under this name.
fn member(directory: &std::path::Path, name: &str) -> AgentConfig {
    let config = crate::fuzzed::FuzzedNode::of("host1".parse().unwrap()).config();
    let config = AgentConfig { data_dir: directory.to_owned(), trust: Trust::Signed, ..config };
    let credentials = Credentials::of(directory);
    let authority = Authority::found(Timestamp::now()).unwrap();
    let subject = Subject { name: name.parse().unwrap(), id: NodeId::LEAST };
    let own = authority.issue(&subject, &credentials.key().unwrap().request().unwrap(), Timestamp::now());
    credentials.admit(&own.unwrap(), authority.certificate_pem()).unwrap();
    config
}

#[test]
fn the_number_goes_up_when_something_else_is_said_and_only_then() {
    let directory = tempfile::tempdir().unwrap();
    let config = member(directory.path(), "host1");
    let at = |second| Timestamp::from_second(second).unwrap();
    let mut stored = None;
    let mut sign = |node: Node, known, time| {
        // Each time as after a restart.
        let signer = Signer::open(&config).unwrap();
        let node = signer.sign(node, (known, stored.as_ref()), time).unwrap();
        assert!(signer.signs() && signer.is_in(&node));
        stored.clone_from(&node.signed);
        signer.number_of(&node).unwrap()
    };
    let elsewhere = Node { vxlan_port: 4790, ..node() };
    let down = Node { down_since: Some(at(1)), ..node() };
    assert_eq!(sign(node(), 0, at(1000)), 1000);
    assert_eq!(sign(down, 0, at(2000)), 1000, "that is no part of it");
    assert_eq!(sign(elsewhere, 0, at(1)), 1001, "a clock that went back");
    assert_eq!(sign(node(), 0, at(3000)), 3000);
    // Others have seen a later one: this directory was brought back from a backup.
    assert_eq!(sign(node(), 5000, at(3000)), 5001);
    assert_eq!(sign(node(), 5001, at(6000)), 5001);
    // The record is gone, and with it what others know that this directory does not.
    let signer = Signer::open(&config).unwrap();
    let again = signer.sign(node(), (0, None), at(7000)).unwrap();
    assert_eq!(signer.number_of(&again), Some(7000));
    let once_more = signer.sign(node(), (0, None), at(8000)).unwrap();
    assert_eq!(once_more, again, "this run has said it");
}

#[test]
fn a_certificate_of_another_name_signs_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let signer = Signer::open(&member(directory.path(), "host2")).unwrap();
    assert_eq!(signer.sign(node(), (0, None), Timestamp::now()).unwrap().signed, None);
    assert!(!signer.signs());
}

#[test]
fn what_is_a_lie_says_nothing_of_this_node() {
    let directory = tempfile::tempdir().unwrap();
    let config = member(directory.path(), "host1");
    let signer = Signer::open(&config).unwrap();
    let own = signer.sign(node(), (0, None), Timestamp::now()).unwrap();
    assert!(!signer.is_a_lie(Some(&own)));
    // Another host under this name, or what nobody can read.
    assert!(signer.is_a_lie(None) && signer.is_a_lie(Some(&Node { signed: None, ..own })));
    let believing = Signer::open(&AgentConfig { trust: Trust::Store, ..config }).unwrap();
    assert!(!believing.is_a_lie(None) && !believing.is_a_lie(Some(&node())));
}

#[test]
fn without_a_certificate_nothing_begins_that_is_to_believe_nodes_alone() {
    let directory = tempfile::tempdir().unwrap();
    let config = AgentConfig {
        data_dir: directory.path().to_owned(),
        trust: Trust::Signed,
        ..crate::fuzzed::FuzzedNode::of("host1".parse().unwrap()).config()
    };
    let refused = Signer::open(&config).err().unwrap();
    assert!(refused.to_string().contains("weft join"), "{refused}");
    let signer = Signer::open(&AgentConfig { trust: Trust::Store, ..config.clone() }).unwrap();
    assert_eq!(signer.sign(node(), (0, None), Timestamp::now()).unwrap(), node());
    // Nor with one that cannot be read.
    std::fs::create_dir_all(directory.path().join("credentials")).unwrap();
    for name in ["node.pem", "ca.pem"] {
        std::fs::write(directory.path().join("credentials").join(name), "?").unwrap();
    }
    assert!(Signer::open(&config).is_err());
}
