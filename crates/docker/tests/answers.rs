//! What engines answer, as two of them did. `examples/record` wrote it down.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use serde::de::DeserializeOwned;
use std::{collections::BTreeSet, fs, path::PathBuf};
use weft_docker::engine::{
    Container, ContainerAction, ContainerState, EngineEvent, Info, Network, NetworkAction, NetworkList,
    Version,
};

const ENGINES: [&str; 2] = ["20.10.24", "28.5.2"];

fn file(engine: &str, name: &str) -> Vec<u8> {
    let golden = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    fs::read(golden.join(engine).join("answers").join(name)).unwrap()
}

fn answer<T: DeserializeOwned>(engine: &str, name: &str) -> T {
    serde_json::from_slice(&file(engine, name)).unwrap()
}

fn events(engine: &str) -> Vec<EngineEvent> {
    let lines = String::from_utf8(file(engine, "events.jsonl")).unwrap();
    lines.lines().map(|line| EngineEvent::parse(line.as_bytes()).unwrap()).collect()
}

#[test]
fn who_it_is() {
    for engine in ENGINES {
        let version: Version = answer(engine, "version.json");
        assert!(version.version.starts_with(engine));
        assert!(version.api_version.parse::<weft_docker::engine::ApiVersion>().is_ok());
        let info: Info = answer(engine, "info.json");
        assert!(info.plugins.network.contains(&"weft".to_owned()));
        assert_eq!(info.docker_root_dir, "/var/lib/docker");
        assert_eq!(info.swarm.local_node_state, "inactive");
    }
}

#[test]
fn networks_of_all_drivers() {
    for engine in ENGINES {
        let list: NetworkList = answer(engine, "networks.json");
        assert_eq!(list.foreign, []);
        let names: BTreeSet<_> = list.networks.iter().map(|network| network.name.as_str()).collect();
        assert_eq!(names, ["bridge", "full", "host", "inside", "none", "other", "plain"].into());
        let find = |name: &str| list.networks.iter().find(|network| network.name.as_str() == name).unwrap();
        assert_eq!(find("bridge").driver, "bridge");
        assert_eq!(find("host").ipam.pools, []);
        assert!(find("inside").internal);
        assert_eq!(find("other").ipam.driver, "default");
        // An engine shows the gateway that it chose only where it chose the subnet, too.
        assert_eq!(find("plain").ipam.pools[0].gateway, Some("10.30.1.1".parse().unwrap()));
        assert_eq!(find("inside").ipam.pools[0].gateway, None);
    }
}

#[test]
fn a_network_with_somebody_on_it() {
    for engine in ENGINES {
        let network: Network = answer(engine, "network.json");
        assert_eq!((network.driver.as_str(), network.scope.as_str()), ("weft", "local"));
        assert!(network.ipv6 && network.attachable && !network.internal);
        assert_eq!(network.ipv4, (engine == "28.5.2").then_some(true));
        assert_eq!(network.options["vni"], "300");
        assert_eq!(network.labels["com.docker.compose.project"], "shop");
        let [four, six] = &network.ipam.pools[..] else { panic!("two pools") };
        assert_eq!(four.subnet, Some("10.20.0.0/24".parse().unwrap()));
        assert_eq!(four.ip_range, Some("10.20.0.128/25".parse().unwrap()));
        assert_eq!(four.gateway, Some("10.20.0.1".parse().unwrap()));
        assert_eq!(four.aux_addresses["router"], "10.20.0.9".parse::<std::net::IpAddr>().unwrap());
        assert_eq!(six.subnet, Some("fd20::/64".parse().unwrap()));

        let [member] = &network.members[..] else { panic!("one member") };
        assert_eq!(member.name, "nginx_01");
        assert_eq!(member.mac, Some("02:42:0a:14:00:02".parse().unwrap()));
        assert_eq!(member.ipv4, Some("10.20.0.2/24".parse().unwrap()));
        assert_eq!(member.ipv6, Some("fd20::2/64".parse().unwrap()));
        let containers: Vec<Container> = answer(engine, "containers.json");
        let container = containers.iter().find(|c| c.name.as_ref().unwrap().as_str() == "nginx_01").unwrap();
        assert_eq!(member.container, Some(container.id));
        assert_eq!(container.attachments["full"].endpoint, Some(member.endpoint));

        let afterwards: Network = answer(engine, "network-empty.json");
        assert_eq!(afterwards.members, []);
    }
}

#[test]
fn aliases_are_told_of_one_container_only() {
    for engine in ENGINES {
        let inspected: Container = answer(engine, "container.json");
        assert_eq!(inspected.state, ContainerState::Running);
        assert_eq!(inspected.name.as_ref().unwrap().as_str(), "nginx_01");
        assert_eq!(inspected.attachments["full"].aliases[0].as_str(), "web");
        let listed: Vec<Container> = answer(engine, "containers.json");
        assert_eq!(listed[0].id, inspected.id);
        assert_eq!(listed[0].state, ContainerState::Running);
        assert_eq!(listed[0].attachments["full"].aliases, []);
        let names = &inspected.attachments["full"].dns_names;
        assert_eq!(names.iter().any(|name| name.as_str() == "nginx_01"), engine == "28.5.2");
    }
}

#[test]
fn a_container_that_never_ran() {
    for engine in ENGINES {
        let created: Container = answer(engine, "container-created.json");
        assert_eq!(created.state, ContainerState::Created);
        assert_eq!(created.attachments["full"].endpoint, None);
    }
}

#[test]
fn a_container_with_another_name() {
    for engine in ENGINES {
        let list: Vec<Container> = answer(engine, "containers-renamed.json");
        let renamed = list.iter().find(|c| c.name.as_ref().unwrap().as_str() == "nginx_02").unwrap();
        assert_eq!(renamed.attachments.keys().collect::<Vec<_>>(), ["full", "inside", "plain"]);
    }
}

#[test]
fn what_happened() {
    for engine in ENGINES {
        let events = events(engine);
        assert!(!events.contains(&EngineEvent::Other));
        let networks = events.iter().filter_map(|event| match event {
            EngineEvent::Network(event) if event.driver == "weft" => Some(event),
            _ => None,
        });
        let count = |action| networks.clone().filter(|event| event.action == action).count();
        assert_eq!(count(NetworkAction::Create), 4);
        assert_eq!(count(NetworkAction::Destroy), 4);
        let joined = networks.clone().find(|event| event.action == NetworkAction::Connect).unwrap();
        assert_eq!(joined.name, "full");
        let container: Container = answer(engine, "container.json");
        assert_eq!(joined.container, Some(container.id));

        let renamed = events.iter().find_map(|event| match event {
            EngineEvent::Container(event) if event.action == ContainerAction::Rename => event.name.clone(),
            _ => None,
        });
        assert_eq!(renamed.unwrap().as_str(), "nginx_02");
    }
}
