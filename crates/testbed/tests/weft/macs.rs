//! Ethernet addresses that somebody chooses.

use crate::cluster::{Cluster, SOON, addresses, exec, ping, sleeper};
use weft_testbed::{Host, until};

/// That of 10.0.0.1.
const GATEWAYS: &str = "02:42:0a:00:00:01";

fn address_of(host: &Host, name: &str) -> String {
    let all = addresses(host, "overlay");
    all.into_iter().find(|(other, _)| other == name).map(|(_, address)| address).unwrap_or_default()
}

#[test]
fn a_chosen_ethernet_address_is_in_nobodys_way() {
    let Some(cluster) = Cluster::up(2) else { return };
    let [one, two] = [cluster.host(1), cluster.host(2)];
    cluster.create_network(&["overlay"]);
    sleeper(one, "overlay", "watcher", &[]);

    // The gateway's is refused, on every host.
    for host in [one, two] {
        let run = ["weft", "run", "-d", "--net", "overlay", "--name", "thief", "--mac-address", GATEWAYS];
        let refusal = host.refused(&[&run[..], &["--", "sleep", "infinity"]].concat());
        assert!(refusal.contains(GATEWAYS) && refusal.contains("gateway"), "{refusal}");
    }

    // One that follows from the next free address: that address is passed over.
    sleeper(one, "overlay", "chooser", &["--mac-address", "02:42:0a:00:00:04"]);
    assert_eq!(address_of(one, "chooser"), "10.0.0.3/24");
    sleeper(two, "overlay", "next", &[]);
    assert_eq!(address_of(two, "next"), "10.0.0.5/24");
    ping(two, "next", "chooser");
    let run = ["weft", "run", "-d", "--net", "overlay", "--name", "b", "--ip", "10.0.0.4", "--", "true"];
    let refusal = two.refused(&run);
    assert!(refusal.contains("in use by chooser"), "{refusal}");

    // An agent that does not know of this has put the gateway's behind a container's port.
    let ports = "cd /sys/class/net/br0/brif && ls -d p*";
    let inside = |command: &str| one.run(&["ip", "netns", "exec", "weft-256", "sh", "-c", command]);
    let port = inside(ports);
    let port = port.lines().next().expect("there is a container");
    inside(&format!("bridge fdb replace {GATEWAYS} dev {port} master static"));
    until("the gateway answers again", SOON, || {
        one.output(&["weft", "exec", "watcher", "--", "ping", "-c1", "-W1", "10.0.0.1"]).status.success()
    });
    assert_eq!(one.run(&["weft", "plan"]).trim(), "");

    // The same address with another Ethernet address is reached at once from a container that has the old one in its
    // neighbour table.
    for (turn, host) in [two, two, one, one].into_iter().enumerate() {
        let mac = format!("02:00:00:00:00:{turn:02x}");
        sleeper(host, "overlay", "mover", &["--ip", "10.0.0.50", "--mac-address", &mac]);
        until("it is reached soon", std::time::Duration::from_secs(3), || {
            let ping = ["weft", "exec", "watcher", "--", "ping", "-c1", "-W1", "10.0.0.50"];
            one.output(&ping).status.success()
        });
        assert!(exec(one, "watcher", &["ip", "neigh"]).contains(&mac));
        host.run(&["weft", "rm", "-f", "mover"]);
    }
}
