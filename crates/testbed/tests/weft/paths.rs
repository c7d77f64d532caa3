//! The paths between hosts are measured, and what is wrong with them is told on both.

use crate::cluster::{Cluster, SOON, cut, exec, mend, sleeper};
use serde_json::Value;
use std::time::Duration;
use weft_testbed::{Container, Host, World, last_release, until};

/// Within this, what is wrong is told.
const TOLD: Duration = Duration::from_secs(10);

/// What one host's `node ls` says of another's path.
fn path(host: &Host, to: &str) -> Value {
    let nodes = host.json(&["weft", "node", "ls", "--format", "json"]);
    let found = nodes.as_array().and_then(|all| all.iter().find(|node| node["name"] == to).cloned());
    found.map(|node| node["path"].clone()).unwrap_or_default()
}

fn works(host: &Host, to: &str) -> bool {
    let path = path(host, to);
    path["state"] == "works" && path["round_trip_us"].is_u64() && path["mtu"] == path["full_mtu"]
}

/// Whether `weft status` fails, and says all of this in one problem.
fn tells(host: &Host, words: &[&str]) -> bool {
    let output = host.output(&["weft", "status", "--format", "json"]);
    let status: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let problems = status["problems"].as_array().cloned().unwrap_or_default();
    let told =
        |problem: &Value| problem.as_str().is_some_and(|text| words.iter().all(|word| text.contains(word)));
    output.status.code() == Some(1) && problems.iter().any(told)
}

fn is_well(host: &Host) -> bool {
    host.output(&["weft", "status"]).status.success()
}

/// Two hosts that measure each other.
#[track_caller]
fn measured(options: &[&str]) -> Option<Cluster> {
    let cluster = Cluster::up_with(World::up(2)?, options);
    until("the path is measured from both ends", SOON, || {
        works(cluster.host(1), "host2") && works(cluster.host(2), "host1")
    });
    Some(cluster)
}

#[test]
fn what_is_blocked_between_hosts_is_told_on_both_and_gone_when_it_is_mended() {
    let Some(cluster) = measured(&[]) else { return };
    let [one, two] = [1, 2].map(|number| cluster.host(number));
    let listed = one.run(&["weft", "node", "ls"]);
    assert!(listed.contains("PATH") && listed.contains(" ms "), "{listed}");
    assert_eq!(path(one, "host1"), Value::Null);
    for host in [one, two] {
        assert_eq!(host.run(&["weft", "plan"]).trim(), "");
        assert!(is_well(host), "{}", host.run(&["sh", "-c", "weft status || true"]));
    }
    let [lost, one_way] = ["arrive here by VXLAN, so that", "no packets from this host arrive on"];
    let vxlan = "udp dport 4789";
    let cases = [
        // Of the second host: what it sends, what it gets; what the two of them say.
        (vxlan, vxlan, [lost, lost]),
        ("", vxlan, [one_way, lost]),
        (vxlan, "", [lost, one_way]),
    ];
    for (sent, received, [first, second]) in cases {
        cut(two, sent, received);
        until("the first tells of it", TOLD, || tells(one, &["host2", first, "4789/udp"]));
        until("so does the second", TOLD, || tells(two, &["host1", second, "4789/udp"]));
        mend(two);
        for host in [one, two] {
            until("it is gone", TOLD, || is_well(host));
        }
    }
    for (host, other) in [(one, "host2"), (two, "host1")] {
        let told =
            || host.run(&["weft", "events", "--filter", "type=path", "--filter", &format!("node={other}")]);
        until("it is among the events", SOON, || {
            told()
                .trim_end()
                .lines()
                .next_back()
                .is_some_and(|last| last.contains(&format!(" path mended {other} ")))
        });
        let (lost, log) = (told().matches(&format!(" path lost {other} ")).count(), told());
        // What follows within ten seconds is not told each time.
        assert!(lost >= 1 && log.contains("by VXLAN"), "{log}");
    }
}

#[test]
fn small_packets_alone_are_told_with_their_size() {
    let Some(cluster) = measured(&[]) else { return };
    let [one, two] = [1, 2].map(|number| cluster.host(number));
    // What VXLAN wraps a packet of 1350 bytes in makes it 1400.
    cut(two, "udp dport 4789 meta length > 1400", "udp dport 4789 meta length > 1400");
    for (host, other) in [(one, "host2"), (two, "host1")] {
        until("it is told", TOLD, || tells(host, &["only packets of up to 1350 bytes", other, "mtu 1400"]));
        assert_eq!(path(host, other)["mtu"], 1350);
    }
    mend(two);
    for host in [one, two] {
        until("it is gone", TOLD, || is_well(host));
    }
    cut(two, "", "udp dport 4789 meta length > 1000");
    until("it is told", TOLD, || tells(one, &["up to 950 bytes pass from this host to host2"]));
    until("on the other, too", TOLD, || tells(two, &["up to 950 bytes pass to this host from host1"]));
    // Who makes networks that fit has no problem.
    cluster.create_network(&["-o", "mtu=900", "small"]);
    let _boxes = [(one, "one"), (two, "two")].map(|(host, name)| Container::attach(host, "small", name));
    for host in [one, two] {
        until("all that there is fits", SOON, || is_well(host));
    }
}

