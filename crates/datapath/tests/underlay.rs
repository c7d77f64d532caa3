//! What is found out about the network below.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod lab;

use lab::{Host, Wanted, block_on, isolated};
use std::net::IpAddr;
use weft_datapath::underlay::{mtu, routes};

#[test]
fn the_mtu_of_the_advertised_address_and_the_routes_of_others() {
    isolated(|| {
        let host = Host::new(1);
        host.container("box");
        host.sh("ip link set eth0 mtu 1400; ip route add 10.7.0.0/16 via 192.168.77.1; ip route add default via 192.168.77.1");
        let mut wanted = Wanted::default();
        wanted.segment(256, host.ip, &["10.0.0.1/24"]).leaving(256, "box", &["10.0.0.2/24"]);
        host.reach(&wanted);

        let ip = host.ip;
        let carries = |from: IpAddr, to: &[&str]| {
            let to = to.iter().map(|ip| ip.parse().unwrap()).collect();
            host.run(move || block_on(mtu(from, to)).unwrap())
        };
        assert_eq!(carries(ip, &[]), 1400);
        assert_eq!(carries(ip, &[&ip.to_string(), "192.168.77.200"]), 1400);
        // One that was here, and one of the loopback device: what counts is where packets leave.
        assert_eq!(carries("192.168.77.99".parse().unwrap(), &[]), 1400);
        host.sh("ip address add 10.9.9.9/32 dev lo; ip link add way0 mtu 9000 up type bridge");
        host.sh("ip route add 10.8.0.0/16 dev way0; ip route add 10.8.1.0/24 dev way0 mtu 1300");
        let loopback = "10.9.9.9".parse().unwrap();
        assert_eq!(carries(loopback, &[]), 1400);
        assert_eq!(carries(loopback, &["10.8.0.1"]), 9000);
        assert_eq!(carries(loopback, &["10.8.0.1", "192.168.77.200"]), 1400);
        assert_eq!(carries(loopback, &["10.8.0.1", "10.8.1.1"]), 1300);
        let routes: Vec<String> =
            host.run(|| block_on(routes()).unwrap()).iter().map(ToString::to_string).collect();
        for route in ["10.7.0.0/16", "192.168.77.0/24", "fd77::/64"] {
            assert!(routes.iter().any(|r| r == route), "{route} is missing: {routes:?}");
        }
        assert!(!routes.iter().any(|r| r == "10.0.0.0/24" || r == "0.0.0.0/0"), "{routes:?}");
    });
}
