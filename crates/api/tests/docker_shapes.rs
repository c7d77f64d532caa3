//! The engine's own JSON goes in and comes out as it was.

#![allow(clippy::unwrap_used, reason = "tests")]

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use weft_api::docker;

/// Reads `json` and writes it again.
fn through<T: Serialize + DeserializeOwned>(json: &Value) -> Value {
    let read: T = serde_json::from_value(json.clone()).unwrap();
    serde_json::to_value(read).unwrap()
}

#[test]
fn an_inspected_network() {
    let json = json!({
        "Name": "overlay",
        "Id": "7d86d31b1478e7cca9ebed7e73aa0fdeec46c5ca29497431d3007d2d9e15ed99",
        "Created": "2026-11-22T12:00:00.123456789Z",
        "Scope": "global",
        "Driver": "weft",
        "EnableIPv4": true,
        "EnableIPv6": false,
        "IPAM": {
            "Driver": "default",
            "Options": {},
            "Config": [{
                "Subnet": "10.0.0.0/24",
                "IPRange": "10.0.0.128/25",
                "Gateway": "10.0.0.1",
                "AuxiliaryAddresses": {"router": "10.0.0.5"}
            }]
        },
        "Internal": false,
        "Attachable": true,
        "Ingress": false,
        "ConfigFrom": {"Network": ""},
        "ConfigOnly": false,
        "Containers": {
            "19a4d5d687db25203351ed79d478946f861258f018fe384f229f2efa4b23513c": {
                "Name": "nginx_01",
                "EndpointID": "628cadb8bcb92de107b2a1e516cbffe463e321f548feb37697cce00ad694f21a",
                "MacAddress": "02:42:0a:00:00:02",
                "IPv4Address": "10.0.0.2/24",
                "IPv6Address": ""
            }
        },
        "Options": {"mtu": "1400"},
        "Labels": {"com.docker.compose.project": "shop"},
        "Peers": [{"Name": "host1", "IP": "192.0.2.1"}],
        "Status": {"IPAM": {"Subnets": {"10.0.0.0/24": {"IPsInUse": 4, "DynamicIPsAvailable": 252}}}}
    });
    assert_eq!(through::<docker::Network>(&json), json);
}

#[test]
fn what_the_command_line_sends_to_create_a_network() {
    let json = json!({
        "Name": "overlay",
        "Driver": "overlay",
        "EnableIPv4": true,
        "EnableIPv6": true,
        "IPAM": {
            "Driver": "default",
            "Options": {},
            "Config": [{"Subnet": "10.0.0.0/24", "Gateway": "10.0.0.1"}, {"Subnet": "fd00::/64"}]
        },
        "Internal": true,
        "Attachable": false,
        "Ingress": false,
        "ConfigOnly": false,
        "Options": {"vni": "300"},
        "Labels": {"team": "blue"}
    });
    assert_eq!(through::<docker::CreateNetwork>(&json), json);
}

#[test]
fn nulls_and_what_is_missing_count_as_empty() {
    let json = json!({"Name": "n", "IPAM": null, "Options": null, "Labels": null, "ConfigFrom": null});
    let read: docker::CreateNetwork = serde_json::from_value(json).unwrap();
    assert_eq!(read, docker::CreateNetwork { name: "n".into(), ..Default::default() });
    let json = json!({"Name": "n", "IPAM": {"Driver": "default", "Options": null, "Config": null}});
    let read: docker::CreateNetwork = serde_json::from_value(json).unwrap();
    assert_eq!(read.ipam.config, []);
    let read: docker::Connect = serde_json::from_str(r#"{"Container":"c","EndpointConfig":null}"#).unwrap();
    assert_eq!(read.endpoint_config, docker::EndpointSettings::default());
}

#[test]
fn what_the_command_line_sends_to_connect() {
    let json = json!({
        "Container": "web",
        "EndpointConfig": {
            "IPAMConfig": {"IPv4Address": "10.0.0.9", "IPv6Address": "fd00::9"},
            "Aliases": ["www"],
            "MacAddress": "02:42:0a:00:00:09"
        }
    });
    assert_eq!(through::<docker::Connect>(&json), json);
    // The real one sends more, which is of no use here.
    let whole = json!({
        "Container": "web",
        "EndpointConfig": {
            "IPAMConfig": {}, "Links": null, "Aliases": null, "DriverOpts": null, "GwPriority": 0,
            "NetworkID": "", "EndpointID": "", "Gateway": "", "IPAddress": "", "IPPrefixLen": 0,
            "IPv6Gateway": "", "GlobalIPv6Address": "", "GlobalIPv6PrefixLen": 0, "DNSNames": null
        }
    });
    let read: docker::Connect = serde_json::from_value(whole).unwrap();
    assert_eq!(read, docker::Connect { container: "web".into(), ..Default::default() });
}

#[test]
fn a_field_of_another_type_is_refused() {
    for bad in [r#"{"Name":7}"#, r#"{"IPAM":"x"}"#, r#"{"Labels":["a"]}"#, r#"{"EnableIPv6":"yes"}"#] {
        assert!(serde_json::from_str::<docker::CreateNetwork>(bad).is_err(), "{bad}");
    }
}
