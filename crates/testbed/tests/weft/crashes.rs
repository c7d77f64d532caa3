//! Agents killed at any moment, hosts that lose their power: nothing leaks, and nothing is in the way.

use crate::cluster::{Cluster, SOON, ping, sleeper};
use serde_json::json;
use std::{
    fs, thread,
    time::{Duration, Instant},
};
use weft_testbed::{Agent, Host, eventually, until};

/// How long after the last crash everything may take to come right: what a killed agent began on another
/// host's behalf is left alone for a while, in case it is still at it.
const COMES_RIGHT: Duration = Duration::from_secs(60);

/// What there is on a host, and should be again afterwards. The number that a namespace has once something was put into it
/// stays with it, whoever does that: there is no way to take it back.
fn traces(host: &Host) -> String {
    let script = "ip -oneline link | sed 's/.*: \\(.*\\): <.*/\\1/'; ip netns | cut -d' ' -f1; ip route; nft list ruleset; \
                  ls /var/lib/weft/processes /var/lib/weft/endpoints; ls /run/netns; \
                  for ns in $(ip netns | cut -d' ' -f1); do ip -netns $ns -oneline link | cut -d' ' -f2; done";
    host.run(&["sh", "-c", script])
}

/// What is in the store, but for how often something was created, and what each host had last.
fn keys(cluster: &Cluster) -> Vec<String> {
    let exported = cluster.host(1).json(&["consul", "kv", "export", "weft/"]);
    let keys = exported.as_array().cloned().unwrap_or_default();
    let keys = keys.iter().filter_map(|entry| entry["key"].as_str().map(ToOwned::to_owned));
    keys.filter(|key| !key.ends_with("/epoch") && !key.contains("/latest/")).collect()
}

/// Numbers that a seed decides (xorshift, Marsaglia 2003).
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

