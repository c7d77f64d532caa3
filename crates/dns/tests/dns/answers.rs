//! Answers, read by another implementation of DNS.

use crate::common::{MANY, addresses, backend, client, names, overlay, query};
use hickory_proto::{
    op::{Message, ResponseCode},
    rr::{RData, RecordType},
};
use proptest::prelude::*;
use std::net::IpAddr;
use weft_dns::{DnsClient, QueryOutcome, Transport, respond};

fn upstream() -> DnsClient {
    client(&[overlay(), backend()], &["192.0.2.53:53".parse().unwrap()])
}

fn internal() -> DnsClient {
    client(&[overlay()], &[])
}

fn exchange(
    message: &[u8],
    transport: Transport,
    client: &DnsClient,
    turn: usize,
) -> (QueryOutcome, Vec<u8>) {
    let mut out = b"of an earlier answer".to_vec();
    let outcome = respond(message, transport, &names(), client, turn, &mut out);
    (outcome, out)
}

/// What `client` hears, unless its question goes elsewhere.
fn ask(client: &DnsClient, name: &str, rtype: RecordType) -> Option<Message> {
    let query = query(name, rtype, None);
    let (outcome, out) = exchange(&query.to_vec().unwrap(), Transport::Tcp, client, 0);
    if matches!(outcome, QueryOutcome::Forward(_)) {
        return None;
    }
    assert_eq!(outcome, QueryOutcome::Answered);
    let answer = Message::from_vec(&out).unwrap();
    assert_eq!(answer.metadata.id, query.metadata.id);
    assert_eq!(answer.queries, query.queries);
    assert!(answer.metadata.recursion_desired && answer.metadata.recursion_available);
    assert!(answer.answers.iter().all(|record| record.ttl <= 5));
    Some(answer)
}

fn resolve(client: &DnsClient, name: &str, rtype: RecordType) -> Vec<String> {
    let answer = ask(client, name, rtype).unwrap_or_else(|| panic!("{name} went elsewhere"));
    assert_eq!(answer.metadata.response_code, ResponseCode::NoError, "{name}");
    let mut found: Vec<String> = addresses(&answer).iter().map(ToString::to_string).collect();
    found.sort();
    found
}

fn pointer(client: &DnsClient, address: &str) -> Option<Result<String, ResponseCode>> {
    let name = hickory_proto::rr::Name::from(address.parse::<IpAddr>().unwrap()).to_ascii();
    let answer = ask(client, &name, RecordType::PTR)?;
    Some(match answer.answers.first().map(|record| &record.data) {
        Some(RData::PTR(name)) => Ok(name.0.to_utf8()),
        _ => Err(answer.metadata.response_code),
    })
}

#[test]
fn a_link_is_known_to_one_client_alone() {
    let links = ["Nginx_02:Backend", "nginx_01:web", "nobody:elsewhere"].map(|link| link.parse().unwrap());
    let on_overlay = links.iter().map(|link| (overlay(), link));
    let client = DnsClient { links: weft_dns::Links::new(on_overlay), ..upstream() };
    for name in ["backend", "BackEnd", "backend.overlay"] {
        assert_eq!(resolve(&client, name, RecordType::A), ["10.0.0.3"], "{name}");
    }
    assert_eq!(resolve(&client, "web", RecordType::A), ["10.0.0.2"], "others call two of them so");
    assert_eq!(resolve(&client, "web.overlay", RecordType::A), ["10.0.0.2"]);
    assert!(ask(&client, "elsewhere", RecordType::A).is_none(), "the engine may know it");
    assert!(ask(&upstream(), "backend", RecordType::A).is_none(), "it is for that client alone");
}

#[test]
fn every_name_of_a_container() {
    for name in ["nginx_01", "NGINX_01", "0123456789ab", "nginx_01.overlay", "0123456789ab.OVERLAY"] {
        assert_eq!(resolve(&internal(), name, RecordType::A), ["10.0.0.2"], "{name}");
        assert_eq!(resolve(&internal(), name, RecordType::AAAA), ["fd00::2"], "{name}");
    }
    assert_eq!(resolve(&internal(), "nginx_02", RecordType::A), ["10.0.0.3"]);
    assert_eq!(resolve(&internal(), "my-app.v2", RecordType::A), ["10.0.0.3"]);
    assert_eq!(resolve(&internal(), "my-app.v2.overlay", RecordType::A), ["10.0.0.3"]);
    assert_eq!(resolve(&upstream(), "db.back.end", RecordType::A), ["10.0.1.2"]);
    assert_eq!(resolve(&internal(), "nginx_01", RecordType::ANY), ["10.0.0.2", "fd00::2"]);
}

