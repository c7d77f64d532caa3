//! An engine's resolver behind ours.

use crate::{
    common::{Served, addresses, framed, overlay, query, read_frame},
    forwarding::{nobody, reply, upstream, verbose},
};
use async_trait::async_trait;
use hickory_proto::{
    op::{Message, ResponseCode},
    rr::RecordType,
};
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use std::{
    io::{self, Write},
    net::SocketAddr,
    os::fd::OwnedFd,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use weft_dns::{DnsClient, EngineResolver, Sockets, Transport, Upstream};

/// Sockets of this process's own namespace, counted; or none.
#[derive(Debug, Default)]
struct Here {
    given: AtomicUsize,
    refuses: bool,
}

#[async_trait]
impl Sockets for Here {
    async fn socket(&self, transport: Transport) -> io::Result<OwnedFd> {
        self.given.fetch_add(1, Ordering::Relaxed);
        if self.refuses {
            return Err(io::ErrorKind::NotFound.into());
        }
        let kind = match transport {
            Transport::Udp => SocketType::DGRAM,
            Transport::Tcp => SocketType::STREAM,
        };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        Ok(rustix::net::socket_with(AddressFamily::INET, kind, flags, None)?)
    }
}

/// A server for a container on `overlay` whose engine answers at `address`.
fn served(address: SocketAddr, sockets: &Arc<Here>) -> Served {
    let served = Served::new(&[]);
    let sockets: Arc<dyn Sockets> = Arc::clone(sockets) as _;
    let upstream = Upstream::Engine(EngineResolver { address, sockets });
    served.client.store(Arc::new(DnsClient {
        networks: vec![overlay()],
        links: weft_dns::Links::default(),
        upstream,
    }));
    served
}

#[test]
fn what_our_networks_do_not_know_the_engine_is_asked() {
    let engine = upstream(|query, _| vec![reply(query, [[192, 0, 2, 80]])]);
    let sockets = Arc::new(Here::default());
    let served = served(engine, &sockets);
    assert_eq!(served.ask(&query("nginx_02", RecordType::A, None)).answers.len(), 1);
    assert_eq!(sockets.given.load(Ordering::Relaxed), 0, "it was asked about a name of ours");
    let answer = served.ask(&query("db", RecordType::A, None));
    assert_eq!(addresses(&answer), ["192.0.2.80".parse::<std::net::IpAddr>().unwrap()]);
}

#[test]
fn an_engines_long_answers_come_over_tcp() {
    let served = served(verbose(), &Arc::default());
    assert_eq!(served.ask(&query("example.com", RecordType::A, Some(4096))).answers.len(), 100);
    let short = served.ask(&query("example.com", RecordType::A, Some(512)));
    assert_eq!((short.answers.len(), short.metadata.truncation), (0, true));
    let mut stream = served.tcp();
    stream.write_all(&framed(&query("example.com", RecordType::A, None).to_vec().unwrap())).unwrap();
    let answer = Message::from_vec(&read_frame(&mut stream).unwrap()).unwrap();
    assert_eq!(answer.answers.len(), 100);
}

#[test]
fn an_engine_that_is_not_there_keeps_nobody_waiting() {
    let started = Instant::now();
    for refuses in [false, true] {
        let served = served(nobody(), &Arc::new(Here { refuses, ..Here::default() }));
        let answer = served.ask(&query("example.com", RecordType::A, None));
        assert_eq!(answer.metadata.response_code, ResponseCode::ServFail);
    }
    assert!(started.elapsed() < Duration::from_secs(1), "somebody waited");
}

#[test]
fn a_silent_engine_is_asked_once_and_not_for_ever() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let engine = upstream(move |_, _| {
        count.fetch_add(1, Ordering::Relaxed);
        Vec::new()
    });
    let started = Instant::now();
    let answer = served(engine, &Arc::default()).ask(&query("example.com", RecordType::A, None));
    assert_eq!(answer.metadata.response_code, ResponseCode::ServFail);
    assert!(started.elapsed() < Duration::from_secs(5));
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}
