//! `weft doctor` finds faults that are planted one by one, says what mends each, and has nothing to say of a sound host.

use crate::SOON;
use rustix::process::Signal;
use serde_json::Value;
use std::{
    io::{Read, Write},
    net::{TcpListener, UdpSocket},
    thread,
    time::Duration,
};
use weft_testbed::{Host, World, until, within};

/// A fault of the first host.
struct Fault {
    /// What it is.
    name: &'static str,
    /// A script that plants it. What it starts in the background ends with the world.
    plant: &'static str,
    /// A script that takes it back.
    mend: &'static str,
    /// The check that finds it, how bad that is, and what it says.
    check: &'static str,
    state: &'static str,
    says: &'static str,
    /// What mends it, as it says.
    mends: &'static str,
}

macro_rules! faults {
    ($($name:literal: $plant:expr => $mend:expr; $state:literal $check:literal says $says:literal, $mends:literal.)*) => {
        [$(Fault {
            name: $name, plant: $plant, mend: $mend, check: $check, state: $state, says: $says, mends: $mends,
        }),*]
    };
}

/// A program that holds a port.
macro_rules! holds {
    ($protocol:literal, $port:literal) => {
        concat!(
            "perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(LocalPort => ",
            $port,
            ", Proto => \"",
            $protocol,
            "\", ",
            "($ARGV[0] eq \"tcp\" ? (Listen => 1) : ())) or die; open F, \">/run/held\"; print F $$; close F; sleep 600' ",
            $protocol,
            " & until [ -s /run/held ]; do kill -0 $!; done"
        )
    };
}

const LET_GO: &str = "kill $(cat /run/held); rm /run/held";

/// systemd's programs, as far as they are asked.
macro_rules! systemd {
    ($shown:literal, $clock:literal) => {
        concat!(
            "mkdir -p /run/systemd/system; d=/usr/local/bin; ",
            "printf '#!/bin/sh\\ncase \"$*\" in *weft*) printf \"",
            $shown,
            "\";; *) echo LoadState=not-found;; esac\\n' >$d/systemctl; ",
            "printf '#!/bin/sh\\necho NTPSynchronized=",
            $clock,
            "\\n' >$d/timedatectl; chmod +x $d/systemctl $d/timedatectl"
        )
    };
}

const NO_SYSTEMD: &str = "rm -r /run/systemd/system /usr/local/bin/systemctl /usr/local/bin/timedatectl";

/// Those of a host whose agent runs.
const RUNNING: &[Fault] = &faults! {
    "no nft": "w=$(command -v nft); echo $w >/run/where; mv $w /usr/nft.away" => "mv /usr/nft.away $(cat /run/where)";
        "problem" "kernel" says "nftables rules", "nftables".
    "a closed port": "nft 'add table inet shut; add chain inet shut in { type filter hook input priority 0; }; \
        add rule inet shut in udp dport 4789 drop'" => "nft delete table inet shut";
        "problem" "vxlan" says "4789/udp", "nft 'insert rule inet shut in".
    "what is forwarded is dropped": "iptables -P FORWARD DROP" => "iptables -P FORWARD ACCEPT";
        "warning" "forward" says "FORWARD of iptables", "iptables -I FORWARD".
    "an interface that carries little": "ip link set eth0 mtu 1200" => "ip link set eth0 mtu 1500";
        "warning" "mtu" says "too few for IPv6", "mtu 1500".
    "a route to the subnet": "ip route add 10.0.0.0/16 dev eth0" => "ip route del 10.0.0.0/16 dev eth0";
        "warning" "subnets" says "10.0.0.0/16 over eth0", "--subnet".
    "a typo in weft.toml": "mkdir -p /etc/weft; echo 'vxlan-prot = 4790' >/etc/weft/weft.toml" => "rm /etc/weft/weft.toml";
        "problem" "config" says "vxlan-prot", "edit /etc/weft/weft.toml".
    "weft.toml is everybody's": "mkdir -p /etc/weft; >/etc/weft/weft.toml; chmod 666 /etc/weft/weft.toml" => "rm /etc/weft/weft.toml";
        "problem" "config" says "0666", "chmod go-w /etc/weft/weft.toml".
    "a secret to be read": "mkdir -p /etc/weft; echo x >/etc/weft/t; chmod 644 /etc/weft/t; \
        echo 'cluster-store-opt = { token-file = \"/etc/weft/t\" }' >/etc/weft/weft.toml" => "rm /etc/weft/weft.toml /etc/weft/t";
        "problem" "secrets" says "/etc/weft/t, which is secret", "chmod o= /etc/weft/t".
    "a secret that is not there":
        "mkdir -p /etc/weft; echo 'cluster-store-opt = { token-file = \"/etc/weft/t\" }' >/etc/weft/weft.toml" => "rm /etc/weft/weft.toml";
        "problem" "secrets" says "/etc/weft/t, which is not there", "install -m 600".
    "a data directory for all": "chmod 777 /var/lib/weft" => "chmod 700 /var/lib/weft";
        "problem" "data" says "0777", "chmod 700 /var/lib/weft".
    "a data directory to enter": "chmod 755 /var/lib/weft" => "chmod 700 /var/lib/weft";
        "warning" "data" says "0755", "chmod 700 /var/lib/weft".
    "the tunnels' port is another's": holds!("udp", "51820") => LET_GO;
        "warning" "port" says "51820/udp, for encrypted networks, is held by perl", "--tunnel-port".
    "the store is away": "nft 'add table inet shut; add chain inet shut out { type filter hook output priority 0; }; \
        add rule inet shut out tcp dport 8500 reject with tcp reset'" => "nft delete table inet shut";
        "problem" "store" says "out of reach", "port is open".
    "no way to a host": "ip route add unreachable 192.168.77.12" => "ip route del unreachable 192.168.77.12";
        "problem" "way" says "no way to host2", "ip route add 192.168.77.12".
    "another way to a host": "ip link add aside type veth peer name aside2; ip address add 203.0.113.1/24 dev aside; \
        ip link set aside up; ip route add 192.168.77.12 dev aside" => "ip link del aside";
        "warning" "way" says "leave by aside (203.0.113.1)", "ip route replace 192.168.77.12 dev eth0".
    "a unit that failed":
        systemd!("LoadState=loaded\\\\nUnitFileState=enabled\\\\nActiveState=failed\\\\n", "yes") => NO_SYSTEMD;
        "problem" "boot" says "weft.service failed", "systemctl restart weft.service".
    "a unit that does not start at boot":
        systemd!("LoadState=loaded\\\\nUnitFileState=disabled\\\\nActiveState=active\\\\n", "yes") => NO_SYSTEMD;
        "warning" "boot" says "not enabled", "systemctl enable weft.service".
    "a clock that nothing sets":
        systemd!("LoadState=loaded\\\\nUnitFileState=enabled\\\\nActiveState=active\\\\n", "no") => NO_SYSTEMD;
        "warning" "clock" says "nothing sets", "timedatectl set-ntp true".
};

