//! Stores as operators run them.

use crate::{
    balancer::Balancer,
    cluster::{SOON, has_network},
};
use std::time::Duration;
use weft_testbed::{Host, World, until};

const GARBAGE: &str = "a key in the store cannot be read; it is left alone";

/// What `weft status` prints, and whether all is well.
fn status(host: &Host, options: &[&str]) -> (String, bool) {
    let output = host.output(&[&["weft", "status"], options].concat());
    (String::from_utf8_lossy(&output.stdout).into_owned(), output.status.success())
}

fn is_well(host: &Host) {
    until("all is well", SOON, || status(host, &[]).1);
}

#[test]
fn behind_a_balancer_that_cuts_nothing_flaps() {
    let Some(world) = World::up(1) else { return };
    let host = world.host(1);
    let _consul = host.consul();
    let balancer = Balancer::new(host, 18500, 8500, Duration::from_secs(3));
    let agent = host.agent(&["--cluster-store=consul://192.168.77.11:18500", "--cluster-advertise=eth0"]);
    is_well(host);
    let lists = || {
        let metrics =
            host.run(&["curl", "-s", "--unix-socket", "/run/weft/weft.sock", "http://localhost/metrics"]);
        metrics.lines().find(|line| line.contains("list") && line.contains("ok")).unwrap_or("").to_owned()
    };
    let before = lists();
    until("it has cut some", Duration::from_secs(30), || {
        assert!(status(host, &[]).1, "{}", agent.log());
        balancer.cut() > 4
    });
    host.run(&["weft", "network", "create", "overlay"]);
    until("a change is seen", Duration::from_secs(2), || has_network(host, "overlay"));
    assert_eq!(lists(), before, "all was listed again");
    assert!(!agent.log().contains("warn"), "{}", agent.log());
}

#[test]
fn keys_of_later_versions_are_no_problem() {
    let Some(world) = World::up(1) else { return };
    let host = world.host(1);
    let _consul = host.consul();
    let agent = host.agent(&["--cluster-store=consul://192.168.77.11:8500", "--cluster-advertise=eth0"]);
    is_well(host);
    let put =
        |key: &str, value: &str| drop(host.run(&["consul", "kv", "put", &format!("weft/v1/{key}"), value]));
    put("gateways/one", "{}");
    put("gateways/two", "{}");
    put("nodes/host1/keys", "x");
    put("nodes/host9", r#"{"format": 2}"#);
    until("they are counted", SOON, || {
        let (text, well) = status(host, &["-v"]);
        assert!(well, "{text}");
        text.contains("4 keys in the store") && text.contains("gateways 2")
    });
    put("vnis/300", "garbage");
    until("garbage is a problem", SOON, || {
        let (text, well) = status(host, &[]);
        !well && text.contains("weft/v1/vnis/300")
    });
    put("vnis/301", "garbage");
    until("both are told of", SOON, || agent.log().matches(GARBAGE).count() == 2);
    host.run(&["consul", "kv", "delete", "weft/v1/vnis/300"]);
    host.run(&["consul", "kv", "delete", "weft/v1/vnis/301"]);
    is_well(host);
    assert_eq!(agent.log().matches(GARBAGE).count(), 2, "{}", agent.log());
}

#[test]
fn a_host_without_authorities_and_a_store_that_is_not_there() {
    let Some(world) = World::up(1) else { return };
    let host = world.host(1);
    // As on a minimal Debian, which has no ca-certificates.
    for place in ["/etc/ssl", "/etc/pki", "/usr/share/ca-certificates"] {
        host.output(&["mount", "-t", "tmpfs", "none", place]);
    }
    // Nothing has this address, so nothing answers.
    let agent = host.agent(&["--cluster-store=consul://192.168.77.99:8500", "--cluster-advertise=eth0"]);
    let said =
        "Consul at 192.168.77.99:8500 does not answer (connect timed out): does it run, is TCP 8500 open?";
    agent.logs(said, SOON);
    // Later attempts fail in another way.
    host.run(&["ip", "route", "add", "unreachable", "192.168.77.99"]);
    until("status says so", SOON, || status(host, &[]).0.contains("does not answer (no route to it)"));
    let (text, log) = (status(host, &[]).0, agent.log());
    assert_eq!(
        text.matches("192.168.77.99:8500 does not").count(),
        2,
        "of the store, and in the log: {text}"
    );
    assert_eq!(log.matches("192.168.77.99:8500 does not").count(), 1, "{log}");
}

#[test]
fn a_weak_token_serves_nothing_new() {
    let Some(world) = World::up(1) else { return };
    let host = world.host(1);
    let serve = ["weft", "store", "serve", "--listen=192.168.77.11:8500", "--token-file=/etc/weft/token"];
    let with = |path: &'static str| [&serve[..], &["--path", path]].concat();
    host.write("/etc/weft/token", "fifteen bytes..");
    let refusal = host.refused(&with("/var/lib/one"));
    assert!(refusal.contains("15 bytes"), "{refusal}");
    host.write("/etc/weft/token", "long enough, but open to all");
    host.run(&["chmod", "644", "/etc/weft/token"]);
    let agent = ["weft", "agent", "--cluster-advertise=eth0", "--store-serve=192.168.77.11:8500"];
    let token = ["--cluster-store-opt=token-file=/etc/weft/token"];
    for command in [with("/var/lib/one"), [&agent[..], &token].concat()] {
        let refusal = host.refused(&command);
        assert!(refusal.contains("chmod 600 /etc/weft/token"), "{refusal}");
    }
    // One that an earlier release served.
    host.run(&["chmod", "600", "/etc/weft/token"]);
    let mut served = host.spawn(&with("/var/lib/one"));
    served.logs("serving", SOON);
    served.stop();
    host.run(&["chmod", "644", "/etc/weft/token"]);
    let served = host.spawn(&with("/var/lib/one"));
    served.logs("serving", SOON);
}
