//! What is found out about the network below.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod lab;

use lab::{Host, Wanted, block_on, isolated};
use weft_datapath::underlay::{UnderlayError, mtu, routes};

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
        assert_eq!(host.run(move || block_on(mtu(ip)).unwrap()), 1400);
        let elsewhere = "192.168.77.99".parse().unwrap();
        let error = host.run(move || block_on(mtu(elsewhere)).unwrap_err());
        assert!(matches!(error, UnderlayError::NotHere(_)), "{error}");
        let routes: Vec<String> =
            host.run(|| block_on(routes()).unwrap()).iter().map(ToString::to_string).collect();
        for route in ["10.7.0.0/16", "192.168.77.0/24", "fd77::/64"] {
            assert!(routes.iter().any(|r| r == route), "{route} is missing: {routes:?}");
        }
        assert!(!routes.iter().any(|r| r == "10.0.0.0/24" || r == "0.0.0.0/0"), "{routes:?}");
    });
}
