//! The ends that are left to container engines, which do with them as they like.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod lab;

use lab::{Host, Wanted, isolated};
use std::time::{Duration, Instant};
use weft_model::EndpointId;

/// Takes the interface as libnetwork does (`AddInterface`, `osl/interface_linux.go`).
fn take(host: &Host, id: EndpointId, container: &str, address: &str) {
    let short = id.short();
    host.container(container);
    host.sh(&format!(
        "ip link set v{short} netns {container}; ip -n {container} link set v{short} down name eth0;
         ip -n {container} address add {address} dev eth0; ip -n {container} link set eth0 up"
    ));
}

/// Gives it back, as when the container leaves the network.
fn give_back(host: &Host, id: EndpointId, container: &str) {
    let short = id.short();
    host.sh(&format!(
        "ip -n {container} link set eth0 down name v{short}; ip -n {container} link set v{short} netns $$"
    ));
}

/// A host with a segment, and an end on it that an engine was just given.
fn with_an_engines_end() -> (Host, Wanted, EndpointId) {
    let host = Host::new(1);
    let mut wanted = Wanted::default();
    wanted.segment(256, host.ip, &["10.0.0.1/24"]);
    let id = wanted.for_engine(256, "10.0.0.2/24");
    host.reach(&wanted);
    wanted.hand_over(id, true);
    (host, wanted, id)
}

/// Whether a ping is answered soon: an interface that just came up is not heard at once on a busy machine.
fn pings(host: &Host, container: &str, to: &str) -> bool {
    (0..10).any(|_| host.ping(container, to))
}

#[test]
fn an_engine_takes_its_end_and_nobody_minds_where_it_is() {
    isolated(|| {
        let host = Host::new(1);
        host.container("plain");
        let mut wanted = Wanted::default();
        wanted.segment(256, host.ip, &["10.0.0.1/24"]).local(256, "plain", &["10.0.0.9/24"]);
        let id = wanted.for_engine(256, "10.0.0.2/24");
        host.reach(&wanted);
        let link = host.sh(&format!("ip link show v{}", id.short()));
        assert!(link.contains("mtu 1450") && link.contains("02:42:0a:00:00:02"), "{link}");

        wanted.hand_over(id, true);
        host.reach(&wanted);
        take(&host, id, "box", "10.0.0.2/24");
        let unchanged = |host: &Host| {
            let plan = host.plan(&wanted.0);
            assert!(plan.steps.is_empty() && plan.problems.is_empty(), "{plan}\n{:?}", plan.problems);
        };
        unchanged(&host);
        assert!(pings(&host, "plain", "10.0.0.2") && pings(&host, "box", "10.0.0.1"));
        give_back(&host, id, "box");
        unchanged(&host);
        host.sh("ip netns delete box");
        take(&host, id, "box", "10.0.0.2/24");
        unchanged(&host);
        assert!(pings(&host, "plain", "10.0.0.2"));

        // The container dies; the kernel takes a namespace apart in its own time.
        host.sh("ip netns delete box");
        let deadline = Instant::now() + Duration::from_secs(10);
        while host.succeeds(&format!("ip -n weft-256 link show p{}", id.short())) {
            // It forgets what is behind a port before the port: what is planned in between is done in vain.
            assert!(Instant::now() < deadline, "the pair outlives the container");
        }
        unchanged(&host);
        assert!(!host.succeeds(&format!("ip link show v{}", id.short())), "the pair was made again");
    });
}

#[test]
fn an_engine_can_leave_at_any_time() {
    isolated(|| {
        let host = Host::new(1);
        let mut wanted = Wanted::default();
        wanted.segment(256, host.ip, &["10.0.0.1/24"]);
        let without = wanted.clone();
        let id = wanted.for_engine(256, "10.0.0.2/24");
        let gone = |host: &Host| {
            assert!(!host.succeeds(&format!("ip link show v{}", id.short())), "the host still has it");
        };

        // Before it took its end.
        host.reach(&wanted);
        host.reach(&without);
        gone(&host);
        // While it has it.
        host.reach(&wanted);
        take(&host, id, "box", "10.0.0.2/24");
        host.reach(&without);
        assert!(!host.succeeds("ip -n box link show eth0"));
        // With our own end lost.
        host.reach(&wanted);
        host.sh(&format!("ip -n weft-256 link set p{} down name other", id.short()));
        host.reach(&without);
        gone(&host);
    });
}

#[test]
fn an_engines_end_has_the_mtu_that_fits_wherever_it_is() {
    isolated(|| {
        let (host, mut wanted, id) = with_an_engines_end();
        let mtu = |host: &Host| host.sh("ip netns exec box cat /sys/class/net/eth0/mtu").trim().to_owned();
        let mut fits = |host: &Host, mtu: u32| {
            wanted.0.segments.values_mut().for_each(|segment| segment.mtu = mtu);
            host.reach(&wanted);
            let plan = host.plan(&wanted.0);
            assert!(plan.steps.is_empty(), "{plan}");
        };
        take(&host, id, "box", "10.0.0.2/24");
        for steps in [1350, 8950, 1300] {
            fits(&host, steps);
            assert_eq!(mtu(&host), steps.to_string());
        }
        // Also with other aliases on the container's end, and again with the same values.
        for alias in ["theirs", ""] {
            host.sh(&format!("ip -n box link set eth0 alias '{alias}'"));
            for steps in [1250, 1300] {
                fits(&host, steps);
                assert_eq!(mtu(&host), steps.to_string());
            }
        }
        // A container may want less than fits.
        host.sh("ip -n box link set eth0 mtu 1200");
        fits(&host, 1450);
        assert_eq!(mtu(&host), "1200");
        // Where the engine has it not yet, or no more, it is let be.
        give_back(&host, id, "box");
        fits(&host, 1350);
        host.sh("ip netns delete box");
        take(&host, id, "box", "10.0.0.2/24");
        fits(&host, 1100);
        assert_eq!(mtu(&host), "1100");
        assert!(pings(&host, "box", "10.0.0.1"));
    });
}

#[test]
fn a_fenced_endpoint_of_an_engine_hears_nothing() {
    isolated(|| {
        let (host, mut wanted, id) = with_an_engines_end();
        take(&host, id, "box", "10.0.0.2/24");
        assert!(pings(&host, "box", "10.0.0.1"));
        wanted.0.attachments.get_mut(&id).unwrap().up = false;
        host.reach(&wanted);
        assert!(!host.ping("box", "10.0.0.1"));
        wanted.0.attachments.get_mut(&id).unwrap().up = true;
        host.reach(&wanted);
        assert!(pings(&host, "box", "10.0.0.1"));
    });
}