#[test]
fn names_are_of_the_clients_networks_only() {
    assert_eq!(ask(&internal(), "db", RecordType::A).unwrap().metadata.response_code, ResponseCode::NXDomain);
    let other = client(&[backend()], &[]);
    for name in ["nginx_01", "nginx_01.overlay", "overlay", "nginx_01.back.end"] {
        let answer = ask(&other, name, RecordType::A).unwrap();
        assert_eq!(answer.metadata.response_code, ResponseCode::NXDomain, "{name}");
    }
}

#[test]
fn the_first_network_that_has_the_name_answers() {
    assert_eq!(resolve(&upstream(), "web", RecordType::A), ["10.0.0.2", "10.0.0.3"]);
    assert_eq!(resolve(&client(&[backend(), overlay()], &[]), "web", RecordType::A), ["10.0.1.7"]);
    // The first network has an IPv6 address for it, the second one an IPv4 address.
    assert_eq!(resolve(&upstream(), "six", RecordType::A), ["10.0.1.6"]);
    assert_eq!(resolve(&upstream(), "six", RecordType::AAAA), ["fd00::6"]);
}

#[test]
fn what_a_name_of_ours_does_not_have_is_asked_nowhere() {
    for rtype in [RecordType::AAAA, RecordType::MX, RecordType::SRV, RecordType::HTTPS, RecordType::TXT] {
        let answer = ask(&upstream(), "nginx_02", rtype).unwrap();
        assert_eq!(answer.metadata.response_code, ResponseCode::NoError, "{rtype}");
        assert!(answer.answers.is_empty(), "{rtype}");
    }
}

#[test]
fn what_is_not_ours() {
    for name in ["example.com", "nginx_03", "nginx_01.example.com", "overlay", "nginx_01.overlay.x", "."] {
        assert!(ask(&upstream(), name, RecordType::A).is_none(), "{name}");
        let answer = ask(&internal(), name, RecordType::A).unwrap();
        assert_eq!(answer.metadata.response_code, ResponseCode::NXDomain, "{name}");
    }
}

#[test]
fn names_of_addresses() {
    assert_eq!(pointer(&internal(), "10.0.0.2"), Some(Ok("nginx_01.overlay.".to_owned())));
    assert_eq!(pointer(&internal(), "10.0.0.3"), Some(Ok("Nginx_02.overlay.".to_owned())));
    assert_eq!(pointer(&internal(), "fd00::6"), Some(Ok("six.overlay.".to_owned())));
    assert_eq!(pointer(&upstream(), "10.0.1.2"), Some(Ok("db.back.End.".to_owned())));
    // Nobody's, but in our pools: it must not be asked outside.
    assert_eq!(pointer(&upstream(), "10.0.0.9"), Some(Err(ResponseCode::NXDomain)));
    assert_eq!(pointer(&upstream(), "fd00::9"), Some(Err(ResponseCode::NXDomain)));
    assert_eq!(pointer(&upstream(), "192.0.2.1"), None);
    assert_eq!(pointer(&internal(), "192.0.2.1"), Some(Err(ResponseCode::NXDomain)));
}

#[test]
fn several_containers_take_turns_at_the_front() {
    let query = query("web", RecordType::A, None).to_vec().unwrap();
    let first = |turn| {
        let (_, out) = exchange(&query, Transport::Udp, &internal(), turn);
        addresses(&Message::from_vec(&out).unwrap())[0].to_string()
    };
    assert_eq!([first(1), first(2), first(3)], ["10.0.0.3", "10.0.0.2", "10.0.0.3"]);
}

#[test]
fn what_does_not_fit_is_left_out_and_said() {
    let count = |size: Option<u16>, transport| {
        let query = query("many", RecordType::A, size).to_vec().unwrap();
        let (_, out) = exchange(&query, transport, &internal(), 7);
        let answer = Message::from_vec(&out).unwrap();
        assert_eq!(answer.edns.is_some(), size.is_some());
        (answer.answers.len(), answer.metadata.truncation, out.len())
    };
    let all = usize::from(MANY);
    // 12 of header, 10 of question, 16 a record, 11 of EDNS.
    assert_eq!(count(None, Transport::Udp), (30, true, 12 + 10 + 30 * 16));
    assert_eq!(count(Some(100), Transport::Udp), (29, true, 12 + 10 + 29 * 16 + 11));
    assert_eq!(count(Some(1232), Transport::Udp), (74, true, 12 + 10 + 74 * 16 + 11));
    assert_eq!(count(Some(4096), Transport::Udp), (all, false, 12 + 10 + all * 16 + 11));
    assert_eq!(count(None, Transport::Tcp), (all, false, 12 + 10 + all * 16));
}

