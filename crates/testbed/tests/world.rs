//! The testbed itself: what it promises to the tests that are built on it.

use std::{
    fs,
    net::UdpSocket,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};
use weft_testbed::{Container, Pings, Stream, Way, World, until};

const SOON: Duration = Duration::from_secs(10);

#[test]
fn hosts_reach_each_other_over_both_families() {
    let Some(world) = World::up(3) else { return };
    for host in world.hosts() {
        for other in world.hosts() {
            host.run(&["ping", "-c1", "-W2", &other.address().to_string()]);
            host.run(&["ping", "-c1", "-W2", &other.address6().to_string()]);
        }
        assert_eq!(host.run(&["hostname"]).trim(), host.name());
    }
}

#[test]
fn what_a_host_writes_neither_another_host_nor_this_machine_sees() {
    let Some(world) = World::up(2) else { return };
    for path in ["/run/weft-test", "/etc/weft-test/a", "/var/lib/weft-test", "/usr/weft-test"] {
        world.host(1).write(path, "x");
        assert_eq!(world.host(1).run(&["cat", path]), "x");
        assert!(!world.host(2).output(&["cat", path]).status.success(), "{path} is shared");
        assert!(!Path::new(path).exists(), "{path} came to this machine");
    }
}

#[test]
fn a_partition_cuts_both_ways_until_it_is_healed() {
    let Some(world) = World::up(3) else { return };
    let [one, two, three] = [1, 2, 3].map(|number| world.host(number));
    let reaches = |from: &weft_testbed::Host, to: &weft_testbed::Host| {
        from.output(&["ping", "-c1", "-W1", to.name()]).status.success()
    };
    world.partition(&[one], &[two]);
    assert!(!reaches(one, two) && !reaches(two, one));
    // A busy machine may take longer than a ping waits.
    let soon = |from, to| until("a host reaches another", SOON, || reaches(from, to));
    soon(one, three);
    soon(three, two);
    world.heal();
    soon(one, two);
    soon(two, one);
}

#[test]
fn a_host_without_power_has_no_process_and_no_network() {
    let Some(world) = World::up(2) else { return };
    let mut service = world.host(2).spawn(&["sleep", "600"]);
    world.host(2).power_off();
    assert!(!service.wait(SOON).success());
    assert!(!world.host(1).output(&["ping", "-c1", "-W1", "host2"]).status.success());
}

#[test]
fn a_host_that_was_without_power_has_its_disk_and_nothing_else() {
    let Some(world) = World::up(2) else { return };
    let [one, two] = [world.host(1), world.host(2)];
    two.write("/var/lib/kept", "x");
    two.write("/run/lost", "x");
    let mut service = two.spawn(&["sleep", "600"]);
    two.power_off();
    service.wait(SOON);
    two.power_on();
    assert_eq!(two.run(&["cat", "/var/lib/kept"]), "x");
    assert!(!two.output(&["cat", "/run/lost"]).status.success());
    assert!(!two.run(&["ps", "-e", "-o", "args"]).contains("sleep 600"));
    one.run(&["ping", "-c1", "-W1", "host2"]);
}

#[test]
fn a_cut_cuts_one_way_until_it_is_mended() {
    let Some(world) = World::up(2) else { return };
    let [one, two] = [world.host(1), world.host(2)];
    // Whether packets from the first host arrive at the second.
    let arrive = || {
        let port = "192.168.77.12:4000";
        let bound = two.inside(None, || UdpSocket::bind(port)).expect("the port is free");
        bound.set_read_timeout(Some(Duration::from_millis(200))).expect("a socket has one");
        one.inside(None, || {
            UdpSocket::bind("0.0.0.0:0").and_then(|socket| socket.send_to(b"x", port)).is_ok()
        }) && bound.recv(&mut [0; 8]).is_ok()
    };
    assert!(arrive());
    two.cut(Way::In, &[one]);
    assert!(!arrive());
    two.mend();
    two.cut(Way::Out, &[one]);
    assert!(arrive());
    one.cut(Way::Out, &[two]);
    assert!(!arrive());
    one.mend();
    assert!(arrive());
}

