//! `weft run` and what follows, `weft attach`, and moving between networks.

use crate::cluster::{Cluster, SOON, addresses, exec, ping, sleeper};
use serde_json::Value;
use weft_testbed::{Host, until};

/// What a command that fails exits with.
#[track_caller]
fn code(host: &Host, command: &[&str]) -> i32 {
    host.output(command).status.code().expect("it exits")
}

/// `weft ps -a` of one process.
#[track_caller]
fn described(host: &Host, name: &str) -> Value {
    let all = host.json(&["weft", "ps", "-a", "--format", "json"]);
    let found = all.as_array().and_then(|all| all.iter().find(|one| one["name"] == name));
    found.cloned().unwrap_or_default()
}

#[test]
fn a_process_sees_what_it_was_given() {
    let Some(cluster) = Cluster::up(1) else { return };
    let host = cluster.host(1);
    cluster.create_network(&["overlay"]);
    host.write("/var/lib/given/file", "from the host\n");
    let run = |options: &[&str], script: &str| {
        let run = ["weft", "run", "--rm", "--net", "overlay", "--name", "p"];
        host.output(&[&run, options, &["--", "sh", "-c", script]].concat())
    };
    let told = run(
        &["-v", "/var/lib/given:/mnt:ro", "-e", "A=b c", "-e", "HOME", "-w", "/mnt"],
        r#"cat file; echo "$A"; pwd; hostname; cat /proc/1/comm; grep "$(hostname)" /etc/hosts; touch file"#,
    );
    let stdout = String::from_utf8_lossy(&told.stdout);
    assert!(stdout.starts_with("from the host\nb c\n/mnt\np\n"), "{stdout}");
    assert!(stdout.contains("10.0.0.2\tp\n") && stdout.contains("Read-only"), "{stdout}");
    assert_eq!(told.status.code(), Some(1));
    assert_eq!(run(&["-v", "/var/lib/given:/mnt"], "echo changed >/mnt/file").status.code(), Some(0));
    assert_eq!(host.run(&["cat", "/var/lib/given/file"]), "changed\n");
    // The host has its own.
    assert_eq!(host.run(&["hostname"]), "host1\n");
    assert!(host.run(&["ls", "/mnt"]).lines().all(|name| name != "file"));
    assert_eq!(host.run(&["weft", "ps", "-aq"]), "", "each was forgotten");

    for (options, reason) in [
        (&["-v", "/nowhere:/mnt"][..], "/nowhere"),
        (&["-v", "/var/lib/given:/nowhere"], "create it first"),
        (&["-v", "volume:/mnt"], "no named volumes"),
        (&["-w", "/nowhere"], "/nowhere"),
    ] {
        let refused = run(options, "true");
        let stderr = String::from_utf8_lossy(&refused.stderr);
        assert!(!refused.status.success() && stderr.contains(reason), "{options:?}: {stderr}");
    }
    assert_eq!(host.run(&["weft", "endpoint", "ls", "-q"]), "", "nothing is left of what was refused");
}

#[test]
fn from_its_start_to_its_end() {
    let Some(cluster) = Cluster::up(2) else { return };
    let host = cluster.host(1);
    cluster.create_network(&["overlay"]);
    let script = r#"echo one; echo two >&2; trap 'echo bye; exit 4' TERM; while :; do sleep 0.1; done"#;
    let run = ["weft", "run", "-d", "--net", "overlay", "--name", "p", "--", "sh", "-c", script];
    let id = host.run(&run);
    let id = id.trim();
    until("both lines are there", SOON, || host.run(&["weft", "logs", "p"]) == "one\ntwo\n");
    assert_eq!(host.run(&["weft", "logs", "--tail", "1", &id[..12]]), "two\n");
    assert_eq!(described(host, "p")["networks"], serde_json::json!({"overlay": ["10.0.0.2"]}));
    assert!(host.run(&["weft", "ps"]).contains("up "));
    assert_eq!(host.run(&["weft", "ps", "-q", "--no-trunc"]).trim(), id);

    assert_eq!(exec(host, "p", &["hostname"]), "p\n");
    assert_eq!(
        host.run(&["weft", "exec", "-it", "-e", "A=b", "-w", "/tmp", "p", "sh", "-c", "pwd; echo $A"]),
        "/tmp\nb\n"
    );
    assert_eq!(code(host, &["weft", "exec", "p", "sh", "-c", "exit 9"]), 9);
    assert_eq!(code(host, &["weft", "exec", "p", "no-such-command"]), 127);
    // As docker has it.
    assert!(host.refused(&["weft", "rm", "p"]).contains("weft stop p"));
    assert!(host.refused(&["weft", "stop", "q"]).contains("weft ps -a"));
    assert!(cluster.host(2).refused(&["weft", "exec", "p", "true"]).contains("not found on this host"));
    let again = host.refused(&["weft", "run", "-d", "--net", "overlay", "--name", "p", "--", "true"]);
    assert!(again.contains("weft rm p"), "{again}");

    let follower = host.spawn(&["weft", "logs", "-f", "p"]);
    host.run(&["weft", "stop", "p"]);
    follower.logs("bye", SOON);
    assert_eq!(described(host, "p")["state"]["code"], 4);
    assert!(host.run(&["weft", "ps", "-a"]).contains("exited (4)"));
    assert_eq!(host.run(&["weft", "ps", "-q"]), "");
    assert_eq!(host.run(&["weft", "endpoint", "ls", "-q"]), "");
    assert_eq!(code(host, &["weft", "exec", "p", "true"]), 125);
    host.run(&["weft", "rm", "p"]);
    assert_eq!(host.run(&["weft", "ps", "-aq"]), "");

    // One that does not listen is killed.
    let deaf = ["weft", "run", "-d", "--net", "overlay", "--name", "deaf", "--", "sh", "-c"];
    host.run(&[&deaf[..], &["trap '' TERM; echo ready; while :; do sleep 0.1; done"]].concat());
    until("it does not listen", SOON, || host.run(&["weft", "logs", "deaf"]) == "ready\n");
    host.run(&["weft", "stop", "-t", "1", "deaf"]);
    assert_eq!(described(host, "deaf")["state"]["code"], 137);
    for (command, expected) in [("no-such-command", 127), ("/etc/hosts", 126)] {
        assert_eq!(code(host, &["weft", "run", "--net", "overlay", "--", command]), expected);
    }
}

