use super::{Config, Environment, request};
use crate::cni::result::result;
use serde_json::{Value, json};
use weft_api::v1;

fn asked(config: Value, args: &str) -> Result<Value, Value> {
    let config = Config::parse(config.to_string().as_bytes()).map_err(|failure| failure.to_json())?;
    config.check().map_err(|failure| failure.to_json())?;
    let environment = |name: &str| {
        Some(match name {
            "CNI_CONTAINERID" => "6b235529-8111-4bbe-520b-d639b1d2a94e".to_owned(),
            "CNI_IFNAME" => "eth0".to_owned(),
            "CNI_ARGS" => args.to_owned(),
            _ => return None,
        })
    };
    // As in a DEL: no namespace has to be there.
    let environment = Environment::read("DEL", &environment).map_err(|failure| failure.to_json())?;
    let asked = request(&config, &environment).map_err(|failure| failure.to_json())?;
    Ok(serde_json::to_value(asked).unwrap())
}

fn conflist(more: Value) -> Value {
    let mut config = json!({ "cniVersion": "1.1.0", "name": "weft", "type": "weft", "network": "overlay" });
    config.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
    config
}

#[test]
fn what_nomad_says_is_understood() {
    // Recorded from go-cni 1.1.13 with Nomad's arguments.
    let port = |protocol: &str| json!({ "HostPort": 8080, "ContainerPort": 80, "Protocol": protocol, "HostIP": "192.168.99.11" });
    let config =
        conflist(json!({ "runtimeConfig": { "portMappings": [port("tcp"), port("udp"), port("tcp")] } }));
    let args =
        "IgnoreUnknown=true;NOMAD_REGION=global;NOMAD_JOB_ID=Shop 1;NOMAD_GROUP_NAME=web;WEFT_NETWORK=shop";
    let asked = asked(config, args).unwrap();
    assert_eq!(asked["network"], "shop", "what the job says comes first");
    assert_eq!((&asked["name"], &asked["aliases"]), (&json!("alloc-6b235529"), &json!(["web.shop-1"])));
    let port = |protocol: &str| json!({ "host_ip": "192.168.99.11", "host_port": 8080, "port": 80, "protocol": protocol });
    assert_eq!(asked["ports"], json!([port("tcp"), port("udp")]));
    assert_eq!(asked["owner"], "cni:weft/6b235529-8111-4bbe-520b-d639b1d2a94e/eth0");
}

#[test]
fn what_old_podman_says_is_understood() {
    let config = conflist(json!({ "runtimeConfig": {
        "aliases": { "overlay": ["al", "p2", "6b2355298111"] },
        "portMappings": [{ "hostPort": 8088, "containerPort": 80, "protocol": "tcp" }],
    } }));
    let asked = asked(config, "IgnoreUnknown=1;K8S_POD_NAME=p2;MAC=02:00:00:00:00:99;IP=10.78.0.99").unwrap();
    assert_eq!((&asked["name"], &asked["aliases"]), (&json!("p2"), &json!(["al", "6b2355298111"])));
    assert_eq!((&asked["ipv4"], &asked["mac"]), (&json!("10.78.0.99"), &json!("02:00:00:00:00:99")));
    assert_eq!(asked["ports"], json!([{ "host_port": 8088, "port": 80, "protocol": "tcp" }]));
}

#[test]
fn what_a_runtime_says_of_addresses_comes_before_the_arguments() {
    let config = conflist(json!({ "runtimeConfig": { "ips": ["10.0.0.5/24", "fd00::5"] } }));
    let asked = asked(config, "IP=10.0.0.9;WEFT_NAME=web;WEFT_ALIASES=a,b").unwrap();
    assert_eq!((&asked["ipv4"], &asked["ipv6"]), (&json!("10.0.0.5"), &json!("fd00::5")));
    assert_eq!((&asked["name"], &asked["aliases"]), (&json!("web"), &json!(["a", "b"])));
}

#[test]
fn what_is_not_valid_is_refused_with_its_code() {
    for (config, args, code, why) in [
        (conflist(json!({ "cniVersion": "9.9.9" })), "", 1, "9.9.9"),
        (json!({ "name": "weft", "type": "weft" }), "", 1, "0.1.0"),
        (conflist(json!({ "ipam": { "type": "host-local" } })), "", 2, "ipam"),
        (conflist(json!({ "bridge": "cni0" })), "", 2, "\"bridge\": \"cni0\""),
        (conflist(json!({ "network": "" })), "", 7, "which network"),
        (conflist(json!({ "name": "a/b" })), "", 7, "a/b"),
        (conflist(json!({})), "IP=here", 7, "here"),
        (conflist(json!({})), "MAC=x", 7, "Ethernet"),
        (conflist(json!({})), "WEFT_NAME=a/b", 7, "name"),
        (
            conflist(
                json!({ "runtimeConfig": { "portMappings": [{ "hostPort": 0, "containerPort": 80 }] } }),
            ),
            "",
            7,
            "port",
        ),
        (conflist(json!({ "runtimeConfig": { "portMappings": [7] } })), "", 7, "port"),
    ] {
        let failure = asked(config.clone(), args).unwrap_err();
        assert_eq!(failure["code"], code, "{config}: {failure}");
        assert!(failure["msg"].as_str().unwrap().contains(why), "{config}: {failure}");
    }
    let not_json = Config::parse(b"{").unwrap_err().to_json();
    assert_eq!(not_json["code"], 6);
}

#[test]
fn a_result_is_in_the_words_of_its_version() {
    let attached: v1::Attached = serde_json::from_value(json!({
        "id": "5f0c1e2d3a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5", "name": "web",
        "network": "5f0c1e2d3a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5", "network_name": "overlay",
        "ipv4": "10.0.0.3", "mac": "02:42:0a:00:00:03", "node": "host1", "created": "2026-01-01T00:00:00Z",
        "interface": "eth0", "subnets": [{ "address": "10.0.0.3/24", "gateway": "10.0.0.1" }], "default_route": true,
        "mtu": 1450,
    }))
    .unwrap();
    let netns = std::path::Path::new("/run/netns/c");
    let newest = result("1.1.0", netns, &attached, None);
    assert_eq!(
        newest,
        json!({
            "cniVersion": "1.1.0",
            "interfaces": [{ "name": "eth0", "mac": "02:42:0a:00:00:03", "sandbox": "/run/netns/c", "mtu": 1450 }],
            "ips": [{ "address": "10.0.0.3/24", "gateway": "10.0.0.1", "interface": 0 }],
            "routes": [{ "dst": "0.0.0.0/0", "gw": "10.0.0.1" }],
            "dns": { "nameservers": ["127.0.0.11"], "search": ["overlay"], "options": ["ndots:0"] },
        })
    );
    let oldest = result("0.3.1", netns, &attached, None);
    assert_eq!(oldest["ips"][0]["version"], "4");
    assert!(oldest["interfaces"][0].get("mtu").is_none());
    let before =
        json!({ "interfaces": [{ "name": "lo" }], "ips": [{ "address": "127.0.0.1/8", "interface": 0 }] });
    let second = result("1.0.0", netns, &attached, Some(&before));
    assert_eq!((&second["interfaces"][0]["name"], &second["ips"][1]["interface"]), (&json!("lo"), &json!(1)));
}
