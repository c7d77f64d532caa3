//! Hosts that leave their cluster: nothing of theirs is left in it, and nothing of it on them.

use crate::cluster::{Cluster, SOON, addresses, exec, ping, sleeper};
use std::{thread, time::Duration};
use weft_testbed::{Host, World, until};

/// Everything of weft's that a host can have.
const ON_A_HOST: &str = r#"
    named() { while read -r what; do echo "$1 $what"; done; }
    ip netns | grep -o '^weft-[^ ]*' | named namespace
    ip -oneline link | grep -Eo ' (weft-[0-9]+|v[0-9a-f]{12}|[^ ]*vxlan[^ ]*)[@:]' | named device
    nft list tables | grep weft | named nftables
    ls /run/netns | grep '^weft-' | named /run/netns
    ls /run/weft | named /run/weft
    ls /run/docker/plugins | named plugins
    ls /var/lib/weft | grep -v '^lock$' | named /var/lib/weft
    true"#;

#[track_caller]
fn has_nothing(host: &Host) {
    let left = host.run(&["sh", "-c", &format!("({ON_A_HOST}) 2>/dev/null")]);
    assert_eq!(left, "", "{}: something is left", host.name());
}

/// What the store has, for each key that is this host's.
#[track_caller]
fn keys_of(cluster: &Cluster, host: &str) -> Vec<String> {
    let exported = cluster.host(1).json(&["consul", "kv", "export", "weft/"]);
    let keys = exported.as_array().cloned().unwrap_or_default().into_iter();
    let decode = |value: &serde_json::Value| {
        let text = value.as_str().unwrap_or_default();
        cluster.host(1).run(&["sh", "-c", &format!("echo '{text}' | base64 -d")])
    };
    let is_its = |key: &str, value: &serde_json::Value| {
        key.ends_with(&format!("/{host}")) || decode(value).contains(&format!("\"{host}\""))
    };
    let its = keys.filter(|entry| is_its(entry["key"].as_str().unwrap_or_default(), &entry["value"]));
    its.filter_map(|entry| entry["key"].as_str().map(ToOwned::to_owned)).collect()
}

/// Says in the file what the agents of a cluster are told with flags.
#[track_caller]
fn configure(host: &Host, cluster: &Cluster) {
    let text = format!("cluster-store = \"{}\"\ncluster-advertise = \"eth0\"\n", cluster.store.url());
    host.run(&["mkdir", "-p", "/etc/weft"]);
    host.write("/etc/weft/weft.toml", &text);
}

#[test]
fn a_host_leaves_and_the_others_do_not_notice() {
    let Some(mut cluster) = Cluster::up(2) else { return };
    let (first, second) = (cluster.host(1).clone(), cluster.host(2).clone());
    cluster.create_network(&["overlay"]);
    sleeper(&first, "overlay", "web-1", &[]);
    sleeper(&second, "overlay", "web-2", &["-p", "8080:80"]);
    ping(&first, "web-1", "web-2");
    second.run(&["ip", "netns", "add", "spare"]);
    second.run(&["weft", "attach", "--net", "overlay", "--name", "spare", "--netns", "/run/netns/spare"]);
    let before = addresses(&first, "overlay");

    for more in [&[][..], &["--dry-run"]] {
        let refused = second.refused(&[&["weft", "leave"], more].concat());
        assert!(refused.contains("web-2 on network overlay") && refused.contains("--force"), "{refused}");
    }
    assert_eq!(addresses(&first, "overlay"), before, "what was refused changed nothing");
    ping(&first, "web-1", "web-2");

    second.run(&["weft", "stop", "web-2"]);
    second.run(&["weft", "detach", "--net", "overlay", "--name", "spare"]);
    second.run(&["weft", "leave", "--dry-run"]);
    second.run(&["weft", "leave"]);
    assert_eq!(cluster.agents[1].wait(SOON).code(), Some(80), "systemd is told not to start it again");
    has_nothing(&second);
    assert_eq!(keys_of(&cluster, "host2"), Vec::<String>::new());
    until("the other host sees it gone", SOON, || {
        first.json(&["weft", "node", "ls", "--format", "json"]).as_array().map_or(0, Vec::len) == 1
    });
    let log = cluster.agents[0].log();
    assert!(!log.contains("node is down") && !log.contains("rebuil"), "{log}");
    assert_eq!(addresses(&first, "overlay").len(), 1);
    first.run(&["weft", "status"]);

    // It can come back, as another.
    cluster.agents[1].restart();
    until("it is in again", SOON, || second.output(&["weft", "status"]).status.success());
    sleeper(&second, "overlay", "web-3", &[]);
    ping(&first, "web-1", "web-3");
    // Killed at any moment of it, it leaves in the end.
    configure(&second, &cluster);
    for moment in [0, 5, 15, 40, 80] {
        let mut leaving = second.spawn(&["weft", "leave", "--force", "--purge"]);
        thread::sleep(Duration::from_millis(moment));
        cluster.agents[1].kill9();
        leaving.wait(SOON);
        second.run(&["weft", "leave", "--force", "--purge"]);
        has_nothing(&second);
        assert!(!second.output(&["test", "-e", "/var/lib/weft"]).status.success());
        assert_eq!(keys_of(&cluster, "host2"), Vec::<String>::new());
        cluster.agents[1].restart();
        until("it is in again", SOON, || second.output(&["weft", "status"]).status.success());
        sleeper(&second, "overlay", &format!("again-{moment}"), &[]);
    }
    exec(&first, "web-1", &["true"]);
}

