//! Containers of Podman, where weft is a plugin of netavark, its network program.

use crate::{
    cluster::SOON,
    tokens::{init, let_in},
};
use serde_json::{Value, json};
use weft_testbed::{Host, Podman, Service, World, checkout, until};

/// Two hosts of one cluster with Podman, and the network `overlay` on both.
struct Lab {
    world: World,
    podman: [Podman; 2],
    agents: [Service; 2],
}

impl Lab {
    #[track_caller]
    fn up() -> Option<Self> {
        let world = World::up(2)?;
        let hosts = [world.host(1), world.host(2)];
        let (one, two) = (hosts[0].podman()?, hosts[1].podman()?);
        let first = init(hosts[0], &[]);
        let second = let_in(hosts[0], hosts[1]);
        one.podman("network create -d weft overlay");
        until("the other host has the network", SOON, || {
            hosts[1].run(&["weft", "network", "ls"]).contains("overlay")
        });
        two.podman("network create -d weft overlay");
        Some(Self { world, podman: [one, two], agents: [first, second] })
    }
}

/// What the cluster has of the endpoint `name`, of however many.
fn endpoints(host: &Host, name: &str) -> Vec<Value> {
    let all = host.json(&["weft", "endpoint", "ls", "--format", "json"]);
    let all = all.as_array().cloned().unwrap_or_default();
    all.into_iter().filter(|endpoint| endpoint["name"] == name).collect()
}

fn address(host: &Host, name: &str) -> String {
    let found = endpoints(host, name);
    assert_eq!(found.len(), 1, "{name}: {found:?}");
    found[0]["ipv4"].as_str().unwrap_or_default().to_owned()
}

/// Whether a container gets to a web server there.
fn gets(podman: &Podman, container: &str, url: &str) -> bool {
    podman.succeeds(&format!("exec {container} timeout 3 wget -q -O - {url}"))
}

#[test]
fn containers_of_two_hosts_find_each_other_and_leave_nothing() {
    let Some(lab) = Lab::up() else { return };
    let [one, two] = &lab.podman;
    // It is the one network of the cluster, on both.
    let subnet = |podman: &Podman| podman.podman("network inspect overlay --format {{.Subnets}}");
    assert_eq!(subnet(one), subnet(two));
    one.podman("run -d --name nginx_01 --network overlay --network-alias www -p 8080:80 localhost/nginx");
    two.podman("run -d --name nginx_02 --network overlay -p 127.0.0.1:8081:80/tcp localhost/nginx");
    two.podman("run -d --name client --network overlay localhost/busybox sleep 1000");
    for url in [
        "http://nginx_01",
        "http://www",
        "http://nginx_01.overlay",
        "http://nginx_02",
        "http://192.168.77.11:8080",
    ] {
        until(url, SOON, || gets(two, "client", url));
    }
    let page = ["curl", "--silent", "--max-time", "2", "http://127.0.0.1:8081"];
    assert!(two.host().run(&page).contains("nginx"));
    assert!(
        two.host()
            .output(&["curl", "--silent", "--max-time", "2", "http://192.168.77.12:8081"])
            .stdout
            .is_empty()
    );
    let id = one.podman("inspect nginx_01 --format {{.Id}}");
    assert_eq!(endpoints(two.host(), "nginx_01")[0]["container"], id.as_str());
    let known = one.podman("inspect nginx_01 --format {{.NetworkSettings.Networks.overlay.IPAddress}}");
    assert_eq!(known, address(two.host(), "nginx_01"));
    for host in [one.host(), two.host()] {
        until("all is well", SOON, || host.output(&["weft", "status"]).status.success());
    }
    for podman in [one, two] {
        podman.podman("rm --all --force --time 0");
    }
    until("no endpoint is left", SOON, || one.host().run(&["weft", "endpoint", "ls", "-q"]).is_empty());
    for host in [one.host(), two.host()] {
        until("nor a namespace of a segment", SOON, || !host.run(&["ip", "netns"]).contains("weft-256"));
    }
    drop(lab.world);
}

