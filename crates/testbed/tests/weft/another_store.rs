//! Hosts that are pointed at another store than their cluster's.

use crate::cluster::{SOON, has_network};
use weft_testbed::{Container, Host, World, until};

/// What `weft status` prints, and whether all is well.
fn status(host: &Host) -> (String, bool) {
    let output = host.output(&["weft", "status"]);
    (String::from_utf8_lossy(&output.stdout).into_owned(), output.status.success())
}

fn is_well(host: &Host) {
    until("all is well", SOON, || status(host).1);
}

/// Whether the agent's memory names something: the base, or the log of what changed since.
fn remembers(host: &Host, what: &str) -> bool {
    let grep = format!("grep -qs {what} /var/lib/weft/cluster.json /var/lib/weft/cluster-*.log");
    host.output(&["sh", "-c", &grep]).status.success()
}

/// What the store on `host` has under a key.
fn value(host: &Host, key: &str) -> String {
    let output = host.output(&["consul", "kv", "get", key]);
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// The package starts an agent with a store of its own; something is tried there; then it is to be Consul.
#[test]
fn from_a_store_of_its_own_to_consul() {
    let Some(world) = World::up(2) else { return };
    let [host, other] = [1, 2].map(|number| world.host(number));
    let _consul = other.consul();
    let consul = "consul://192.168.77.12:8500";
    let mut agent = host.agent(&["--cluster-store=embedded", "--cluster-advertise=eth0"]);
    host.run(&["weft", "network", "create", "--subnet", "10.9.0.0/24", "overlay"]);
    let container = Container::attach(host, "overlay", "one");
    until("it is written down", SOON, || remembers(host, "overlay"));

    agent.turn_to(consul);
    let mut said = String::new();
    until("it is refused", SOON, || {
        let well;
        (said, well) = status(host);
        !well && said.contains("is empty, and this host belongs to cluster")
    });
    for part in [consul, "weft store copy", "weft leave", "1 network and 1 endpoint here", "prefix weft"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(agent.log().contains("is empty, and this host belongs to cluster"), "{}", agent.log());
    assert!(host.refused(&["weft", "network", "create", "more"]).contains("weft store copy"));
    assert_eq!(other.run(&["consul", "kv", "get", "-keys", "-recurse"]), "", "nothing is written there");
    let addresses = host.run(&["ip", "netns", "exec", container.name(), "ip", "-4", "addr"]);
    assert!(addresses.contains(&container.address().to_string()), "{addresses}");

    // As it says: the cluster moves while no agent runs.
    agent.stop();
    host.run(&["weft", "store", "copy", "embedded", consul]);
    agent.restart();
    is_well(host);
    assert!(has_network(host, "overlay"));
    let id = value(other, "weft/v1/cluster");
    assert!(id.contains("\"id\""), "{id}");
    let second = other.agent(&[&format!("--cluster-store={consul}"), "--cluster-advertise=eth0"]);
    is_well(other);
    assert!(!second.log().contains("rebuilt"), "{}", second.log());
    let neighbour = Container::attach(other, "overlay", "two");
    let ping = || {
        let (netns, target) = (container.name(), neighbour.address().to_string());
        host.output(&["ip", "netns", "exec", netns, "ping", "-c1", "-W1", &target]).status.success()
    };
    until("they reach each other", SOON, ping);

    // The same store, wiped, is still this cluster's.
    other.run(&["consul", "kv", "delete", "-recurse", "weft/"]);
    until("it is rebuilt", SOON, || {
        value(other, "weft/v1/cluster") == id && !value(other, "weft/v1/rebuilt").is_empty() && status(host).1
    });
    assert!(ping());
}

/// The data directory of a version that knew of no id, and a store that it had written.
#[test]
fn an_upgrade_finds_its_cluster_by_what_it_has() {
    let Some(world) = World::up(1) else { return };
    let host = world.host(1);
    let _consul = host.consul();
    let right = "consul://192.168.77.11:8500";
    let mut agent = host.agent(&[&format!("--cluster-store={right}"), "--cluster-advertise=eth0"]);
    host.run(&["weft", "network", "create", "overlay"]);
    let _container = Container::attach(host, "overlay", "one");
    until("it is written down", SOON, || remembers(host, "overlay"));
    agent.stop();
    host.run(&["rm", "/var/lib/weft/home.json"]);
    host.run(&["consul", "kv", "delete", "weft/v1/cluster"]);

    agent.turn_to(&format!("{right}/wfet"));
    until("it is refused", SOON, || {
        status(host).0.contains("is empty, and this host belongs to the cluster in")
    });
    assert_eq!(value(host, "wfet/v1/cluster"), "");
    agent.turn_to(right);
    is_well(host);
    assert!(value(host, "weft/v1/cluster").contains("\"id\""));
    assert_eq!(value(host, "weft/v1/rebuilt"), "", "nothing was lost");
    assert!(!agent.log().contains("cut off"), "{}", agent.log());
}

#[test]
fn a_cluster_is_not_copied_over_another() {
    let Some(world) = World::up(1) else { return };
    let host = world.host(1);
    let (_consul, consul) = (host.consul(), "consul://192.168.77.11:8500");
    let mut agent = host.agent(&["--cluster-store=embedded", "--cluster-advertise=eth0"]);
    is_well(host);
    agent.stop();
    // Tried there, and nothing done.
    host.run(&[
        "sh",
        "-c",
        "mkdir /run/kept && mv /var/lib/weft/home.json /var/lib/weft/cluster.json /var/lib/weft/cluster-*.log /run/kept",
    ]);
    agent.turn_to(consul);
    is_well(host);
    let tried = value(host, "weft/v1/cluster");
    agent.stop();
    let copy =
        |force: &[&str]| host.output(&[&["weft", "store", "copy", "embedded", consul], force].concat());
    assert!(!copy(&[]).status.success(), "keys differ");
    assert_eq!(value(host, "weft/v1/cluster"), tried);
    let copied = copy(&["--force"]);
    assert!(copied.status.success(), "{copied:?}");
    let ours = value(host, "weft/v1/cluster");
    assert_ne!(ours, tried, "what was tried only gives way");

    // And a cluster that is one.
    host.run(&["consul", "kv", "delete", "-recurse", "weft/"]);
    host.run(&[
        "sh",
        "-c",
        "rm /var/lib/weft/home.json /var/lib/weft/cluster.json /var/lib/weft/cluster-*.log",
    ]);
    agent.restart();
    is_well(host);
    host.run(&["weft", "network", "create", "overlay"]);
    agent.stop();
    let theirs = value(host, "weft/v1/cluster");
    let before = host.run(&["consul", "kv", "export", "weft/"]);
    let short = |record: &str| {
        let record: serde_json::Value = serde_json::from_str(record).expect("it is JSON");
        record["id"].as_str().expect("it has an id")[..12].to_owned()
    };
    for force in [&[][..], &["--force"]] {
        let refused = copy(force);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success(), "{said}");
        for part in [&short(&ours), &short(&theirs), "also with --force", "Nothing was written", "weft/v1/"] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
    assert_eq!(host.run(&["consul", "kv", "export", "weft/"]), before);
}