#[test]
fn a_host_without_an_agent_or_a_store_leaves() {
    let Some(mut cluster) = Cluster::up(2) else { return };
    let (first, second) = (cluster.host(1).clone(), cluster.host(2).clone());
    cluster.create_network(&["overlay"]);
    configure(&second, &cluster);
    sleeper(&second, "overlay", "web-2", &[]);
    cluster.agents[1].kill9();
    let refused = second.refused(&["weft", "leave"]);
    assert!(refused.contains("web-2 on network overlay"), "{refused}");
    second.run(&["weft", "leave", "--force"]);
    has_nothing(&second);
    assert_eq!(keys_of(&cluster, "host2"), Vec::<String>::new());

    cluster.agents[1].restart();
    until("it is in again", SOON, || second.output(&["weft", "status"]).status.success());
    sleeper(&second, "overlay", "web-3", &[]);
    second.run(&["weft", "rm", "-f", "web-3"]);
    cluster.store.kill9();
    until("the store is away", SOON, || !second.output(&["weft", "status"]).status.success());
    let refused = second.refused(&["weft", "leave"]);
    assert!(refused.contains("stays there until `weft node rm host2`"), "{refused}");
    let forced = second.output(&["weft", "leave", "--force"]);
    let said = String::from_utf8_lossy(&forced.stderr);
    assert!(forced.status.success() && said.contains("stays there until `weft node rm host2`"), "{said}");
    assert_eq!(cluster.agents[1].wait(SOON).code(), Some(80));
    has_nothing(&second);
    cluster.store.restart();
    until("it is given up from another host", Duration::from_secs(60), || {
        first.output(&["weft", "node", "rm", "host2"]).status.success()
    });
    assert_eq!(keys_of(&cluster, "host2"), Vec::<String>::new());
}

#[test]
fn a_copy_forgets_who_it_was() {
    let Some(world) = World::up(3) else { return };
    let [first, original, copy] = [1, 2, 3].map(|number| world.host(number).clone());
    let store = first.consul();
    let store = format!("--cluster-store={}", store.url());
    let start =
        |host: &Host, name: &str| host.agent(&[&store, "--cluster-advertise=eth0", "--node-name", name]);
    let (_one, two) = (start(&first, "host1"), start(&original, "host2"));
    first.run(&["weft", "network", "create", "overlay"]);
    until("it is everywhere", SOON, || crate::cluster::has_network(&original, "overlay"));
    sleeper(&first, "overlay", "web-1", &[]);
    sleeper(&original, "overlay", "web-2", &[]);
    ping(&first, "web-1", "web-2");

    original.clone_to(&copy);
    let mut agent =
        copy.spawn(&["weft", "agent", &store, "--cluster-advertise=eth0", "--node-name", "host3"]);
    assert!(!agent.wait(SOON).success());
    assert!(agent.log().contains("weft leave --forget"), "{}", agent.log());
    copy.run(&["weft", "leave", "--forget"]);
    let id = |host: &Host| host.run(&["sh", "-c", "grep '\"id\"' /var/lib/weft/node.json"]);
    let _three = start(&copy, "host3");
    until("three nodes are up", SOON, || {
        let nodes = first.json(&["weft", "node", "ls", "--format", "json"]);
        nodes.as_array().is_some_and(|all| all.len() == 3 && all.iter().all(|node| node["up"] == true))
    });
    assert_ne!(id(&original), id(&copy));
    sleeper(&copy, "overlay", "web-3", &[]);
    ping(&first, "web-1", "web-3");
    ping(&first, "web-1", "web-2");
    assert!(!two.log().contains("joining again") && !two.log().contains("cut off"), "{}", two.log());

    // Where something runs, it is no copy.
    drop(two);
    let refused = original.refused(&["weft", "leave", "--forget"]);
    assert!(refused.contains("web-2 on network overlay"), "{refused}");
}