#[test]
fn networks_keep_to_what_passes_between_the_hosts() {
    let Some(cluster) = World::up(3).map(Cluster::up_on) else { return };
    let [one, two, three] = [1, 2, 3].map(|number| cluster.host(number));
    cluster.create_network(&["overlay"]);
    let boxes = [(one, "one"), (two, "two"), (three, "three")];
    boxes.iter().for_each(|(host, name)| sleeper(host, "overlay", name, &[]));
    let inside = |number: usize, command: &[&str]| exec(boxes[number].0, boxes[number].1, command);
    let link = |number: usize| inside(number, &["ip", "link", "show", "eth0"]);
    let all_have = |size: &str| (0..3).all(|number| link(number).contains(&format!(" mtu {size} ")));
    until("it begins with what the devices carry", SOON, || all_have("1450"));
    // What comes by VXLAN with more than 1350 bytes in it is lost between two of the hosts.
    let between = "udp dport 4789 ip saddr 192.168.77.11 meta length > 1400";
    let back = "udp dport 4789 ip daddr 192.168.77.11 meta length > 1400";
    cut(two, back, between);
    until("all have what passes, also the third", SOON, || all_have("1350"));
    for (from, to) in [(0, 1), (1, 0), (0, 2), (2, 1)] {
        inside(from, &["ping", "-c2", "-i0.2", "-W2", "-M", "do", "-s", "1322", boxes[to].1]);
    }
    for host in [one, two] {
        until("it is no problem any more, and said", SOON, || {
            let output = host.output(&["weft", "status"]);
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            output.status.success() && said.contains("networks without -o mtu are kept to what gets to host")
        });
    }
    let node = one.json(&["weft", "node", "inspect", "host2"]);
    assert_eq!((&node[0]["underlay_mtu"], &node[0]["device_mtu"]), (&1400.into(), &1500.into()), "{node}");
    // A network that asks for more gets it, and what that means is said.
    cluster.create_network(&["-o", "mtu=1450", "large"]);
    let _large =
        [(one, "large-1"), (two, "large-2")].map(|(host, name)| Container::attach(host, "large", name));
    until("it is told", TOLD, || {
        tells(one, &["only packets of up to 1350 bytes pass between this host and host2"])
    });
    mend(two);
    for host in [one, two] {
        until("it is over", TOLD, || is_well(host) && path(host, "host3")["mtu"] == 1450);
    }
    // When it has passed for a minute.
    until("the record says it", Duration::from_secs(90), || {
        one.json(&["weft", "node", "inspect", "host2"])[0]["underlay_mtu"] == 1500
    });
    assert!(all_have("1350"), "more is made use of when it has passed for a while");
}

#[test]
fn another_port_for_vxlan_is_told_from_what_the_other_host_says() {
    let Some(world) = World::up(2) else { return };
    let [one, two] = [1, 2].map(|number| world.host(number));
    let store = one.consul();
    let usual = ["--cluster-store", store.url(), "--cluster-advertise=eth0"];
    let _agents = [one.agent(&usual), two.agent(&[&usual[..], &["--vxlan-port=4790"]].concat())];
    until("the first tells of it", SOON, || {
        tells(one, &["host2 receives VXLAN packets on port 4790/udp", "4789/udp"])
    });
    until("so does the second", SOON, || {
        tells(two, &["host1 receives VXLAN packets on port 4789/udp", "4790/udp"])
    });
}

#[test]
fn an_earlier_version_is_nobody_to_measure_to() {
    let Some(earlier) = last_release() else { return };
    let earlier = earlier.to_str().expect("a path that can be typed");
    let Some(world) = World::up(2) else { return };
    let [one, two] = [1, 2].map(|number| world.host(number));
    let consul = one.consul();
    let store = format!("--cluster-store={}", consul.url());
    let _first = one.agent(&[&store, "--cluster-advertise=eth0"]);
    let _second = two.spawn(&[earlier, "agent", &store, "--cluster-advertise=eth0"]);
    until("they know each other", SOON, || one.run(&["weft", "node", "ls"]).contains("host2"));
    // Longer than it takes to find out that nothing answers.
    std::thread::sleep(TOLD);
    assert!(is_well(one), "{}", one.run(&["sh", "-c", "weft status || true"]));
    assert_eq!(path(one, "host2"), Value::Null);
}

#[test]
fn what_others_do_to_the_device_is_repaired_and_leaving_takes_it_away() {
    let Some(mut cluster) = measured(&[]) else { return };
    let [one, two] = [1, 2].map(|number| cluster.host(number).clone());
    let device =
        |host: &Host| host.output(&["ip", "-n", "weft-16777215", "link", "show", "vxlan0"]).status.success();
    for meddling in [
        "ip -n weft-16777215 link del vxlan0",
        "ip -n weft-16777215 link set vxlan0 down",
        "bridge -n weft-16777215 fdb flush dev vxlan0",
        "ip netns delete weft-16777215",
    ] {
        one.run(&["sh", "-ec", meddling]);
        until("it is as it was", SOON, || one.run(&["weft", "plan"]).trim().is_empty());
        until("and measures", SOON, || works(&one, "host2"));
    }
    let refused = one.refused(&["weft", "network", "create", "-o", "vni=16777215", "overlay"]);
    assert!(refused.contains("measures the paths"), "{refused}");
    let links = one.run(&["ip", "-brief", "link"]);
    assert!(!links.contains("vxlan"), "nothing of it is in the host's namespace: {links}");
    let metrics = one.ask("GET", "/metrics", None, SOON).expect("the agent answers").body;
    for name in ["weft_peer_rtt_seconds", "weft_peer_loss_ratio", "weft_peer_path_mtu_bytes"] {
        assert!(metrics.contains(&format!("{name}{{node=\"host2\"}}")), "{name}: {metrics}");
    }
    two.run(&["weft", "leave"]);
    until("it has gone", SOON, || !device(&two));
    until("nobody is left to measure to", SOON, || !device(&one));
    cluster.agents[0].kill9();
}
