//! The way out of a segment, and published ports into it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod lab;

use lab::{Host, Wanted, isolated};
use std::{
    io::{Read, Write},
    net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    time::Duration,
};
use weft_model::Protocol;
use weft_plan::Publish;

const PATIENCE: Duration = Duration::from_secs(2);

/// Answers every connection in a container with the address it came from, until the test ends.
fn serve(host: &Host, container: &str, address: &'static str) {
    let (tcp, udp) = host
        .inside(container, move || (TcpListener::bind(address).unwrap(), UdpSocket::bind(address).unwrap()));
    std::thread::spawn(move || {
        for stream in tcp.incoming().flatten() {
            let peer = stream.peer_addr().unwrap().ip();
            // The client checks what arrives.
            let _ = (&stream).write_all(peer.to_string().as_bytes());
        }
    });
    std::thread::spawn(move || {
        while let Ok((_, from)) = udp.recv_from(&mut [0; 16]) {
            let _ = udp.send_to(from.ip().to_string().as_bytes(), from);
        }
    });
}

/// The address that the server at `to` sees the caller under.
fn seen_as(to: SocketAddr) -> Result<IpAddr, std::io::Error> {
    let mut stream = TcpStream::connect_timeout(&to, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    text.parse().map_err(std::io::Error::other)
}

fn seen_as_udp(to: SocketAddr) -> Result<IpAddr, std::io::Error> {
    let socket = UdpSocket::bind(if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" })?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.connect(to)?;
    socket.send(b"?")?;
    let mut buffer = [0; 64];
    let length = socket.recv(&mut buffer)?;
    String::from_utf8_lossy(&buffer[..length]).parse().map_err(std::io::Error::other)
}

fn publish(protocol: Protocol, host_port: u16, target: &str) -> Publish {
    Publish { protocol, host_ip: None, host_port, target: target.parse().unwrap() }
}

/// A host with two containers that may leave, and the ports of the first published.
fn host_with_ports(host: &Host) -> Wanted {
    host.container("web");
    host.container("other");
    let mut wanted = Wanted::default();
    wanted.segment(256, host.ip, &["10.0.0.1/24", "fd00::1/64"]);
    wanted.leaving(256, "web", &["10.0.0.2/24", "fd00::2/64"]);
    wanted.leaving(256, "other", &["10.0.0.3/24", "fd00::3/64"]);
    wanted.0.publish = [
        publish(Protocol::Tcp, 8080, "10.0.0.2:80"),
        publish(Protocol::Udp, 8080, "10.0.0.2:80"),
        publish(Protocol::Tcp, 8080, "[fd00::2]:80"),
    ]
    .into();
    host.reach(&wanted);
    serve(host, "web", "[::]:80");
    wanted
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

#[test]
fn containers_reach_the_outside_under_the_hosts_address() {
    isolated(|| {
        let (one, two) = (Host::new(1), Host::new(2));
        host_with_ports(&one);
        // The second host has no route back to the pool.
        serve_on_host(&two, "[::]:7000");
        for (to, source) in [("192.168.77.12:7000", "192.168.77.11"), ("[fd77::12]:7000", "fd77::11")] {
            let to = address(to);
            let seen = one.inside("web", move || seen_as(to)).unwrap();
            assert_eq!(unmapped(seen).to_string(), source);
        }
        assert!(one.ping("web", "192.168.77.12") && one.ping("web", "fd77::12"));
    });
}

fn serve_on_host(host: &Host, at: &'static str) {
    let listener = host.run(move || TcpListener::bind(at).unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let peer = stream.peer_addr().unwrap().ip();
            let _ = (&stream).write_all(peer.to_string().as_bytes());
        }
    });
}

/// An IPv4 address as an IPv4 address, also when an IPv6 socket saw it.
fn unmapped(ip: IpAddr) -> IpAddr {
    ip.to_canonical()
}

#[test]
fn a_published_port_answers_everybody() {
    isolated(|| {
        let (one, two) = (Host::new(1), Host::new(2));
        host_with_ports(&one);
        let from = |result: std::io::Result<IpAddr>| unmapped(result.unwrap()).to_string();
        // From another host, whose address the container sees.
        let outside = two.run(|| seen_as(address("192.168.77.11:8080")));
        assert_eq!(from(outside), "192.168.77.12");
        let outside = two.run(|| seen_as(address("[fd77::11]:8080")));
        assert_eq!(from(outside), "fd77::12");
        let outside = two.run(|| seen_as_udp(address("192.168.77.11:8080")));
        assert_eq!(from(outside), "192.168.77.12");
        // From the host itself, by its address and by 127.0.0.1.
        for to in ["192.168.77.11:8080", "127.0.0.1:8080", "[fd77::11]:8080"] {
            one.run(move || seen_as(address(to))).unwrap_or_else(|e| panic!("{to}: {e}"));
        }
        one.run(|| seen_as_udp(address("127.0.0.1:8080"))).unwrap();
        // From a container of the same segment, and from the container itself.
        for container in ["other", "web"] {
            for to in ["192.168.77.11:8080", "[fd77::11]:8080"] {
                let seen = one.inside(container, move || seen_as(address(to)));
                seen.unwrap_or_else(|e| panic!("from {container} to {to}: {e}"));
            }
        }
    });
}

#[test]
fn networks_do_not_reach_each_other() {
    isolated(|| {
        let (one, two) = (Host::new(1), Host::new(2));
        let mut wanted = host_with_ports(&one);
        for container in ["stranger", "sibling", "closed"] {
            one.container(container);
        }
        wanted.segment(257, one.ip, &["10.0.1.1/24"]).segment(258, one.ip, &["10.0.2.1/24"]);
        wanted.segment(259, one.ip, &["10.0.3.1/24"]);
        // 258 is another segment of the first network; 259 has no way out.
        let network = wanted.0.segments.values().next().unwrap().network;
        for (vni, segment) in &mut wanted.0.segments {
            match vni.get() {
                258 => segment.network = network,
                259 => segment.egress = false,
                _ => {}
            }
        }
        wanted.leaving(257, "stranger", &["10.0.1.2/24"]);
        wanted.leaving(258, "sibling", &["10.0.2.2/24"]);
        wanted.local(259, "closed", &["10.0.3.2/24"]);
        one.reach(&wanted);
        assert!(one.ping("sibling", "10.0.0.2"), "segments of one network reach each other");
        assert!(!one.ping("stranger", "10.0.0.2"), "another network's do not");
        assert!(one.ping("stranger", "192.168.77.12"));
        assert!(!one.ping("closed", "192.168.77.12"), "there is no way out of 259");
        assert!(!one.succeeds("ip link show weft-259"));
        // A host that would route into the pool is not let in; a published port is.
        two.sh("ip route add 10.0.0.0/24 via 192.168.77.11");
        assert!(!two.succeeds("ping -n -c1 -W1 10.0.0.2"));
        two.run(|| seen_as(address("192.168.77.11:8080"))).unwrap();
        let port = address("192.168.77.11:8080");
        one.inside("stranger", move || seen_as(port)).expect("a published port is for all networks");
    });
}

#[test]
fn a_missing_nft_is_named_and_stops_nothing_else() {
    isolated(|| {
        let one = Host::new(1);
        one.container("box");
        let mut wanted = Wanted::default();
        wanted.segment(256, one.ip, &["10.0.0.1/24"]).leaving(256, "box", &["10.0.0.2/24"]);
        one.sh("mount --bind /dev/null \"$(command -v nft)\"");
        let report = one.apply(&one.plan(&wanted.0));
        assert_eq!(report.failures.len(), 1);
        assert!(report.failures[0].error.contains("nft"), "{}", report.failures[0]);
        assert!(one.ping("box", "10.0.0.1"));
    });
}