#[test]
fn kills_at_any_moment_leave_nothing() {
    // What fails does so since the agent is away: it goes on with the next.
    const BUSY: &str = "w() { weft \"$@\" || sleep 0.2; }
        w network create other-$0
        for name in a b c; do
            w run -d --net overlay --name $name-$0 -p 80$0$1:80 -- sleep 1000
            w network connect other-$0 $name-$0
            w attach --netns /run/netns/spare --net overlay --name spare-$0
            w network disconnect overlay $name-$0
            w rm -f $name-$0
            w detach --net overlay --name spare-$0
        done
        w network rm other-$0";
    let Some(mut cluster) = Cluster::up(2) else { return };
    let hosts = [cluster.host(1).clone(), cluster.host(2).clone()];
    hosts.iter().for_each(|host| drop(host.run(&["ip", "netns", "add", "spare"])));
    let before: Vec<String> = hosts.iter().map(traces).collect();
    let keys_before = keys(&cluster);
    let seed = std::env::var("WEFT_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0x5eed);
    eprintln!("WEFT_SEED={seed}");
    let mut chance = Chance(seed);
    cluster.create_network(&["overlay"]);
    for _ in 0..8 {
        let number = |host: usize| (host + 1).to_string();
        let busy: Vec<_> =
            (0..2).map(|n| hosts[n].spawn(&["sh", "-c", BUSY, &number(n), &number(n)])).collect();
        for _ in 0..4 {
            thread::sleep(Duration::from_millis(20 + chance.below(500)));
            let victim = usize::from(chance.below(2) == 1);
            cluster.agents[victim].kill9();
            thread::sleep(Duration::from_millis(chance.below(100)));
            cluster.agents[victim].restart();
        }
        drop(busy);
    }

    // At once, even while the agents still clean up.
    hosts.iter().enumerate().for_each(|(n, host)| sleeper(host, "overlay", &format!("fresh-{n}"), &[]));
    ping(&hosts[0], "fresh-0", "fresh-1");
    for host in &hosts {
        host.run(&["sh", "-c", "weft rm -f $(weft ps -aq)"]);
        host.output(&["weft", "detach", "--net", "overlay", "--name", "spare-1"]);
        host.output(&["weft", "detach", "--net", "overlay", "--name", "spare-2"]);
    }
    eventually(COMES_RIGHT, || {
        for network in ["overlay", "other-1", "other-2"] {
            hosts[0].output(&["weft", "network", "rm", network]);
        }
        let now = keys(&cluster);
        if now == keys_before { Ok(()) } else { Err(format!("{now:#?} and not {keys_before:#?}")) }
    });
    for (host, before) in hosts.iter().zip(before) {
        eventually(COMES_RIGHT, || match traces(host) {
            now if now == before => Ok(()),
            now => Err(format!("{}:\n{now}\nand not\n{before}", host.name())),
        });
    }
}

#[test]
fn verbs_that_meet_at_one_process_all_end() {
    // Each some milliseconds after the one before: while it is started, while it runs, while it ends.
    const MEET: &str = "for pause in 0 0.01 0.03 0.06 0.1 0.15; do
            weft run -d --net overlay --name x -p 8080:80 -- sleep 1000 &
            weft run -d --net overlay --name x -- sleep 1000 &
            sleep $pause; weft rm x &
            weft stop -t 1 x &
            sleep $pause; weft network connect other x &
            weft network disconnect overlay x &
            sleep $pause; weft rm -f x &
            weft network connect other x &
            weft stop -t 0 x &
            wait
            weft rm -f x
        done; true";
    let Some(cluster) = Cluster::up(1) else { return };
    let host = cluster.host(1);
    let before = traces(host);
    cluster.create_network(&["overlay"]);
    cluster.create_network(&["other"]);
    host.run(&["sh", "-c", MEET]);
    sleeper(host, "overlay", "x", &["-p", "8080:80"]);
    host.run(&["weft", "rm", "-f", "x"]);
    host.run(&["weft", "network", "rm", "overlay", "other"]);
    eventually(COMES_RIGHT, || match traces(host) {
        now if now == before => Ok(()),
        now => Err(format!("{now}\nand not\n{before}")),
    });
}

#[test]
fn a_host_that_lost_its_power_leaves_no_endpoints() {
    const LOSE_POWER: &str = "kill -KILL -1
        ip -all netns delete; nft flush ruleset
        for link in $(ip -oneline link | grep -o 'weft-[0-9]*' | sort -u); do ip link delete $link; done
        umount -l /run/netns; rm -rf /run/netns /run/weft";
    let Some(mut cluster) = Cluster::up(2) else { return };
    let [one, two] = [cluster.host(1).clone(), cluster.host(2).clone()];
    cluster.create_network(&["overlay"]);
    sleeper(&one, "overlay", "one", &[]);
    sleeper(&two, "overlay", "two", &["-p", "8080:80"]);
    two.run(&["ip", "netns", "add", "spare"]);
    two.run(&["weft", "attach", "--netns", "/run/netns/spare", "--net", "overlay", "--name", "spare"]);
    two.run(&["sh", "-c", LOSE_POWER]);
    assert!(
        one.run(&["weft", "endpoint", "ls"]).contains("two"),
        "its addresses are its own until it is back"
    );

    cluster.agents[1].restart();
    until("its endpoints are gone", COMES_RIGHT, || {
        let left = one.run(&["weft", "endpoint", "ls"]);
        !left.contains("two") && !left.contains("spare")
    });
    assert!(two.run(&["weft", "ps", "-a"]).contains("two"), "what ran there is told of");
    let namespaces = two.run(&["ip", "netns"]).replace("weft-16777215", "what measures paths");
    assert!(!namespaces.contains("weft"), "nothing is made for what is not there: {namespaces}");
    two.run(&["weft", "rm", "two"]);
    sleeper(&two, "overlay", "two", &["-p", "8080:80"]);
    ping(&one, "one", "two");
}

#[test]
fn a_namespace_made_anew_under_its_name_is_attached_again() {
    let Some(cluster) = Cluster::up(1) else { return };
    let host = cluster.host(1);
    cluster.create_network(&["overlay"]);
    sleeper(host, "overlay", "one", &[]);
    host.run(&["ip", "netns", "add", "spare"]);
    host.run(&["weft", "attach", "--netns", "/run/netns/spare", "--net", "overlay", "--name", "spare"]);
    host.run(&["sh", "-c", "ip netns delete spare && ip netns add spare"]);
    until("it reaches others, by their names", SOON, || {
        let lookup = "ip netns exec spare dig +short +time=1 +tries=1 @127.0.0.11 one";
        let reaches = "ip netns exec spare ping -c1 -W1 10.0.0.2";
        host.output(&["sh", "-c", &format!("{lookup} | grep -q 10.0.0.2 && {reaches}")]).status.success()
    });
}

/// The open files and the threads of an agent.
fn held(agent: &Agent) -> [usize; 2] {
    ["fd", "task"]
        .map(|what| fs::read_dir(format!("/proc/{}/{what}", agent.pid())).map_or(0, Iterator::count))
}

#[test]
fn cycles_leave_no_files_and_threads_open() {
    let Some(cluster) = Cluster::up(1) else { return };
    let agent = &cluster.agents[0];
    cluster.create_network(&["overlay"]);
    cluster.host(1).run(&["ip", "netns", "add", "spare"]);
    let cycles = |count| {
        for _ in 0..count {
            let body = json!({"network": "overlay", "name": "spare", "netns": "/run/netns/spare"});
            agent.request("POST", "/weft/v1/endpoints", Some(&body)).json();
            assert_eq!(agent.request("DELETE", "/weft/v1/endpoints/overlay/spare", None).status, 204);
        }
    };
    cycles(20);
    let before = held(agent);
    cycles(200);
    // What leaks does so by the hundred. A few more threads than before are the pool's: they end when they are idle,
    // but its regular work goes to each in turn.
    let more = [2, 10];
    eventually(SOON, || match held(agent) {
        now if (0..2).all(|what| now[what] <= before[what] + more[what]) => Ok(()),
        now => Err(format!("files and threads: {now:?}, before: {before:?}")),
    });
}

/// The part of a core that an agent takes, over some seconds, in percent.
fn load(agent: &Agent) -> f64 {
    const SECONDS: u64 = 12;
    // In ticks of 10 ms (proc_pid_stat(5): utime and stime; CLK_TCK is 100 on Linux), with the children that
    // have been waited for.
    let ticks = || {
        let stat = fs::read_to_string(format!("/proc/{}/stat", agent.pid())).expect("the agent lives");
        let (_, fields) = stat.rsplit_once(')').expect("the name is in parentheses");
        fields.split_whitespace().skip(11).take(4).filter_map(|field| field.parse::<f64>().ok()).sum::<f64>()
    };
    let (began, before) = (Instant::now(), ticks());
    thread::sleep(Duration::from_secs(SECONDS));
    (ticks() - before) / began.elapsed().as_secs_f64()
}

#[test]
fn an_idle_agent_is_idle() {
    let Some(mut cluster) = Cluster::up(2) else { return };
    for (name, port) in [("one", "8081:80"), ("two", "8082:80"), ("three", "8083:80")] {
        cluster.create_network(&[name]);
        sleeper(cluster.host(1), name, name, &[]);
        sleeper(cluster.host(2), name, &format!("far-{name}"), &["-p", port]);
    }
    // For a second or two the kernel asks whether others have its addresses (RFC 4862), and tells of each.
    let tentative = "for ns in $(ip netns | cut -d' ' -f1); do ip -netns $ns -6 address show tentative; done";
    until("what was made is settled", SOON, || cluster.host(2).run(&["sh", "-c", tentative]).is_empty());
    let idle = load(&cluster.agents[1]);
    cluster.store.kill9();
    let without_store = load(&cluster.agents[1]);
    eprintln!("an idle agent takes {idle:.1} % of a core, {without_store:.1} % without its store");
    assert!(idle < 2.0 && without_store < 5.0, "{idle:.1} %, {without_store:.1} % without its store");
}