#[test]
fn restarts_renames_reloads_and_connections_are_followed() {
    let Some(lab) = Lab::up() else { return };
    let [one, two] = &lab.podman;
    two.podman("run -d --name client --network overlay localhost/busybox sleep 1000");
    one.podman(
        "run -d --name web --network overlay --ip 10.0.0.77 --mac-address 02:00:00:00:00:77 localhost/nginx",
    );
    assert_eq!(address(two.host(), "web"), "10.0.0.77");
    assert_eq!(endpoints(two.host(), "web")[0]["mac"], "02:00:00:00:00:77");
    until("it answers", SOON, || gets(two, "client", "http://web"));

    one.podman("restart -t 0 web");
    until("it answers again", SOON, || gets(two, "client", "http://web"));
    one.podman("rename web shop");
    one.podman("restart -t 0 shop");
    until("under its new name", SOON, || gets(two, "client", "http://shop"));
    assert!(endpoints(two.host(), "web").is_empty());
    one.podman("network reload shop");
    assert_eq!(address(two.host(), "shop"), "10.0.0.77");
    until("it answers after a reload", SOON, || gets(two, "client", "http://shop"));

    one.podman("network create -d weft other");
    one.podman("network connect --alias side other shop");
    until("it is on both networks", SOON, || endpoints(one.host(), "shop").len() == 2);
    assert!(one.host().run(&["weft", "resolve", "side", "--as", "shop"]).contains("10.0.1."));
    one.podman("network disconnect other shop");
    until("it is off the other network", SOON, || endpoints(one.host(), "shop").len() == 1);
    until("it still answers", SOON, || gets(two, "client", "http://shop"));
    one.podman("stop -t 0 shop");
    until("what is stopped has no endpoint", SOON, || endpoints(two.host(), "shop").is_empty());
}

#[test]
fn without_the_agent_containers_end_and_none_begins() {
    let Some(mut lab) = Lab::up() else { return };
    let one = &lab.podman[0];
    one.podman("run -d --name web --network overlay localhost/nginx");
    lab.agents[0].kill9();
    one.podman("stop -t 0 web");
    let refused = one.refused("start web");
    assert!(refused.contains("is `weft agent` running?"), "{refused}");
    let _agent = one.host().agent(&[]);
    until("what ended meanwhile is taken off", SOON, || endpoints(one.host(), "web").is_empty());
    one.podman("start web");
    let two = &lab.podman[1];
    assert!(
        two.podman("run --rm --network overlay localhost/busybox wget -q -O - http://web").contains("nginx")
    );
}

