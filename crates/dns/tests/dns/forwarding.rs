//! What is not ours, and name servers of every kind to ask.

use crate::common::{Served, addresses, client, framed, overlay, query, read_frame, receive, sockets};
use hickory_proto::{
    op::{Message, MessageType, ResponseCode},
    rr::{RData, Record, RecordType, rdata::A},
};
use std::{
    collections::BTreeSet,
    io::Write,
    net::{IpAddr, SocketAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};
use weft_dns::{Transport, Upstream};

/// Starts a name server that sends, for each query, what `answer` makes of it.
pub(crate) fn upstream(
    answer: impl Fn(&Message, Transport) -> Vec<Message> + Send + Sync + 'static,
) -> SocketAddr {
    let (udp, tcp) = sockets();
    let address = udp.local_addr().unwrap();
    let answer = Arc::new(answer);
    let over_tcp = Arc::clone(&answer);
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok((length, peer)) = udp.recv_from(&mut buffer) {
            for reply in answer(&Message::from_vec(&buffer[..length]).unwrap(), Transport::Udp) {
                udp.send_to(&reply.to_vec().unwrap(), peer).unwrap();
            }
        }
    });
    thread::spawn(move || {
        for mut stream in tcp.incoming().map_while(Result::ok) {
            let Ok(message) = read_frame(&mut stream) else { continue };
            for reply in over_tcp(&Message::from_vec(&message).unwrap(), Transport::Tcp) {
                stream.write_all(&framed(&reply.to_vec().unwrap())).unwrap();
            }
        }
    });
    address
}

/// An answer with these addresses.
pub(crate) fn reply(query: &Message, found: impl IntoIterator<Item = [u8; 4]>) -> Message {
    let mut reply = query.clone();
    reply.metadata.message_type = MessageType::Response;
    let name = query.queries[0].name().clone();
    reply.add_answers(found.into_iter().map(|a| Record::from_rdata(name.clone(), 60, RData::A(A(a.into())))));
    reply
}

pub(crate) fn refusal(query: &Message, code: ResponseCode) -> Message {
    let mut reply = reply(query, []);
    reply.metadata.response_code = code;
    reply
}

/// A port where nobody listens.
pub(crate) fn nobody() -> SocketAddr {
    sockets().0.local_addr().unwrap()
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn unknown_names_are_asked_elsewhere() {
    let server = upstream(|query, _| {
        // As a server that answers in lower case.
        let mut query = query.clone();
        let lower = query.queries[0].name().to_lowercase();
        query.queries[0].set_name(lower);
        vec![reply(&query, [[192, 0, 2, 80]])]
    });
    let served = Served::new(&[server]);
    let query = query("Example.COM", RecordType::A, None);
    let answer = served.ask(&query);
    assert_eq!(answer.metadata.id, query.metadata.id);
    assert_eq!(answer.queries[0].name().to_ascii(), "Example.COM.");
    assert_eq!(addresses(&answer), [address("192.0.2.80")]);
    served.client.store(Arc::new(client(&[overlay()], &[])));
    assert_eq!(served.ask(&query).metadata.response_code, ResponseCode::NXDomain);
}

#[test]
fn nothing_but_the_question_goes_out() {
    let server = upstream(|query, _| {
        let edns = query.edns.as_ref().unwrap();
        let clean = edns.options().as_ref().is_empty() && edns.max_payload() == 1232;
        vec![if clean { reply(query, [[192, 0, 2, 80]]) } else { refusal(query, ResponseCode::NXDomain) }]
    });
    let mut query = query("example.com", RecordType::A, Some(4096));
    let option = hickory_proto::rr::rdata::opt::EdnsOption::Unknown(65001, vec![1, 2, 3]);
    query.edns.as_mut().unwrap().options_mut().insert(option);
    assert_eq!(addresses(&Served::new(&[server]).ask(&query)), [address("192.0.2.80")]);
}

#[test]
fn ours_are_never_asked_elsewhere() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let server = upstream(move |query, _| {
        count.fetch_add(1, Ordering::Relaxed);
        vec![reply(query, [])]
    });
    let served = Served::new(&[server]);
    for rtype in [RecordType::A, RecordType::AAAA, RecordType::MX] {
        assert_eq!(served.ask(&query("nginx_02", rtype, None)).metadata.response_code, ResponseCode::NoError);
    }
    let nobody = served.ask(&query("9.0.0.10.in-addr.arpa", RecordType::PTR, None));
    assert_eq!(nobody.metadata.response_code, ResponseCode::NXDomain);
    assert_eq!(asked.load(Ordering::Relaxed), 0);
}

