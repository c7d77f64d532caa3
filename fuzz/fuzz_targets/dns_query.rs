//! Whatever a container sends to its name server: no panic, and each answer fits, can be read by another
//! implementation, and answers the question.
#![no_main]

use arbitrary::Arbitrary;
use hickory_proto::op::Message;
use libfuzzer_sys::fuzz_target;
use std::sync::{Arc, LazyLock};
use weft_dns::{
    DnsClient, NamedEndpoint, Names, NetworkNames, QueryOutcome, Transport, Upstream, respond,
    upstream::Servers,
};
use weft_model::NetworkId;

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    tcp: bool,
    internal: bool,
    turn: u8,
    message: &'a [u8],
}

static NETWORK: LazyLock<NetworkId> = LazyLock::new(|| "a".repeat(64).parse().expect("64 digits"));

static NAMES: LazyLock<Names> = LazyLock::new(|| {
    let host = |n: u8| NamedEndpoint {
        name: format!("c{n}").parse().expect("a name"),
        aliases: vec!["web".parse().expect("a name")],
        short_id: Some(format!("{n:012x}")),
        addresses: vec![[10, 0, 0, n].into(), [0xfd00, 0, 0, 0, 0, 0, 0, n.into()].into()],
    };
    let pools = ["10.0.0.0/24", "fd00::/64"].map(|pool| pool.parse().expect("a pool"));
    let network = NetworkNames::new(&"net".parse().expect("a name"), pools, (2..200).map(host));
    Names::new([(*NETWORK, Arc::new(network))])
});

fuzz_target!(|input: Input<'_>| {
    let addresses = if input.internal { vec![] } else { vec![([192, 0, 2, 53], 53).into()] };
    let upstream = Upstream::Servers(Servers { addresses, ..Servers::default() });
    let client = DnsClient { networks: vec![*NETWORK], upstream, ..DnsClient::default() };
    let transport = if input.tcp { Transport::Tcp } else { Transport::Udp };
    let mut out = Vec::new();
    if respond(input.message, transport, &NAMES, &client, input.turn.into(), &mut out)
        != QueryOutcome::Answered
    {
        return;
    }
    assert!(out.len() <= if input.tcp { 65535 } else { 4096 });
    assert_eq!(out[..2], input.message[..2], "the id is the query's");
    let answer = Message::from_vec(&out).expect("an answer that can be read");
    assert!(
        answer.answers.iter().all(|record| Some(&record.name) == answer.queries.first().map(|q| q.name()))
    );
});
