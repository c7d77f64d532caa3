//! What others break is mended, and what is no longer wanted goes without a trace.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod lab;

use lab::{Host, SABOTAGE, Wanted, block_on, everything, isolated, mac};
use weft_datapath::{Datapath, Linux};
use weft_plan::{Desired, plan};

#[test]
fn what_others_break_is_mended() {
    isolated(|| {
        let host = Host::new(1);
        let wanted = everything(&host);
        host.reach(&wanted);
        let port = wanted.0.attachments.keys().next().map(|id| format!("p{}", id.short())).unwrap();
        for sabotage in SABOTAGE {
            host.sh(&sabotage.replace("$port", &port));
            let plan = host.plan(&wanted.0);
            assert!(!plan.steps.is_empty(), "nobody noticed `{sabotage}`");
            mend(&host, &wanted, sabotage);
        }
        // There only where its module is loaded.
        let netfilter = "/proc/sys/net/bridge/bridge-nf-call-iptables";
        if std::path::Path::new(netfilter).exists() {
            let inside = format!("ip netns exec weft-256 sh -c 'read value <{netfilter}; test $value = 0'");
            host.sh(&inside);
            host.sh(&format!("ip netns exec weft-256 sh -c 'echo 1 >{netfilter}'"));
            mend(&host, &wanted, "packet filter for bridges");
            host.sh(&inside);
        }
        for to in ["10.0.0.1", "fd00::1"] {
            assert!(host.ping("box", to), "{to} is not reached after all that");
        }
    });
}

/// Rounds until nothing is left to do: the kernel removes a deleted namespace's devices in its own time, and
/// a plan that meets one says so and is tried again.
fn mend(host: &Host, wanted: &Wanted, sabotage: &str) {
    let mut failures = Vec::new();
    for _ in 0..50 {
        let plan = host.plan(&wanted.0);
        if plan.steps.is_empty() {
            return;
        }
        let report = host.apply(&plan);
        failures = report.failures;
        // What seems to be another's goes with the end that is known to be weft's; then its netns is free.
        if failures.is_empty() && plan.problems.is_empty() {
            let second = host.plan(&wanted.0);
            assert!(second.steps.is_empty(), "after `{sabotage}` a second plan is not empty:\n{second}");
        }
    }
    panic!("`{sabotage}` was not mended: {failures:#?}");
}

#[test]
fn removal_leaves_nothing() {
    isolated(|| {
        let host = Host::new(1);
        let wanted = everything(&host);
        let inventory = "ip -o link; ip -n box -o link; ip route; ip -6 route; ls /run/netns; nft list ruleset; \
                         ip -n box route";
        // Link numbers and the loopback device's state in a container stay changed.
        host.sh("sysctl -q net.ipv4.ip_forward=1; ip -n box link set lo up");
        let before = host.sh(inventory);
        host.reach(&wanted);
        assert_ne!(host.sh(inventory), before);
        host.reach(&Wanted::default());
        assert_eq!(host.sh(inventory), before);
    });
}

#[test]
fn an_address_that_moved_answers_its_first_ping() {
    isolated(|| {
        let hosts = [Host::new(1), Host::new(2), Host::new(3)];
        let netns = |at: usize| -> Vec<Wanted> {
            let mut all = Vec::new();
            for (n, host) in hosts.iter().enumerate() {
                let mut wanted = Wanted::default();
                wanted.segment(256, host.ip, &["10.0.0.1/24"]);
                match n {
                    0 => wanted.local(256, "box", &["10.0.0.2/24"]),
                    n if n == at => wanted.local(256, "box", &["10.0.0.3/24"]),
                    _ => wanted.local(256, "box", &["10.0.0.4/24"]),
                };
                if n != 0 {
                    wanted.remote(256, hosts[0].ip, &["10.0.0.2"]);
                }
                if n != at {
                    wanted.remote(256, hosts[at].ip, &["10.0.0.3"]);
                }
                all.push(wanted);
            }
            all
        };
        hosts.iter().for_each(|host| host.container("box"));
        for at in [1, 2, 1] {
            for (host, wanted) in hosts.iter().zip(netns(at)) {
                host.reach(&wanted);
            }
            assert!(hosts[0].ping("box", "10.0.0.3"), "10.0.0.3 on host {at}");
        }
    });
}

