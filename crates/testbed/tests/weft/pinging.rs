//! `weft ping`: packets to hosts and containers.

use crate::cluster::{Cluster, SOON, cut, mend, sleeper};
use serde_json::Value;
use weft_testbed::{Host, until};

/// What came of each packet.
fn pinged(host: &Host, arguments: &[&str]) -> Vec<Value> {
    let output = host.output(&[&["weft", "ping", "-i", "0.2", "--format", "json"], arguments].concat());
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().map(|line| serde_json::from_str(line).expect("each line is a document")).collect()
}

#[test]
fn hosts_and_containers_answer_or_it_is_said_why_not() {
    let Some(cluster) = Cluster::up(2) else { return };
    let [one, two] = [1, 2].map(|number| cluster.host(number));
    cluster.create_network(&["overlay"]);
    cluster.create_network(&["other"]);
    until("the other host answers", SOON, || {
        pinged(one, &["-c1", "host2"]).iter().any(|it| it["round_trip_us"].is_u64())
    });
    // Also from the end that is asked only, and as large as packets of containers may be.
    for (host, to, size) in [(one, "host2", "76"), (two, "host1", "1450")] {
        let text = host.run(&["weft", "ping", "-c3", "-i0.2", "-s", size, to]);
        let says = |words: &str| text.contains(words);
        assert!(says(&format!("{size} bytes from {to} (")) && says("3 received, 0% packet loss"), "{text}");
        assert!(says("by VXLAN") && says("rtt min/avg/max = "), "{text}");
    }
    for (arguments, words) in [
        (vec!["-s1451", "host2"], "76 to 1450 bytes"),
        (vec!["host1"], "is this host itself"),
        (vec!["nobody"], "nobody is no other host"),
    ] {
        let refused = one.refused(&[&["weft", "ping", "-c1"], arguments.as_slice()].concat());
        assert!(refused.contains(words), "{refused}");
    }

    sleeper(two, "overlay", "b", &[]);
    until("the first host knows of it", SOON, || {
        one.refused(&["weft", "ping", "-c1", "b"]).contains("nothing else of this host is on a network of b")
    });
    sleeper(one, "other", "elsewhere", &[]);
    sleeper(one, "overlay", "a", &[]);
    let text = one.run(&["weft", "ping", "-c2", "-i0.2", "b"]);
    assert!(text.contains("on host2, from a: 84 bytes") && text.contains(" 2 received"), "{text}");
    let full = pinged(one, &["-c1", "-s1450", "--from", "a", "b"]);
    assert!(full[0]["round_trip_us"].is_u64() && full[0]["size"] == 1450, "{full:?}");
    let large = pinged(one, &["-c1", "-s1451", "b"]);
    assert!(
        large[0]["why"]
            .as_str()
            .is_some_and(|why| why.contains("more than the MTU of network overlay, 1450")),
        "{large:?}"
    );
    let apart = one.refused(&["weft", "ping", "-c1", "--from", "elsewhere", "b"]);
    assert!(apart.contains("they share none"), "{apart}");

    let given = one.refused(&["weft", "ping", "-c1", "--from", "a", "host2"]);
    assert!(given.contains("leave --from out"), "{given}");
    assert!(one.run(&["weft", "ping", "-c1", "192.168.77.12"]).contains("PING host host2"));

    cut(two, "udp dport 4789", "udp dport 4789");
    for to in ["host2", "b"] {
        let output = one.output(&["weft", "ping", "-c1", to]);
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains("no answer from ") && text.contains("100% packet loss"), "{text}");
        let mends = if to == "b" { "`weft explain a b` says why" } else { "`weft status` says" };
        assert!(output.status.code() == Some(1) && text.contains(mends), "{text}");
    }
    mend(two);
    assert!(one.run(&["weft", "ping", "-c1", "host2"]).contains(" 1 received"));
}
