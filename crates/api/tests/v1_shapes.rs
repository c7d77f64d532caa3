//! weft's own JSON: programs depend on it, so it is written down here in full.

#![allow(clippy::unwrap_used, reason = "tests")]

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use weft_api::v1;

const ID: &str = "7d86d31b1478e7cca9ebed7e73aa0fdeec46c5ca29497431d3007d2d9e15ed99";

fn through<T: Serialize + DeserializeOwned>(json: &Value) -> Value {
    let read: T = serde_json::from_value(json.clone()).unwrap();
    serde_json::to_value(read).unwrap()
}

#[test]
fn a_node() {
    let json = json!({
        "name": "host1", "id": ID, "up": true, "since": "2026-11-22T12:00:00Z",
        "expires": "2026-11-22T13:00:00Z", "advertise": "192.0.2.1", "vtep": "192.0.2.1", "vxlan_port": 4789, "underlay_mtu": 1500,
        "version": "0.1.0", "endpoints": 3, "this": true
    });
    assert_eq!(through::<v1::Node>(&json), json);
}

#[test]
fn what_a_name_leads_to() {
    let json = json!({
        "name": "db", "container": "web", "node": "host1", "networks": ["overlay"], "answered_by": "weft",
        "records": [
            {"type": "A", "address": "10.0.0.3", "network": "overlay", "endpoint": "db_1", "node": "host2"},
            {"type": "AAAA", "address": "fd00::3", "network": "overlay"},
        ]
    });
    assert_eq!(through::<v1::Resolution>(&json), json);
    let json = json!({
        "name": "example.org", "container": "web", "node": "host1", "networks": [], "answered_by": "name-server", "records": []
    });
    assert_eq!(through::<v1::Resolution>(&json), json);
}

#[test]
fn to_leave() {
    let json = json!({"force": true, "purge": false, "dry_run": true});
    assert_eq!(through::<v1::Leave>(&json), json);
    assert_eq!(through::<v1::Leave>(&json!({})), json!({"force": false, "purge": false, "dry_run": false}));
    let json = json!({"behind": ["Docker keeps its network overlay: …"]});
    assert_eq!(through::<v1::Left>(&json), json);
}

#[test]
fn an_endpoint() {
    let json = json!({
        "id": ID, "name": "nginx_01", "aliases": ["web"], "network": ID, "network_name": "overlay",
        "ipv4": "10.0.0.2", "ipv6": "fd00::2", "mac": "02:42:0a:00:00:02", "node": "host1", "container": ID,
        "created": "2026-11-22T12:00:00Z"
    });
    assert_eq!(through::<v1::Endpoint>(&json), json);
}

#[test]
fn a_namespace_to_attach() {
    let json = json!({
        "network": "overlay", "name": "lab", "netns": "/run/netns/lab", "aliases": ["l"],
        "ipv4": "10.0.0.7", "ipv6": "fd00::7", "mac": "02:42:0a:00:00:07"
    });
    assert_eq!(through::<v1::Attach>(&json), json);
}