#[test]
fn forged_answers_are_passed_over() {
    let server = upstream(|query, _| {
        let forged = reply(query, [[203, 0, 113, 66]]);
        let mut id = forged.clone();
        id.metadata.id = !id.metadata.id;
        let mut question = forged.clone();
        question.queries[0].set_name("example.net.".parse().unwrap());
        let mut kind = forged.clone();
        kind.queries[0].set_query_type(RecordType::AAAA);
        let mut no_response = forged;
        no_response.metadata.message_type = MessageType::Query;
        vec![id, question, kind, no_response, reply(query, [[192, 0, 2, 80]])]
    });
    let answer = Served::new(&[server]).ask(&query("example.com", RecordType::A, None));
    assert_eq!(addresses(&answer), [address("192.0.2.80")]);
}

#[test]
fn the_next_server_is_asked_when_one_cannot() {
    let failing = upstream(|query, _| vec![refusal(query, ResponseCode::ServFail)]);
    let good = upstream(|query, _| vec![reply(query, [[192, 0, 2, 80]])]);
    let started = Instant::now();
    let answer = Served::new(&[nobody(), failing, good]).ask(&query("example.com", RecordType::A, None));
    assert_eq!(addresses(&answer), [address("192.0.2.80")]);
    assert!(started.elapsed() < Duration::from_millis(1400), "it waited for somebody who is not there");
}

#[test]
fn a_name_that_does_not_exist_is_asked_once() {
    let missing = upstream(|query, _| vec![refusal(query, ResponseCode::NXDomain)]);
    let other = upstream(|query, _| vec![reply(query, [[192, 0, 2, 80]])]);
    let answer = Served::new(&[missing, other]).ask(&query("example.com", RecordType::A, None));
    assert_eq!(answer.metadata.response_code, ResponseCode::NXDomain);
}

