//! weft as a CNI plugin: calls as runtimes make them, and a real containerd.

use crate::{
    cluster::SOON,
    tokens::{init, let_in},
};
use serde_json::{Value, json};
use weft_testbed::{Host, Release, Service, World, checkout, until};

/// A call: the environment, and what comes on standard input.
fn call(host: &Host, command: &str, environment: &str, config: &str) -> (bool, Value) {
    host.write("/run/call", config);
    let line =
        format!("export CNI_COMMAND={command} {environment}; exec -a /usr/lib/cni/weft weft </run/call");
    let output = host.output(&["bash", "-c", &line]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    (output.status.success(), serde_json::from_str(&said).unwrap_or(Value::String(said)))
}

fn config(more: &Value) -> String {
    let mut config = json!({ "cniVersion": "1.1.0", "name": "weft", "type": "weft", "network": "overlay" });
    let more = more.as_object().cloned().unwrap_or_default();
    config.as_object_mut().expect("it is an object").extend(more);
    config.to_string()
}

/// What the cluster has on its networks: names and addresses.
fn endpoints(host: &Host) -> Vec<(String, String)> {
    let all = host.json(&["weft", "endpoint", "ls", "--format", "json"]);
    let text = |endpoint: &Value, key: &str| endpoint[key].as_str().unwrap_or_default().to_owned();
    all.as_array().into_iter().flatten().map(|one| (text(one, "name"), text(one, "ipv4"))).collect()
}

struct Lab {
    world: World,
    agents: Vec<Service>,
}

impl Lab {
    #[track_caller]
    fn up(hosts: usize) -> Option<Self> {
        let world = World::up(hosts)?;
        let mut agents = vec![init(world.host(1), &[])];
        agents.extend((2..=hosts).map(|host| let_in(world.host(1), world.host(host))));
        world.host(1).run(&["weft", "network", "create", "overlay"]);
        Some(Self { world, agents })
    }
}

const ONE: &str = "CNI_CONTAINERID=one CNI_IFNAME=eth0 CNI_NETNS=/run/netns/one";

#[test]
fn a_container_begins_is_looked_at_and_ends() {
    let Some(mut lab) = Lab::up(1) else { return };
    let host = lab.world.host(1);
    host.run(&["ip", "netns", "add", "one"]);
    assert!(call(host, "STATUS", "", &config(&json!({}))).0);
    let (added, first) = call(host, "ADD", ONE, &config(&json!({})));
    assert!(added && first["ips"][0]["address"] == "10.0.0.2/24", "{first}");
    assert_eq!(first["interfaces"][0]["mtu"], 1450, "{first}");
    // Nomad tries again without taking back what it has asked for.
    assert_eq!(call(host, "ADD", ONE, &config(&json!({}))), (true, first.clone()));
    let after = config(&json!({ "prevResult": first }));
    assert_eq!(call(host, "CHECK", ONE, &after), (true, Value::String(String::new())));
    let mut other = first;
    other["ips"][0]["address"] = "10.0.0.99/24".into();
    let (sound, said) = call(host, "CHECK", ONE, &config(&json!({ "prevResult": other })));
    assert!(!sound && said["code"] == 100, "{said}");
    // As libcni ends it the second time: without a namespace, arguments, and what was before.
    for _ in 0..2 {
        let ended = call(host, "DEL", "CNI_CONTAINERID=one CNI_IFNAME=eth0", &config(&json!({})));
        assert_eq!(ended, (true, Value::String(String::new())));
    }
    assert_eq!(endpoints(host), []);
    assert!(!call(host, "CHECK", ONE, &after).0);
    // Without an agent nothing begins, and what ends, ends.
    lab.agents[0].kill9();
    let (added, said) = call(host, "ADD", ONE, &config(&json!({})));
    assert!(!added && said["code"] == 11, "{said}");
    let (available, said) = call(host, "STATUS", "", &config(&json!({})));
    assert!(!available && said["code"] == 50, "{said}");
    assert!(call(host, "DEL", "CNI_CONTAINERID=one CNI_IFNAME=eth0", &config(&json!({}))).0);
}

#[test]
fn what_is_not_in_use_is_collected_and_nothing_else() {
    let Some(lab) = Lab::up(1) else { return };
    let host = lab.world.host(1);
    let other = config(&json!({ "name": "other" }));
    for (id, config) in [("one", config(&json!({}))), ("two", config(&json!({}))), ("three", other)] {
        host.run(&["ip", "netns", "add", id]);
        let environment = format!("CNI_CONTAINERID={id} CNI_IFNAME=eth0 CNI_NETNS=/run/netns/{id}");
        let (added, said) = call(host, "ADD", &environment, &config);
        assert!(added, "{id}: {said}");
    }
    host.run(&["ip", "netns", "add", "by-hand"]);
    host.run(&["weft", "attach", "--netns", "/run/netns/by-hand", "--net", "overlay", "--name", "by-hand"]);
    let names = || endpoints(host).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    for bad in [json!({}), json!({ "cni.dev/valid-attachments": [{ "containerID": 7 }] })] {
        let (collected, said) = call(host, "GC", "", &config(&bad));
        assert!(!collected && said["code"] == 7, "{said}");
    }
    assert_eq!(names().len(), 4);
    let valid = json!({ "cni.dev/valid-attachments": [{ "containerID": "two", "ifname": "eth0" }] });
    assert_eq!(call(host, "GC", "", &config(&valid)), (true, Value::String(String::new())));
    assert_eq!(names(), ["by-hand", "three", "two"]);
}

/// A process's namespace is found by its number, which another process may get.
#[test]
fn a_namespace_that_takes_the_path_of_another_gets_nothing() {
    let Some(lab) = Lab::up(1) else { return };
    let host = lab.world.host(1);
    host.run(&["ip", "netns", "add", "one"]);
    assert!(call(host, "ADD", ONE, &config(&json!({}))).0);
    host.run(&["sh", "-c", "ip netns del one && ip netns add one"]);
    until("the endpoint is gone", SOON, || {
        let links = host.run(&["ip", "-n", "one", "-o", "link"]);
        assert!(!links.contains("eth0"), "{links}");
        endpoints(host).is_empty()
    });
    // Who comes there is another container.
    let other = "CNI_CONTAINERID=two CNI_IFNAME=eth0 CNI_NETNS=/run/netns/one";
    assert!(call(host, "ADD", other, &config(&json!({}))).0);
}

#[test]
fn calls_that_are_none_are_refused_with_their_code() {
    let Some(lab) = Lab::up(1) else { return };
    let host = lab.world.host(1);
    host.run(&["ip", "netns", "add", "one"]);
    let with = |more: Value| config(&more);
    for (command, environment, config, code) in [
        ("ADD", ONE, "{".to_owned(), 6),
        ("ADD", ONE, "x".repeat(2 << 20), 6),
        ("ADD", ONE, with(json!({ "cniVersion": "0.2.0" })), 1),
        ("ADD", ONE, with(json!({ "ipam": { "type": "host-local" } })), 2),
        ("ADD", "CNI_IFNAME=eth0", with(json!({})), 4),
        ("ADD", "CNI_CONTAINERID=a/b CNI_IFNAME=eth0 CNI_NETNS=/run/netns/one", with(json!({})), 4),
        ("ADD", "CNI_CONTAINERID=one CNI_IFNAME=a/b CNI_NETNS=/run/netns/one", with(json!({})), 4),
        ("ADD", "CNI_CONTAINERID=one CNI_IFNAME=lo CNI_NETNS=/run/netns/one", with(json!({})), 100),
        ("ADD", "CNI_CONTAINERID=one CNI_IFNAME=eth0 CNI_NETNS=/run/netns/none", with(json!({})), 8),
        ("ADD", "CNI_CONTAINERID=one CNI_IFNAME=eth0 CNI_NETNS=/proc/self/ns/net", with(json!({})), 8),
        ("ADD", ONE, with(json!({ "network": "nowhere" })), 7),
        ("ADD", ONE, with(json!({ "runtimeConfig": { "ips": ["10.9.0.5"] } })), 7),
        ("STATUS", "", with(json!({ "network": "nowhere" })), 50),
        ("DANCE", "", with(json!({})), 4),
    ] {
        let (done, said) = call(host, command, environment, &config);
        let config: String = config.chars().take(200).collect();
        assert!(!done && said["code"] == code, "{command} {environment} {config}: {said}");
        assert_eq!(endpoints(host), [], "{command} {environment} {config}");
    }
    let (_, version) = call(host, "VERSION", "", "{\"cniVersion\":\"1.0.0\"}");
    assert!(version["supportedVersions"].to_string().contains("0.3.0"), "{version}");
    let line = "exec -a /usr/lib/cni/weft weft 2>&1";
    assert!(host.run(&["bash", "-c", line]).contains("CNI protocol versions supported: 0.3.0"));
}

const CONFLIST: &str = r#"{ "cniVersion": "0.4.0", "cniVersions": ["0.4.0", "1.0.0", "1.1.0"], "name": "overlay",
    "plugins": [{ "type": "weft", "network": "overlay", "capabilities": { "portMappings": true, "ips": true } }] }"#;

