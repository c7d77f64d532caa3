use super::{Container, request};
use serde_json::{Value, json};
use std::path::Path;
use weft_api::v1;

/// What netavark 1.17 wrote, called by Podman 5.8.
fn recorded() -> Value {
    json!({
        "container_id": "4fd44ca164b7", "container_name": "c1",
        "port_mappings": [
            { "container_port": 80, "host_ip": "127.0.0.1", "host_port": 8088, "protocol": "udp", "range": 3 },
            { "container_port": 443, "host_ip": "", "host_port": 8443, "protocol": "tcp", "range": 1 },
        ],
        "network": {
            "dns_enabled": false, "driver": "weft", "id": "9f18", "internal": false, "ipv6_enabled": false, "name": "n1",
            "network_interface": null, "options": { "color": "blue" }, "ipam_options": { "driver": "none" },
            "subnets": [{ "gateway": "10.77.0.1", "lease_range": null, "subnet": "10.77.0.0/24" }], "routes": null,
            "network_dns_servers": null,
        },
        "network_options": {
            "aliases": ["al1", "c1", "4fd44ca164b7"], "interface_name": "eth0", "static_ips": null, "static_mac": null,
            "options": null,
        },
    })
}

fn asked(call: Value) -> Result<v1::Attach, String> {
    let container: Container = serde_json::from_value(call).map_err(|error| error.to_string())?;
    request(Path::new("/run/netns/netns-1"), container).map_err(|error| format!("{error:#}"))
}

#[test]
fn a_call_as_podman_makes_it_is_understood() {
    let asked = serde_json::to_value(asked(recorded()).unwrap()).unwrap();
    assert_eq!(
        asked,
        json!({
            "network": "n1", "name": "c1", "netns": "/run/netns/netns-1", "aliases": ["al1", "4fd44ca164b7"],
            "owner": "podman:4fd44ca164b7/9f18", "container": "4fd44ca164b7", "interface": "eth0",
            "ports": [
                { "host_ip": "127.0.0.1", "host_port": 8088, "port": 80, "protocol": "udp" },
                { "host_ip": "127.0.0.1", "host_port": 8089, "port": 81, "protocol": "udp" },
                { "host_ip": "127.0.0.1", "host_port": 8090, "port": 82, "protocol": "udp" },
                { "host_port": 8443, "port": 443, "protocol": "tcp" },
            ],
        })
    );
}

#[test]
fn netavark_2_leaves_out_what_is_absent() {
    let mut call = recorded();
    let network = json!({ "name": "n1", "id": "9f18", "driver": "weft", "labels": { "a": "b" }, "created": "2026-01-01T00:00:00Z" });
    call["network"] = network;
    call["network_options"] =
        json!({ "interface_name": "eth3", "static_ips": ["10.0.0.9", "10.0.0.9", "fd00::9"] });
    call.as_object_mut().unwrap().remove("port_mappings");
    let asked = asked(call).unwrap();
    assert_eq!(asked.ipv4, Some("10.0.0.9".parse().unwrap()));
    assert_eq!(asked.ipv6, Some("fd00::9".parse().unwrap()));
    assert!(asked.ports.is_empty() && asked.aliases.is_empty());
}

#[test]
fn a_call_that_weft_cannot_follow_says_why() {
    for (pointer, value, why) in [
        ("/container_name", json!("a/b"), "called so"),
        ("/container_id", json!("x".repeat(300)), "make no key"),
        ("/network_options/static_ips", json!(["10.0.0.5", "10.0.0.6"]), "several addresses"),
        ("/network_options/static_mac", json!("01:00:00:00:00:00"), ""),
        ("/port_mappings/0/range", json!(65535), "there are no 65535 ports from 8088 on"),
        ("/port_mappings/0/container_port", json!(0), "there are no 3 ports from 0 on"),
        ("/port_mappings/0/protocol", json!("sctp"), "not of \"sctp\""),
        ("/port_mappings/0/host_ip", json!("here"), "published on \"here\""),
    ] {
        let mut call = recorded();
        *call.pointer_mut(pointer).unwrap() = value;
        let error = asked(call).unwrap_err();
        assert!(error.contains(why), "{pointer}: {error}");
    }
}
