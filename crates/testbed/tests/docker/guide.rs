//! The guide, with docker's own commands, on each release.

use crate::cluster::{CREATE, Cluster, SOON, address, has_network, ping};
use serde_json::Value;
use weft_testbed::{Engine, Host, Release, until};

#[test]
fn the_guide_on_the_newest() {
    guide([Release::Newest; 2]);
}

#[test]
fn the_guide_on_the_oldest() {
    guide([Release::Oldest; 2]);
}

#[track_caller]
fn guide(releases: [Release; 2]) {
    let Some(cluster) = Cluster::up(&releases) else { return };
    let [one, two] = [0, 1].map(|index| &cluster.engines[index]);

    one.docker(&format!("{CREATE} overlay"));
    until("the other engine has the network", SOON, || has_network(two, "overlay"));
    for engine in [one, two] {
        let inspected = engine.json("network inspect overlay");
        let pool = &inspected[0]["IPAM"]["Config"][0];
        assert_eq!((&pool["Subnet"], &pool["Gateway"]), (&"10.0.0.0/24".into(), &"10.0.0.1".into()));
        assert_eq!((&inspected[0]["Driver"], &inspected[0]["Scope"]), (&"weft".into(), &"local".into()));
    }

    web(one, "nginx_01");
    web(two, "nginx_02");
    // At once: each knew the other before `docker run` returned.
    ping(one, "nginx_01", "nginx_02");
    ping(two, "nginx_02", "nginx_01");
    for (engine, name, address) in [(one, "nginx_01", "10.0.0.2"), (two, "nginx_02", "10.0.0.3")] {
        assert_eq!(self::address(engine, "overlay", name), address);
        let id = engine.docker(&format!("inspect -f {{{{.Id}}}} {name}"));
        for (engine, observer) in [(one, "nginx_01"), (two, "nginx_02")] {
            serves(engine, observer, name, &[name, &id[..12], &format!("{name}.overlay"), address]);
            // Of itself, a container has read in /etc/hosts.
            let reverse = engine.docker(&format!("exec {observer} getent hosts {address}"));
            let expected = if observer == name { id[..12].to_owned() } else { format!("{name}.overlay") };
            assert!(reverse.ends_with(&expected), "{reverse}");
        }
        let published = format!("http://{}:8080/", engine.host().address());
        for engine in [one, two] {
            assert_eq!(engine.host().run(&["curl", "-sf", &published]), format!("This is {name}"));
        }
        shows(engine, name, address);
    }
    for host in cluster.world.hosts() {
        all_are_shown(host);
    }

    // In use on the other host alone. An engine does not let its driver refuse (libnetwork, network.go, honours
    // only errors of its own type): its network is back at once. weft refuses.
    two.docker("rm -f nginx_02");
    let refusal = two.host().refused(&["weft", "network", "rm", "overlay"]);
    assert!(refusal.contains("nginx_01 on host1"), "{refusal}");
    two.docker("network rm overlay");
    until("the network is back", SOON, || has_network(two, "overlay"));
    assert!(one.succeeds("exec nginx_01 wget -qO- http://nginx_01.overlay/"));
    // An engine's own containers keep it from that.
    assert!(one.refused("network rm overlay").contains("active endpoints"));
    one.docker("rm -f nginx_01");
    two.docker("network rm overlay");
    until("it is gone everywhere", SOON, || !has_network(one, "overlay"));
    cluster.is_empty_soon();
}

#[track_caller]
fn web(engine: &Engine, name: &str) {
    engine.host().write("/var/lib/site/index.html", &format!("This is {name}"));
    // nginx's process may not be root's, and `write` is for secrets too.
    engine.host().run(&["chmod", "-R", "a+rX", "/var/lib/site"]);
    let volume = "-v /var/lib/site:/usr/share/nginx/html";
    engine.docker(&format!("run -itd --net overlay --name {name} {volume} -p 8080:80 nginx"));
}

/// Fetches the page of `name` under each of its names, from a container.
#[track_caller]
fn serves(engine: &Engine, observer: &str, name: &str, names: &[&str]) {
    for host in names {
        let page = engine.docker(&format!("exec {observer} wget -qO- http://{host}/"));
        assert_eq!(page, format!("This is {name}"), "{host} from {observer}");
    }
}

/// Its engine shows a container with its address and what docker's MAC addresses are made of.
#[track_caller]
fn shows(engine: &Engine, name: &str, address: &str) {
    let inspected = engine.json("network inspect overlay");
    let containers = inspected[0]["Containers"].as_object().cloned().unwrap_or_default();
    let shown = containers.values().find(|one| one["Name"] == name).cloned().unwrap_or_default();
    assert_eq!(shown["IPv4Address"], format!("{address}/24"));
    let last: u8 = address.rsplit('.').next().and_then(|octet| octet.parse().ok()).expect("an address");
    assert_eq!(shown["MacAddress"], format!("02:42:0a:00:00:{last:02x}"));
}

/// Every host's agent shows the containers of all hosts.
#[track_caller]
fn all_are_shown(host: &Host) {
    let inspected = host.json(&["weft", "network", "inspect", "overlay"]);
    let containers = inspected[0]["Containers"].as_object().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut shown: Vec<_> = containers
        .values()
        .map(|one| [&one["Name"], &one["IPv4Address"], &one["MacAddress"]].map(text).join(" "))
        .collect();
    shown.sort();
    assert_eq!(shown, ["nginx_01 10.0.0.2/24 02:42:0a:00:00:02", "nginx_02 10.0.0.3/24 02:42:0a:00:00:03"]);
    let endpoints = host.run(&["weft", "endpoint", "ls"]);
    for (name, node) in [("nginx_01", "host1"), ("nginx_02", "host2")] {
        let line = endpoints.lines().find(|line| line.contains(name));
        assert!(line.is_some_and(|line| line.contains(node)), "{endpoints}");
    }
}
