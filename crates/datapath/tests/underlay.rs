//! What is found out about the network below.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod lab;

use lab::{Host, Wanted, block_on, isolated};
use std::{net::IpAddr, sync::Arc};
use weft_datapath::underlay::{By, mtu, routed, routes};

/// What fits through the ways from a host to others.
#[track_caller]
fn carries(host: &Host, from: IpAddr, to: &[&str]) -> u32 {
    let to = Arc::new(to.iter().map(|ip| ip.parse().unwrap()).collect());
    host.run(move || block_on(mtu(from, to)).unwrap().mtu)
}

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
        let carries = |from: IpAddr, to: &[&str]| carries(&host, from, to);
        assert_eq!(carries(ip, &[]), 1400);
        assert_eq!(carries(ip, &[&ip.to_string(), "192.168.77.200"]), 1400);
        // One that was here, and one of the loopback device: what counts is where packets leave.
        assert_eq!(carries("192.168.77.99".parse().unwrap(), &[]), 1400);
        host.sh("ip address add 10.9.9.9/32 dev lo; ip link add way0 mtu 9000 up type bridge");
        host.sh("ip route add 10.8.0.0/16 dev way0; ip route add 10.8.1.0/24 dev way0 mtu 1300");
        let loopback: IpAddr = "10.9.9.9".parse().unwrap();
        let peers = Arc::new(["10.8.0.1", "10.8.1.1"].map(|ip| ip.parse().unwrap()).into());
        let least = host.run(move || block_on(mtu(loopback, peers)).unwrap());
        assert_eq!((least.device.as_deref(), least.peer), (Some("way0"), "10.8.1.1".parse().ok()));
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

/// A host that cannot be reached, for any reason, does not affect the MTU towards the others.
#[test]
fn packets_that_go_nowhere_have_no_mtu() {
    isolated(|| {
        let host = Host::new(1);
        host.sh("ip link set eth0 mtu 1400");
        let nowhere = [
            "ip route add blackhole 10.1.0.1",
            "ip route add prohibit 10.1.0.1",
            "ip route add unreachable 10.1.0.1",
            "ip route add throw 10.1.0.1",
            "ip nexthop add id 1 blackhole; ip route add 10.1.0.1 nhid 1",
            "ip rule add to 10.1.0.1 blackhole pref 9",
            "ip rule add to 10.1.0.1 prohibit pref 9",
            "ip rule add to 10.1.0.1 unreachable pref 9",
            "ip -6 route add blackhole fd01::1",
            "ip -6 route add prohibit fd01::1",
            "ip -6 route add unreachable fd01::1",
            "ip -6 route add throw fd01::1",
            "sysctl -q net.ipv6.conf.all.disable_ipv6=1",
            // As advertised by mistake, or by one that has the same address as this.
            "ip address add 10.1.0.1/32 dev lo",
            "ip route add default via 192.168.77.1; ip route add blackhole 0.0.0.0/1",
        ];
        for way in nowhere {
            host.sh(way);
            for others in [&["10.1.0.1", "fd01::1"][..], &["10.1.0.1", "fd01::1", "192.168.77.200"]] {
                assert_eq!(carries(&host, host.ip, others), 1400, "{way}");
            }
            host.succeeds(&way.replace(" add ", " del "));
        }
        // From nowhere to nowhere.
        host.sh("ip route add blackhole default");
        assert_eq!(carries(&host, "10.9.9.9".parse().unwrap(), &["10.1.0.1"]), 1500);
    });
}

