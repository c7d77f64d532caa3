//! Disks that are full, or cannot be written: the agent's files are on a tmpfs of two megabytes, which is filled, or
//! mounted read-only.

use crate::cluster::{SOON, exec, sleeper};
use std::{thread, time::Duration};
use weft_testbed::{Agent, Host, StoreServer, World, eventually, until};

/// A small disk for the agent's files.
fn small_disk(host: &Host) {
    host.run(&["mkdir", "-p", "/var/lib/weft"]);
    host.run(&["mount", "-t", "tmpfs", "-o", "size=2m", "disk", "/var/lib/weft"]);
}

/// Fills it to the last byte.
fn fill(host: &Host) {
    host.output(&["dd", "if=/dev/zero", "of=/var/lib/weft/fill", "bs=1k"]);
}

fn free(host: &Host) {
    host.run(&["rm", "-f", "/var/lib/weft/fill"]);
}

/// An agent with its files on a small disk of their own, and a process on a network.
fn on_a_small_disk(host: &Host) -> (StoreServer, Agent) {
    small_disk(host);
    let store = host.consul();
    let agent = host.agent(&[&format!("--cluster-store={}", store.url()), "--cluster-advertise=eth0"]);
    until("it has joined", SOON, || host.output(&["weft", "network", "create", "overlay"]).status.success());
    sleeper(host, "overlay", "one", &[]);
    host.run(&["ip", "netns", "add", "spare"]);
    (store, agent)
}

const RUN: [&str; 10] = ["weft", "run", "-d", "--net", "overlay", "--name", "two", "--", "sleep", "9"];
const ATTACH: [&str; 8] =
    ["weft", "attach", "--netns", "/run/netns/spare", "--net", "overlay", "--name", "spare"];

/// Refuses what needs the disk, says why, and keeps nothing of it.
fn refuses(host: &Host, why: &str) {
    for command in [&RUN[..], &ATTACH[..]] {
        let refusal = host.refused(command);
        assert!(refusal.contains("/var/lib/weft") && refusal.contains(why), "{refusal}");
    }
    assert!(!host.run(&["weft", "ps", "-a"]).contains("two"));
    until("nothing is left of what was refused", SOON, || {
        let there = host.run(&["weft", "endpoint", "ls"]) + &host.run(&["ip", "netns"]);
        !there.contains("two") && !there.contains("spare ") && there.matches("weft-run-").count() == 1
    });
}

/// The disk is as it should be: everything works, and all of it goes.
fn works(host: &Host) {
    host.run(&RUN);
    host.run(&ATTACH);
    host.run(&["weft", "rm", "-f", "two"]);
    host.run(&["weft", "detach", "--net", "overlay", "--name", "spare"]);
    until("all is gone", SOON, || host.output(&["weft", "network", "rm", "overlay"]).status.success());
    until("also from the kernel", SOON, || !host.run(&["ip", "netns"]).contains("weft"));
}

#[test]
fn a_full_disk_refuses_what_is_new_and_lets_go_of_the_rest() {
    let Some(world) = World::up(1) else { return };
    let host = world.host(1);
    let (_store, _agent) = on_a_small_disk(host);
    fill(host);
    refuses(host, "No space left");
    host.run(&["weft", "rm", "-f", "one"]);
    assert_eq!(host.run(&["weft", "endpoint", "ls", "-q"]), "");
    free(host);
    works(host);
}

#[test]
fn a_disk_that_cannot_be_written_keeps_nothing_from_running() {
    let Some(world) = World::up(1) else { return };
    let host = world.host(1);
    let (_store, mut agent) = on_a_small_disk(host);
    // Over itself, since it is in use.
    host.run(&["mount", "--bind", "/var/lib/weft", "/var/lib/weft"]);
    host.run(&["mount", "-o", "remount,bind,ro", "/var/lib/weft"]);
    refuses(host, "Read-only");
    assert!(host.run(&["weft", "exec", "one", "--", "hostname"]).contains("one"));
    // One that starts there goes on with what it finds.
    agent.kill9();
    agent.restart();
    until("it answers for names again", SOON, || resolves(host, "one"));
    let refusal = host.refused(&ATTACH);
    assert!(refusal.contains("Read-only") && refusal.contains("mount it writable"), "{refusal}");

    let refusal = host.refused(&["weft", "rm", "-f", "one"]);
    assert!(refusal.contains("Read-only"), "{refusal}");
    host.run(&["mount", "-o", "remount,bind,rw", "/var/lib/weft"]);
    until("its endpoint is gone", SOON, || !host.run(&["weft", "endpoint", "ls"]).contains("one"));
    host.run(&["weft", "rm", "one"]);
    works(host);
    assert!(agent.ended().is_none());
}

