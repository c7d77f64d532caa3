//! A host that has no file descriptor left for the agent, or a kernel that lacks something. Disks are in [`disks`].
//!
//! [`disks`]: crate::disks

use crate::cluster::{Cluster, SOON, ping, sleeper};
use std::{fs, process::Command, time::Duration};
use weft_testbed::{Agent, Host, World, eventually, until};

const ATTACH: [&str; 8] =
    ["weft", "attach", "--netns", "/run/netns/spare", "--net", "overlay", "--name", "spare"];
const DETACH: [&str; 6] = ["weft", "detach", "--net", "overlay", "--name", "spare"];

/// The most files that an agent may have open, soft and hard (proc_pid_limits(5)).
fn limits(agent: &Agent) -> [String; 2] {
    let limits = fs::read_to_string(format!("/proc/{}/limits", agent.pid())).expect("the agent lives");
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let mut words = line.expect("there is such a limit").split_whitespace().map(ToOwned::to_owned);
    [words.next(), words.next()].map(|limit| limit.expect("there are two"))
}

/// Sets the soft limit of a running agent, as an administrator does.
#[track_caller]
fn limit(agent: &Agent, files: &str) {
    let status = Command::new("prlimit")
        .args(["--pid", &agent.pid().to_string(), &format!("--nofile={files}:")])
        .status();
    assert!(status.expect("util-linux is there").success());
}

/// The number that the next file will have that an agent opens.
fn first_free(agent: &Agent) -> u32 {
    let taken = |number: &u32| fs::symlink_metadata(format!("/proc/{}/fd/{number}", agent.pid())).is_ok();
    (0..).find(|number| !taken(number)).expect("numbers do not end")
}

/// Leaves an agent no file descriptor but those it has: of the numbers below the limit none is free.
#[track_caller]
fn exhaust(host: &Host, agent: &Agent) {
    // What it closes meanwhile is free again, until it is seen.
    eventually(SOON, || {
        limit(agent, &first_free(agent).to_string());
        let said = status(host) + &host.refused(&["weft", "status"]);
        if said.contains("no file descriptor left") { Ok(()) } else { Err(said) }
    });
}

/// What `weft status` says, whether all is well or not.
fn status(host: &Host) -> String {
    String::from_utf8_lossy(&host.output(&["weft", "status", "--format", "json"]).stdout).into_owned()
}

/// The name of the network namespace of the one process on a host.
fn netns(host: &Host) -> String {
    host.run(&["sh", "-c", "ls /run/netns | grep weft-run-"]).trim().to_owned()
}

/// The time an agent has spent on a processor, in ticks of 10 ms (proc_pid_stat(5)).
fn ticks(agent: &Agent) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", agent.pid())).expect("the agent lives");
    let (_, fields) = stat.rsplit_once(')').expect("the name is in parentheses");
    fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum()
}

#[test]
fn an_agent_takes_all_the_files_it_may_have_and_gives_processes_what_it_was_given() {
    let Some(cluster) = Cluster::up(1) else { return };
    let host = cluster.host(1);
    cluster.create_network(&["overlay"]);
    let [soft, hard] = limits(&cluster.agents[0]);
    assert_eq!(soft, hard);
    let given = host.run(&["sh", "-c", "ulimit -Sn; ulimit -Hn"]);
    let seen =
        host.run(&["weft", "run", "--rm", "--net", "overlay", "--", "sh", "-c", "ulimit -Sn; ulimit -Hn"]);
    assert_eq!(seen, given);
}

/// The limit is lowered to the files that the agent has, so accept(2), socket(2) and open(2) fail with EMFILE.
#[test]
fn without_file_descriptors_what_runs_goes_on_and_everybody_is_told() {
    let Some(mut cluster) = Cluster::up(2) else { return };
    let [host, far] = [cluster.host(1).clone(), cluster.host(2).clone()];
    cluster.create_network(&["overlay"]);
    sleeper(&host, "overlay", "one", &[]);
    sleeper(&far, "overlay", "two", &[]);
    ping(&host, "one", "two");
    host.run(&["ip", "netns", "add", "spare"]);
    let [_, hard] = limits(&cluster.agents[0]);
    // What a look at the kernel has open just then is free after it: there is room for one, and less the next time.
    eventually(SOON, || {
        exhaust(&host, &cluster.agents[0]);
        let attached = host.output(&ATTACH);
        if attached.status.success() {
            host.output(&DETACH);
            return Err("there was room for it".to_owned());
        }
        let refusal = String::from_utf8_lossy(&attached.stderr).into_owned();
        if refusal.contains("Too many open files") { Ok(()) } else { Err(refusal) }
    });
    // Names over UDP, and traffic, need nothing new; `weft exec` asks the agent, which cannot look.
    let inside = format!("ip netns exec {} ", netns(&host));
    let dig = inside.clone() + "dig +short +time=1 +tries=1 @127.0.0.11 two";
    assert_eq!(host.run(&["sh", "-c", &dig]).trim(), "10.0.0.3");
    host.run(&["sh", "-c", &(inside + "ping -c3 -i0.3 -W2 10.0.0.3")]);
    ping(&far, "two", "one");
    // The driver answers an engine, as everybody: one at a time.
    let plugin = ["curl", "-sS", "-m5", "-d{}", "--unix-socket", "/run/docker/plugins/weft.sock"];
    let answer = host.run(&[&plugin[..], &["http://weft/Plugin.Activate"]].concat());
    assert!(answer.contains("NetworkDriver"), "{answer}");
    // A question over TCP finds nobody, until there is a descriptor for it.
    let over_tcp = dig.clone() + " +tcp";
    host.output(&["sh", "-c", &over_tcp]);

    // Clients that wait must not keep the agent's CPU busy.
    let waiting: Vec<_> = (0..8).map(|_| std::os::unix::net::UnixStream::connect(host.socket())).collect();
    let before = ticks(&cluster.agents[0]);
    std::thread::sleep(Duration::from_secs(3));
    let spent = ticks(&cluster.agents[0]) - before;
    assert!(spent < 60, "{spent} of 300 ticks");
    drop(waiting);
    // Also after some rounds of looking at everything that there is.
    assert_eq!(host.run(&["sh", "-c", &dig]).trim(), "10.0.0.3");
    let said = cluster.agents[0].log();
    assert!(said.contains("no file descriptor left"), "{said}");
    assert!(said.matches("cannot accept").count() < 20, "{said}");
    assert!(cluster.agents[0].ended().is_none());
    assert!(
        far.run(&["weft", "node", "ls"]).lines().all(|line| !line.contains("down")),
        "its session goes on"
    );

    limit(&cluster.agents[0], &hard);
    host.run(&ATTACH);
    assert_eq!(host.run(&["sh", "-c", &over_tcp]).trim(), "10.0.0.3");
    host.run(&["sh", "-c", "ip netns exec spare ping -c1 -W2 10.0.0.2"]);
    host.run(&DETACH);
    until("nothing is wrong any more", SOON, || host.output(&["weft", "status"]).status.success());
}

