use super::{LeaseRange, Network, refuse_what_weft_does_itself, request, within};
use serde_json::{Value, json};

fn network(more: Value) -> Network {
    let mut network = json!({
        "name": "n1", "id": "9f18", "driver": "weft", "created": "0001-01-01T00:00:00Z", "ipv6_enabled": false,
        "internal": false, "dns_enabled": true,
    });
    let more = more.as_object().cloned().unwrap_or_default();
    network.as_object_mut().unwrap().extend(more);
    serde_json::from_value(network).unwrap()
}

#[test]
fn what_podman_does_not_say_it_gets_back() {
    let network = network(json!({ "labels": { "a": "b" }, "later": { "x": [1] } }));
    let written = serde_json::to_value(&network).unwrap();
    for (key, value) in
        [("later", json!({ "x": [1] })), ("driver", json!("weft")), ("dns_enabled", json!(true))]
    {
        assert_eq!(written[key], value, "{written}");
    }
    assert_eq!(request(&network).unwrap().labels["a"], "b");
}

#[test]
fn what_weft_does_itself_is_refused_by_name() {
    for fine in [
        json!({}),
        json!({ "routes": [], "network_interface": null, "ipam_options": { "driver": "host-local" } }),
    ] {
        refuse_what_weft_does_itself(&network(fine)).unwrap();
    }
    for (bad, flag) in [
        (json!({ "network_interface": "zz0" }), "--interface-name"),
        (json!({ "routes": [{ "gateway": "10.0.0.9" }] }), "--route"),
        (json!({ "network_dns_servers": ["1.1.1.1"] }), "--dns"),
        (json!({ "ipam_options": { "driver": "dhcp" } }), "--ipam-driver dhcp"),
    ] {
        let refused = refuse_what_weft_does_itself(&network(bad)).unwrap_err().to_string();
        assert!(refused.starts_with(flag), "{refused}");
    }
}

#[test]
fn a_range_is_the_prefix_that_podman_made_it_of() {
    let range = |first: &str, last: &str| LeaseRange {
        start_ip: Some(first.parse().unwrap()),
        end_ip: Some(last.parse().unwrap()),
    };
    for (subnet, first, last, prefix) in [
        ("10.6.0.0/24", "10.6.0.129", "10.6.0.255", "10.6.0.128/25"),
        ("10.6.0.0/24", "10.6.0.129", "10.6.0.254", "10.6.0.128/25"),
        ("10.6.0.0/24", "10.6.0.1", "10.6.0.254", "10.6.0.0/24"),
        ("10.6.0.0/24", "10.6.0.64", "10.6.0.79", "10.6.0.64/28"),
        ("10.6.0.0/24", "10.6.0.7", "10.6.0.7", "10.6.0.7/32"),
        ("fd00::/64", "fd00::1:0", "fd00::1:ffff", "fd00::1:0/112"),
    ] {
        let found = within(&subnet.parse().unwrap(), &range(first, last)).unwrap();
        assert_eq!(found.to_string(), prefix, "{first} to {last}");
    }
    for (first, last) in [
        ("10.6.0.10", "10.6.0.20"),
        ("10.6.0.1", "10.7.0.1"),
        ("10.6.0.20", "10.6.0.10"),
        ("10.6.0.1", "fd00::1"),
    ] {
        assert!(within(&"10.6.0.0/24".parse().unwrap(), &range(first, last)).is_err(), "{first} to {last}");
    }
    assert!(within(&"10.6.0.0/24".parse().unwrap(), &LeaseRange { start_ip: None, end_ip: None }).is_err());
}