#[test]
fn what_cannot_be_answered_is_refused_with_the_right_code() {
    let good = query("nginx_01", RecordType::A, Some(1232)).to_vec().unwrap();
    let code = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut message = good.clone();
        change(&mut message);
        let (outcome, out) = exchange(&message, Transport::Udp, &internal(), 0);
        (outcome == QueryOutcome::Answered)
            .then(|| u16::from(Message::from_vec(&out).unwrap().metadata.response_code))
    };
    assert_eq!(code(&|_| {}), Some(ResponseCode::NoError.into()));
    assert_eq!(code(&|m| m[2] |= 0x80), None, "a response");
    assert_eq!(code(&|m| m.truncate(11)), None, "half a header");
    assert_eq!(code(&|m| m[2] |= 5 << 3), Some(ResponseCode::NotImp.into()), "an update");
    assert_eq!(code(&|m| m[5] = 0), Some(ResponseCode::FormErr.into()), "no question");
    assert_eq!(code(&|m| m[5] = 2), Some(ResponseCode::FormErr.into()), "two questions");
    assert_eq!(code(&|m| m[7] = 1), Some(ResponseCode::FormErr.into()), "an answer in a query");
    assert_eq!(code(&|m| m.truncate(20)), Some(ResponseCode::FormErr.into()), "half a name");
    assert_eq!(code(&|m| m[12] = 0xc0), Some(ResponseCode::FormErr.into()), "a compressed name");
    assert_eq!(code(&|m| m[12] = 64), Some(ResponseCode::FormErr.into()), "a label too long");
    assert_eq!(code(&|m| m.truncate(m.len() - 1)), Some(ResponseCode::FormErr.into()), "half an OPT record");
    assert_eq!(code(&|m| m[11] = 2), Some(ResponseCode::FormErr.into()), "a record that is not there");
    assert_eq!(code(&|m| m[25] = 3), Some(ResponseCode::Refused.into()), "class CHAOS");
    assert_eq!(code(&|m| m[23] = 252), Some(ResponseCode::Refused.into()), "a zone transfer");
    let at_version = good.len() - 5;
    assert_eq!(code(&|m| m[at_version] = 1), Some(ResponseCode::BADVERS.into()), "EDNS version 1");
    let twice = |m: &mut Vec<u8>| {
        m.extend_from_within(m.len() - 11..);
        m[11] = 2;
    };
    assert_eq!(code(&twice), Some(ResponseCode::FormErr.into()), "two OPT records");
}

#[test]
fn a_name_of_255_bytes_is_read_and_one_more_is_not() {
    let mut message = query("x", RecordType::A, None).to_vec().unwrap()[..12].to_vec();
    let label = |n: usize| [vec![u8::try_from(n).unwrap()], vec![b'a'; n]].concat();
    let rest = [0, 0, 1, 0, 1];
    for (last, code) in [(61, ResponseCode::NXDomain), (62, ResponseCode::FormErr)] {
        message.truncate(12);
        message.extend([label(63), label(63), label(63), label(last)].concat());
        message.extend(rest);
        let (_, out) = exchange(&message, Transport::Udp, &internal(), 0);
        assert_eq!(Message::from_vec(&out).unwrap().metadata.response_code, code);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_bytes_get_an_answer_that_can_be_read_or_none(
        mut message in proptest::collection::vec(any::<u8>(), 0..100),
        plausible in any::<bool>(),
        turn in any::<usize>(),
    ) {
        if plausible && message.len() > 12 {
            message[2] &= 0x01;
            let additional = message[11] & 1;
            message[4..12].copy_from_slice(&[0, 1, 0, 0, 0, 0, 0, additional]);
        }
        for transport in [Transport::Udp, Transport::Tcp] {
            let (outcome, out) = exchange(&message, transport, &upstream(), turn);
            if outcome == QueryOutcome::Answered {
                prop_assert!(out.len() <= 512 || transport == Transport::Tcp);
                let answer = Message::from_vec(&out);
                prop_assert!(answer.is_ok(), "{:?}", answer);
                prop_assert_eq!(&out[..2], &message[..2]);
            }
        }
    }

    #[test]
    fn every_answer_fits_and_is_well_formed(
        name in "(many|web|six|nginx_0[12]|0123456789ab|x)(\\.overlay|\\.back\\.end|)",
        kind in any::<u16>(),
        size in proptest::option::of(any::<u16>()),
        turn in any::<usize>(),
    ) {
        let kind = RecordType::from(kind % 300);
        prop_assume!(!matches!(kind, RecordType::OPT));
        let query = query(&name, kind, size);
        let (outcome, out) = exchange(&query.to_vec().unwrap(), Transport::Udp, &upstream(), turn);
        if outcome == QueryOutcome::Answered {
            prop_assert!(out.len() <= size.unwrap_or(0).clamp(512, 4096).into());
            let answer = Message::from_vec(&out).unwrap();
            prop_assert_eq!(answer.edns.is_some(), size.is_some());
            prop_assert_eq!(answer.queries, query.queries);
        }
    }
}
