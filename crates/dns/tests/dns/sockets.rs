//! Real sockets on loopback.

use crate::common::{MANY, Served, addresses, client, framed, overlay, query, read_frame, receive};
use arc_swap::ArcSwap;
use hickory_proto::{
    op::{Message, ResponseCode},
    rr::RecordType,
};
use std::{
    io::{Read, Write},
    net::{TcpListener, UdpSocket},
    sync::Arc,
    time::Instant,
};
use weft_dns::{Names, NetworkNames};

#[test]
fn garbage_in_between_does_no_harm() {
    let served = Served::new(&[]);
    let socket = served.udp();
    for garbage in [&b""[..], b"x", &[0xff; 1500], &[0x80; 40]] {
        socket.send(garbage).unwrap();
    }
    let query = query("nginx_02", RecordType::A, None);
    socket.send(&query.to_vec().unwrap()).unwrap();
    let answer = receive(&socket);
    assert_eq!(answer.metadata.id, query.metadata.id);
    assert_eq!(addresses(&answer), ["10.0.0.3".parse::<std::net::IpAddr>().unwrap()]);
}

#[test]
fn a_burst_is_answered_in_full() {
    let served = Served::new(&[]);
    let socket = served.udp();
    for id in 0..150 {
        let mut query = query("nginx_02", RecordType::A, None);
        query.metadata.id = id;
        socket.send(&query.to_vec().unwrap()).unwrap();
    }
    let mut ids: Vec<u16> = (0..150).map(|_| receive(&socket).metadata.id).collect();
    ids.sort_unstable();
    assert_eq!(ids, (0..150).collect::<Vec<_>>());
}

#[test]
fn a_change_is_seen_by_the_next_question() {
    let served = Served::new(&[]);
    let query = query("new", RecordType::A, None);
    assert_eq!(served.ask(&query).metadata.response_code, ResponseCode::NXDomain);
    let host = crate::common::host("new", &[], &["10.0.0.77"]);
    let table = NetworkNames::new(&"overlay".parse().unwrap(), [], [host]);
    served.names.store(Arc::new(Names::new([(overlay(), Arc::new(table))])));
    assert_eq!(served.ask(&query).answers.len(), 1);
    served.client.store(Arc::new(client(&[], &[])));
    assert_eq!(served.ask(&query).metadata.response_code, ResponseCode::NXDomain);
}

#[test]
fn questions_on_one_connection_are_all_answered() {
    let served = Served::new(&[]);
    let mut stream = served.tcp();
    let queries = ["nginx_01", "many", "nobody"].map(|name| query(name, RecordType::A, None));
    let together: Vec<u8> = queries.iter().flat_map(|q| framed(&q.to_vec().unwrap())).collect();
    stream.write_all(&together).unwrap();
    let found = [1, MANY.into(), 0];
    for (query, found) in queries.iter().zip(found) {
        let answer = Message::from_vec(&read_frame(&mut stream).unwrap()).unwrap();
        assert_eq!(answer.metadata.id, query.metadata.id);
        assert_eq!(answer.answers.len(), found);
        assert!(!answer.metadata.truncation);
    }
}

#[test]
fn a_question_may_come_byte_by_byte() {
    let served = Served::new(&[]);
    let mut stream = served.tcp();
    stream.set_nodelay(true).unwrap();
    for byte in framed(&query("nginx_01", RecordType::A, None).to_vec().unwrap()) {
        stream.write_all(&[byte]).unwrap();
    }
    assert_eq!(Message::from_vec(&read_frame(&mut stream).unwrap()).unwrap().answers.len(), 1);
}

#[test]
fn who_sends_no_queries_over_tcp_is_hung_up_on() {
    let served = Served::new(&[]);
    let mut stream = served.tcp();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(stream.read(&mut [0; 1]).unwrap(), 0, "half a message");
    let mut stream = served.tcp();
    stream.write_all(&framed(&[0xff; 40])).unwrap();
    assert_eq!(stream.read(&mut [0; 1]).unwrap(), 0, "a response");
}

#[test]
fn idle_connections_are_closed_and_make_room() {
    let served = Served::new(&[]);
    let started = Instant::now();
    let mut idle: Vec<_> = (0..64).map(|_| served.tcp()).collect();
    // This one has to wait for one of them to go.
    let mut late = served.tcp();
    late.write_all(&framed(&query("nginx_01", RecordType::A, None).to_vec().unwrap())).unwrap();
    assert_eq!(Message::from_vec(&read_frame(&mut late).unwrap()).unwrap().answers.len(), 1);
    assert!(started.elapsed().as_secs() >= 9, "it did not wait");
    assert_eq!(idle[0].read(&mut [0; 1]).unwrap(), 0);
}

#[tokio::test]
async fn a_stopped_server_leaves_its_address() {
    let served = Served::new(&[]);
    let connection = served.tcp();
    served.server.stop().await;
    assert!(UdpSocket::bind(served.address).is_ok());
    drop(connection);
    assert!(TcpListener::bind(served.address).is_ok());
}

#[test]
fn a_handle_outlives_its_resolver_without_harm() {
    let resolver =
        weft_dns::Resolver::start(Arc::new(ArcSwap::from_pointee(Names::default())), Arc::default()).unwrap();
    let (udp, tcp) = crate::common::sockets();
    let client = Arc::new(ArcSwap::from_pointee(client(&[], &[])));
    let handle = resolver.serve(udp, tcp, client).unwrap();
    drop(resolver);
    drop(handle);
}