/// Something that takes several descriptors is tried with none, with one, with two …: it fails at each step that opens
/// one.
#[test]
fn whichever_descriptor_is_the_last_nothing_is_left_of_what_failed() {
    const RUN: [&str; 10] = ["weft", "run", "-d", "--net", "overlay", "--name", "two", "--", "sleep", "999"];
    const REMOVE: [&str; 4] = ["weft", "rm", "-f", "two"];
    let Some(cluster) = Cluster::up(1) else { return };
    let (host, agent) = (cluster.host(1), &cluster.agents[0]);
    cluster.create_network(&["overlay"]);
    sleeper(host, "overlay", "one", &[]);
    host.run(&["ip", "netns", "add", "spare"]);
    let things = || host.run(&["sh", "-c", "ls /run/netns /var/lib/weft/endpoints /var/lib/weft/processes"]);
    let (before, [_, hard]) = (things(), limits(agent));
    let mut refused = 0;
    for spare in (0..12).chain([14, 18, 24, 32]) {
        limit(agent, &(first_free(agent) + spare).to_string());
        refused +=
            [&ATTACH[..], &RUN].iter().filter(|command| !host.output(command).status.success()).count();
        limit(agent, &hard);
        // What is being tidied up is in the way of its like for a moment.
        for remove in [&DETACH[..], &REMOVE] {
            host.output(remove);
        }
        eventually(3 * SOON, || match things() {
            now if now == before => Ok(()),
            now => Err(format!("with {spare} to spare there is left:\n{now}and not\n{before}")),
        });
    }
    assert!((4..32).contains(&refused), "{refused} of 32 were refused");
    until("nothing is wrong", SOON, || host.output(&["weft", "status"]).status.success());
    assert_eq!(host.run(&["weft", "plan"]).trim(), "");
    host.run(&ATTACH);
    host.run(&RUN);
    ping(host, "one", "two");
}

/// Without CAP_NET_ADMIN the kernel refuses to make devices. A unit that drops it, or a container, is like that.
#[test]
fn an_agent_that_may_not_make_devices_says_so_and_ends() {
    let Some(world) = World::up(1) else { return };
    let host = world.host(1);
    let without = ["setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin"];
    let refusal = host.refused(&[&without[..], &["weft", "agent", "--cluster-advertise=eth0"]].concat());
    assert!(refusal.contains("CAP_NET_ADMIN"), "{refusal}");
}

/// The program nft is taken away, as where the package nftables is not installed.
#[test]
fn without_nft_containers_talk_to_each_other_and_the_way_out_comes_with_it() {
    let Some(cluster) = Cluster::up(1) else { return };
    let host = cluster.host(1);
    host.run(&["sh", "-c", r#"PATH=$PATH:/usr/sbin:/sbin; mv "$(command -v nft)" /var/nft"#]);
    cluster.create_network(&["overlay"]);
    let refusal =
        host.refused(&["weft", "run", "-d", "--net", "overlay", "--name", "one", "--", "sleep", "99"]);
    assert!(refusal.contains("install the package nftables"), "{refusal}");
    host.run(&["sh", "-c", "mv /var/nft /usr/sbin/nft"]);
    sleeper(host, "overlay", "one", &["-p", "8080:80"]);
    until("nothing is wrong any more", SOON, || host.output(&["weft", "status"]).status.success());
}

/// Another program is bound to the UDP port of VXLAN: the device can be made, and does not come up (EADDRINUSE).
#[test]
fn where_the_port_of_vxlan_is_anothers_it_is_said_and_mended_when_it_is_free() {
    let Some(world) = World::up(2) else { return };
    // Before there is another host: from then on weft has the port.
    let bind = || std::net::UdpSocket::bind("0.0.0.0:4789").expect("it is free");
    let squatter = world.host(1).inside(None, bind);
    let cluster = Cluster::up_with(world, &[]);
    let host = cluster.host(1);
    cluster.create_network(&["overlay"]);
    let refusal =
        host.refused(&["weft", "run", "-d", "--net", "overlay", "--name", "one", "--", "sleep", "99"]);
    assert!(refusal.contains("UDP port of VXLAN") && refusal.contains("--vxlan-port"), "{refusal}");
    drop(squatter);
    sleeper(host, "overlay", "one", &[]);
    sleeper(cluster.host(2), "overlay", "two", &[]);
    ping(host, "one", "two");
    until("nothing is wrong any more", SOON, || host.output(&["weft", "status"]).status.success());
}