/// Those that others of the cluster have: what is in the store of a host that is not there.
const OTHERS: &[Fault] = &faults! {
    "a host that is down": "put 0.2.0 192.168.77.19 4789" => "gone";
        "warning" "nodes" says "ghost (192.168.77.19) is down", "weft node rm ghost".
    "a host of another version": "put 0.0.9 192.168.77.19 4789" => "gone";
        "warning" "versions" says "ghost (0.0.9)", "install the same package".
    "a host with another port": "put 0.2.0 192.168.77.19 8472" => "gone";
        "problem" "nodes" says "ghost receives VXLAN on port 8472/udp", "vxlan-port = 4789".
    "two hosts at one address": "put 0.2.0 192.168.77.12 4789" => "gone";
        "problem" "nodes" says "both say that they are at 192.168.77.12", "--cluster-advertise".
};

/// Those of a host that was set up, and whose agent does not run.
const STOPPED: &[Fault] = &faults! {
    "an agent that does not run": "mkdir -p /etc/weft; >/etc/weft/weft.toml" => "rm /etc/weft/weft.toml";
        "warning" "agent" says "no agent runs here", "weft agent --cluster-store".
    "a full disk": "mkdir -p /etc/weft /run/small; mount -t tmpfs -o size=4m small /run/small; chmod 700 /run/small; \
        echo 'data-dir = \"/run/small\"' >/etc/weft/weft.toml" => "rm /etc/weft/weft.toml; umount /run/small";
        "problem" "disk" says "MiB are free where /run/small", "df -h /run/small".
    "the agents' port is another's": holds!("tcp", "7946") => LET_GO;
        "warning" "port" says "7946/tcp, for other agents, is held by perl", "--peer-port".
    "VXLAN's port is another's": holds!("udp", "4789") => LET_GO;
        "problem" "port" says "4789/udp, for VXLAN, is held by perl", "--vxlan-port".
    "the served store's port is another's":
        concat!("mkdir -p /etc/weft; echo 'store-serve = \"127.0.0.1:8500\"' >/etc/weft/weft.toml; ", holds!("tcp", "8500"))
        => "rm /etc/weft/weft.toml; kill $(cat /run/held); rm /run/held";
        "problem" "port" says "8500/tcp, for the store that this host serves, is held by perl", "--store-serve".
    "a store that nobody serves": "mkdir -p /etc/weft; echo 'cluster-store = \"consul://127.0.0.1:1\"' >/etc/weft/weft.toml"
        => "rm /etc/weft/weft.toml";
        "problem" "store" says "127.0.0.1:1: Connection refused", "its port is open".
    "a clock that is off": "mkdir -p /etc/weft; echo 'cluster-store = \"consul://127.0.0.1:8599\"' >/etc/weft/weft.toml"
        => "rm /etc/weft/weft.toml";
        "problem" "clock" says "behind this host's", "NTP".
};

/// What is found, as JSON, and whether there is no problem.
#[track_caller]
fn doctor(host: &Host) -> (Value, bool) {
    let output = host.output(&["weft", "doctor", "--format", "json"]);
    let printed = String::from_utf8_lossy(&output.stdout);
    let report = serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error} in:\n{printed}"));
    (report, output.status.success())
}