#[test]
fn what_is_not_ours_is_left_alone_and_named() {
    isolated(|| {
        let host = Host::new(1);
        let wanted = everything(&host);
        host.sh("ip netns add weft-256; ip link add weft-257 type bridge");
        let plan = host.plan(&wanted.0);
        assert_eq!(plan.problems.len(), 1, "{plan}");
        assert!(plan.problems[0].message.contains("ip netns delete weft-256"), "{}", plan.problems[0]);
        assert!(host.apply(&plan).is_complete());
        assert!(host.succeeds("ip -n weft-256 link show lo && ip link show weft-257"));

        host.sh("ip netns delete weft-256; ip -n box link add eth0 type bridge");
        host.sh("ip link add other type bridge; ip link set other up; ip route add 10.0.0.0/24 dev other");
        let plan = host.plan(&wanted.0);
        let problems: Vec<String> = plan.problems.iter().map(ToString::to_string).collect();
        assert!(problems.iter().any(|p| p.contains("eth0 that weft did not make")), "{problems:?}");
        assert!(host.apply(&plan).is_complete());
        assert!(host.succeeds("ip -n box -d link show eth0 | grep -q bridge"));
        assert!(host.succeeds("ip route show 10.0.0.0/24 | grep -q 'dev other'"));

        host.sh("ip -n box link delete eth0");
        let plan = host.plan(&wanted.0);
        let problems: Vec<String> = plan.problems.iter().map(ToString::to_string).collect();
        assert!(problems.iter().any(|p| p.contains("10.0.0.0/24 is routed through other")), "{problems:?}");
        assert!(host.apply(&plan).is_complete());
        assert!(host.succeeds("ip route show 10.0.0.0/24 | grep -q 'dev other'"));
        assert!(host.ping("box", "10.0.0.1"), "the overlay itself works");

        // Of a route that leads nowhere the kernel answers with an error when it is asked for the way.
        for kind in ["blackhole", "prohibit", "unreachable"] {
            host.sh(&format!("ip route flush 10.0.0.0/24; ip route add {kind} 10.0.0.0/24; ip -n box route replace {kind} default"));
            let plan = host.plan(&wanted.0);
            let problems: Vec<String> = plan.problems.iter().map(ToString::to_string).collect();
            for net in ["10.0.0.0/24", "default"] {
                let said = format!("{net} is routed through several links or none");
                assert!(problems.iter().any(|p| p.contains(&said)), "{problems:?}");
            }
            assert!(host.apply(&plan).is_complete());
            host.sh(&format!("ip route del {kind} 10.0.0.0/24; ip -n box route del {kind} default"));
        }
    });
}

#[test]
fn half_made_things_are_made_whole() {
    isolated(|| {
        let host = Host::new(1);
        let wanted = everything(&host);
        // A crash between the file and the mount; between a link and its alias; an orphan of a past run.
        host.sh("mkdir -p /run/netns; touch /run/netns/weft-256 /run/netns/weft-300");
        host.reach(&wanted);
        assert!(host.succeeds("test ! -e /run/netns/weft-300"));
        host.sh("ip -n box link set eth0 alias ''; ip link set weft-256 alias ''");
        mend(&host, &wanted, "lost aliases");
    });
}

#[test]
fn a_container_that_is_gone_stops_nobody() {
    isolated(|| {
        let host = Host::new(1);
        let mut wanted = everything(&host);
        let gone = wanted.local(256, "gone", &["10.0.0.7/24"]);
        host.reach(&wanted);
        assert!(host.ping("box", "10.0.0.1"));
        host.container("gone");
        host.reach(&wanted);
        assert!(host.ping("gone", "10.0.0.2"));
        // Another namespace under the same path, as after a container's restart.
        host.sh("ip netns delete gone; ip netns add gone");
        host.reach(&wanted);
        assert!(host.ping("gone", "10.0.0.2"));
        // Fenced: there, but down.
        wanted.0.attachments.get_mut(&gone).unwrap().up = false;
        host.reach(&wanted);
        assert!(!host.ping("gone", "10.0.0.2"));
        assert_eq!(wanted.0.attachments[&gone].mac, mac("10.0.0.7"));
    });
}

#[test]
fn agents_of_two_network_namespaces_leave_each_other_alone() {
    isolated(|| {
        let host = Host::new(1);
        let wanted = everything(&host);
        host.reach(&wanted);
        // The same `/run/netns`, another network namespace, and the same segment wanted.
        let theirs = wanted.0.clone();
        let (plan, removal) = host.run(move || {
            let other = std::thread::spawn(move || {
                weft_netlink::create_named::<weft_netlink::NamespaceError>("other-host", || Ok(())).unwrap();
                block_on(async {
                    let datapath = Linux::new();
                    let first = plan(&theirs, &datapath.observe(&theirs).await.unwrap());
                    assert!(datapath.apply(&first).await.is_complete(), "{first}");
                    let nothing = Desired::default();
                    let removal = plan(&nothing, &datapath.observe(&nothing).await.unwrap());
                    assert!(datapath.apply(&removal).await.is_complete(), "{removal}");
                    (first, removal)
                })
            });
            other.join().unwrap()
        });
        assert!(
            plan.problems[0].message.contains("namespace weft-256 that this agent did not make"),
            "{plan}"
        );
        assert_eq!(removal.steps, []);
        assert_eq!(host.plan(&wanted.0).steps, []);
        assert!(host.ping("box", "10.0.0.1"));
    });
}