#[test]
fn silence_is_a_failure_within_five_seconds() {
    let silent = upstream(|_, _| Vec::new());
    let started = Instant::now();
    let answer = Served::new(&[silent]).ask(&query("example.com", RecordType::A, None));
    assert_eq!(answer.metadata.response_code, ResponseCode::ServFail);
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_lost_question_is_asked_again() {
    let asked = AtomicUsize::new(0);
    let server = upstream(move |query, _| {
        let first = asked.fetch_add(1, Ordering::Relaxed) == 0;
        if first { Vec::new() } else { vec![reply(query, [[192, 0, 2, 80]])] }
    });
    let answer = Served::new(&[server]).ask(&query("example.com", RecordType::A, None));
    assert_eq!(addresses(&answer), [address("192.0.2.80")]);
}

/// Waits before it answers, as a resolver does that has to ask far away.
fn slow(patience: Duration) -> SocketAddr {
    upstream(move |query, _| {
        thread::sleep(patience);
        vec![reply(query, [[192, 0, 2, 80]])]
    })
}

/// Takes questions, and answers none.
fn silent() -> SocketAddr {
    upstream(|_, _| Vec::new())
}

#[test]
fn who_needs_two_seconds_is_waited_for() {
    let two = Duration::from_secs(2);
    let served: Vec<Served> = [
        vec![slow(two)],
        // A server that was asked before may answer while another is being asked.
        vec![slow(two), silent()],
        vec![silent(), slow(two)],
        vec![silent(), silent(), slow(two)],
        // One that fails at once takes none of the others' time.
        vec![nobody(), slow(two)],
    ]
    .iter()
    .map(|servers| Served::new(servers))
    .collect();
    thread::scope(|scope| {
        let asking = served.iter().map(|served| {
            scope.spawn(|| {
                let started = Instant::now();
                let answer = served.ask(&query("example.com", RecordType::A, None));
                (addresses(&answer), started.elapsed())
            })
        });
        for (case, asked) in asking.collect::<Vec<_>>().into_iter().enumerate() {
            let (found, took) = asked.join().unwrap();
            assert_eq!(found, [address("192.0.2.80")], "case {case}, after {took:?}");
            assert!(took < Duration::from_secs(5), "case {case} took {took:?}");
        }
    });
}

#[test]
fn of_many_servers_the_last_is_asked_too() {
    let good = upstream(|query, _| vec![reply(query, [[192, 0, 2, 80]])]);
    let served = Served::new(&[silent(), silent(), silent(), good]);
    let started = Instant::now();
    assert_eq!(addresses(&served.ask(&query("example.com", RecordType::A, None))), [address("192.0.2.80")]);
    assert!(started.elapsed() < Duration::from_millis(3500), "{:?}", started.elapsed());
}

#[test]
fn where_servers_rotate_each_is_first_in_its_turn() {
    let servers: Vec<_> =
        (0..3).map(|n| upstream(move |query, _| vec![reply(query, [[192, 0, 2, n]])])).collect();
    let served = Served::new(&[]);
    let mut rotating = client(&[overlay()], &servers);
    if let Upstream::Servers(servers) = &mut rotating.upstream {
        servers.rotate = true;
    }
    served.client.store(Arc::new(rotating));
    let found: BTreeSet<_> =
        (0..3).flat_map(|_| addresses(&served.ask(&query("example.com", RecordType::A, None)))).collect();
    assert_eq!(found.len(), 3, "{found:?}");
}

#[test]
fn a_refusal_without_the_question_is_an_answer() {
    for code in [ResponseCode::NotImp, ResponseCode::FormErr] {
        let server = upstream(move |query, _| {
            let mut reply = refusal(query, code);
            reply.queries.clear();
            reply.edns = None;
            vec![reply]
        });
        let query = query("Example.com", RecordType::A, None);
        let started = Instant::now();
        let answer = Served::new(&[server]).ask(&query);
        assert_eq!((answer.metadata.response_code, answer.metadata.id), (code, query.metadata.id));
        assert_eq!(answer.queries, query.queries);
        assert!(started.elapsed() < Duration::from_secs(1), "it is not asked for again");
    }
}

#[test]
fn what_is_said_of_dnssec_passes_in_both_directions() {
    let server = upstream(|query, _| {
        let asked = (query.metadata.authentic_data, query.metadata.checking_disabled);
        let dnssec_ok = query.edns.as_ref().is_some_and(|edns| edns.flags().dnssec_ok);
        assert!(dnssec_ok, "DO is passed on");
        let mut reply = reply(query, [[192, 0, 2, 80]]);
        // The answer shows what was asked.
        (reply.metadata.authentic_data, reply.metadata.checking_disabled) = asked;
        vec![reply]
    });
    let served = Served::new(&[server]);
    for (ad, cd) in [(true, false), (false, true), (true, true), (false, false)] {
        let mut query = query("example.com", RecordType::A, Some(1232));
        (query.metadata.authentic_data, query.metadata.checking_disabled) = (ad, cd);
        query.edns.as_mut().unwrap().set_dnssec_ok(true);
        let answer = served.ask(&query);
        assert_eq!((answer.metadata.authentic_data, answer.metadata.checking_disabled), (ad, cd));
        assert!(answer.edns.as_ref().unwrap().flags().dnssec_ok);
    }
    // What is ours is not signed.
    let mut query = query("nginx_02", RecordType::A, None);
    query.metadata.authentic_data = true;
    assert!(!served.ask(&query).metadata.authentic_data);
}

#[test]
fn a_truncated_answer_is_passed_on_where_there_is_no_tcp() {
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let server = udp.local_addr().unwrap();
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok((length, peer)) = udp.recv_from(&mut buffer) {
            let query = Message::from_vec(&buffer[..length]).unwrap();
            let mut reply = reply(&query, (0..20).map(|n| [192, 0, 2, n]));
            reply.metadata.truncation = true;
            udp.send_to(&reply.to_vec().unwrap(), peer).unwrap();
        }
    });
    let answer = Served::new(&[server]).ask(&query("example.com", RecordType::A, Some(4096)));
    assert_eq!((answer.answers.len(), answer.metadata.truncation), (20, true));
}

