//! What anybody can send to the port on which hosts join: a request, with a certificate request in it; and the
//! certificates that a host is answered.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use weft_trust::{Authority, JoinAnswer, JoinReply, JoinRequest, Member, NodeKey, Subject};

static AUTHORITY: LazyLock<Authority> =
    LazyLock::new(|| Authority::found("2026-01-01T00:00:00Z".parse().unwrap()).unwrap());

fuzz_target!(|bytes: &[u8]| {
    let subject = Subject { name: "host1".parse().unwrap(), id: weft_model::NodeId::LEAST };
    let now = "2026-01-01T00:00:00Z".parse().unwrap();
    let _ = AUTHORITY.issue(&subject, bytes, now);
    if let Ok(request) = JoinRequest::parse(bytes) {
        let _ = AUTHORITY.issue(&subject, &request.certificate_request, now);
        let again = JoinRequest::parse(&serde_json::to_vec(&request).unwrap());
        assert_eq!(again.ok(), Some(request));
    }
    if let Ok(JoinReply::Welcome { answer, .. }) = serde_json::from_slice(bytes)
        && let Ok(answer) = serde_json::from_str::<JoinAnswer>(&answer)
        && let Ok(member) = Member::new(NodeKey::generate().unwrap(), &answer.certificate, &answer.authority)
    {
        let _ = (answer.store.harmless_options(), member.validity(), member.check(&subject, now));
    }
});