#[test]
fn a_process_to_run() {
    let json = json!({
        "name": "nginx_01", "network": "overlay", "aliases": [], "ipv4": "10.0.0.2",
        "command": ["nginx", "-g", "daemon off;"], "env": {"TZ": "UTC"}, "workdir": "/srv",
        "mounts": [{"source": "/srv/www", "target": "/var/www", "read_only": true}],
        "ports": [{"host_ip": "127.0.0.1", "host_port": 8080, "port": 80, "protocol": "tcp"}],
        "remove": true
    });
    assert_eq!(through::<v1::Run>(&json), json);
    let least: v1::Run = serde_json::from_str(r#"{"network":"n","command":["true"]}"#).unwrap();
    assert_eq!(least.name, None);
}

#[test]
fn a_misspelt_field_of_a_request_is_refused() {
    let bad = serde_json::from_str::<v1::Run>(r#"{"network":"n","command":["true"],"prots":[]}"#);
    assert!(bad.unwrap_err().to_string().contains("prots"));
}

#[test]
fn a_process() {
    let mut json = json!({
        "id": ID, "name": "nginx_01", "command": ["nginx"], "created": "2026-11-22T12:00:00Z",
        "state": {"state": "running", "pid": 4711},
        "ports": [{"host_port": 8080, "port": 80, "protocol": "udp"}],
        "networks": {"overlay": ["10.0.0.2"]}, "netns": "/proc/4711/ns/net", "dir": "/var/lib/weft/p/1"
    });
    assert_eq!(through::<v1::Process>(&json), json);
    json["state"] = json!({"state": "exited", "code": 137, "at": "2026-11-22T12:00:01Z"});
    assert_eq!(through::<v1::Process>(&json), json);
}

#[test]
fn a_status() {
    let json = json!({
        "node": "host1", "id": ID, "version": "0.1.0", "started": "2026-11-22T12:00:00Z",
        "advertise": "192.0.2.1", "vtep": "192.0.2.1", "vxlan_port": 4789, "trust": "signed", "data_dir": "/var/lib/weft",
        "joined": true,
        "store": {
            "url": "consul://192.0.2.9:8500", "since": "2026-11-22T12:00:00Z", "error": "refused",
            "prefix": "weft", "cluster": ID, "refused": true, "lost": true, "remembered": true, "answered": "2026-11-22T12:00:00Z", "latency_us": 1900
        },
        "engine": {
            "address": "/var/run/docker.sock", "since": "2026-11-22T12:00:00Z", "version": "28.5.2", "error": "down"
        },
        "counts": {"networks": 1}, "leaving": 1,
        "down": [{
            "node": "host2", "since": "2026-11-22T11:00:00Z", "expires": "2026-11-22T12:00:00Z", "expired": true
        }],
        "agreement": {
            "at": "2026-11-22T12:00:02Z", "error": "the kernel did not answer",
            "networks": [{
                "id": ID, "name": "overlay", "endpoints": 1, "mtu": 1450, "agrees": false, "missing": 1, "extra": 2, "wrong": 3,
                "problems": ["another's device is called weft-256"], "agreed": "2026-11-22T12:00:00Z",
                "differs_since": "2026-11-22T12:00:01Z"
            }],
            "host": {"agrees": true, "missing": 0, "extra": 0, "wrong": 0, "agreed": "2026-11-22T12:00:02Z"}
        },
        "fenced": [{"id": ID, "name": "web", "network": "overlay", "why": "its address went elsewhere"}],
        "round": {"at": "2026-11-22T12:00:01Z", "took_us": 1200, "steps": 0, "failures": []},
        "problems": [], "notes": ["network overlay has what 10.8.0.0/16 has"],
        "errors": [{
            "level": "warn", "message": "store out of reach, retrying", "times": 3,
            "first": "2026-11-22T12:00:00Z", "last": "2026-11-22T12:00:01Z"
        }]
    });
    assert_eq!(through::<v1::Status>(&json), json);
}

#[test]
fn what_a_bug_report_needs() {
    let json = json!({
        "settings": "vxlan_port: 4789", "log": ["joined"], "keys": [{"key": "weft/v1/epoch", "bytes": 12}],
        "keys_error": "refused"
    });
    assert_eq!(through::<v1::DebugInfo>(&json), json);
}

#[test]
fn a_status_of_an_older_agent_can_be_read() {
    let status: v1::Status = serde_json::from_value(json!({
        "node": "host1", "id": ID, "version": "0.1.0", "started": "2026-11-22T12:00:00Z",
        "advertise": "192.0.2.1", "vtep": "192.0.2.1", "vxlan_port": 4789, "data_dir": "/var/lib/weft",
        "store": {"url": "embedded", "since": "2026-11-22T12:00:00Z"}, "counts": {}, "problems": []
    }))
    .unwrap();
    assert_eq!((status.agreement, status.down.len()), (None, 0));
}