/// A server that has 100 addresses for every name, and room for none of them over UDP.
pub(crate) fn verbose() -> SocketAddr {
    upstream(|query, transport| {
        let mut reply = reply(query, (0..100).map(|n| [192, 0, 2, n]));
        if transport == Transport::Udp {
            reply.answers.clear();
            reply.metadata.truncation = true;
        }
        vec![reply]
    })
}

#[test]
fn long_answers_come_over_tcp() {
    let served = Served::new(&[verbose()]);
    let answer = served.ask(&query("example.com", RecordType::A, Some(4096)));
    assert_eq!(answer.answers.len(), 100);
    let mut stream = served.tcp();
    stream.write_all(&framed(&query("example.com", RecordType::A, None).to_vec().unwrap())).unwrap();
    let answer = Message::from_vec(&read_frame(&mut stream).unwrap()).unwrap();
    assert_eq!((answer.answers.len(), answer.metadata.truncation), (100, false));
}

#[test]
fn an_answer_too_long_for_the_client_says_so() {
    let served = Served::new(&[verbose()]);
    for size in [None, Some(512), Some(1400)] {
        let answer = served.ask(&query("example.com", RecordType::A, size));
        assert_eq!((answer.answers.len(), answer.metadata.truncation), (0, true), "{size:?}");
        assert_eq!(answer.edns.is_some(), size.is_some());
    }
}

#[test]
fn one_container_has_so_many_questions_on_the_way_and_no_more() {
    let served = Served::new(&[upstream(|_, _| Vec::new())]);
    let socket = served.udp();
    for id in 0..300 {
        let mut query = query("example.com", RecordType::A, None);
        query.metadata.id = id;
        socket.send(&query.to_vec().unwrap()).unwrap();
    }
    // The first 256 wait for the silent server; these are told at once.
    let started = Instant::now();
    for _ in 256..300 {
        assert_eq!(receive(&socket).metadata.response_code, ResponseCode::ServFail);
    }
    assert!(started.elapsed() < Duration::from_secs(3), "they waited, too");
    // And names of ours are answered meanwhile.
    assert_eq!(served.ask(&query("nginx_02", RecordType::A, None)).answers.len(), 1);
}

#[test]
fn a_slow_server_holds_up_nobody_else_on_the_connection() {
    let served = Served::new(&[upstream(|_, _| Vec::new())]);
    let mut stream = served.tcp();
    let slow = query("example.com", RecordType::A, None);
    let ours = query("nginx_02", RecordType::A, None);
    for query in [&slow, &ours] {
        stream.write_all(&framed(&query.to_vec().unwrap())).unwrap();
    }
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let first = Message::from_vec(&read_frame(&mut stream).unwrap()).unwrap();
    assert_eq!((first.metadata.id, first.answers.len()), (ours.metadata.id, 1));
    // The client says that it asks no more; it still gets its answer.
    let second = Message::from_vec(&read_frame(&mut stream).unwrap()).unwrap();
    assert_eq!(
        (second.metadata.id, second.metadata.response_code),
        (slow.metadata.id, ResponseCode::ServFail)
    );
    assert!(read_frame(&mut stream).is_err(), "the connection ends then");
}
