//! A host of a cluster, whose key nobody else has.

use jiff::Timestamp;
use weft_model::NodeId;
use weft_trust::{Authority, Member, NodeKey, Subject};

/// Who [`host1`] is.
pub fn subject() -> Subject {
    Subject { name: "host1".parse().expect("a name"), id: NodeId::LEAST }
}

/// A cluster's authority, and a host to which it gave a certificate then.
pub fn host1(at: Timestamp) -> (Authority, Member) {
    let authority = Authority::found(at).expect("an authority");
    let key = NodeKey::generate().expect("a key");
    let request = key.request().expect("a request");
    let own = authority.issue(&subject(), &request, at).expect("a certificate");
    let member = Member::new(key, &own, authority.certificate_pem()).expect("a member");
    (authority, member)
}
