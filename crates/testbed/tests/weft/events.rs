//! `weft events`: what happened, on every host, also after a crash.

use crate::cluster::{Cluster, SOON, sh, sleeper};
use serde_json::Value;
use std::time::Duration;
use weft_testbed::{Host, World, until};

/// How long it takes until a host counts as down: twice its session's time, at worst.
const SESSION_ENDED: Duration = Duration::from_secs(60);

/// The events that a host tells, as `type action name`.
fn told(host: &Host, options: &[&str]) -> Vec<String> {
    let printed = host.run(&[&["weft", "events", "--format", "json"], options].concat());
    printed.lines().map(short).collect()
}

fn short(line: &str) -> String {
    let event: Value = serde_json::from_str(line).expect("a line of JSON");
    let field = |name: &str| event[name].as_str().expect("each event has it").to_owned();
    assert!(event["time"].as_str().is_some_and(|time| time.ends_with('Z')), "{line}");
    format!("{} {} {}", field("type"), field("action"), field("name"))
}

/// Waits until a host tells of something.
#[track_caller]
fn tells(host: &Host, what: &str) {
    until(what, SOON, || told(host, &[]).iter().any(|event| event == what));
}

#[test]
fn what_happens_is_told_on_every_host() {
    let Some(world) = World::up(2) else { return };
    let mut cluster = Cluster::up_with(world, &["--cluster-store-opt=discovery.ttl=10"]);
    let following = cluster.host(1).spawn(&["weft", "events", "--follow", "--format", "json"]);
    cluster.create_network(&["overlay"]);
    sleeper(cluster.host(2), "overlay", "web", &[]);
    for host in [1, 2] {
        tells(cluster.host(host), "network created overlay");
        tells(cluster.host(host), "endpoint attached web");
    }
    following.logs("\"attached\"", SOON);

    // The same name on another host.
    cluster.host(2).run(&["weft", "rm", "-f", "web"]);
    tells(cluster.host(1), "endpoint detached web");
    cluster.agents[1].kill9();
    until("it is noticed that its session has ended", SESSION_ENDED, || {
        told(cluster.host(1), &[]).iter().any(|event| event == "node down host2")
    });
    cluster.agents[1].restart();
    until("it is up again", SOON, || {
        told(cluster.host(1), &["--filter", "type=node"]).last().is_some_and(|last| last == "node up host2")
    });

    cluster.store.kill9();
    tells(cluster.host(1), "store lost consul://192.168.77.11:8500");
    cluster.store.restart();
    tells(cluster.host(1), "store back consul://192.168.77.11:8500");
    cluster.host(1).run(&["weft", "network", "rm", "overlay"]);
    tells(cluster.host(1), "network removed overlay");

    let host = cluster.host(1);
    let all = told(host, &[]);
    let of = |options: &[&str]| told(host, options);
    assert_eq!(of(&["--since", "1h"]), all);
    assert_eq!(of(&["--until", "1h"]), Vec::<String>::new());
    let networks = of(&["--filter", "type=network", "--filter", "network=overlay"]);
    assert_eq!(networks, ["network created overlay", "network removed overlay"]);
    assert!(host.run(&["weft", "events"]).contains(" endpoint attached web (id="), "for people");
    assert!(host.refused(&["weft", "events", "--since", "soon"]).contains("is no time"));
    until("who listened has heard it all", SOON, || {
        let heard: Vec<String> =
            following.log().lines().filter(|line| line.starts_with('{')).map(short).collect();
        heard.last().is_some_and(|last| last == "network removed overlay") && all.ends_with(&heard)
    });

    what_was_connected(host);

    // After a crash in the middle of a line, and with somebody's nonsense.
    cluster.agents[0].kill9();
    sh(
        cluster.host(1),
        "printf '{\"time\":\"2026-' >>/var/lib/weft/events.jsonl; stat -c %a /var/lib/weft/events.jsonl | grep -qx 600",
    );
    cluster.agents[0].restart();
    cluster.host(1).run(&["weft", "network", "create", "other"]);
    tells(cluster.host(1), "network created other");
    let after = told(cluster.host(1), &[]);
    assert_eq!(after[..all.len()], all[..], "nothing is lost");
}

/// What was connected when the container was, and when it was not any more.
fn what_was_connected(host: &Host) {
    let events = host.run(&["weft", "events", "--format", "json", "--filter", "name=web"]);
    let times: Vec<Value> = events.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let then = |event: &Value, what: &[&str]| {
        let at = event["time"].as_str().expect("it has a time");
        host.output(&[&["weft", "history", "--at", at], what].concat())
    };
    let shown = |output: std::process::Output| String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(shown(then(&times[0], &[])).contains("web"), "{events}");
    let json: Value = serde_json::from_str(&shown(then(&times[0], &["--format", "json"]))).expect("JSON");
    assert_eq!((&json[0]["name"], &json[0]["node"]), (&"web".into(), &"host2".into()), "{json}");
    assert!(!shown(then(&times[1], &[])).contains("web"), "{events}");
    assert!(host.refused(&["weft", "history", "--at", "1h"]).contains("nothing is known of"));
}
