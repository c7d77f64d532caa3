//! Two networks, and a server on loopback.

use arc_swap::ArcSwap;
use hickory_proto::{
    op::{Edns, Message, Query},
    rr::{Name, RecordType},
};
use std::{
    io::{self, Read},
    net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    sync::Arc,
    time::Duration,
};
use weft_dns::{
    DnsClient, NamedEndpoint, Names, NetworkNames, QuestionCounts, Resolver, ServerHandle, Upstream,
    upstream::Servers,
};
use weft_model::NetworkId;

/// Containers that share the alias `many`.
pub(crate) const MANY: u8 = 100;

pub(crate) fn host(name: &str, aliases: &[&str], addresses: &[&str]) -> NamedEndpoint {
    NamedEndpoint {
        name: name.parse().unwrap(),
        aliases: aliases.iter().map(|a| a.parse().unwrap()).collect(),
        short_id: None,
        addresses: addresses.iter().map(|a| a.parse().unwrap()).collect(),
    }
}

fn id(digit: &str) -> NetworkId {
    digit.repeat(64).parse().unwrap()
}

pub(crate) fn overlay() -> NetworkId {
    id("a")
}

pub(crate) fn backend() -> NetworkId {
    id("b")
}

pub(crate) fn names() -> Names {
    let mut hosts = vec![
        host("nginx_01", &["web"], &["10.0.0.2", "fd00::2"]),
        host("Nginx_02", &["web", "my-app.v2"], &["10.0.0.3"]),
        host("six", &[], &["fd00::6"]),
        host("a..b", &[], &["10.0.0.4"]),
    ];
    hosts[0].short_id = Some("0123456789ab".to_owned());
    let pool = ["10.0.0.0/24".parse().unwrap(), "fd00::/64".parse().unwrap()];
    for n in 0..MANY {
        hosts.push(host(&format!("m{n}"), &["many"], &[&format!("10.0.0.{}", 100 + n)]));
    }
    let overlay_names = NetworkNames::new(&"overlay".parse().unwrap(), pool, hosts);
    let hosts =
        [host("db", &[], &["10.0.1.2"]), host("six", &[], &["10.0.1.6"]), host("web", &[], &["10.0.1.7"])];
    let backend_names =
        NetworkNames::new(&"back.End".parse().unwrap(), ["10.0.1.0/24".parse().unwrap()], hosts);
    Names::new([(overlay(), Arc::new(overlay_names)), (backend(), Arc::new(backend_names))])
}

/// A container on one network.
pub(crate) fn client(networks: &[NetworkId], upstream: &[SocketAddr]) -> DnsClient {
    DnsClient {
        networks: networks.to_vec(),
        links: weft_dns::Links::default(),
        upstream: Upstream::Servers(Servers { addresses: upstream.to_vec(), ..Servers::default() }),
    }
}

/// A query with EDNS if `udp_size` is given.
pub(crate) fn query(name: &str, rtype: RecordType, udp_size: Option<u16>) -> Message {
    let mut message = Message::query();
    // Parsing would make it lower case.
    let mut name = Name::from_ascii(name).unwrap();
    name.set_fqdn(true);
    message.add_query(Query::query(name, rtype));
    message.metadata.recursion_desired = true;
    if let Some(size) = udp_size {
        let mut edns = Edns::new();
        edns.set_max_payload(size);
        message.set_edns(edns);
    }
    message
}

/// The addresses in an answer.
pub(crate) fn addresses(message: &Message) -> Vec<IpAddr> {
    message.answers.iter().filter_map(|record| record.data.ip_addr()).collect()
}

/// How long an answer may take before a test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A name server on a free port.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    pub(crate) client: Arc<ArcSwap<DnsClient>>,
    pub(crate) names: Arc<ArcSwap<Names>>,
    pub(crate) server: ServerHandle,
    pub(crate) counts: Arc<QuestionCounts>,
    _resolver: Resolver,
}

impl Served {
    /// For a container on `overlay`.
    pub(crate) fn new(upstream: &[SocketAddr]) -> Self {
        let names = Arc::new(ArcSwap::from_pointee(names()));
        let client = Arc::new(ArcSwap::from_pointee(client(&[overlay()], upstream)));
        let counts = Arc::<QuestionCounts>::default();
        let resolver = Resolver::start(Arc::clone(&names), Arc::clone(&counts)).unwrap();
        let (udp, tcp) = sockets();
        let address = udp.local_addr().unwrap();
        let server = resolver.serve(udp, tcp, Arc::clone(&client)).unwrap();
        Self { address, client, names, server, counts, _resolver: resolver }
    }

    /// A socket that talks to it.
    pub(crate) fn udp(&self) -> UdpSocket {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(self.address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket
    }

    /// A connection to it.
    pub(crate) fn tcp(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// What it answers over UDP.
    pub(crate) fn ask(&self, query: &Message) -> Message {
        let socket = self.udp();
        socket.send(&query.to_vec().unwrap()).unwrap();
        receive(&socket)
    }
}

pub(crate) fn receive(socket: &UdpSocket) -> Message {
    let mut buffer = [0; 65535];
    let length = socket.recv(&mut buffer).unwrap();
    Message::from_vec(&buffer[..length]).unwrap()
}

/// A message with its length before it.
pub(crate) fn framed(message: &[u8]) -> Vec<u8> {
    [&u16::try_from(message.len()).unwrap().to_be_bytes(), message].concat()
}

pub(crate) fn read_frame(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut message = vec![0; u16::from_be_bytes(length).into()];
    stream.read_exact(&mut message)?;
    Ok(message)
}

/// A UDP and a TCP socket on one free port.
pub(crate) fn sockets() -> (UdpSocket, TcpListener) {
    // Another process may have the TCP port of that number.
    (0..100)
        .find_map(|_| {
            let udp = UdpSocket::bind("127.0.0.1:0").ok()?;
            let tcp = TcpListener::bind(udp.local_addr().ok()?).ok()?;
            Some((udp, tcp))
        })
        .expect("a port that is free for UDP and TCP")
}
