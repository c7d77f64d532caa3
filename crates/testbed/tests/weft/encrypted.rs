//! Encrypted networks. Those of these tests that need the kernel's WireGuard run in a virtual machine (`--test vm`): the
//! kernel of this machine may not have it.

use crate::{
    cluster::{Cluster, SOON, has_network, sh},
    wire::{Wire, listen, send, sent},
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use std::{env, fs::OpenOptions, io::Write, thread::sleep, time::Duration};
use weft_testbed::{Agent, Container, Pings, World, last_release, until};

pub(crate) const SECRET: &str = "marker-of-the-secret-network";
const OPEN: &str = "marker-of-the-open-network";

/// Two hosts with a container each on an encrypted network and one on another, and a wire that is listened to.
pub(crate) struct Lab {
    pub(crate) secret: [Container; 2],
    open: [Container; 2],
    pub(crate) wire: Wire,
    pub(crate) cluster: Cluster,
}

impl Lab {
    #[track_caller]
    pub(crate) fn up() -> Option<Self> {
        let cluster = Cluster::up(3)?;
        let wire = Wire::of(cluster.host(1));
        cluster.create_network(&["-o", "encrypted", "-o", "vni=300", "secret"]);
        cluster.create_network(&["open"]);
        let pair = |network, names: [&str; 2]| {
            [1, 2].map(|n| Container::attach(cluster.host(n), network, names[n - 1]))
        };
        let lab =
            Self { secret: pair("secret", ["s1", "s2"]), open: pair("open", ["o1", "o2"]), wire, cluster };
        lab.reaches();
        Some(lab)
    }

    pub(crate) fn first_agent(&mut self) -> &mut Agent {
        &mut self.cluster.agents[0]
    }

    /// Waits until what is sent on either network arrives, both ways.
    #[track_caller]
    pub(crate) fn reaches(&self) {
        for (pair, marker) in [(&self.secret, SECRET), (&self.open, OPEN)] {
            for (from, to) in [(&pair[0], &pair[1]), (&pair[1], &pair[0])] {
                let receiver = to.inside(listen);
                until("it arrives", SOON, || sent(from, to, &receiver, marker));
            }
        }
    }

    /// Sends on either network for a while, whether or not it arrives.
    fn go_on_sending(&self) {
        for _ in 0..10 {
            for (pair, marker) in [(&self.secret, SECRET), (&self.open, OPEN)] {
                for (from, to) in [(&pair[0], &pair[1]), (&pair[1], &pair[0])] {
                    // It may have no way just now.
                    let _ = from.inside(|| send(to.address(), marker));
                }
            }
        }
    }

    /// What was sent before is in the capture once what is sent now is.
    #[track_caller]
    fn nothing_was_seen(&self, after: &str) {
        let last = format!("the last packet, after: {after}");
        let before = self.wire.count(&last);
        self.open[0].inside(|| send(self.open[1].address(), &last)).expect("the open network works");
        until("the capture has caught up", SOON, || self.wire.count(&last) > before);
        assert_eq!(self.wire.count(SECRET), 0, "in clear on the wire, after: {after}");
    }
}

/// What others do to the tunnels of the first host.
const FAULTS: [&str; 8] = [
    "ip -n weft-tunnel link set tunnel0 down",
    "ip -n weft-tunnel -6 route flush dev tunnel0",
    "ip -n weft-tunnel -6 address flush dev tunnel0",
    "ip -n weft-tunnel link delete tunnel0",
    "ip netns delete weft-tunnel",
    "nft flush ruleset",
    "ip -n weft-300 link delete vxlan0",
    // Where VXLAN was in the host's own namespace, packets went out in clear by this.
    "own=$(ip -n weft-tunnel -6 -o address show dev tunnel0 | awk '{print $4; exit}')
     ip address replace ${own:-fd00::1/128} dev lo; ip netns delete weft-tunnel",
];

#[test]
#[ignore = "needs the kernel's WireGuard: runs in a virtual machine (--test vm)"]
fn nothing_is_ever_on_the_wire_in_clear() {
    let Some(mut lab) = Lab::up() else { return };
    lab.nothing_was_seen("the first packets");
    for fault in FAULTS {
        sh(lab.cluster.host(1), fault);
        lab.go_on_sending();
        lab.nothing_was_seen(fault);
        lab.reaches();
        lab.first_agent().kill9();
        sh(lab.cluster.host(1), fault);
        lab.go_on_sending();
        lab.nothing_was_seen(&format!("{fault}, without an agent"));
        lab.first_agent().restart();
        lab.reaches();
        lab.nothing_was_seen(&format!("{fault}, and a new agent"));
    }
    until("the capture shows what is in clear", SOON, || lab.wire.count(OPEN) > 10);
    let status = lab.cluster.host(1).run(&["weft", "status"]);
    assert!(status.contains("as it should be"), "{status}");
}

/// What `eprintln!` says is hidden for a test that passes. In a virtual machine this is shown when all have ended.
fn say(what: &str) {
    let Some(path) = env::var_os("WEFT_SAID") else { return eprintln!("{what}") };
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.and_then(|mut file| writeln!(file, "{what}")).expect("there is room for it");
}

/// What a seed makes of it (`WEFT_SEED`, or any): faults, with and without an agent, before and after what was broken is
/// mended.
fn rounds(count: usize) {
    let Some(mut lab) = Lab::up() else { return };
    let seed =
        env::var("WEFT_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random::<u64>);
    say(&format!("seed {seed}"));
    let mut rng = StdRng::seed_from_u64(seed);
    for round in 0..count {
        let faults: Vec<&str> =
            (0..rng.random_range(1..3)).map(|_| FAULTS[rng.random_range(0..FAULTS.len())]).collect();
        let without_agent = rng.random_bool(0.5);
        let said = format!(
            "round {round} of seed {seed}: {faults:?}, {}",
            if without_agent { "no agent" } else { "an agent" }
        );
        if without_agent {
            lab.first_agent().kill9();
        }
        for fault in &faults {
            // What an earlier one took away cannot be taken again.
            lab.cluster.host(1).output(&["sh", "-c", fault]);
            lab.go_on_sending();
        }
        if without_agent {
            lab.first_agent().restart();
            lab.go_on_sending();
        } else if rng.random_bool(0.5) {
            // At some point of its repair.
            sleep(Duration::from_millis(rng.random_range(0..300)));
            lab.first_agent().kill9();
            lab.go_on_sending();
            lab.first_agent().restart();
        }
        if rng.random_bool(0.5) {
            lab.reaches();
        }
        lab.nothing_was_seen(&said);
    }
    lab.reaches();
    lab.nothing_was_seen("all of it");
    until("the capture shows what is in clear", SOON, || lab.wire.count(OPEN) > count);
}

#[test]
#[ignore = "needs the kernel's WireGuard: runs in a virtual machine (--test vm)"]
fn two_hundred_rounds_leave_nothing_on_the_wire() {
    rounds(200);
}

#[test]
#[ignore = "needs the kernel's WireGuard: runs in a virtual machine (--test vm)"]
fn a_host_goes_on_with_another_key() {
    let Some(mut lab) = Lab::up() else { return };
    let key = |lab: &Lab| lab.cluster.host(1).run(&["cat", "/var/lib/weft/credentials/tunnel.key"]);
    let before = key(&lab);
    // What the host sends waits until the others know its new key; what they send until then is lost.
    let ways = [("from", 0, 1), ("to", 1, 0)];
    let pings = ways.map(|(way, from, to)| (way, Pings::start(&lab.secret[from], &lab.secret[to])));
    lab.first_agent().kill9();
    lab.cluster.host(1).run(&["rm", "/var/lib/weft/credentials/tunnel.key"]);
    lab.first_agent().restart();
    until("it has another key", SOON, || key(&lab) != before);
    until("the others have heard of it", SOON, || sent_at_once(&lab));
    lab.reaches();
    for (way, pings) in pings {
        let counted = pings.count();
        let ends = counted.lost.last().zip(counted.lost.first());
        let within = ends.map_or(Duration::ZERO, |(last, first)| *last - *first);
        let (lost, sent) = (counted.lost.len(), counted.sent);
        say(&format!(
            "lost {way} a host whose tunnel's key changes: {lost} of {sent} packets, within {within:?}"
        ));
    }
    lab.nothing_was_seen("another key");
}

/// Whether the first host is heard by the second.
fn sent_at_once(lab: &Lab) -> bool {
    let receiver = lab.secret[1].inside(listen);
    sent(&lab.secret[0], &lab.secret[1], &receiver, SECRET)
}

#[test]
#[ignore = "needs the kernel's WireGuard: runs in a virtual machine (--test vm)"]
fn large_packets_pass_and_no_larger_ones_and_it_costs_so_much() {
    let Some(lab) = Lab::up() else { return };
    for (pair, mtu) in [(&lab.secret, 1370), (&lab.open, 1450)] {
        let ping = |size: u16| {
            let (netns, target) = (pair[0].name(), pair[1].address().to_string());
            let (size, hosts) = ((size - 28).to_string(), lab.cluster.host(1));
            let ping = ["ping", "-c3", "-i0.3", "-W2", "-Mdo", "-s", &size, &target];
            hosts.output(&[&["ip", "netns", "exec", netns][..], &ping].concat()).status.success()
        };
        until("a packet of the MTU passes", SOON, || ping(mtu));
        assert!(!ping(mtu + 1), "{mtu}");
    }
    let [secret, open] = [&lab.secret, &lab.open].map(|pair| {
        let _server =
            lab.cluster.host(2).spawn(&["ip", "netns", "exec", pair[1].name(), "iperf3", "-s", "-1"]);
        let (netns, target) = (pair[0].name(), pair[1].address().to_string());
        let client = ["ip", "netns", "exec", netns, "iperf3", "-J", "-t", "5", "-c", &target];
        let mut said = String::new();
        until("the server listens", SOON, || {
            let output = lab.cluster.host(1).output(&client);
            said = String::from_utf8_lossy(&output.stdout).into_owned();
            output.status.success()
        });
        let said: serde_json::Value = serde_json::from_str(&said).expect("iperf3 writes JSON");
        said["end"]["sum_received"]["bits_per_second"].as_f64().expect("it has received something")
    });
    say(&format!("encrypted against clear, one TCP stream: {:.2}", secret / open));
}

/// The way back through a NAT is there for what answers, and not for long.
#[test]
#[ignore = "needs the kernel's WireGuard: runs in a virtual machine (--test vm)"]
fn a_host_that_others_cannot_begin_to_send_to_keeps_its_tunnels_open() {
    let Some(world) = World::up(2) else { return };
    let [one, two] = [1, 2].map(|number| world.host(number));
    let consul = one.consul();
    let usual = [&format!("--cluster-store={}", consul.url()), "--cluster-advertise=eth0"];
    sh(
        two,
        "nft add table inet nat
         nft 'add chain inet nat input { type filter hook input priority 0; }'
         nft 'add rule inet nat input udp dport 51820 ct state new drop'",
    );
    let _first = one.agent(&usual);
    let _second = two.agent(&[&usual[..], &["--behind-nat"]].concat());
    until("they know each other", SOON, || one.run(&["weft", "node", "ls"]).contains("host2"));
    one.run(&["weft", "network", "create", "-o", "encrypted", "secret"]);
    until("the network is on both", SOON, || has_network(two, "secret"));
    let (a, b) = (Container::attach(one, "secret", "a"), Container::attach(two, "secret", "b"));
    let receiver = b.inside(listen);
    // It is the first that sends, which has no way of its own to the second.
    until("it arrives", SOON * 2, || sent(&a, &b, &receiver, SECRET));
}

#[test]
#[ignore = "needs the kernel's WireGuard: runs in a virtual machine (--test vm)"]
fn a_host_that_moves_is_followed() {
    let Some(lab) = Lab::up() else { return };
    let two = lab.cluster.host(2);
    let before = two.address();
    // In this order: the second address of a subnet goes with the first.
    sh(two, &format!("ip address del {before}/24 dev eth0; ip address add 192.168.77.99/24 dev eth0"));
    lab.reaches();
    lab.nothing_was_seen("a host that moved");
    let there = || lab.cluster.host(1).run(&["weft", "plan"]).trim().is_empty();
    until("nothing is left to be done", SOON, there);
}

#[test]
#[ignore = "needs the kernel's WireGuard: runs in a virtual machine (--test vm)"]
fn a_host_that_does_not_answer_is_named() {
    let Some(lab) = Lab::up() else { return };
    let [one, two] = [1, 2].map(|number| lab.cluster.host(number));
    let status = || one.output(&["weft", "status"]);
    assert!(status().status.success(), "all is well");
    sh(
        two,
        "nft add table inet closed
         nft 'add chain inet closed input { type filter hook input priority 0; }'
         nft 'add rule inet closed input udp dport 51820 drop'",
    );
    // The tunnel is made anew, so that nobody has answered on it yet.
    sh(one, "ip netns delete weft-tunnel");
    until("it is said", SOON * 3, || {
        lab.go_on_sending();
        let said = String::from_utf8_lossy(&status().stdout).into_owned();
        said.contains(&format!("host2 does not answer on {} port 51820/udp", two.address()))
    });
    sh(two, "nft delete table inet closed");
    lab.reaches();
    until("it is over", SOON, || status().status.success());
}

/// A host without WireGuard can be told from others by what it refuses.
#[test]
fn where_the_kernel_cannot_encrypt_nobody_joins_and_nothing_else_changes() {
    let Some(cluster) = Cluster::up(1) else { return };
    let host = cluster.host(1);
    if host.output(&["ip", "link", "add", "wg9", "type", "wireguard"]).status.success() {
        eprintln!("NOT TRIED: this machine's kernel has WireGuard, and this test is of those that have none");
        return;
    }
    cluster.create_network(&["-o", "encrypted", "secret"]);
    cluster.create_network(&["open"]);
    let _open = Container::attach(host, "open", "o1");
    let refusal = host.refused(&["weft", "run", "--net", "secret", "--", "true"]);
    for part in ["cannot encrypt", "no WireGuard", "modprobe wireguard", "never served in clear"] {
        assert!(refusal.contains(part), "{part}: {refusal}");
    }
    let left = host.run(&["ip", "netns", "list"]);
    assert!(!left.contains("weft-tunnel") && left.contains("weft-25"), "{left}");
    let listed = host.run(&["weft", "endpoint", "ls"]);
    assert!(listed.contains("o1") && !listed.contains("secret"), "{listed}");
    let status = host.run(&["weft", "status"]);
    assert!(status.contains("nothing here can be on secret") && status.contains("no WireGuard"), "{status}");
    host.run(&["weft", "network", "rm", "secret"]);
    let status = host.run(&["weft", "status"]);
    assert!(status.contains("as it should be") && !status.contains("secret"), "{status}");
}

#[test]
fn while_an_agent_of_before_is_in_the_cluster_nothing_is_encrypted_and_nothing_served_in_clear() {
    let Some(earlier) = last_release() else { return };
    let earlier = earlier.to_str().expect("a path that can be typed");
    let Some(world) = World::up(2) else { return };
    let [one, two] = [1, 2].map(|number| world.host(number));
    let consul = one.consul();
    let store = format!("--cluster-store={}", consul.url());
    let _first = one.agent(&[&store, "--cluster-advertise=eth0"]);
    until("it has joined", SOON, || one.output(&["weft", "status"]).status.success());
    one.run(&["weft", "network", "create", "-o", "encrypted", "--subnet=10.0.7.0/24", "before"]);
    let mut of_before = two.spawn(&[earlier, "agent", &store, "--cluster-advertise=eth0"]);
    until("it has joined, too", SOON, || one.run(&["weft", "node", "ls"]).contains("host2"));

    let refusal = one.refused(&["weft", "network", "create", "-o", "encrypted", "secret"]);
    assert!(refusal.contains("host2 (0.1.0)") && refusal.contains("Upgrade weft there"), "{refusal}");
    assert!(!has_network(two, "before"), "what it cannot encrypt it does not know");
    let taken = two.refused(&[earlier, "network", "create", "before"]);
    assert!(taken.contains("already exists"), "{taken}");
    let overlaps = two.refused(&[earlier, "network", "create", "--subnet=10.0.7.0/24", "other"]);
    assert!(overlaps.contains("10.0.7.0/24"), "{overlaps}");

    of_before.stop();
    let _second = two.agent(&[&store, "--cluster-advertise=eth0"]);
    until("it can now", SOON, || {
        one.output(&["weft", "network", "create", "-o", "encrypted", "secret"]).status.success()
    });
}