#[test]
fn a_disk_that_fills_up_again_and_again_loses_and_keeps_nothing() {
    const BUSY: &str = "ip netns add spare-$0; while :; do
            weft attach --netns /run/netns/spare-$0 --net overlay --name spare-$0
            weft detach --net overlay --name spare-$0
        done";
    let Some(world) = World::up(1) else { return };
    let host = world.host(1);
    let (_store, mut agent) = on_a_small_disk(host);
    let busy: Vec<_> = ["1", "2", "3"].iter().map(|n| host.spawn(&["sh", "-c", BUSY, n])).collect();
    for _ in 0..4 {
        thread::sleep(Duration::from_millis(300));
        fill(host);
        thread::sleep(Duration::from_millis(300));
        free(host);
    }
    fill(host);
    drop(busy);
    assert_eq!(damaged(host), "");

    // It may lose its session, and be killed, while it can write nothing down.
    let held = host.run(&["consul", "kv", "get", "-detailed", "weft/v1/live/host1"]);
    let session =
        held.lines().find_map(|line| line.strip_prefix("Session")).expect("somebody holds it").trim();
    let destroy = format!("http://192.168.77.11:8500/v1/session/destroy/{session}");
    host.run(&["curl", "-sSf", "-XPUT", &destroy]);
    until("it is up again", SOON, || is_up(host, session));
    agent.kill9();
    agent.restart();
    until("it is up again, and knows what it has", SOON, || is_up(host, session) && resolves(host, "one"));

    free(host);
    for name in ["spare-1", "spare-2", "spare-3"] {
        host.output(&["weft", "detach", "--net", "overlay", "--name", name]);
    }
    eventually(SOON, || match host.run(&["weft", "endpoint", "ls", "-q"]) {
        left if left.lines().count() == 1 => Ok(()),
        left => Err(left),
    });
    assert_eq!(damaged(host), "");
    assert!(exec(host, "one", &["hostname"]).contains("one"));
    host.run(&["weft", "rm", "-f", "one"]);
    works(host);
}

/// Whether a node's key is held by another session than `before`.
fn is_up(host: &Host, before: &str) -> bool {
    let held = host.output(&["consul", "kv", "get", "-detailed", "weft/v1/live/host1"]);
    held.status.success() && !String::from_utf8_lossy(&held.stdout).contains(before)
}

/// The files of the journal that are not whole.
fn damaged(host: &Host) -> String {
    const LOOK: &str = "cd /var/lib/weft; ls endpoints processes | grep -E 'tmp|unreadable'
        for file in node.json endpoints/*.json processes/*.json; do
            [ ! -e $file ] || tail -c1 $file | grep -q '}' || echo $file
        done; true";
    host.run(&["sh", "-c", LOOK])
}

/// Whether a process can look itself up.
fn resolves(host: &Host, name: &str) -> bool {
    let lookup = ["weft", "exec", name, "--", "dig", "+short", "+time=1", "+tries=1", name];
    String::from_utf8_lossy(&host.output(&lookup).stdout).contains("10.0.0.")
}

#[test]
fn a_store_on_a_full_disk_goes_on_to_be_read_and_takes_changes_again() {
    let Some(world) = World::up(1) else { return };
    let host = world.host(1);
    small_disk(host);
    let mut agent = host.agent(&["--cluster-advertise=eth0"]);
    until("it has joined", SOON, || host.output(&["weft", "network", "create", "overlay"]).status.success());
    sleeper(host, "overlay", "one", &[]);
    fill(host);
    // What fits into the file as it is may still be written.
    let refusal = eventually(SOON, || {
        let create = "weft network create n$(date +%N)";
        let output = host.output(&["sh", "-c", create]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() { Err("it has room yet") } else { Ok(said) }
    });
    assert!(refusal.contains("store.redb") && refusal.contains("free some space"), "{refusal}");
    assert!(host.run(&["weft", "network", "ls"]).contains("overlay"));
    assert!(resolves(host, "one"));

    // Longer than a session lasts, and a start.
    thread::sleep(Duration::from_secs(25));
    assert!(host.run(&["weft", "node", "ls"]).contains("up"), "it is the only one to say so");
    agent.kill9();
    agent.restart();
    until("it answers for names again", SOON, || resolves(host, "one"));
    free(host);
    until("changes are possible again", SOON, || {
        host.output(&["weft", "network", "create", "after"]).status.success()
    });
    agent.kill9();
    agent.restart();
    until("all is as it was", SOON, || {
        host.run(&["weft", "network", "ls"]).contains("after") && resolves(host, "one")
    });
}

#[test]
fn a_log_that_cannot_be_written_keeps_no_agent_from_working() {
    let Some(world) = World::up(1) else { return };
    let host = world.host(1);
    let mut agent = host.spawn(&["sh", "-c", "exec weft agent --cluster-advertise=eth0 2>/dev/full"]);
    until("it has joined", SOON, || host.output(&["weft", "network", "create", "overlay"]).status.success());
    sleeper(host, "overlay", "one", &[]);
    assert!(resolves(host, "one"));
    assert!(agent.ended().is_none());
}
