//! A node's record, as whoever can write to the store may have signed it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use weft_model::{Extra, Node, NodeId, NodeName, NodeStatement, Record, SignedStatement};
use weft_trust::Authorities;

static HOST1: LazyLock<(Authorities, SignedStatement)> = LazyLock::new(|| {
    let (_, member) = weft_fuzz::host1("2026-01-01T00:00:00Z".parse().unwrap());
    let json = include_bytes!("../seeds/store_record/node");
    let node = Node { id: NodeId::LEAST, ..Node::from_json(json).unwrap() };
    (member.authorities().clone(), member.sign(&name(), &node, 1).unwrap())
});

fn name() -> NodeName {
    "host1".parse().unwrap()
}

fuzz_target!(|bytes: &[u8]| {
    let (authorities, good) = &*HOST1;
    if let Ok(node) = Node::from_json(bytes)
        && let Some(signed) = &node.signed
    {
        assert!(authorities.believe(&name(), signed).is_err(), "nobody else has the key");
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(statement) = serde_json::from_str::<NodeStatement>(text) {
        let again = serde_json::to_string(&statement).expect("it can be written");
        assert_eq!(serde_json::from_str::<NodeStatement>(&again).ok(), Some(statement));
    }
    let with = |part: fn(&mut SignedStatement) -> &mut String| {
        let mut signed = SignedStatement { extra: Extra::new(), ..good.clone() };
        text.clone_into(part(&mut signed));
        assert!(signed == *good || authorities.believe(&name(), &signed).is_err());
    };
    with(|signed| &mut signed.statement);
    with(|signed| &mut signed.signature);
    with(|signed| &mut signed.certificate);
});
