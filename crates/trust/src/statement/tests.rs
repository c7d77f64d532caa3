//! Whose word is taken for a node's.

use super::*;
use crate::NodeKey;
use jiff::Timestamp;
use proptest::prelude::*;
use std::sync::LazyLock;
use weft_model::{NodeId, Record};

static AUTHORITY: LazyLock<Authority> = LazyLock::new(|| Authority::found(Timestamp::now()).unwrap());
static HOST1: LazyLock<(Member, SignedStatement)> = LazyLock::new(|| {
    let member = member(&AUTHORITY, "host1", Timestamp::now());
    let signed = member.sign(&"host1".parse().unwrap(), &node(), 7).unwrap();
    (member, signed)
});

fn node() -> Node {
    Node::from_json(include_bytes!("../../../model/tests/golden/node-tunnel.json")).unwrap()
}

fn member(authority: &Authority, name: &str, at: Timestamp) -> Member {
    let subject = Subject { name: name.parse().unwrap(), id: node().id };
    let key = NodeKey::generate().unwrap();
    let certificate = authority.issue(&subject, &key.request().unwrap(), at).unwrap();
    Member::new(key, &certificate, authority.certificate_pem()).unwrap()
}

fn believe(signed: &SignedStatement) -> Result<NodeStatement, Disbelief> {
    HOST1.0.authorities().clone().believe(&"host1".parse().unwrap(), signed)
}

#[test]
fn what_a_node_signed_is_believed() {
    let statement = believe(&HOST1.1).unwrap();
    assert!(statement.is_what_says(&node()) && statement.serial == 7);
}

#[test]
fn an_expired_certificate_is_believed_all_the_same() {
    let long_ago = "2001-01-01T00:00:00Z".parse().unwrap();
    let member = member(&AUTHORITY, "host1", long_ago);
    assert!(member.check(&member.subject().unwrap(), Timestamp::now()).is_err());
    believe(&member.sign(&"host1".parse().unwrap(), &node(), 1).unwrap()).unwrap();
}

#[test]
fn nobody_speaks_for_another() {
    let (now, name) = (Timestamp::now(), |text: &str| text.parse::<NodeName>().unwrap());
    let host2 = member(&AUTHORITY, "host2", now);
    let refused = |signed: &SignedStatement| believe(signed).unwrap_err();
    // A member says that it is host1, or its own record is put where that of host1 is.
    let of_other = Disbelief::Other(name("host2"));
    assert_eq!(refused(&host2.sign(&name("host1"), &node(), 9).unwrap()), of_other);
    assert_eq!(refused(&host2.sign(&name("host2"), &node(), 9).unwrap()), of_other);
    assert_eq!(refused(&HOST1.0.sign(&name("host2"), &node(), 9).unwrap()), of_other);
    let elsewhere = Node { id: NodeId::LEAST, ..node() };
    assert_eq!(refused(&HOST1.0.sign(&name("host1"), &elsewhere, 9).unwrap()), Disbelief::OtherId);
    // Another cluster's host1.
    let foreign = member(&Authority::found(now).unwrap(), "host1", now);
    let foreign = foreign.sign(&name("host1"), &node(), 9).unwrap();
    assert_eq!(refused(&foreign), Disbelief::OtherAuthority);
    // Somebody without the key has the certificate, which is in the store.
    let stolen = SignedStatement { certificate: HOST1.1.certificate.clone(), ..foreign };
    assert_eq!(refused(&stolen), Disbelief::Signature);
}

#[test]
fn the_authority_is_no_node() {
    let der = BASE64_STANDARD.encode(&HOST1.0.chain[1]);
    let signed = SignedStatement { certificate: der, ..HOST1.1.clone() };
    assert!(matches!(believe(&signed), Err(Disbelief::NoNode(_))));
}

#[test]
fn a_signature_of_something_else_is_none_of_a_statement() {
    let untagged = HOST1.0.key.0.sign(HOST1.1.statement.as_bytes()).unwrap();
    let signed = SignedStatement { signature: BASE64_STANDARD.encode(untagged), ..HOST1.1.clone() };
    assert_eq!(believe(&signed), Err(Disbelief::Signature));
}

#[test]
fn the_authority_alone_revokes_and_one_node_with_each_signature() {
    let (authorities, other) = (HOST1.0.authorities().clone(), Authority::found(Timestamp::now()).unwrap());
    let subject = HOST1.0.subject().unwrap();
    let revocation = AUTHORITY.revoke(&subject).unwrap();
    assert!(authorities.is_revoked(&subject.id, &revocation));
    assert!(!authorities.is_revoked(&NodeId::LEAST, &revocation));
    assert!(!authorities.is_revoked(&subject.id, &other.revoke(&subject).unwrap()));
    // Nor is a statement of the node itself a revocation.
    let signature = HOST1.1.signature.clone();
    assert!(!authorities.is_revoked(&subject.id, &Revocation { signature, ..revocation }));
}

#[test]
fn what_is_too_long_is_not_looked_at() {
    let signed = SignedStatement { certificate: "A".repeat(LONGEST + 4), ..HOST1.1.clone() };
    assert!(matches!(believe(&signed), Err(Disbelief::Nonsense { what: "certificate", .. })));
}

proptest! {
    #[test]
    fn any_changed_byte_is_refused(part in 0..3, at: prop::sample::Index, to in 0x20_u8..0x7f) {
        let mut signed = HOST1.1.clone();
        let text = match part {
            0 => &mut signed.statement,
            1 => &mut signed.signature,
            _ => &mut signed.certificate,
        };
        let at = at.index(text.len());
        prop_assume!(text.as_bytes()[at] != to);
        text.replace_range(at..=at, char::from(to).encode_utf8(&mut [0]));
        prop_assert!(believe(&signed).is_err());
    }

    #[test]
    fn reading_anything_does_not_panic(statement: String, signature in "[A-Za-z0-9+/]{0,90}", certificate: Vec<u8>) {
        let certificate = BASE64_STANDARD.encode(certificate);
        let signed = SignedStatement { statement, signature, certificate, extra: Extra::new() };
        prop_assert!(believe(&signed).is_err());
    }
}