/// What a router on the way has said about one address is forgotten within minutes, and learned again when it is
/// needed.
#[test]
fn an_mtu_that_the_kernel_has_learned_is_not_the_routes() {
    isolated(|| {
        let host = Host::new(1);
        host.sh(
            "ip netns add router; ip netns add far
            ip link add way0 type veth peer name eth0 netns router; ip -n router link add eth1 mtu 1300 type veth peer name eth0 netns far
            ip address add 10.0.1.1/24 dev way0; ip address add fd01::1/64 dev way0 nodad
            ip -n router address add 10.0.1.2/24 dev eth0; ip -n router address add fd01::2/64 dev eth0 nodad
            ip -n router address add 10.0.2.2/24 dev eth1; ip -n router address add fd02::2/64 dev eth1 nodad
            ip -n far address add 10.0.2.1/24 dev eth0; ip -n far address add fd02::1/64 dev eth0 nodad
            ip link set way0 up; for link in eth0 eth1; do ip -n router link set $link up; done; ip -n far link set eth0 up
            ip netns exec router sysctl -q net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
            ip -n far route add default via 10.0.2.2; ip -n far route add default via fd02::2
            ip route add 10.0.2.0/24 via 10.0.1.2; ip route add fd02::/64 via fd01::2",
        );
        let learns = |to: &str, size: u32| {
            let _ = host.succeeds(&format!("ping -n -c2 -i0.2 -W1 -M do -s {size} {to}"));
            let way = host.sh(&format!("ip route get {to}"));
            assert!(way.contains("expires") && way.contains("mtu 1300"), "{way}");
        };
        for to in ["10.0.2.1", "fd02::1"] {
            learns(to, 1400);
            assert_eq!(carries(&host, host.ip, &[to]), 1500);
        }
        for (net, via, to) in [("10.0.2.0/24", "10.0.1.2", "10.0.2.1"), ("fd02::/64", "fd01::2", "fd02::1")] {
            for lock in ["", "lock"] {
                host.sh(&format!("ip route replace {net} via {via} mtu {lock} 1450"));
                assert_eq!(carries(&host, host.ip, &[to]), 1450);
            }
            host.sh(&format!("ip route replace {net} via {via} mtu 1450"));
            learns(to, 1380);
            assert_eq!(carries(&host, host.ip, &[to]), 1450);
        }
    });
}

/// What a route leads to directly is the hosts' network, if this host's address is in there: nothing else may count as it.
#[test]
fn what_is_on_a_link_itself() {
    isolated(|| {
        let host = Host::new(1);
        host.sh(
            "ip link add wg0 type bridge; ip link set wg0 up
            ip route add 10.1.0.0/16 dev wg0
            ip route add 10.2.0.0/16 dev wg0 table 55
            ip route add 10.3.0.0/16 via 192.168.77.1
            ip route add 10.4.0.0/16 via inet6 fd77::1 dev eth0
            ip route add 10.5.0.0/16 nexthop via 192.168.77.1 nexthop via 192.168.77.2
            ip route add 10.6.0.0/16 nexthop dev wg0 nexthop via 192.168.77.2
            ip nexthop add id 1 dev wg0; ip route add 10.7.0.0/16 nhid 1
            ip nexthop add id 2 via 192.168.77.1 dev eth0; ip route add 10.8.0.0/16 nhid 2
            ip nexthop add id 3 via 192.168.77.2 dev eth0; ip nexthop add id 10 group 2/3; ip route add 10.9.0.0/16 nhid 10
            ip nexthop add id 4 blackhole; ip route add 10.10.0.0/16 nhid 4
            ip route add blackhole 10.11.0.0/16; ip route add prohibit 10.12.0.0/16
            ip route add unreachable 10.13.0.0/16; ip route add throw 10.14.0.0/16
            ip route add blackhole fd01::/64; ip route add prohibit fd02::/64
            ip route add unreachable fd03::/64; ip route add throw fd04::/64",
        );
        let found = host.run(|| block_on(routed()).unwrap());
        let of = |net: &str| found.iter().find(|routed| routed.net == net.parse().unwrap()).cloned().unwrap();
        let direct = |by: &str| (By::Route(by.to_owned()), true);
        let farther = |by: &str| (By::Route(by.to_owned()), false);
        for (net, expected) in [
            ("192.168.77.0/24", direct("eth0")),
            ("10.1.0.0/16", direct("wg0")),
            ("10.2.0.0/16", farther("wg0")),
            ("10.3.0.0/16", farther("eth0")),
            ("10.4.0.0/16", farther("eth0")),
            ("10.5.0.0/16", (By::NoInterface, false)),
            ("10.6.0.0/16", (By::NoInterface, false)),
            ("10.7.0.0/16", direct("wg0")),
            ("10.8.0.0/16", farther("eth0")),
            ("10.9.0.0/16", (By::NoInterface, false)),
            ("10.10.0.0/16", (By::NoInterface, false)),
            ("10.11.0.0/16", (By::NoInterface, false)),
            ("10.12.0.0/16", (By::NoInterface, false)),
            ("10.13.0.0/16", (By::NoInterface, false)),
            ("10.14.0.0/16", (By::NoInterface, false)),
            ("fd01::/64", (By::NoInterface, false)),
            ("fd02::/64", (By::NoInterface, false)),
            ("fd03::/64", (By::NoInterface, false)),
            ("fd04::/64", (By::NoInterface, false)),
        ] {
            let routed = of(net);
            assert_eq!((routed.by, routed.direct), expected, "{net}");
        }
    });
}