#[test]
fn a_namespace_is_attached_and_detached() {
    let Some(cluster) = Cluster::up(2) else { return };
    let [one, two] = [cluster.host(1), cluster.host(2)];
    cluster.create_network(&["overlay"]);
    sleeper(two, "overlay", "peer", &[]);
    one.run(&["ip", "netns", "add", "lab"]);
    one.write("/etc/netns/lab/resolv.conf", "nameserver 127.0.0.11\n");
    let attach = |netns: &'static str, name: &'static str| {
        ["weft", "attach", "--netns", netns, "--net", "overlay", "--name", name]
    };
    let lab = attach("/run/netns/lab", "lab");
    let certain = ["--ip", "10.0.0.9", "--alias", "bench", "--mac-address", "02:00:00:00:00:09"];
    for again in [false, true] {
        assert_eq!(one.run(&[&lab[..], &certain].concat()), "10.0.0.9\n", "again: {again}");
    }
    assert_eq!(
        one.run(&["ip", "netns", "exec", "lab", "cat", "/sys/class/net/eth0/address"]),
        "02:00:00:00:00:09\n"
    );
    one.run(&["ip", "netns", "exec", "lab", "ping", "-c3", "-i0.3", "-W2", "peer"]);
    ping(two, "peer", "bench");
    for (command, reason) in [
        (attach("/run/netns/lab", "other"), "already"),
        (attach("/run/netns/none", "other"), "/run/netns/none"),
        (attach("/etc/hostname", "other"), "not a network namespace"),
        (attach("/proc/1/ns/net", "other"), "own network"),
    ] {
        let refusal = one.refused(&command);
        assert!(refusal.contains(reason), "{command:?}: {refusal}");
    }
    one.run(&["weft", "detach", "--net", "overlay", "--name", "lab"]);
    until("it is gone everywhere", SOON, || addresses(two, "overlay").len() == 1);
    let links = one.run(&["ip", "-netns", "lab", "-brief", "link"]);
    assert_eq!(links.lines().count(), 1, "the loopback device is left: {links}");
    assert!(one.refused(&["weft", "detach", "--net", "overlay", "--name", "lab"]).contains("lab"));
}

#[test]
fn a_process_is_on_several_networks() {
    let Some(cluster) = Cluster::up(2) else { return };
    let [one, two] = [cluster.host(1), cluster.host(2)];
    for network in ["first", "second"] {
        cluster.create_network(&[network]);
        sleeper(two, network, &format!("on-{network}"), &[]);
    }
    sleeper(one, "first", "both", &[]);
    one.run(&["weft", "network", "connect", "--ip", "10.0.1.9", "--alias", "also", "second", "both"]);
    ping(one, "both", "on-first");
    ping(one, "both", "on-second");
    ping(two, "on-second", "also");
    let networks = serde_json::json!({"first": ["10.0.0.3"], "second": ["10.0.1.9"]});
    assert_eq!(described(one, "both")["networks"], networks);
    // Networks do not reach each other, not even through a process that is on both.
    let across = ["weft", "exec", "on-first", "--", "ping", "-c1", "-W1", "10.0.1.9"];
    assert_ne!(code(two, &across), 0);
    assert!(one.refused(&["weft", "network", "connect", "second", "both"]).contains("already"));
    assert!(two.refused(&["weft", "network", "disconnect", "second", "both"]).contains("host1"));
    one.run(&["weft", "network", "disconnect", "second", "both"]);
    assert!(
        one.refused(&["weft", "network", "disconnect", "second", "both"]).contains("not on network second")
    );
    ping(one, "both", "on-first");
    assert_eq!(exec(one, "both", &["ip", "-brief", "link"]).lines().count(), 2);
}