fn findings(report: &Value) -> &[Value] {
    report["findings"].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn is_sound(report: &Value) -> bool {
    !findings(report).is_empty() && findings(report).iter().all(|finding| finding["state"] == "ok")
}

/// Plants each, sees it found and named, mends it, and sees a sound host again; or one on which nothing but `meanwhile` is
/// to be said.
#[track_caller]
fn each_is_found(host: &Host, faults: &[Fault], functions: &str) {
    let sh = |script: &str| host.run(&["sh", "-ec", &format!("{functions}\n{script}")]);
    for fault in faults {
        sh(fault.plant);
        let mut last = Value::Null;
        let found = within(Duration::from_millis(300), SOON, || {
            let (report, well) = doctor(host);
            let finding = findings(&report).iter().find(|finding| is_it(finding, fault)).cloned();
            let fails = findings(&report).iter().any(|finding| finding["state"] == "problem");
            assert_eq!(well, !fails, "{}: {report:#}", fault.name);
            last = report;
            finding.ok_or("not found")
        });
        assert!(found.is_ok(), "{}: {last:#}", fault.name);
        sh(fault.mend);
        until(&format!("{}: mended, the host is sound", fault.name), SOON, || is_sound(&doctor(host).0));
    }
}

fn is_it(finding: &Value, fault: &Fault) -> bool {
    let says = |text: &Value, part: &str| text.as_str().is_some_and(|text| text.contains(part));
    let mends = finding["mend"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mended =
        mends.iter().any(|mend| says(&mend["command"], fault.mends) || says(&mend["byHand"], fault.mends));
    finding["check"] == fault.check
        && finding["state"] == fault.state
        && says(&finding["what"], fault.says)
        && mended
}

#[test]
fn planted_faults_are_named_with_what_mends_them() {
    let Some(world) = World::up(2) else { return };
    let [one, two] = [world.host(1), world.host(2)];
    // A host with nothing at all.
    let (report, well) = doctor(one);
    assert!(well && is_sound(&report), "{report:#}");
    assert!(report.to_string().contains("could not be looked at"), "{report:#}");

    let store = two.consul();
    let url = format!("--cluster-store={}", store.url());
    let mut agent = one.agent(&["--cluster-advertise=eth0", &url]);
    let _other = two.agent(&["--cluster-advertise=eth0", &url]);
    one.run(&["weft", "network", "create", "overlay"]);
    one.run(&["weft", "run", "-d", "--net", "overlay", "--name", "a", "sleep", "600"]);
    until("a host of a cluster is sound", SOON, || {
        let (report, well) = doctor(one);
        well && is_sound(&report) && report.to_string().contains("of 2 in the cluster")
    });
    each_is_found(one, RUNNING, "");
    let functions = format!(
        "put() {{ curl -sS -X PUT -d '{{\"id\":\"{id}\",\"version\":\"'$1'\",\"advertise\":\"'$2'\",\"vtep\":\"'$2'\",\
         \"vxlan_port\":'$3'}}' http://192.168.77.12:8500/v1/kv/weft/v1/nodes/ghost; }}\n\
         gone() {{ curl -sS -X DELETE http://192.168.77.12:8500/v1/kv/weft/v1/nodes/ghost; }}",
        id = "5f0c1e2d".repeat(8)
    );
    each_is_found(one, OTHERS, &functions);

    agent.signal(Signal::STOP);
    let (report, well) = doctor(one);
    let says = |what: &str| {
        findings(&report).iter().any(|one| one["what"].as_str().is_some_and(|text| text.contains(what)))
    };
    assert!(!well && says("the agent gives no good answer: it hangs"), "{report:#}");
    agent.signal(Signal::CONT);

    one.run(&["weft", "rm", "-f", "a"]);
    one.run(&["weft", "network", "rm", "overlay"]);
    agent.stop();
    let (report, _) = doctor(one);
    assert!(report.to_string().contains("no agent runs here, though one did"), "{report:#}");
    one.run(&["rm", "/var/lib/weft/node.json"]);
    // It has VXLAN's port, and stays without an agent.
    one.run(&["ip", "netns", "delete", "weft-16777215"]);
    until("the port is free", SOON, || one.inside(None, || UdpSocket::bind("0.0.0.0:4789")).is_ok());
    until("a host without an agent is sound", SOON, || is_sound(&doctor(one).0));
    let listener = one.inside(None, || TcpListener::bind("127.0.0.1:8599")).expect("the port is free");
    thread::spawn(move || listener.incoming().flatten().for_each(yesterday));
    each_is_found(one, STOPPED, "");
    assert!(RUNNING.len() + OTHERS.len() + STOPPED.len() >= 20);
}

/// A server whose clock is far behind.
fn yesterday(mut client: std::net::TcpStream) {
    let mut asked = [0; 4096];
    // One that only tries to connect asks nothing.
    if client.read(&mut asked).is_ok_and(|read| read > 0) {
        let answer = "HTTP/1.1 200 OK\r\ndate: Sun, 01 Nov 2020 12:00:00 GMT\r\ncontent-length: 0\r\n\r\n";
        let _ = client.write_all(answer.as_bytes());
    }
}
