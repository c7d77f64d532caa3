//! The flows of a kernel.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use rustix::thread::{CapabilitySet, capabilities, set_capabilities};
use std::{
    io::Write,
    net::{SocketAddr, UdpSocket},
    process::{Command, Stdio},
    time::Duration,
};
use weft_netlink::{Flow, Flows, LinkSetting, NetlinkError, Socket, set_link};

const UDP: u8 = 17;
const TCP: u8 = 6;
/// Connection tracking, and a translation.
const RULES: &str = "table inet nat {
    chain output {
        type nat hook output priority -100
        meta nfproto ipv4 udp dport 53 dnat ip to 127.0.0.1:5353
        meta nfproto ipv6 udp dport 53 dnat ip6 to [::1]:5353
    }
}";

/// Runs `test` on a thread with a network namespace of its own; skips it, loudly, without root, or fails if `CI` is set.
fn in_namespace(test: fn()) {
    if !rustix::process::geteuid().is_root() {
        assert!(std::env::var_os("CI").is_none(), "this test needs root");
        return eprintln!("SKIPPED: this test needs root");
    }
    let run = move || {
        weft_netlink::unshare_network().unwrap();
        let mut socket = Socket::open().unwrap();
        let loopback = socket.link_index("lo").unwrap();
        socket.request(set_link(loopback, LinkSetting::Up(true))).unwrap();
        test();
    };
    std::thread::spawn(run).join().unwrap();
}

fn nft(rules: &str) {
    let mut nft = Command::new("nft").args(["-f", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    nft.stdin.take().unwrap().write_all(rules.as_bytes()).unwrap();
    assert!(nft.wait().unwrap().success());
}

/// The flows of a protocol over one family.
fn flows(protocol: u8, ipv4: bool) -> Vec<Flow> {
    Flows::open(Duration::from_secs(5)).unwrap().find(protocol, ipv4, |_| true).unwrap()
}

#[test]
fn flows_are_found_and_forgotten() {
    in_namespace(|| {
        nft(RULES);
        for (loopback, other) in [("127.0.0.1", "[::1]"), ("[::1]", "127.0.0.1")] {
            let (ipv4, address) = (loopback == "127.0.0.1", |port: &str| -> SocketAddr {
                format!("{loopback}{port}").parse().unwrap()
            });
            let socket = UdpSocket::bind(address(":0")).unwrap();
            let elsewhere = UdpSocket::bind(format!("{other}:0")).unwrap();
            socket.send_to(b"x", address(":53")).unwrap();
            elsewhere.send_to(b"x", format!("{other}:53")).unwrap();
            // What nobody listens to is refused, and is a flow all the same.
            std::net::TcpStream::connect(address(":9")).unwrap_err();

            let found = flows(UDP, ipv4);
            let [flow] = &found[..] else { panic!("{found:?}") };
            assert_eq!((flow.to, flow.answered_by), (address(":53"), address(":5353")));
            assert!(flows(TCP, ipv4).iter().all(|flow| flow.protocol == TCP));
            let mut kernel = Flows::open(Duration::from_secs(5)).unwrap();
            kernel.forget(flow).unwrap();
            assert_eq!(flows(UDP, ipv4), []);
            kernel.forget(flow).unwrap();
            for flow in flows(UDP, !ipv4) {
                kernel.forget(&flow).unwrap();
            }
        }
    });
}

#[test]
fn who_has_no_time_is_told() {
    in_namespace(|| {
        nft(RULES);
        UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"x", "127.0.0.1:53").unwrap();
        let mut kernel = Flows::open(Duration::ZERO).unwrap();
        assert!(matches!(kernel.find(UDP, true, |_| true), Err(NetlinkError::Timeout(_))));
    });
}

#[test]
fn who_may_not_is_told() {
    in_namespace(|| {
        nft(RULES);
        // A thread's own.
        let mut sets = capabilities(None).unwrap();
        sets.effective.remove(CapabilitySet::NET_ADMIN);
        set_capabilities(None, sets).unwrap();
        let error = Flows::open(Duration::from_secs(5)).unwrap().find(UDP, true, |_| true).unwrap_err();
        assert!(
            !error.is_unsupported() && error.errno() == Some(rustix::io::Errno::PERM.raw_os_error()),
            "{error}"
        );
    });
}
