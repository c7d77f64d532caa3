//! Packets: in, out, across, and after somebody broke something.

use crate::cluster::{Cluster, SOON, exec, ping, sleeper};
use weft_testbed::{eventually, until};

#[test]
fn an_address_that_moved_answers_its_first_ping() {
    let Some(cluster) = Cluster::up(3) else { return };
    cluster.create_network(&["overlay"]);
    sleeper(cluster.host(1), "overlay", "watcher", &[]);
    for turn in 0..6 {
        let host = cluster.host(2 + turn % 2);
        sleeper(host, "overlay", "mover", &["--ip", "10.0.0.50"]);
        // One packet, at once: the watcher's kernel must have it right already.
        exec(cluster.host(1), "watcher", &["ping", "-c1", "-W1", "10.0.0.50"]);
        host.run(&["weft", "rm", "-f", "mover"]);
    }
}

#[test]
fn there_is_a_way_out_and_a_way_in() {
    let Some(cluster) = Cluster::up(2) else { return };
    let [one, two] = [cluster.host(1), cluster.host(2)];
    cluster.create_network(&["overlay"]);
    one.write("/var/lib/site/index.html", "hello");
    let serve = ["busybox", "httpd", "-f", "-p", "80", "-h", "/var/lib/site"];
    let run = ["weft", "run", "-d", "--net", "overlay", "--name", "web", "-p", "8080:80", "--"];
    one.run(&[&run[..], &serve].concat());

    let published = format!("http://{}:8080/", one.address());
    until("the port leads to it", SOON, || two.output(&["curl", "-sf", &published]).stdout == b"hello");
    // From its own host, too, and from a container elsewhere.
    assert_eq!(one.run(&["curl", "-sf", &published]), "hello");
    sleeper(two, "overlay", "outward", &[]);
    assert_eq!(exec(two, "outward", &["curl", "-sf", &published]), "hello");
    assert_eq!(exec(two, "outward", &["curl", "-sf", "http://web/"]), "hello");
    ping(two, "outward", &one.address().to_string());

    one.run(&["weft", "rm", "-f", "web"]);
    until("the port is closed with it", SOON, || !two.output(&["curl", "-sf", &published]).status.success());
}

#[test]
fn an_internal_network_has_no_way_out() {
    let Some(cluster) = Cluster::up(2) else { return };
    cluster.create_network(&["--internal", "inside"]);
    sleeper(cluster.host(1), "inside", "one", &[]);
    sleeper(cluster.host(2), "inside", "two", &[]);
    ping(cluster.host(1), "one", "two");
    let outside = cluster.host(2).address().to_string();
    assert!(
        !cluster
            .host(1)
            .output(&["weft", "exec", "one", "--", "ping", "-c1", "-W1", &outside])
            .status
            .success()
    );
}

#[test]
fn what_others_break_is_repaired() {
    let Some(cluster) = Cluster::up(2) else { return };
    let [one, two] = [cluster.host(1), cluster.host(2)];
    cluster.create_network(&["overlay"]);
    sleeper(one, "overlay", "one", &[]);
    sleeper(two, "overlay", "two", &[]);
    ping(one, "one", "two");
    let links = one.run(&["ip", "-netns", "weft-256", "-oneline", "link"]);
    let names = links.lines().filter_map(|line| line.split([' ', '@', ':']).nth(2));
    for link in names.filter(|name| *name != "lo") {
        one.run(&["ip", "-netns", "weft-256", "link", "delete", link]);
        until(&format!("{link} is repaired"), SOON, || {
            one.output(&["weft", "exec", "one", "--", "ping", "-c1", "-W1", "two"]).status.success()
        });
    }
    one.run(&["ip", "-netns", "weft-256", "neighbour", "flush", "all", "nud", "permanent"]);
    until("the neighbours are repaired", SOON, || {
        one.output(&["weft", "exec", "one", "--", "ping", "-c1", "-W1", "two"]).status.success()
    });
    eventually(SOON, || match one.run(&["weft", "plan"]).trim() {
        "" => Ok(()),
        plan => Err(format!("still to be repaired:\n{plan}")),
    });
}

#[test]
fn nothing_is_left_of_a_removed_network() {
    let Some(cluster) = Cluster::up(2) else { return };
    let host = cluster.host(2);
    let state = || {
        let commands: [&[&str]; 4] =
            [&["ip", "-oneline", "link"], &["ip", "route"], &["ip", "netns"], &["nft", "list", "ruleset"]];
        commands.map(|command| host.run(command)).concat()
    };
    until("what measures paths is there", SOON, || {
        host.run(&["ip", "netns"]).contains("weft-16777215") && host.run(&["weft", "plan"]).trim().is_empty()
    });
    let before = state();
    cluster.create_network(&["overlay"]);
    sleeper(host, "overlay", "short", &["-p", "8080:80"]);
    assert_ne!(state(), before);
    host.run(&["weft", "rm", "-f", "short"]);
    host.run(&["weft", "network", "rm", "overlay"]);
    until(&format!("it is as before:\n{before}"), SOON, || state() == before);
}