#[test]
fn pings_and_streams_tell_of_what_got_lost() {
    let Some(world) = World::up(1) else { return };
    let host = world.host(1);
    let _agent = host.agent(&["--cluster-advertise=eth0"]);
    until("it decides", SOON, || host.output(&["weft", "network", "create", "overlay"]).status.success());
    let [one, two] = ["one", "two"].map(|name| Container::attach(host, "overlay", name));
    let begin = || (Pings::start(&one, &two), Stream::start(&one, &two));
    let (pings, stream) = begin();
    let (counted, carried) = (pings.count(), stream.end());
    assert!(counted.lost.is_empty() && carried.broke.is_none(), "{counted:?} {carried:?}");

    let (pings, stream) = begin();
    let rules = "add table inet cut; add chain inet cut in { type filter hook input priority 0; }; \
                 add rule inet cut in meta l4proto udp drop; \
                 add rule inet cut in meta l4proto tcp reject with tcp reset";
    host.run(&["ip", "netns", "exec", "two", "nft", rules]);
    until("a packet has to pass", SOON, || {
        host.run(&["ip", "netns", "exec", "one", "sh", "-c", "ss -tn | grep -c ESTAB || true"]).trim() == "0"
    });
    let (counted, carried) = (pings.count(), stream.end());
    assert!(!counted.lost.is_empty() && carried.broke.is_some(), "{counted:?} {carried:?}");
}

#[test]
fn a_service_is_known_by_its_own_process() {
    let Some(world) = World::up(1) else { return };
    let mut service = world.host(1).spawn(&["sh", "-c", "echo started; exec sleep 600"]);
    service.logs("started", SOON);
    until("the shell became sleep", SOON, || {
        fs::read_to_string(format!("/proc/{}/comm", service.pid())).is_ok_and(|name| name == "sleep\n")
    });
    assert!(!service.stop().success());
    assert!(!Path::new(&format!("/proc/{}", service.pid())).exists());
}

#[test]
fn stores_from_debian_start() {
    let Some(world) = World::up(2) else { return };
    let consul = world.host(1).consul();
    let etcd = world.host(1).etcd();
    let [consul, etcd] = [&consul, &etcd].map(|store| store.url().split_once("://").expect("a URL").1);
    let two = world.host(2);
    two.run(&["consul", "kv", "put", "-http-addr", consul, "a", "b"]);
    assert_eq!(two.run(&["consul", "kv", "get", "-http-addr", consul, "a"]).trim(), "b");
    two.run(&["etcdctl", "--endpoints", etcd, "put", "a", "b"]);
    assert_eq!(two.run(&["etcdctl", "--endpoints", etcd, "get", "--print-value-only", "a"]).trim(), "b");
}

/// Runs the next test in a process of its own, kills that, and looks for what it left.
#[test]
fn nothing_outlives_a_test_that_is_killed() {
    let Some(world) = World::up(1) else { return };
    drop(world);
    let mut test = Command::new(std::env::current_exe().expect("a test has a path"))
        .args(["--ignored", "--exact", "a_world_that_waits_to_be_killed"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a test can be run");
    until("the world is up", SOON, || marked_processes() > 0);
    test.kill().expect("it runs");
    test.wait().expect("it was a child");
    until("every process of the world is gone", SOON, || marked_processes() == 0);
}

/// A number of seconds that nobody else sleeps for.
const MARK: &str = "86399.125";

#[test]
#[ignore = "only to be killed, by nothing_outlives_a_test_that_is_killed"]
fn a_world_that_waits_to_be_killed() {
    let Some(world) = World::up(1) else { return };
    let mut service = world.host(1).spawn(&["setsid", "--wait", "sleep", MARK]);
    service.wait(Duration::from_secs(60));
}

/// How many processes of this machine sleep for [`MARK`].
fn marked_processes() -> usize {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter(|entry| fs::read(entry.path().join("cmdline")).is_ok_and(|line| is_marked(&line)))
        .count()
}

fn is_marked(command_line: &[u8]) -> bool {
    command_line.split(|byte| *byte == 0).any(|word| word == MARK.as_bytes())
}
