//! `weft check` tries all ways between hosts on a network, and leaves nothing.

use crate::cluster::{Cluster, SOON, cut, mend, sleeper};
use serde_json::Value;
use std::time::Duration;
use weft_testbed::{Host, World, until};

/// As long as lasts what nobody ends, and what it takes to notice that it has ended.
const LASTS: Duration = Duration::from_secs(150);

/// What it says, and whether all is well.
fn check(host: &Host, arguments: &[&str]) -> (bool, String) {
    let output = host.output(&[&["weft", "check"], arguments].concat());
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

/// Nothing of a check is there.
#[track_caller]
fn nothing_is_left(cluster: &Cluster, within: Duration) {
    for host in cluster.world.hosts() {
        until("nothing is left of it", within, || {
            let all = ["weft ps -a", "weft endpoint ls", "ip netns", "ls /var/lib/weft/processes"];
            let there = all.map(|line| host.output(&["sh", "-c", line]).stdout);
            !String::from_utf8_lossy(&there.concat()).contains("weft-check-")
        });
        assert_eq!(host.run(&["weft", "plan"]).trim(), "");
    }
}

#[test]
fn all_hosts_try_each_other_and_nothing_is_left() {
    let Some(mut cluster) = World::up(3).map(Cluster::up_on) else { return };
    let refusal = cluster.host(1).refused(&["weft", "check"]);
    assert!(refusal.contains("there is no network to check"), "{refusal}");
    cluster.create_network(&["overlay"]);
    sleeper(cluster.host(2), "overlay", "web", &[]);
    let (passes, said) = check(cluster.host(1), &[]);
    assert!(passes && said.contains("network overlay: all 3 hosts reach each other (6 ways)"), "{said}");
    nothing_is_left(&cluster, SOON);
    cluster.create_network(&["--internal", "inner"]);
    let refusal = cluster.host(1).refused(&["weft", "check"]);
    assert!(refusal.contains("which network? There are inner, overlay"), "{refusal}");
    let (passes, said) = check(cluster.host(3), &["inner"]);
    assert!(passes, "without a way out there is no published port: {said}");

    // Nothing gets from the second to the third.
    let (one, three) = (cluster.host(1), cluster.host(3));
    cut(three, "", "udp dport 4789 ip saddr 192.168.77.12");
    let (passes, said) = check(one, &["overlay"]);
    assert!(!passes && said.contains("network overlay: 4 of 6 ways between 3 hosts pass"), "{said}");
    for way in ["host2 → host3: host3 (10.0.0.", "host3 → host2: host2 (10.0.0."] {
        assert!(said.contains(way) && said.contains("does not answer pings"), "{way} in {said}");
    }
    assert!(said.contains("`weft doctor` on host2 and host3"), "{said}");
    let report: Value = serde_json::from_str(&check(one, &["overlay", "--format", "json"]).1).expect("JSON");
    let broken = report["ways"].as_array().expect("ways").iter().filter(|way| way["passes"] == false).count();
    assert_eq!((broken, report["hosts"].as_array().map(Vec::len)), (2, Some(3)), "{report:#}");
    let xml = check(one, &["overlay", "--format", "junit"]).1;
    assert!(
        xml.contains("tests=\"6\" failures=\"2\"") && xml.contains("name=\"host2 reaches host3\">"),
        "{xml}"
    );
    mend(three);
    // A published port that is filtered, with the rest well.
    // Before it is led on to what it is published for.
    let dropped = "tcp dport 20000-29999 ip saddr 192.168.77.11 drop";
    three.run(&[
        "nft",
        &format!("table inet cut {{ chain p {{ type filter hook prerouting priority -300; {dropped}; }}; }}"),
    ]);
    let (passes, said) = check(one, &["overlay"]);
    assert!(
        passes && said.contains("which host3 is published on") && said.contains("is not reached from host1"),
        "{said}"
    );
    mend(three);
    nothing_is_left(&cluster, SOON);

    // A host without an agent takes no part; one that asks and goes leaves nothing.
    cluster.agents[2].kill9();
    let (passes, said) = check(cluster.host(1), &["overlay"]);
    assert!(
        !passes && said.contains("host3 takes no part: the agent on 192.168.77.13:7946 does not answer"),
        "{said}"
    );
    cluster.agents[2].restart();
    let host = cluster.host(1);
    until("all take part", SOON, || check(host, &["overlay"]).0);
    host.run(&["sh", "-c", "timeout -s KILL 0.3 weft check overlay || true"]);
    nothing_is_left(&cluster, SOON);
}

#[test]
fn what_a_killed_agent_had_put_on_a_network_ends_by_itself() {
    let Some(mut cluster) = World::up(2).map(Cluster::up_on) else { return };
    cluster.create_network(&["overlay"]);
    let asking = cluster.host(1).spawn(&["weft", "check", "overlay"]);
    until("it has begun", SOON, || cluster.host(2).run(&["weft", "ps"]).contains("weft-check-"));
    cluster.agents[0].kill9();
    drop(asking);
    cluster.agents[0].restart();
    nothing_is_left(&cluster, LASTS);
}