/// A call of the plugin, as netavark makes it.
fn call(host: &Host, arguments: &str, call: &str) -> (bool, Value) {
    host.write("/run/call", call);
    let line = format!("exec -a /usr/libexec/netavark/weft weft {arguments} </run/call");
    let output = host.output(&["bash", "-c", &line]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    (output.status.success(), serde_json::from_str(&said).unwrap_or(Value::String(said)))
}

#[test]
fn networks_that_weft_cannot_make_are_refused() {
    let Some(lab) = Lab::up() else { return };
    let one = &lab.podman[0];
    for (line, why) in [
        ("-d weft --interface-name zz0 n1", "--interface-name is not for networks of weft"),
        (
            "-d weft --route 10.9.0.0/16,10.6.0.1 --subnet 10.6.0.0/24 n1",
            "--route is not for networks of weft",
        ),
        ("-d weft --subnet 10.6.0.0/24 overlay2 -o mtu=17", "invalid MTU"),
        ("-d weft --subnet 10.0.0.0/25 n1", "overlaps"),
        ("-d weft --ipam-driver dhcp n1", "--ipam-driver dhcp is not for networks of weft"),
    ] {
        let refused = one.refused(&format!("network create {line}"));
        assert!(refused.contains(why), "{line}: {refused}");
    }
    lab.podman[1].podman("network rm overlay");
    let refused = lab.podman[1].refused("network create -d weft --subnet 10.7.0.0/24 overlay");
    assert!(
        refused.contains("the cluster has a network overlay already, without the subnet 10.7.0.0/24"),
        "{refused}"
    );
    one.podman(
        "network create -d weft --subnet 10.8.0.0/24 --ip-range 10.8.0.128/25 --gateway 10.8.0.2 part",
    );
    one.podman("run -d --name in_part --network part localhost/busybox sleep 1000");
    let last: u8 =
        address(one.host(), "in_part").rsplit('.').next().and_then(|last| last.parse().ok()).unwrap_or(0);
    assert!(last >= 128, "{last}");
}

/// A call that is right.
fn good() -> Value {
    let network =
        json!({ "name": "overlay", "id": "9f18", "driver": "weft", "options": null, "subnets": null });
    json!({
        "container_id": "4fd44ca1", "container_name": "c1", "port_mappings": null, "network": network,
        "network_options": { "aliases": ["al"], "interface_name": "eth0", "static_ips": null, "static_mac": null },
    })
}

/// One in which something is else.
fn with(pointer: &str, value: Value) -> String {
    let mut call = good();
    *call.pointer_mut(pointer).expect("it is there") = value;
    call.to_string()
}

#[test]
fn calls_that_are_none_leave_nothing() {
    let Some(lab) = Lab::up() else { return };
    let host = lab.podman[0].host();
    host.run(&["ip", "netns", "add", "c1"]);
    let published = |port: u16, protocol: &str, range: u16| json!([{ "container_port": 80, "host_port": port, "host_ip": "", "protocol": protocol, "range": range }]);
    let setup = "setup /run/netns/c1";
    for (arguments, text, why) in [
        ("", good().to_string(), "create, setup PATH, teardown PATH or info"),
        (setup, "{".into(), "plugin API"),
        (setup, "x".repeat(2 << 20), "larger than"),
        ("setup /run/netns/none", good().to_string(), "none"),
        ("setup /proc/1/ns/net", good().to_string(), "this host's own network"),
        (setup, with("/container_name", json!("a/b")), "cannot be called so"),
        (setup, with("/container_name", json!("x".repeat(300))), "cannot be called so"),
        (setup, with("/network/name", json!("nowhere")), "nowhere"),
        (setup, with("/network_options/interface_name", json!("a b")), "interface name"),
        (setup, with("/network_options/interface_name", json!("lo")), "has an interface lo"),
        (setup, with("/network_options/static_ips", json!(["10.0.0.5", "10.0.0.6"])), "several addresses"),
        (setup, with("/network_options/static_ips", json!(["10.99.0.5"])), "10.99.0.5"),
        (setup, with("/port_mappings", published(65535, "tcp", 2)), "there are no 2 ports"),
        (setup, with("/port_mappings", published(80, "sctp", 1)), "tcp and udp"),
    ] {
        let (done, said) = call(host, arguments, &text);
        let error = said["error"].as_str().unwrap_or_default();
        let text: String = text.chars().take(300).collect();
        assert!(!done && error.contains(why), "{arguments} {text}: {said}");
        assert!(endpoints(host, "c1").is_empty(), "{arguments} {text}: {said}");
    }
    assert_eq!(call(host, "info", "").1["api_version"], "1.0.0");
}

/// Podman says nothing of a container that ended with its host.
#[test]
fn a_container_that_comes_back_elsewhere_is_the_same() {
    let Some(lab) = Lab::up() else { return };
    let host = lab.podman[0].host();
    for netns in ["c1", "c2"] {
        host.run(&["ip", "netns", "add", netns]);
    }
    let good = good().to_string();
    let (_, first) = call(host, "setup /run/netns/c1", &good);
    let (_, again) = call(host, "setup /run/netns/c1", &good);
    assert_eq!(first, again);
    assert_eq!(first["interfaces"]["eth0"]["subnets"][0]["gateway"], "10.0.0.1", "{first}");
    let (_, moved) = call(host, "setup /run/netns/c2", &good);
    assert_eq!(first, moved);
    assert_eq!(endpoints(host, "c1").len(), 1);
    let has_it = |netns: &str| host.run(&["ip", "-n", netns, "-o", "link"]).contains("eth0");
    until("the interface is where it is asked for", SOON, || has_it("c2") && !has_it("c1"));
    for _ in 0..2 {
        let ended = call(host, "teardown /run/netns/c2", &good);
        assert_eq!(ended, (true, Value::String(String::new())));
    }
    until("it is off the network", SOON, || endpoints(host, "c1").is_empty());
}

const COMPOSE: &str = "
services:
  store:
    image: localhost/nginx
    networks: [back]
  client:
    image: localhost/busybox
    command: sleep 1000
    stop_grace_period: 0s
    networks: [back]
networks:
  back: { driver: weft }
";

#[test]
fn pods_and_compose_are_on_networks_of_weft() {
    let Some(lab) = Lab::up() else { return };
    let [one, two] = &lab.podman;
    two.podman("run -d --name client --network overlay localhost/busybox sleep 1000");
    one.podman("pod create --name shop --network overlay -p 8090:80");
    one.podman("run -d --pod shop --name shop_web localhost/nginx");
    until("the pod answers under its name", SOON, || gets(two, "client", "http://shop"));
    until("and on its port", SOON, || gets(two, "client", "http://192.168.77.11:8090"));
    one.podman("pod rm --force --time 0 shop");
    until("it is gone", SOON, || endpoints(two.host(), "shop").is_empty());

    let host = one.host();
    let _service = host.spawn(&["podman", "system", "service", "--time=0", "unix:///run/podman.sock"]);
    host.write("/run/shop/compose.yaml", COMPOSE);
    let plugin = checkout().join("target/tools/engines/newest/usr/libexec/docker/cli-plugins/docker-compose");
    let compose = |what: &str| {
        let line = format!(
            "DOCKER_HOST=unix:///run/podman.sock {} --project-directory /run/shop {what} 2>&1",
            plugin.display()
        );
        host.run(&["sh", "-c", &line])
    };
    until("Podman's socket is there", SOON, || {
        host.output(&["test", "-S", "/run/podman.sock"]).status.success()
    });
    compose("up -d");
    until("its services find each other", SOON, || gets(one, "shop-client-1", "http://store"));
    compose("down");
    until("no endpoint of it is left", SOON, || !host.run(&["weft", "endpoint", "ls"]).contains("shop-"));
}
