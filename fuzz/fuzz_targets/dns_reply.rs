//! What a name server out there may answer: what reaches the container has its own id and question, fits, and is
//! nothing but what was said.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use weft_dns::{DnsClient, Names, QueryOutcome, Transport, Upstream, respond, upstream::Servers};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    tcp: bool,
    edns: Option<u16>,
    id: u16,
    reply: &'a [u8],
}

/// A query for `example.com A`, in a spelling that the answer should have, too (RFC 1035 section 4.1).
fn query(edns: Option<u16>) -> Vec<u8> {
    let additional = u8::from(edns.is_some());
    let mut query = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, additional];
    query.extend(b"\x07eXaMpLe\x03cOm\0\0\x01\0\x01");
    if let Some(size) = edns {
        query.extend(b"\0\0\x29");
        query.extend(size.to_be_bytes());
        query.extend([0; 6]);
    }
    query
}

fuzz_target!(|input: Input<'_>| {
    let query = query(input.edns);
    let addresses = vec![([192, 0, 2, 53], 53).into()];
    let upstream = Upstream::Servers(Servers { addresses, ..Servers::default() });
    let client = DnsClient { upstream, ..DnsClient::default() };
    let transport = if input.tcp { Transport::Tcp } else { Transport::Udp };
    let mut out = Vec::new();
    let QueryOutcome::Forward(request) = respond(&query, transport, &Names::default(), &client, 0, &mut out)
    else {
        panic!("it is nobody's of ours");
    };
    let Some(answer) = request.relay(input.reply.to_vec(), input.id) else { return };
    assert_eq!(input.reply[..2], input.id.to_be_bytes(), "it is the answer to what was asked");
    assert_eq!(answer[..2], query[..2]);
    assert_eq!(answer[12..29], query[12..29], "the question as it was spelled");
    let limit = if input.tcp { 65535 } else { input.edns.unwrap_or(0).max(512) };
    assert!(answer.len() <= limit.into());
    if input.reply[4..6] == [0; 2] {
        // A refusal that does not repeat the question is told in words of our own: no record of its own comes through.
        assert_eq!((answer[3] & 15, &answer[6..10]), (input.reply[3] & 15, &[0; 4][..]));
        return;
    }
    let is_truncated = answer[2] & 2 != 0;
    assert!(is_truncated || answer[29..] == input.reply[29..]);
});