#[test]
fn containerd_runs_containers_on_a_network_of_weft() {
    let Some(lab) = Lab::up(2) else { return };
    let [one, two] = [lab.world.host(1), lab.world.host(2)];
    let engine = one.engine(Release::Newest);
    one.write("/etc/cni/net.d/10-overlay.conflist", CONFLIST);
    // This host's alone: /opt is the machine's.
    let plugin =
        "mount -t tmpfs opt /opt && mkdir -p /opt/cni/bin && ln -s \"$(command -v weft)\" /opt/cni/bin/weft";
    one.run(&["sh", "-c", plugin]);
    let images = checkout().join("target/tools/images.tar");
    one.run(&["ctr", "image", "import", images.to_str().expect("a path that can be typed")]);
    let image = one.run(&["ctr", "image", "ls", "-q"]);
    let image = image.lines().find(|name| name.contains("busybox")).expect("it was imported").to_owned();
    one.run(&["ctr", "run", "--detach", "--cni", "--cgroup", "", &image, "cbox", "sleep", "1000"]);
    crate::cluster::sleeper(two, "overlay", "two", &[]);
    let name = || endpoints(two).into_iter().map(|(name, _)| name).find(|name| name.ends_with("cbox"));
    until("it is on the network", SOON, || name().is_some());
    let name = name().expect("it was there");
    until("the other host reaches it by name", SOON, || {
        two.output(&["weft", "exec", "two", "--", "ping", "-c1", "-W2", &name]).status.success()
    });
    let pid = one.run(&["sh", "-c", "ctr task ls | awk '$1 == \"cbox\" { print $2 }'"]);
    let inside = ["nsenter", "--net", "--target", pid.trim(), "ping", "-c1", "-W2", "10.0.0.3"];
    assert!(one.output(&inside).status.success());
    one.run(&["ctr", "task", "kill", "--signal", "9", "cbox"]);
    until("its end is noticed", SOON, || !endpoints(two).iter().any(|(known, _)| *known == name));
    drop(engine);
}
